"""What a question is, where its answer stands, and how both travel as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

TYPES = ("numeric", "exact", "alias", "multi-hop", "temporal", "paraphrase")


@dataclass(frozen=True, slots=True)
class Span:
    """One line of one note; lines count from 1."""

    path: str
    line: int

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Gold:
    """One thing that must be found: any of `spans` will do, and each of those lines holds the text `holds`."""

    spans: tuple[Span, ...]
    holds: str


@dataclass(frozen=True, slots=True)
class Question:
    """`golds` in the order of thought, the last one being the answer itself; none = the notes hold no answer.

    `reason` says what makes an unanswerable question so, and `about` what it pretends to ask for.
    """

    id: str
    type: str
    text: str
    golds: tuple[Gold, ...] = ()
    reason: str = ""
    about: tuple[str, str] = ("", "")

    @property
    def is_answerable(self) -> bool:
        return bool(self.golds)

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Edit:
    """A changed note, and where the answer to one question stands after that."""

    question_id: str
    path: str
    text: str
    gold: Gold

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def read_question(line: str) -> Question:
    """The reverse of `as_json`."""
    fields: Mapping[str, Any] = json.loads(line)
    golds = tuple(_gold(one) for one in fields["golds"])
    return Question(fields["id"], fields["type"], fields["text"], golds, fields["reason"], tuple(fields["about"]))


def _gold(fields: Mapping[str, Any]) -> Gold:
    return Gold(tuple(Span(one["path"], one["line"]) for one in fields["spans"]), fields["holds"])
