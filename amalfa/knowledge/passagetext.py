"""The words of stored passages, field by field, each split once and only when asked for. Scores nothing."""

from collections.abc import Collection, Sequence
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
    """One statement as written, and its words with its heading's and without them.

    `tokens` are those of `words`; `is_first` says that nothing stands between it and its heading.
    """

    heading: str
    raw: str
    words: str
    body: str
    tokens: frozenset[str]
    is_first: bool = False

    def is_under(self, words: Collection[str]) -> bool:
        """Whether it comes first under a heading that has one of these words."""
        above = self.words.removesuffix(self.body).split() if self.is_first else ()
        return not frozenset(words).isdisjoint(above)

    def beginning(self, words: int) -> "Said":
        """Its first words only, without those of its heading."""
        first = self.body.split()[:words]
        spaced = f" {' '.join(first)} "
        return Said(self.heading, self.raw, spaced, spaced, frozenset(first))


class Texts:
    """The passages of one search. The same one is often looked at more than once, as itself and behind a link."""

    def __init__(self, tokenize: Tokenize) -> None:
        self._tokenize = tokenize
        self._read: dict[int, PassageText] = {}

    def of(self, candidate: Candidate) -> "PassageText":
        if candidate.id not in self._read:
            self._read[candidate.id] = PassageText(candidate, self._tokenize)
        return self._read[candidate.id]


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
        before = ("", *(part.heading for part in parts))
        return tuple(
            Said(
                heading=part.heading,
                raw=part.text,
                words=(words := f" {heading.strip()} {body.strip()} "),
                body=f" {body.strip()} ",
                tokens=frozenset(words.split()),
                is_first=part.heading != above,
            )
            for part, above, (heading, _, body) in zip(parts, before, pieces, strict=False)
        )

    def spells(self, names: Sequence[str]) -> bool:
        """Whether one of these folded names stands anywhere in it to the last letter; stemming cuts endings off."""
        # Folding a whole passage is dear and mostly changes nothing about the name.
        return any(_stands_in(name, self._lowered) for name in names) or _stand_in_folded(names, self._folded)

    def spells_above(self, names: Sequence[str]) -> bool:
        """The same for its title and headings."""
        return _stand_in_folded(names, self._folded_above)

    @cached_property
    def _lowered(self) -> str:
        one = self.candidate
        return f" {one.text} | {one.title} | {one.aliases} | {one.heading} | {one.tags} | {one.path} ".lower()

    @cached_property
    def _folded(self) -> str:
        return f" {fold(self._lowered)} "

    @cached_property
    def _folded_above(self) -> str:
        one = self.candidate
        return f" {fold(f'{one.title} | {one.aliases} | {one.heading}')} "

    @cached_property
    def headings(self) -> tuple[frozenset[str], ...]:
        """The words of each heading in it and of the one right above it, small words left out."""
        inside = [line for line in self.candidate.text.split("\n") if line.startswith("#")]
        above = self.candidate.heading.rpartition(" > ")[2]
        return tuple(self._telling(heading) for heading in dict.fromkeys((*inside, above)) if heading)

    def _telling(self, heading: str) -> frozenset[str]:
        words = fold(heading).split()
        return frozenset(self._tokenize(" ".join(word for word in words if word not in stop_words("en"))))

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


def _stand_in_folded(names: Sequence[str], folded: str) -> bool:
    return any(f" {name} " in folded or f" {name}s " in folded for name in names)


def _stands_in(name: str, lowered: str) -> bool:
    at = lowered.find(name) if name else -1
    while at >= 0:
        if not lowered[at - 1].isalnum() and not lowered[at + len(name)].isalnum():
            return True
        at = lowered.find(name, at + 1)
    return False
