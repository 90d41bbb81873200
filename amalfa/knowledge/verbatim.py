"""Finds words in the lines of a file as they stand there, and cuts lines into sentences. Pure.

Whitespace, Markdown's marks and the shape of quotation marks and dashes do not count; every letter and digit does.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_LEAD = re.compile(r"\s*(?:>\s?)*\s*(?:(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?|#{1,6}\s+|=+\s*$|-{2,}\s*$)?")
_SKIPPED = re.compile(
    r"\[\[(?:[^\]|\n]*\|)?|\]\]"  # wikilinks: what is shown stays
    r"|!?\[(?=[^\]\n]*\]\()|\]\([^)\n]*\)"  # links and pictures: their text stays
    r"|\\(?=[^\w\s])|[*`]+|~~|(?<!\w)_+|_+(?!\w)|\|"
)
_HUGGING = "*_`~[]"
_SHAPES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "\u00a0": " "})
_SENTENCE_END = re.compile(r"[.!?…][\"”'’)\]*_]*(?=\s+[^\sa-z])|[。！？]")
_BLOCK_LINE = re.compile(r"\s*(?:[-*+]\s|\d{1,9}[.)]\s|#{1,6}\s|\||>|```|~~~)")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a file: lines count from 1, both ends belong to it; `text` is the source, letter for letter."""

    start_line: int
    end_line: int
    text: str


@dataclass(frozen=True, slots=True)
class _Plain:
    """Text without marks, and for each of its characters the (line index, column) it comes from."""

    text: str
    places: tuple[tuple[int, int], ...]


class Page:
    """Lines in which words can be looked for again and again; the first one is number `first_line`."""

    def __init__(self, lines: Sequence[str], first_line: int = 1) -> None:
        self._lines = lines
        self._first_line = first_line
        self._plain = _plain(lines)

    def find(self, words: str) -> Stretch | None:
        """Where `words` stand; None when they do not.

        An ellipsis in `words` stands for anything in between, and the first letter may be of either case.
        """
        parts = [_plain(part.split("\n")).text for part in re.split(r"\s*(?:…|\.{3}|\[\.{3}\]|\[…\])\s*", words)]
        wanted = [part for part in parts if part]
        span = _span(wanted, self._plain.text) if wanted else None
        return _stretch(self._plain, *span, self._lines, self._first_line) if span else None


def find_words(words: str, lines: Sequence[str], first_line: int = 1) -> Stretch | None:
    """Where `words` stand in `lines`, of which the first is number `first_line`; see `Page.find`."""
    return Page(lines, first_line).find(words)


def sentences(lines: Sequence[str], first_line: int = 1) -> list[Stretch]:
    """The sentences of some lines; list items, table rows and headings end where their line does."""
    found: list[Stretch] = []
    for start, end in _paragraphs(lines):
        source = _plain(lines[start:end])
        at = 0
        for match in _SENTENCE_END.finditer(source.text):
            found.append(_stretch(source, at, match.end(), lines[start:end], first_line + start))
            at = match.end()
        if source.text[at:].strip():
            found.append(_stretch(source, at, len(source.text), lines[start:end], first_line + start))
    return found


def plain_text(text: str) -> str:
    """The text without Markdown's marks, on one line."""
    return _plain(text.split("\n")).text


def _plain(lines: Sequence[str]) -> _Plain:
    characters: list[str] = []
    places: list[tuple[int, int]] = []
    for number, line in enumerate(lines):
        for column, character in _shown(line):
            shaped = character.translate(_SHAPES)
            if shaped.isspace():
                if not characters or characters[-1] == " ":
                    continue
                shaped = " "
            characters.append(shaped)
            places.append((number, column))
    while characters and characters[-1] == " ":
        characters.pop()
        places.pop()
    return _Plain("".join(characters), tuple(places))


def _shown(line: str) -> Iterator[tuple[int, str]]:
    """The characters of a line that a reader sees, each with its column, and a space for the line's end."""
    at = lead.end() if (lead := _LEAD.match(line)) else 0
    for match in _SKIPPED.finditer(line, at):
        yield from ((column, line[column]) for column in range(at, match.start()))
        if match[0] == "|":
            yield match.start(), " "
        at = match.end()
    yield from ((column, line[column]) for column in range(at, len(line)))
    yield len(line), " "


def _span(wanted: Sequence[str], text: str) -> tuple[int, int] | None:
    start = _find(wanted[0], text, 0)
    if start < 0:
        return None
    end = start + len(wanted[0])
    for part in wanted[1:]:
        at = _find(part, text, end)
        if at < 0:
            return None
        end = at + len(part)
    return start, end


def _find(part: str, text: str, at: int) -> int:
    """Where `part` begins as whole words; -1 when nowhere."""
    for spelling in (part, part[0].swapcase() + part[1:]):
        start = text.find(spelling, at)
        while start >= 0:
            if not _is_inside_word(text, start) and not _is_inside_word(text, start + len(spelling)):
                return start
            start = text.find(spelling, start + 1)
    return -1


def _is_inside_word(text: str, at: int) -> bool:
    # Scripts without spaces have no inside of a word that could be told by its neighbours.
    return 0 < at < len(text) and all(c.isalnum() and ord(c) < 0x0E00 for c in (text[at - 1], text[at]))


def _stretch(source: _Plain, start: int, end: int, lines: Sequence[str], first_line: int) -> Stretch:
    while start < end and source.text[start] == " ":
        start += 1
    (top, left), (bottom, right) = source.places[start], source.places[end - 1]
    # Marks that hug the first or last letter belong to it: half an emphasis looks like a slip.
    while left and lines[top][left - 1] in _HUGGING:
        left -= 1
    while right + 1 < len(lines[bottom]) and lines[bottom][right + 1] in _HUGGING:
        right += 1
    raw = [lines[number] for number in range(top, bottom + 1)]
    raw[-1] = raw[-1][: right + 1]
    raw[0] = raw[0][left:]
    return Stretch(first_line + top, first_line + bottom, "\n".join(raw))


def _paragraphs(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Runs of plain lines; every list item, row, heading or quoted line begins a new one."""
    start = 0
    for number, line in enumerate(lines):
        begins = _BLOCK_LINE.match(line) is not None
        if number > start and (begins or not line.strip() or _stands_alone(lines[number - 1])):
            yield start, number
            start = number
    if start < len(lines):
        yield start, len(lines)


def _stands_alone(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith(("#", "|"))
