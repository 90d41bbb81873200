"""Lays rows out in columns, in plain text, at any width. Needs no library, so that quick commands stay quick."""

import textwrap
import unicodedata
from collections.abc import Sequence

GAP = "  "


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, width: int) -> str:
    """Columns as wide as their longest cell, the last one wrapped to what is left of `width`.

    Where too little is left for that, every row becomes a few lines of `head: cell`.
    """
    widths = [max(map(cells, column)) for column in zip(heads, *rows, strict=True)]
    taken = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
    left = width - taken
    if left < min(24, widths[-1]):
        return "\n".join(_stacked(heads, row, width=width) for row in rows)
    return "\n".join(_line(row, widths, left=left) for row in (heads, *rows))


def cells(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(map(cells_of, text))


def cells_of(character: str) -> int:
    """0 for what is drawn over its neighbour, 2 for wide scripts, else 1."""
    if character.isascii():
        return 1
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def wrapped(text: str, *, width: int, indent: str = "") -> str:
    """A paragraph, each line begun with `indent`."""
    return textwrap.fill(text, width=max(width, 20), initial_indent=indent, subsequent_indent=indent)


def _line(row: Sequence[str], widths: Sequence[int], *, left: int) -> str:
    *first, last = row
    start = "".join(cell + " " * (width - cells(cell)) + GAP for cell, width in zip(first, widths, strict=False))
    parts = textwrap.wrap(last, width=max(left, 8)) or [""]
    return "\n".join(
        (start if number == 0 else " " * cells(start)) + part for number, part in enumerate(parts)
    ).rstrip()


def _stacked(heads: Sequence[str], row: Sequence[str], *, width: int) -> str:
    pairs = [f"{head}: {cell}" for head, cell in zip(heads[1:], row[1:], strict=True) if cell]
    return "\n".join([row[0], *(wrapped(pair, width=width, indent="  ") for pair in pairs)])
