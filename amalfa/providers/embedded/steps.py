"""Answers in two steps: a piece that links to another note, and the piece there that holds what the first one lacks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from amalfa.calls import Passage
from amalfa.providers.embedded.kinds import fits_kind
from amalfa.providers.embedded.naming import Naming
from amalfa.providers.embedded.question import Question
from amalfa.providers.embedded.scoring import Rated, states_a_fact
from amalfa.providers.embedded.terms import fold

FIRST_STEPS = 12
"""How many of the best pieces are tried as the first step."""

LEAST_GAIN = 0.15
"""What the second step must add to what the first one holds of what is asked."""


FACT_BONUS = 0.15
"""What a second step that gives a value is put before others by."""


@dataclass(frozen=True, slots=True)
class TwoSteps:
    """`core` is the share that the two hold together of what is asked about the named thing, from 0 to 1."""

    first: Rated
    second: Rated
    core: float


def best_two_steps(
    question: Question, naming: Naming, named: Sequence[Rated], rated: Sequence[Rated]
) -> TwoSteps | None:
    """The two that hold most together; the first is one of `named`, the second shows the kind of thing asked for.

    Each must say something of its own that is asked: the first what leads to the other note, the second the rest.
    """
    core = [at for at, term in enumerate(question.terms) if term not in naming.names]
    linking = [one for one in named if links_of(one.piece.unit.text)]
    if not question.is_indirect:
        linking = [one for one in linking if any(one.stated[at] for at in core)]
    found = [
        TwoSteps(first, second, _together(first, second, core))
        for first in linking[:FIRST_STEPS]
        for second in _linked_from(first, rated)
        if fits_kind(question.wanted, second.piece.unit) >= 0
        and _together(first, second, core) >= _together(first, first, core) + LEAST_GAIN
    ]
    return max(found, key=lambda one: _worth(one, question), default=None)


def _worth(steps: TwoSteps, question: Question) -> tuple[float, float]:
    gain = FACT_BONUS if states_a_fact(question, steps.second.piece.unit) else 0.0
    return steps.core + gain, steps.first.score + steps.second.score


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


def _together(first: Rated, second: Rated, core: Sequence[int]) -> float:
    """What two pieces hold of these terms; the second one's surroundings do not count, it is about something else."""
    total = sum(first.asked[at] for at in core)
    return sum(max(first.held[at], second.stated[at]) for at in core) / total if total else 0.0
