"""Draws amounts as bars: with block characters on a terminal, with plain ones everywhere else."""

from collections.abc import Sequence
from dataclasses import dataclass

from amalfa.cli.table import cells
from amalfa.cli.terminal import Screen

BAR_MAX = 50
BAR_MIN = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One line: what it is of, how much, and how that is said."""

    label: str
    amount: float
    shown: str


def bars(title: str, rows: Sequence[Bar], screen: Screen) -> str:
    """A title and one line for each row; the longest bar is the largest amount. The texts have to be safe already."""
    label_width = max((cells(row.label) for row in rows), default=0)
    shown_width = max((cells(row.shown) for row in rows), default=0)
    width = min(BAR_MAX, max(BAR_MIN, screen.width - label_width - shown_width - 4))
    largest = max((row.amount for row in rows), default=0.0)
    draw = _blocks if screen.is_live or screen.has_color else _signs
    lines = [screen.paint(title, "bold")]
    for row in rows:
        share = row.amount / largest if largest > 0 else 0.0
        start = row.label + " " * (label_width - cells(row.label))
        said = " " * (shown_width - cells(row.shown)) + row.shown
        lines.append(f"{start}  {said}  {draw(share, width, screen)}".rstrip())
    return "\n".join(lines) + "\n"


def _signs(share: float, width: int, screen: Screen) -> str:
    """`#` for each step; what is more than nothing has one at least."""
    return "#" * max(round(share * width), 1 if share > 0 else 0)


def _blocks(share: float, width: int, screen: Screen) -> str:
    """Eighths of a block, as rich draws them."""
    import io

    from rich.bar import Bar as RichBar
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False, _environ={})
    with console.capture() as drawn:
        console.print(RichBar(1.0, 0.0, max(share, 1 / width / 8 if share > 0 else 0.0), width=width), end="")
    return screen.paint(drawn.get().strip("\n").rstrip(), "cyan")
