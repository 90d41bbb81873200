"""Draws an answer on a terminal while it arrives: raw words first, then the finished Markdown in their place."""

import io

from amalfa.cli.blocks import Blocks
from amalfa.cli.safe_text import PieceByPiece, safe
from amalfa.cli.table import cells_of
from amalfa.cli.terminal import Screen


class MarkdownView:
    """Prints each block once for good; what is unfinished stands below it and is replaced.

    Without a live screen (colour asked for in a pipe) only the finished blocks are printed.
    """

    is_shown = True

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._cleaner = PieceByPiece()
        self._blocks = Blocks()
        self._preview = Preview(screen)
        self._is_first = True

    def add(self, piece: str) -> None:
        """Show the next piece of the answer."""
        done = self._blocks.feed(self._cleaner.feed(piece))
        if done:
            self._preview.clear()
            for block in done:
                self._print(block)
        if self._screen.is_live:
            self._preview.show(self._blocks.pending)

    def finish(self) -> None:
        """Draw what is left as it stands."""
        self._blocks.feed(self._cleaner.rest())
        self._preview.clear()
        last = self._blocks.rest()
        if last.strip():
            self._print(last)

    def _print(self, block: str) -> None:
        gap = "" if self._is_first else "\n"
        self._is_first = False
        self._write(gap + render(block, width=self._screen.width, has_color=self._screen.has_color))

    def _write(self, text: str) -> None:
        self._screen.stream.write(text)
        self._screen.stream.flush()


class Preview:
    """The unfinished words at the bottom of the screen, wrapped here so that they can be taken away exactly."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._shown = ""
        self._rows = 0
        self._column = 0

    def show(self, text: str) -> None:
        """Show `text`, which begins with what is shown already or replaces it."""
        if not text.startswith(self._shown):
            self.clear()
        added = text[len(self._shown) :]
        # What has scrolled off the screen cannot be taken back, so a long block stops short of that.
        if added and self._rows < self._screen.height - 2:
            self._shown = text
            self._write(self._wrap(added))

    def clear(self) -> None:
        if self._shown:
            up = f"\x1b[{self._rows}A" if self._rows else ""
            self._write(f"\r{up}\x1b[J")
        self._shown, self._rows, self._column = "", 0, 0

    def _wrap(self, text: str) -> str:
        room, most = self._screen.width - 1, self._screen.height - 2
        parts = []
        for character in text.expandtabs(4):
            cells = cells_of(character)
            if character == "\n" or self._column + cells > room:
                if self._rows >= most:
                    break
                parts.append("\n")
                self._rows, self._column = self._rows + 1, 0
            if character != "\n":
                parts.append(character)
                self._column += cells
        return "".join(parts)

    def _write(self, text: str) -> None:
        self._screen.stream.write(text)
        self._screen.stream.flush()


def render(markdown: str, *, width: int, has_color: bool) -> str:
    """A piece of safe Markdown as terminal text that ends in a newline.

    Link targets are written out beside their words, never hidden behind them: a model chose them.
    """
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.segment import Segment, Segments

    page = io.StringIO()
    console = Console(
        file=page,
        width=width,
        force_terminal=has_color,
        color_system="standard" if has_color else None,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
    document = Markdown(_without_images(markdown), code_theme="ansi_dark", hyperlinks=False)
    # Entities such as `&#x202e;` become characters only now, so what is drawn is made safe once more.
    drawn = [Segment(safe(part.text), part.style, part.control) for part in console.render(document)]
    console.print(Segments(drawn), end="", soft_wrap=True)
    lines = page.getvalue().split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def _without_images(markdown: str) -> str:
    """Images as links: rich draws a picture sign and drops the address, which is what a reader should see."""
    return markdown.replace("![", "[")
