"""Finds the blocks of a Markdown text with their lines: headings, and pieces that may stand alone. Renders nothing.

The parser is imported on first use, because the daemon idles without it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_MARKUP = re.compile(r"!?\[\[([^\]|]*\|)?([^\]]*)\]\]|!?\[([^\]]*)\]\([^)]*\)|[*`~]+|(?<!\w)_+|_+(?!\w)")
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")


@dataclass(frozen=True, slots=True)
class Block:
    """Lines `start` to `end` (from 0, end excluded) that belong together.

    `level` is 1 to 6 for a heading, else 0. `cuts` are lines inside the block before which it may be cut
    when it is too long: list items, table rows, lines of a paragraph. `is_code` blocks have none.
    """

    start: int
    end: int
    level: int = 0
    heading: str = ""
    cuts: tuple[int, ...] = ()
    is_code: bool = False


class BlockReader:
    """A configured parser, made once and used for many notes from one thread at a time."""

    def __init__(self) -> None:
        self._parser = _make_parser()

    def read(self, lines: Sequence[str], first: int = 0) -> list[Block]:
        """The blocks of `lines[first:]`; line numbers count from the whole of `lines`."""
        # A lone carriage return is a line end to the parser but to no editor, and would shift the numbers.
        text = "\n".join(lines[first:]).replace("\r", " ")
        return list(_blocks(self._parser.parse(text), first))


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


def _blocks(tokens: "list[Token]", offset: int) -> Iterator[Block]:
    for position, token in enumerate(tokens):
        if token.level != 0 or token.map is None or token.nesting == -1:
            continue
        start, end = token.map[0] + offset, token.map[1] + offset
        if token.type == "heading_open":
            yield Block(start, end, level=int(token.tag[1]), heading=plain(tokens[position + 1].content))
        elif token.type in {"fence", "code_block", "html_block"}:
            yield Block(start, end, is_code=True)
        else:
            yield Block(start, end, cuts=_cuts(tokens, position, offset))


def _cuts(tokens: "list[Token]", opening: int, offset: int) -> tuple[int, ...]:
    """Lines before which the block opened by `tokens[opening]` may be cut."""
    kind = tokens[opening].type
    if kind == "paragraph_open":
        bounds = tokens[opening].map
        return tuple(range(bounds[0] + 1 + offset, bounds[1] + offset)) if bounds else ()
    parts = {"list_item_open", "tr_open", "paragraph_open"}
    found: list[int] = []
    for token in tokens[opening + 1 :]:
        if token.level == 0:
            break
        if token.type in parts and token.map is not None:
            found.append(token.map[0] + offset)
    # The row of dashes under a table's head is no row of its own, so a cut never separates the two.
    bounds = tokens[opening].map
    first = bounds[0] + offset if bounds else 0
    return tuple(sorted({line for line in found if line > first + (2 if kind == "table_open" else 0)}))
