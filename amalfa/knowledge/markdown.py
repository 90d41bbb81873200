"""Finds the blocks of a Markdown text with their lines: headings, and pieces that may stand alone. Renders nothing.

The parser is imported on first use, because the daemon idles without it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_CODE = frozenset({"fence", "code_block", "html_block"})
_PARTS = frozenset({"list_item_open", "tr_open", "paragraph_open"})

MAX_HEADING_CHARACTERS = 200
"""A heading is shown with every passage below it, so what is longer is cut."""

# No part runs over a bracket or a backtick that could begin the next match: a line of such would take quadratic time.
_MARKUP = re.compile(
    r"!?\[\[([^\[\]|]*\|)?([^\[\]]*)\]\]|!?\[([^\[\]]*)\]\([^)]{0,500}\)|[*`~]+|(?<!\w)_+|(?<!_)_+(?!\w)"
)
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)")


@dataclass(frozen=True, slots=True)
class Block:
    """Lines `start` to `end` (from 0, end excluded) that belong together.

    `level` is 1 to 6 for a heading, else 0. `cuts` are lines inside the block before which it may be cut
    when it is too long: list items, table rows, lines of a paragraph. `seams` are lines inside its inner
    paragraphs, for where that is not enough. `is_code` blocks have neither. `code` are the stretches of code
    inside a list or quotation, as (start, end).
    """

    start: int
    end: int
    level: int = 0
    heading: str = ""
    cuts: tuple[int, ...] = ()
    is_code: bool = False
    seams: tuple[int, ...] = ()
    code: tuple[tuple[int, int], ...] = ()


class BlockReader:
    """A configured parser, made once and used for many notes from one thread at a time."""

    def __init__(self) -> None:
        self._parser = _make_parser()

    def read(self, lines: Sequence[str], first: int = 0) -> list[Block]:
        """The blocks of `lines[first:]`; line numbers count from the whole of `lines`."""
        # A lone carriage return is a line end to the parser but to no editor, and would shift the numbers.
        text = "\n".join(lines[first:]).replace("\r", " ")
        return [_block(tokens, first) for tokens in _outermost(self._parser.parse(text))]


def plain(text: str) -> str:
    """Markdown's inline marks taken off: what a reader sees of a heading or a sentence."""
    shown = _MARKUP.sub(lambda match: match[2] or match[3] or "", text)
    return " ".join(shown.split())


def without_code_spans(line: str) -> str:
    """The line with its `code` blanked out, for finding marks that mean nothing inside code."""
    return _CODE_SPAN.sub(lambda match: " " * len(match[0]), line)


def _make_parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    # Inline parsing is most of the work, and only lines are wanted here.
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def _outermost(tokens: "Iterable[Token]") -> "Iterator[list[Token]]":
    """The tokens of each block that lies in no other, together with those of the blocks inside it."""
    inside: list[Token] = []
    for token in tokens:
        if token.level == 0 and token.nesting != -1:
            if inside and inside[0].map is not None:
                yield inside
            inside = []
        inside.append(token)
    if inside and inside[0].map is not None:
        yield inside


def _block(tokens: "Sequence[Token]", offset: int) -> Block:
    opening = tokens[0]
    start, end = _lines(opening, offset)
    if opening.type == "heading_open":
        return Block(start, end, level=int(opening.tag[1]), heading=plain(tokens[1].content)[:MAX_HEADING_CHARACTERS])
    if opening.type in _CODE:
        return Block(start, end, is_code=True)
    if opening.type == "paragraph_open":
        return Block(start, end, cuts=tuple(range(start + 1, end)))
    # The row of dashes under a table's head is no row of its own, so a cut never separates the two.
    first = start + (2 if opening.type == "table_open" else 0)
    inner = [(token.type, *_lines(token, offset)) for token in tokens[1:] if token.map is not None]
    return Block(
        start,
        end,
        cuts=tuple(sorted({at for kind, at, _ in inner if kind in _PARTS and at > first})),
        seams=tuple(line for kind, at, stop in inner if kind == "paragraph_open" for line in range(at + 1, stop)),
        code=tuple((at, stop) for kind, at, stop in inner if kind in _CODE),
    )


def _lines(token: "Token", offset: int) -> tuple[int, int]:
    start, end = token.map or (0, 0)
    return start + offset, end + offset
