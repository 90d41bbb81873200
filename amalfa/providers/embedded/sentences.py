"""Cuts Markdown into the pieces that can be quoted: sentences, list items, table rows, code blocks. Judges nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["sentence", "item", "row", "code", "field"]


@dataclass(frozen=True, slots=True)
class Unit:
    """One quotable piece, word for word as the note has it (only line breaks became blanks, except in code).

    `context` is what the piece silently relies on: its headings within this text, its table's header, the line
    that leads into its list or code block. `key` is what it is about where the writer marked that: the first
    cell, a bold or code lead, the words before a colon. Lines count from 0 within the text, the last included.
    """

    text: str
    kind: Kind
    context: str
    key: str
    first_line: int
    last_line: int


def units_of(text: str) -> list[Unit]:
    """The quotable pieces of a Markdown text in order. Headings, rules and comments are context or nothing."""
    return list(_Walk(text.splitlines()).units())


def sentences_of(paragraph: str) -> list[str]:
    """A paragraph's sentences, each a verbatim stretch. Abbreviations, initials, decimals and code do not end one."""
    found: list[str] = []
    begin = 0
    for stop in _STOP.finditer(paragraph):
        piece = paragraph[begin : stop.end("mark")]
        if piece.count("`") % 2 or (piece.endswith(".") and _ABBREVIATION.search(piece)):
            continue
        found.append(piece.strip())
        begin = stop.end()
    found.append(paragraph[begin:].strip())
    return [piece for piece in found if piece]


def without_front_matter(text: str) -> str:
    """The note below its `---` block, or all of it when it has none."""
    found = re.match(r"\ufeff?---[ \t]*\r?\n.*?\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|$)", text, re.DOTALL)
    return text[found.end() :] if found else text


def headings_of(text: str) -> list[tuple[int, str]]:
    """(level, title) of each ATX heading outside code, in order."""
    found: list[tuple[int, str]] = []
    fence = ""
    for line in text.splitlines():
        if mark := _FENCE.match(line):
            fence = "" if fence and mark["mark"].startswith(fence) else fence or mark["mark"]
        elif not fence and (heading := _HEADING.match(line)):
            found.append((len(heading["level"]), heading["title"]))
    return found


_STOP = re.compile(r"(?P<mark>[.!?…]+[\"'”’»)\]*_]*(?=\s|$)|[。！？]+[」』）”]*)\s*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|e\.g|i\.e|etc|cf|vs|approx|ca|No|Nr|Dr|Mr|Mrs|Ms|Prof|St|Inc|Fig|Eq|Vol|pp?|z\.B|bzw|usw|d\.h)\.$|^\d{1,3}\.$"
)
_FENCE = re.compile(r"\s{0,3}(?P<mark>`{3,}|~{3,})")
_HEADING = re.compile(r"\s{0,3}(?P<level>#{1,6})\s+(?P<title>.+?)\s*#*\s*$")
_ITEM = re.compile(r"(?P<indent>\s*)(?:[-*+]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?(?P<text>\S.*)")
_ROW = re.compile(r"\s*\|.*\|\s*$")
_QUOTE = re.compile(r"\s{0,3}>\s?")
_KEY = re.compile(r"(?:\*\*|__|`)(?P<marked>[^*`]{1,60}?)(?:\*\*|__|`)|(?P<plain>[^:|.]{2,48}?)(?::\s|：| [–—-] )\s*\S")


class _Walk:
    """One pass over the lines of one text. `lead` is the last line that ended in a colon."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 0
        self.headings: list[tuple[int, str]] = []
        self.lead = ""

    def units(self) -> Iterator[Unit]:
        yield from self._front_matter()
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if _FENCE.match(line):
                yield self._code()
            elif heading := _HEADING.match(line):
                self._enter(len(heading["level"]), heading["title"])
            elif not line.strip() or line.lstrip().startswith("<!--") or _is_rule(line):
                self.at += 1
            elif _ROW.match(line):
                yield from self._table()
            elif _ITEM.match(line):
                yield from self._item()
            else:
                yield from self._paragraph()

    def _front_matter(self) -> Iterator[Unit]:
        if not self.lines or self.lines[0].strip() != "---":
            return
        ends = [at for at, line in enumerate(self.lines) if at and line.strip() in ("---", "...")]
        if not ends:
            return
        for at in range(1, ends[0]):
            name, colon, value = self.lines[at].partition(":")
            if colon and value.strip():
                yield Unit(self.lines[at].strip(), "field", "", name.strip(), at, at)
        self.at = ends[0] + 1

    def _enter(self, level: int, title: str) -> None:
        self.headings = [one for one in self.headings if one[0] < level] + [(level, title)]
        self.lead = ""
        self.at += 1

    def _code(self) -> Unit:
        begin = self.at
        fence = _FENCE.match(self.lines[begin])
        mark = fence["mark"] if fence else "```"
        self.at += 1
        while self.at < len(self.lines) and not self.lines[self.at].lstrip().startswith(mark):
            self.at += 1
        self.at = min(self.at + 1, len(self.lines))
        return self._unit("\n".join(self.lines[begin : self.at]), "code", begin)

    def _table(self) -> Iterator[Unit]:
        header = ""
        if self.at + 1 < len(self.lines) and _is_rule(self.lines[self.at + 1]):
            header = self.lines[self.at]
            self.at += 2
        while self.at < len(self.lines) and _ROW.match(self.lines[self.at]):
            row = self.lines[self.at].strip()
            self.at += 1
            first = row.strip("|").split("|")[0].strip(" *`")
            yield Unit(row, "row", f"{self._context()} {header}", first, self.at - 1, self.at - 1)
        self.lead = ""

    def _item(self) -> Iterator[Unit]:
        begin = self.at
        item = _ITEM.match(self.lines[begin])
        pieces = [item["text"] if item else ""]
        indent = len(item["indent"]) if item else 0
        self.at += 1
        while self.at < len(self.lines) and self._continues_item(self.lines[self.at], indent):
            pieces.append(self.lines[self.at].strip())
            self.at += 1
        text = " ".join(pieces)
        if len(text) <= LONG_ITEM:
            yield self._unit(text, "item", begin)
        else:
            yield from self._sentences(text, "item", begin)
        if text.endswith((":", "：")):
            self.lead = text

    def _continues_item(self, line: str, indent: int) -> bool:
        if not line.strip() or _ITEM.match(line) or _FENCE.match(line) or _HEADING.match(line) or _ROW.match(line):
            return False
        return len(line) - len(line.lstrip()) > indent or not _is_rule(line)

    def _paragraph(self) -> Iterator[Unit]:
        begin = self.at
        pieces: list[str] = []
        while self.at < len(self.lines) and self._is_plain(self.lines[self.at]):
            is_quoted = _QUOTE.match(self.lines[self.at])
            if is_quoted and pieces:
                break
            pieces.append(_QUOTE.sub("", self.lines[self.at], count=1).strip())
            self.at += 1
            if is_quoted:
                # A quote's lines each keep a mark in the note, so only one at a time is word for word.
                break
        text = " ".join(pieces)
        self.lead = ""
        yield from self._sentences(text, "sentence", begin)
        self.lead = sentences_of(text)[-1] if text.endswith((":", "：")) else ""

    def _is_plain(self, line: str) -> bool:
        return (
            bool(line.strip())
            and not any(shape.match(line) for shape in (_FENCE, _HEADING, _ITEM, _ROW))
            and not _is_rule(line)
        )

    def _sentences(self, text: str, kind: Kind, begin: int) -> Iterator[Unit]:
        last = self.at - 1
        for sentence in sentences_of(text):
            yield Unit(sentence, kind, self._context(), _key_of(sentence), begin, last)

    def _unit(self, text: str, kind: Kind, begin: int) -> Unit:
        return Unit(text, kind, self._context(), "" if kind == "code" else _key_of(text), begin, self.at - 1)

    def _context(self) -> str:
        return " > ".join([*(title for _, title in self.headings), self.lead]).rstrip(" >")


LONG_ITEM = 320
"""A list item longer than this many characters is quoted by the sentence."""


def _is_rule(line: str) -> bool:
    """Whether a line only draws: a rule, an underlined heading, a table's second line."""
    return len(line.strip()) > 1 and not line.strip(" \t|:-=*_")


def _key_of(text: str) -> str:
    found = _KEY.match(text)
    return (found["marked"] or found["plain"] or "").strip() if found else ""
