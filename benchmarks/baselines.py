"""The searches that everything is compared with: counting words, and bare BM25 over OR-joined words."""

import re
from collections import Counter
from collections.abc import Sequence

import apsw

from amalfa.calls import Passage
from benchmarks.world.sheet import Note

SECTION_CHARACTERS = 1_200
"""Sections are put together up to this size, so that no search wins by handing out longer passages."""

_SMALL = """
a an and are as at be by did do does for from have how i in is it many much of on or that the there to was what when
where which who whom whose with
"""
_SMALL_WORDS = frozenset(_SMALL.split())


def sections_of(note: Note) -> list[Passage]:
    """The note cut at its headings, short neighbours joined, long ones cut between lines."""
    lines = note.lines
    borders = [at for at, line in enumerate(lines) if line.startswith("#") or at == 0]
    cuts = [0]
    for border, following in zip(borders, [*borders[1:], len(lines)], strict=True):
        if border and _size(lines[cuts[-1] : following]) > SECTION_CHARACTERS:
            cuts.append(border)
        while _size(lines[cuts[-1] : following]) > SECTION_CHARACTERS and following - cuts[-1] > 1:
            cuts.append(_full(lines, cuts[-1], following))
    pairs = zip(cuts, [*cuts[1:], len(lines)], strict=True)
    return [
        Passage(path=note.path, start_line=begin + 1, end_line=end, heading="", text="\n".join(lines[begin:end]))
        for begin, end in pairs
        if end > begin
    ]


def _size(lines: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _full(lines: Sequence[str], begin: int, end: int) -> int:
    """Where a passage that starts at `begin` is full; at least one line further."""
    at, size = begin + 1, len(lines[begin])
    while at < end and size + len(lines[at]) < SECTION_CHARACTERS:
        size += len(lines[at]) + 1
        at += 1
    return at


class Grep:
    """Ranks passages by how many of the question's words they hold, then by how often. No index, no weights."""

    name = "grep"

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._counted = [(passage, Counter(_words(passage.text))) for passage in passages]

    def search(self, question: str, k: int) -> list[Passage]:
        words = set(_words(question)) - _SMALL_WORDS
        scored = [
            (sum(word in counts for word in words), sum(counts[word] for word in words), -at)
            for at, (_, counts) in enumerate(self._counted)
        ]
        best = sorted(scored, reverse=True)[:k]
        return [self._counted[-at][0] for distinct, _, at in best if distinct]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


class PlainBm25:
    """SQLite's BM25 over all the question's words joined by OR. No stop words, titles, weights, gates or names."""

    name = "bm25"

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = list(passages)
        self._connection = apsw.Connection(":memory:")
        self._connection.execute(
            "CREATE VIRTUAL TABLE words USING fts5(text, tokenize='porter unicode61 remove_diacritics 2')"
        )
        self._connection.executemany(
            "INSERT INTO words(rowid, text) VALUES(?, ?)",
            ((at, passage.text) for at, passage in enumerate(self._passages, start=1)),
        )

    def search(self, question: str, k: int) -> list[Passage]:
        query = " OR ".join(f'"{word}"' for word in dict.fromkeys(_words(question)))
        found = self._connection.execute(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?", (query, k)
        )
        return [self._passages[int(str(row[0])) - 1] for row in found]
