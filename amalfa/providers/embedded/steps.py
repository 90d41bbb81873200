"""Answers in two steps: a piece that links to another note, and the piece there that holds what the first one lacks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from amalfa.calls import Passage
from amalfa.providers.embedded.question import Question
from amalfa.providers.embedded.scoring import Rated, fits_kind
from amalfa.providers.embedded.terms import fold

FIRST_STEPS = 12
"""How many of the best pieces are tried as the first step."""

LEAST_GAIN = 0.08
"""What the second step must add to what the first one holds of the question."""


@dataclass(frozen=True, slots=True)
class TwoSteps:
    """`coverage` is the share of the question that the two hold together."""

    first: Rated
    second: Rated
    coverage: float


def best_two_steps(question: Question, named: Sequence[Rated], rated: Sequence[Rated]) -> TwoSteps | None:
    """The two that hold most together; the first is one of `named`, the second shows the kind of thing asked for."""
    found = [
        TwoSteps(first, second, _together(first, second))
        for first in named[:FIRST_STEPS]
        for second in _linked_from(first, rated)
        if fits_kind(question.wanted, second.piece.unit) >= 0
        and _together(first, second) >= first.coverage + LEAST_GAIN
    ]
    return max(found, key=lambda one: (one.coverage, one.first.score + one.second.score), default=None)


def links_of(text: str) -> list[str]:
    """The targets of the wikilinks in a text, without headings and display names."""
    return [found.strip() for found in _LINK.findall(text)]


_LINK = re.compile(r"\[\[([^\]|#]+)")


def _linked_from(first: Rated, rated: Sequence[Rated]) -> list[Rated]:
    targets = {fold(target.rsplit("/", 1)[-1]) for target in links_of(first.piece.unit.text)}
    if not targets:
        return []
    path = first.piece.passage.path
    return [
        one for one in rated if one.piece.passage.path != path and not targets.isdisjoint(_titles_of(one.piece.passage))
    ]


def _titles_of(passage: Passage) -> set[str]:
    """What a link to this passage's note may call it; a title may show another name behind it, in parentheses."""
    return {fold(passage.title.partition(" (")[0].strip()), fold(passage.path.rsplit("/", 1)[-1].removesuffix(".md"))}


def _together(first: Rated, second: Rated) -> float:
    """What two pieces hold of the question; the second one's names do not count, it is about something else."""
    return sum(max(one, own) for one, own in zip(first.held, second.stated, strict=True))
