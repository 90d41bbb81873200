"""Notes under construction: lines, and which line states which fact. Knows nothing of what the notes are about."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Fact:
    """`attribute` of `subject` is `value`, stated on `line` (from 1) of `path`; `as_of` None = no date goes with it."""

    subject: str
    attribute: str
    value: str
    path: str
    line: int
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class Note:
    path: str
    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


@dataclass(slots=True)
class Sheet:
    """One note being written from top to bottom."""

    path: str
    lines: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    def add(self, *lines: str) -> None:
        self.lines.extend(lines)

    def heading(self, text: str, level: int = 2) -> None:
        if self.lines and self.lines[-1]:
            self.add("")
        self.add(f"{'#' * level} {text}", "")

    def fact(self, line: str, subject: str, attribute: str, value: str, as_of: date | None = None) -> None:
        """Add a line that states one fact. The value must stand in it word for word."""
        if value not in line:
            raise ValueError(f"{value!r} is not in {line!r}")
        self.lines.append(line)
        self.facts.append(Fact(subject, attribute, value, self.path, len(self.lines), as_of))

    def state(self, subject: str, attribute: str, value: str, as_of: date | None = None) -> None:
        """Say that the line added last states one more fact."""
        self.facts.append(Fact(subject, attribute, value, self.path, len(self.lines), as_of))

    def note(self) -> Note:
        return Note(self.path, "\n".join(self.lines).rstrip("\n") + "\n")


@dataclass(frozen=True, slots=True)
class Entity:
    """Something the notes are about. `values` holds what its own note states, by attribute name."""

    kind: str
    name: str
    path: str
    values: dict[str, str]
    aliases: tuple[str, ...] = ()


@dataclass(slots=True)
class World:
    """All that has been made so far."""

    sheets: list[Sheet] = field(default_factory=list)
    entities: dict[str, list[Entity]] = field(default_factory=dict)

    def put(self, sheet: Sheet, entity: Entity | None = None) -> None:
        self.sheets.append(sheet)
        if entity:
            self.entities.setdefault(entity.kind, []).append(entity)

    def facts(self) -> Iterator[Fact]:
        for sheet in self.sheets:
            yield from sheet.facts

    def of(self, kind: str) -> Sequence[Entity]:
        return self.entities.get(kind, [])


def slug(name: str) -> str:
    """A file name for a title; letters that have no plain form stay as they are."""
    bare = "".join(mark for mark in unicodedata.normalize("NFD", name.lower()) if not unicodedata.combining(mark))
    return re.sub(r"[^\w.]+", "-", bare.replace("ł", "l")).strip("-.")


def front_matter(fields: dict[str, str | Sequence[str]]) -> list[str]:
    """A `---` block; lists of one or two stand inline, longer ones dashed, as people mix them."""
    lines = ["---"]
    for name, value in fields.items():
        if isinstance(value, str):
            lines.append(f"{name}: {value}")
        elif len(value) <= 2:
            lines.append(f"{name}: [{', '.join(value)}]")
        else:
            lines.extend([f"{name}:", *(f"  - {one}" for one in value)])
    return [*lines, "---", ""]
