"""How the text of an answer is shown while it arrives: plain in a pipe, drawn on a terminal, or not at all."""

from typing import Protocol

from amalfa.cli.invocation import Invocation
from amalfa.cli.safe_text import PieceByPiece


class View(Protocol):
    """Something that shows an answer piece by piece; or not, when `is_shown` is false."""

    @property
    def is_shown(self) -> bool: ...

    def add(self, piece: str) -> None:
        """Show the next piece, made safe."""
        ...

    def finish(self) -> None:
        """Show what was held back, and end the last line. Comes once, after a failure as well."""
        ...


class PlainView:
    """The pieces as they are, without any codes."""

    is_shown = True

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._cleaner = PieceByPiece()
        self._ends_open = False

    def add(self, piece: str) -> None:
        self._put(self._cleaner.feed(piece))

    def finish(self) -> None:
        self._put(self._cleaner.rest())
        if self._ends_open:
            self._put("\n")

    def _put(self, text: str) -> None:
        if text:
            self._invocation.write(text)
            self._ends_open = not text.endswith("\n")


class NoView:
    """For JSON and --no-stream, where only the whole answer counts."""

    is_shown = False

    def add(self, piece: str) -> None:
        pass

    def finish(self) -> None:
        pass


def streaming_view(invocation: Invocation) -> View:
    """The view for text that is wanted now. What draws is loaded only where something is drawn."""
    if invocation.out.is_live or invocation.out.has_color:
        from amalfa.cli.markdown_view import MarkdownView

        return MarkdownView(invocation.out)
    return PlainView(invocation)
