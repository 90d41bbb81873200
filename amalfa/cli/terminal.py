"""What the output may look like: colour, links, movement, width; decided from flag, environment and terminal."""

import os
from collections.abc import Mapping
from typing import TextIO

from amalfa.cli.safe_text import safe_line

DEFAULT_WIDTH = 80

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Screen:
    """One output stream as people see it.

    `is_live`: a terminal that understands cursor movement and links. `has_color` may be true for a pipe (asked for)
    and false for a terminal (NO_COLOR).
    """

    __slots__ = ("has_color", "is_live", "stream")

    def __init__(self, stream: TextIO, *, is_live: bool, has_color: bool) -> None:
        self.stream = stream
        self.is_live = is_live
        self.has_color = has_color

    @property
    def width(self) -> int:
        """Columns, asked anew each time because windows are resized; 80 where there is no terminal."""
        return self._size().columns

    @property
    def height(self) -> int:
        return self._size().lines

    def paint(self, text: str, style: str) -> str:
        """The text in a style of `_STYLES`, or as it is."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.has_color and text else text

    def link(self, text: str, url: str) -> str:
        """The text as a clickable link where that works."""
        return f"\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\" if self.is_live else text

    def _size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self.stream.fileno()) if self.is_live else None
        except (OSError, ValueError):
            size = None
        return size if size and size.columns > 0 else os.terminal_size((DEFAULT_WIDTH, 24))


def screen_for(stream: TextIO, *, color: str, environ: Mapping[str, str]) -> Screen:
    """Decide what `stream` may show. The flag wins, then NO_COLOR, then FORCE_COLOR, then what the stream is."""
    is_live = stream.isatty() and environ.get("TERM", "dumb") != "dumb"
    return Screen(stream, is_live=is_live, has_color=wants_color(color, environ, is_live=is_live))


def wants_color(flag: str, environ: Mapping[str, str], *, is_live: bool) -> bool:
    """Whether colours are wanted; `flag` is auto, always or never. An empty variable counts as unset."""
    if flag != "auto":
        return flag == "always"
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or is_live


def file_url(root: str, path: str, line: int | None) -> str:
    """A `file://` address of a note below `root`, at a line."""
    from urllib.parse import quote

    place = quote(os.fsencode(os.path.join(root, path)))
    return f"file://{place}" + (f"#L{line}" if line else "")


def note_link(screen: Screen, root: str, path: str, lines: tuple[int | None, int | None]) -> str:
    """`path:start-end`, clickable on a terminal."""
    start, end = lines
    place = safe_line(path) + (f":{start}" if start else "") + (f"-{end}" if start and end else "")
    return screen.link(place, file_url(root, path, start)) if screen.is_live else place
