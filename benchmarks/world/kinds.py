"""Kinds of things with attributes, and the layouts in which people write them down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.world import filler
from benchmarks.world.sheet import Entity, Sheet, front_matter


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing a note may state, how it is written down, and how people ask for it.

    `sentences` hold {s} (the subject) and {v} (the value); `asks` {s}; `reverse` {v}, for looking up an
    identifier. `share` is the part of the notes that state it; the gaps are what unanswerable questions are
    made of. `links_to` names the kind whose names are its values.
    """

    name: str
    labels: tuple[str, ...]
    sentences: tuple[str, ...]
    asks: tuple[str, ...]
    make: Callable[[Random], str] | None = None
    share: float = 0.85
    is_number: bool = False
    reverse: tuple[str, ...] = ()
    links_to: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    folder: str
    called: str
    """How the thing is spoken of in questions: "{}" or "Project {}"."""
    attributes: tuple[Attribute, ...]
    sections: tuple[str, ...]
    tags: tuple[str, ...]


def write_entity(kind: Kind, entity: Entity, rng: Random) -> Sheet:
    """A note on one thing: front matter, title, its attributes in one to three layouts, remarks between them."""
    sheet = Sheet(entity.path)
    sheet.add(*front_matter(_fields(kind, entity, rng)))
    sheet.add(f"# {kind.called.format(entity.name)}", "")
    if entity.aliases and rng.random() < 0.3:
        sheet.add(f"Also called {' or '.join(entity.aliases)}.", "")
    if rng.random() < 0.6:
        sheet.add(filler.paragraph(rng, rng.randint(1, 3)), "")
    held = [attribute for attribute in kind.attributes if attribute.name in entity.values]
    rng.shuffle(held)
    for title, part in zip(
        rng.sample(kind.sections, len(kind.sections)), _parts(held, len(kind.sections), rng), strict=True
    ):
        if part:
            sheet.heading(title)
            rng.choice(_LAYOUTS)(sheet, kind, entity, part, rng)
            if rng.random() < 0.5:
                sheet.add("", filler.paragraph(rng, rng.randint(1, 3)))
    return sheet


def _fields(kind: Kind, entity: Entity, rng: Random) -> dict[str, str | Sequence[str]]:
    fields: dict[str, str | Sequence[str]] = {}
    if rng.random() < 0.5:
        fields["title"] = f'"{kind.called.format(entity.name)}"'
    if entity.aliases:
        fields["aliases"] = list(entity.aliases)
    fields["tags"] = [kind.name, rng.choice(kind.tags)]
    fields["created"] = f"20{rng.randint(20, 23)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    return fields


def _parts(held: Sequence[Attribute], parts: int, rng: Random) -> list[list[Attribute]]:
    spread: list[list[Attribute]] = [[] for _ in range(parts)]
    for attribute in held:
        rng.choice(spread).append(attribute)
    return spread


def _as_table(sheet: Sheet, kind: Kind, entity: Entity, part: Sequence[Attribute], rng: Random) -> None:
    sheet.add("| what | value |", "|---|---|")
    for attribute in part:
        value = entity.values[attribute.name]
        sheet.fact(
            f"| {rng.choice(attribute.labels)} | {shown(attribute, value)} |", entity.name, attribute.name, value
        )


def _as_bullets(sheet: Sheet, kind: Kind, entity: Entity, part: Sequence[Attribute], rng: Random) -> None:
    form = rng.choice(("- **{}:** {}", "- {}: {}", "* {} – {}", "- `{}` {}"))
    for attribute in part:
        value = entity.values[attribute.name]
        line = form.format(rng.choice(attribute.labels), shown(attribute, value))
        sheet.fact(line, entity.name, attribute.name, value)


def _as_lines(sheet: Sheet, kind: Kind, entity: Entity, part: Sequence[Attribute], rng: Random) -> None:
    for attribute in part:
        value = entity.values[attribute.name]
        sheet.fact(_told(kind, attribute, entity, rng), entity.name, attribute.name, value)
        sheet.add("")


def _as_prose(sheet: Sheet, kind: Kind, entity: Entity, part: Sequence[Attribute], rng: Random) -> None:
    told = [_told(kind, attribute, entity, rng) for attribute in part]
    if rng.random() < 0.5:
        told.insert(rng.randrange(len(told) + 1), filler.sentence(rng))
    sheet.add(" ".join(told))
    for attribute in part:
        sheet.state(entity.name, attribute.name, entity.values[attribute.name])


_LAYOUTS = (_as_table, _as_bullets, _as_lines, _as_prose)


def _told(kind: Kind, attribute: Attribute, entity: Entity, rng: Random) -> str:
    own = entity.name.split()[0] if kind.name == "people" else "this one"
    subject = kind.called.format(entity.name) if rng.random() < 0.5 else own
    told = rng.choice(attribute.sentences).format(s=subject, v=shown(attribute, entity.values[attribute.name]))
    return told[0].upper() + told[1:]


def shown(attribute: Attribute, value: str) -> str:
    return f"[[{value}]]" if attribute.links_to else value
