"""Decides whether a piece is about the thing a question names, and not about a sibling with half of its name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from amalfa.calls import Passage
from amalfa.providers.embedded.homes import Home
from amalfa.providers.embedded.question import Question
from amalfa.providers.embedded.terms import fold


@dataclass(frozen=True, slots=True)
class Naming:
    """What a question names, as far as the passages know it.

    `unseen` are names that no passage shows, taken for aliases that the search knows. `shown_only_by` is the one note
    that may answer then; None = every note that holds the names may.
    """

    names: frozenset[str]
    phrases: frozenset[tuple[str, str]]
    is_comparison: bool = False
    unseen: frozenset[str] = frozenset()
    shown_only_by: str | None = None

    def fits(self, home: Home, shown: frozenset[str], path: str) -> bool:
        """Whether a piece that shows these terms, in this note, is about the named thing.

        The note must hold all the names, with parts of one name side by side; and unless one of them is what the
        note is about, the piece itself must show one. Comparisons take their names from several notes.
        """
        if self.shown_only_by is not None and path != self.shown_only_by:
            return False
        if self.names and not self.names & (shown | home.identity):
            return False
        if self.is_comparison:
            return True
        return all(home.has_like(name) for name in self.names) and self.phrases <= home.pairs


def read_naming(question: Question, homes: Sequence[Home], passages: Sequence[Passage]) -> Naming:
    """The question's names, and those of its words that name any of the notes at hand.

    With notes on a plum cake and a pear cake, "plum" is a name too. When no passage shows some word of the question,
    only the note that the search is sure of may answer: the word may be another name of it. A proper name that
    nothing shows is then not asked for again; without a sure note it stays, so that nothing fits.
    """
    naming = frozenset().union(*(home.identity for home in homes))
    names = question.names | (naming & frozenset(question.terms))
    unseen = frozenset(term for term in question.terms if not any(home.has_like(term) for home in homes))
    sure = _sure_note(passages) if unseen and not any(_has_digit(term) for term in unseen) else None
    left_to_search = unseen & names if sure else frozenset()
    return Naming(
        names=names - left_to_search,
        phrases=frozenset(pair for pair in question.phrases if not left_to_search & set(pair)),
        is_comparison=bool(_COMPARES.search(fold(question.text))),
        unseen=left_to_search,
        shown_only_by=sure,
    )


_COMPARES = re.compile(r"\b(?:compare|versus|vs|difference|between|both|than)\b")

SURE = 2.0
"""A search is sure of its best note when that scores this many times what the other notes mostly do."""


def _sure_note(passages: Sequence[Passage]) -> str | None:
    best = max(passages, key=lambda passage: passage.score, default=None)
    if best is None or best.score <= 0:
        return None
    others = [passage.score for passage in passages if passage.path != best.path]
    return best.path if not others or best.score >= SURE * median(others) else None


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)
