"""Checks what an answer says against the notes, sentence by sentence. Asks no model and trusts none.

Each marker ends as a citation whose quote stands, word for word, in the lines it names as they are now; or the marker
is taken out of the answer and counted. Nothing in between.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from amalfa.calls import Passage
from amalfa.knowledge.headings import Headings
from amalfa.knowledge.markers import Marker, find_markers
from amalfa.knowledge.stopwords import stop_words
from amalfa.knowledge.verbatim import Page, Stretch, find_words, plain_text, sentences
from amalfa.knowledge.words import character_pairs, fold

ReadLines = Callable[[str], Sequence[str] | None]
Worded = Sequence[tuple[Stretch, frozenset[str]]]

SUPPORT = 0.5
"""The share of a sentence's words, by weight, that a line has to hold to be given as its source."""

NUMBER_WEIGHT = 2.0
NAME_WEIGHT = 1.5
TWO_SENTENCES_GAIN = 0.2
"""How much better two neighbouring sentences have to fit than the better one alone."""

SEARCHED_AROUND = 300
"""Lines before and after a passage's old place in which its quote is looked for when the file has changed."""

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(r"\w+")
_ENDING = re.compile(r"(?:ing|ed|es|s|e)$")


@dataclass(frozen=True, slots=True)
class Citation:
    """A source of the answer. `quote` is the source's own text, letter for letter; `verified` is always true here.

    `heading` is the breadcrumb of the nearest heading above the quote.
    """

    n: int
    path: str
    start_line: int
    end_line: int
    quote: str
    heading: str
    verified: bool


@dataclass(frozen=True, slots=True)
class CitedAnswer:
    """The answer with its markers renumbered from 1 in order; `dropped` counts what could not be verified."""

    answer: str
    citations: tuple[Citation, ...]
    dropped: int


def check_citations(answer: str, passages: Sequence[Passage], read_lines: ReadLines) -> CitedAnswer:
    """Verify every `[n]` of an answer, n counting `passages` from 1.

    A sentence with a quotation (three words or more) is backed where the quotation stands; a marker that
    points to the wrong passage is turned to the right one. Other sentences are backed by the passage's own
    sentence that shares most with them. `read_lines` gives a file's lines now, None or nothing when it is
    gone.
    """
    checker = _Checker(passages, read_lines)
    pieces: list[str] = []
    at = 0
    for marker in find_markers(answer):
        shown, dropped_all = checker.settle(marker)
        before = answer[at : marker.start]
        pieces.extend((before.rstrip(" \t") if dropped_all else before, shown))
        at = marker.end
    pieces.append(answer[at:])
    return CitedAnswer("".join(pieces), tuple(checker.citations), checker.dropped)


class _Checker:
    def __init__(self, passages: Sequence[Passage], read_lines: ReadLines) -> None:
        self._passages = passages
        self._read_lines = read_lines
        self._lines: dict[str, Sequence[str]] = {}
        self._worded: dict[str, Worded] = {}
        self._pages: dict[str, Page] = {}
        self._headings = Headings()
        self.citations: list[Citation] = []
        self.dropped = 0

    def settle(self, marker: Marker) -> tuple[str, bool]:
        """What to write in the place of a marker, and whether nothing is left of it."""
        shown: list[int] = []
        for number in marker.numbers:
            found = self._source(marker, number)
            if found is None:
                self.dropped += 1
            else:
                shown.append(self._number(found))
        return "".join(f"[{number}]" for number in dict.fromkeys(shown)), not shown

    def _number(self, found: Citation) -> int:
        for known in self.citations:
            if replace(known, n=0) == found:
                return known.n
        self.citations.append(replace(found, n=len(self.citations) + 1))
        return len(self.citations)

    def _source(self, marker: Marker, number: int) -> Citation | None:
        meant = self._passages[number - 1] if 0 < number <= len(self._passages) else None
        if not marker.quotes:
            return self._supporting(marker.claim, meant) if meant else None
        if not all(any(self._standing(quote, passage) for passage in self._passages) for quote in marker.quotes):
            return None  # a quotation that stands nowhere: nothing in this sentence is to be trusted
        others = (passage for passage in self._passages if passage is not meant)
        for passage in (meant, *others) if meant else others:
            for quote in sorted(marker.quotes, key=len, reverse=True):
                if found := self._standing(quote, passage):
                    return self._citation(passage, found)
        return None

    def _supporting(self, claim: str, passage: Passage) -> Citation | None:
        if passage.place not in self._worded:
            self._worded[passage.place] = worded(passage)
        best = best_support(claim, passage, self._worded[passage.place])
        found = self._standing(best.text, passage, expected=best.start_line) if best else None
        return self._citation(passage, found) if found else None

    def _citation(self, passage: Passage, found: Stretch) -> Citation:
        heading = self._headings.over(found.start_line, passage, self._now(passage.path))
        return Citation(0, passage.path, found.start_line, found.end_line, found.text, heading, verified=True)

    def _standing(self, words: str, passage: Passage, expected: int = 0) -> Stretch | None:
        """Where words of a passage stand in its file now; None when they were never there or are gone."""
        if self._page(f"then {passage.place}", lambda: Page(passage.text.split("\n"))).find(words) is None:
            return None
        lines = self._now(passage.path)
        start, end = (expected or passage.start_line) - 1, passage.end_line
        place = f"{passage.path}:{start}-{end}"
        near = self._page(f"now {place}", lambda: Page(lines[start:end], start + 1)).find(words)
        if near is not None:
            return near
        wide = max(0, passage.start_line - 1 - SEARCHED_AROUND)
        around = self._page(f"around {place}", lambda: Page(lines[wide : end + SEARCHED_AROUND], wide + 1))
        return around.find(words)

    def _page(self, name: str, make: Callable[[], Page]) -> Page:
        """Answers cite the same lines again and again; reading off their marks once is enough."""
        if name not in self._pages:
            self._pages[name] = make()
        return self._pages[name]

    def _now(self, path: str) -> Sequence[str]:
        if path not in self._lines:
            self._lines[path] = self._read_lines(path) or ()
        return self._lines[path]


def best_support(claim: str, passage: Passage, pieces: Worded | None = None) -> Stretch | None:
    """The sentence of a passage, or two neighbours, that holds most of a claim; None below `SUPPORT`.

    What the title and headings say need not be repeated in the sentence, and a number that stands neither in
    the passage nor above it speaks against all of it. `pieces` are `worded(passage)`, for who asks more than once.
    """
    context = frozenset(_words(f"{passage.title} {passage.heading} {passage.path}"))
    wanted = dict(_weighted(claim))
    known = context | frozenset(_words(passage.text))
    if not wanted or any(word[0].isdigit() and word not in known for word in wanted):
        return None
    single = worded(passage) if pieces is None else pieces
    best, share = _best((((one,), words) for one, words in single), wanted, context)
    pairs = (((one, other), words | more) for (one, words), (other, more) in pairwise(single))
    wide, wide_share = _best(pairs, wanted, context)
    if len(wide) == 2 and wide_share >= share + TWO_SENTENCES_GAIN:
        best, share = (_together(*wide, passage),), wide_share
    return best[0] if best and share >= SUPPORT else None


def worded(passage: Passage) -> Worded:
    """The sentences of a passage, each with its words."""
    cut = sentences(passage.text.split("\n"), passage.start_line)
    return [(stretch, frozenset(_words(stretch.text))) for stretch in cut]


def _best(
    choices: Iterable[tuple[tuple[Stretch, ...], frozenset[str]]], wanted: dict[str, float], context: frozenset[str]
) -> tuple[tuple[Stretch, ...], float]:
    """The stretches, given with their words, that hold the largest share of what is wanted."""
    best: tuple[Stretch, ...] = ()
    share = 0.0
    for stretches, words in choices:
        needed = {word: weight for word, weight in wanted.items() if word in words or word not in context}
        got = sum(weight for word, weight in needed.items() if word in words)
        total = sum(needed.values())
        if total and got / total > share:
            best, share = stretches, got / total
    return best, share


def _together(one: Stretch, other: Stretch, passage: Passage) -> Stretch:
    lines = passage.text.split("\n")[one.start_line - passage.start_line : other.end_line - passage.start_line + 1]
    found = find_words(f"{one.text} {other.text}", lines, one.start_line)
    return found or one


def _weighted(claim: str) -> Iterator[tuple[str, float]]:
    text = plain_text(claim)
    capitals = {fold(word) for word in _WORD.findall(text)[1:] if word[0].isupper()}
    for word in _words(text):
        yield word, NUMBER_WEIGHT if word[0].isdigit() else NAME_WEIGHT if word in capitals else 1.0


def _words(text: str) -> Iterator[str]:
    """Folded words that say something; numbers whole (8443, 99.95, 42000), unspaced scripts as character pairs."""
    small = stop_words("en")
    for number in _NUMBER.findall(text):
        yield re.sub(r"[,.](?=\d{3}\b)", "", number)
    yield from character_pairs(text)
    for word in fold(text).split():
        if word not in small and not word.isdigit():
            yield _ENDING.sub("", word) if len(word) > 4 else word
