"""Reads what was piped in, without ever waiting for a pipe that nobody writes to."""

import os
import select
import stat

from amalfa.errors import TooLarge, UsageProblem

FIRST_DATA_S = 0.25
"""How long a pipe nobody mentioned may take to say something. `-` waits for as long as it takes."""

QUIET_S = 5.0
"""How long such a pipe may then pause before what came is taken for all of it."""

MAX_BYTES = 2 * 1024 * 1024


class Piped:
    """Text from standard input. `is_cut_short`: the pipe was still open when it went quiet."""

    __slots__ = ("is_cut_short", "is_ignored", "text")

    def __init__(self, text: str, *, is_cut_short: bool = False, is_ignored: bool = False) -> None:
        self.text = text
        self.is_cut_short = is_cut_short
        self.is_ignored = is_ignored


def read_all(descriptor: int) -> str:
    """Everything up to the end, as `-` asks for. Raises TooLarge, and UsageProblem for what is no text."""
    return _text(b"".join(_pieces(descriptor)))


def read_offered(descriptor: int) -> Piped:
    """What stands ready: a file whole, a pipe if it speaks up soon. Terminals and devices are never read.

    `is_ignored`: there was a pipe, and it said nothing in time.
    """
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return Piped("")
    if stat.S_ISREG(mode):
        return Piped(read_all(descriptor))
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return Piped("")
    return _read_pipe(descriptor)


def _read_pipe(descriptor: int) -> Piped:
    pieces, size, wait_s = list[bytes](), 0, FIRST_DATA_S
    while _is_ready(descriptor, wait_s):
        piece = os.read(descriptor, 65536)
        if not piece:
            return Piped(_text(b"".join(pieces)))
        pieces.append(piece)
        size = _checked(size + len(piece))
        wait_s = QUIET_S
    return Piped(_text(b"".join(pieces)), is_cut_short=bool(pieces), is_ignored=not pieces)


def _pieces(descriptor: int) -> list[bytes]:
    pieces, size = list[bytes](), 0
    while piece := os.read(descriptor, 65536):
        pieces.append(piece)
        size = _checked(size + len(piece))
    return pieces


def _checked(size: int) -> int:
    if size > MAX_BYTES:
        raise TooLarge(f"Standard input holds more than {MAX_BYTES // 1024**2} MiB.", hint="pass the part that matters")
    return size


def _is_ready(descriptor: int, wait_s: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    # A hang-up counts as ready too: reading it then gives the end.
    return bool(poll.poll(round(wait_s * 1000)))


def _text(data: bytes) -> str:
    if b"\0" in data:
        raise UsageProblem("Standard input is binary, not text.", hint="pipe text in")
    return data.decode("utf-8", "replace")
