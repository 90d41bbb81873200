"""The words of one stored passage, field by field, each split once and only when asked for. Scores nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from amalfa.knowledge.candidates import Candidate
from amalfa.knowledge.statements import statements
from amalfa.knowledge.stopwords import stop_words
from amalfa.knowledge.words import Tokenize, character_pairs, fold

# Words that nobody writes would do; they mark in the row of words where a heading and where a statement ends.
_END, _MIDDLE = "qqstatementqq", "qqheadingqq"


@dataclass(frozen=True, slots=True)
class Said:
    """One statement as written, and its words with its heading's and without them."""

    raw: str
    words: str
    body: str


class PassageText:
    """Fields are words with one space before and after each, so that finding words together is a text search."""

    def __init__(self, candidate: Candidate, tokenize: Tokenize) -> None:
        self.candidate = candidate
        self._tokenize = tokenize
        self.body = self._spaced(candidate.text)
        self.title = self._spaced(f"{candidate.title}\n{candidate.aliases}")
        self.head = self._spaced(candidate.heading)
        self.rest = self._spaced(f"{candidate.tags} {candidate.path}")
        self.above = f"{self.title}|{self.head}"
        self.content = f"{self.body}|{self.above}"
        self.everything = f"{self.content}|{self.rest}"

    @cached_property
    def above_words(self) -> frozenset[str]:
        return frozenset(self.above.split())

    @cached_property
    def content_words(self) -> frozenset[str]:
        return frozenset(self.content.split())

    @cached_property
    def all_words(self) -> frozenset[str]:
        return frozenset(self.everything.split())

    @cached_property
    def said(self) -> tuple[Said, ...]:
        """The statements of the passage in order."""
        end, middle = (f" {self._tokenize(mark)[0]} " for mark in (_END, _MIDDLE))
        parts = statements(self.candidate.text)
        marked = f" {_END} ".join(f"{part.heading} {_MIDDLE} {part.text}" for part in parts)
        pieces = [f" {piece.strip()} ".partition(middle) for piece in self._spaced(marked).split(end)]
        return tuple(
            Said(part.text, f" {heading.strip()} {body.strip()} ", f" {body.strip()} ")
            for part, (heading, _, body) in zip(parts, pieces, strict=True)
        )

    @cached_property
    def folded(self) -> str:
        """Everything without stemming, for names that differ only in an ending."""
        one = self.candidate
        return f" {fold(f'{one.text} | {one.title} | {one.aliases} | {one.heading} | {one.tags} | {one.path}')} "

    @cached_property
    def folded_above(self) -> str:
        one = self.candidate
        return f" {fold(f'{one.title} | {one.aliases} | {one.heading}')} "

    @cached_property
    def own_words(self) -> frozenset[str]:
        """The words of the note's names that are not merely small."""
        names = fold(f"{self.candidate.title} {self.candidate.aliases}").split()
        return frozenset(names) - stop_words("en")

    def share_of_pairs(self, pairs: Sequence[str]) -> float:
        """The share of character pairs of an unspaced run that stand in the passage or above it."""
        there = self._pairs
        found = sum(pair in there or (len(pair) == 1 and any(pair in other for other in there)) for pair in pairs)
        return found / len(pairs) if pairs else 0.0

    @cached_property
    def _pairs(self) -> frozenset[str]:
        return frozenset(character_pairs(f"{self.candidate.title}\n{self.candidate.heading}\n{self.candidate.text}"))

    def _spaced(self, text: str) -> str:
        return f" {' '.join(self._tokenize(text))} "
