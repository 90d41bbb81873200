"""Decides whether a piece is about the thing a question names, and not about a sibling with half of its name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from amalfa.providers.embedded.homes import Home
from amalfa.providers.embedded.otherwords import OtherWords
from amalfa.providers.embedded.question import Question
from amalfa.providers.embedded.terms import STOP_STEMS, Shown, fold


@dataclass(frozen=True, slots=True)
class Naming:
    """What a question names, as far as the passages know it. `aliases` are other names for some of the names.

    `certain` are the names that look like one in the question."""

    names: frozenset[str]
    phrases: frozenset[tuple[str, str]]
    is_comparison: bool = False
    aliases: OtherWords = field(default_factory=OtherWords)
    certain: frozenset[str] = frozenset()

    def fits(self, home: Home, *shown: Shown) -> bool:
        """Whether a piece that shows all this, in this note, is about the named thing.

        The note must hold all the names, with parts of one name side by side; and unless one of them is what the
        note is about, the piece itself must show one. Comparisons take their names from several notes.
        """
        at_hand = (*shown, home.identity)
        if self.names and not any(self.is_in(name, one) for name in self.names for one in at_hand):
            return False
        if self.is_comparison:
            return True
        return all(home.has(name) or self.aliases.stand_in(name, home.shown) for name in self.names) and all(
            pair in home.shown.pairs or any(self.aliases.stand_in(name, home.shown) for name in pair)
            for pair in self.phrases
        )

    def without_doubtful(self) -> "Naming":
        """The same without words in small letters that are another name of some note: "umbrella" may be a thing."""
        return replace(self, names=self.names - (self.aliases.terms - self.certain))

    def is_in(self, term: str, shown: Shown) -> bool:
        """Whether a text has the term, or the name that it is another name of."""
        return term in shown.terms or self.aliases.stand_in(term, shown)


def read_naming(question: Question, homes: Sequence[Home]) -> Naming:
    """The question's names, and those of its words that name any of the notes at hand.

    With notes on a plum cake and a pear cake, "plum" is a name too. A word with synonyms is not: "hours" in the
    title of a note on working hours says what kind of thing it is about, and other notes may say "open".
    """
    aliases = question.others.that_name((called for home in homes for called in home.called), question.names)
    asked = frozenset(question.terms) - question.others.terms
    return Naming(
        names=question.names | aliases.terms | frozenset(term for term in asked if _names_any(term, question, homes)),
        phrases=question.phrases,
        is_comparison=bool(_COMPARES.search(fold(question.text))),
        aliases=aliases,
        certain=question.names,
    )


_COMPARES = re.compile(r"\b(?:compare|versus|vs|difference|between|both|than)\b")


def _names_any(term: str, question: Question, homes: Sequence[Home]) -> bool:
    """Whether the term is part of a note's name of several words, of which the question has at least half."""
    names = (called - STOP_STEMS for home in homes for called in home.called if term in called)
    return any(len(name) > 1 and 2 * len(name.intersection(question.terms)) >= len(name) for name in names) or (
        not term.isalpha() and any(term in home.identity.terms for home in homes)
    )
