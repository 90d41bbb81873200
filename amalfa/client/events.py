"""Reads server-sent events out of a byte stream, however it is cut. Knows nothing of sockets or of JSON."""

from collections.abc import Iterable, Iterator

MAX_EVENT_BYTES = 16 * 1024 * 1024


class EventTooLarge(ValueError):
    """One event passed `MAX_EVENT_BYTES`."""


def read_events(pieces: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """(name, data) of each complete event, as soon as its last byte is there.

    Lines may end in LF, CRLF or CR; several `data` lines are joined by a newline; comments and unknown
    fields are skipped; an event without data is none; an event cut off by the end is dropped.
    """
    name, data, size = "", list[str](), 0
    for line in _lines(pieces):
        if not line:
            if data:
                yield name or "message", "\n".join(data)
            name, data, size = "", [], 0
            continue
        field, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            size += len(line)
            if size > MAX_EVENT_BYTES:
                raise EventTooLarge
            data.append(value)


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines without their ends. What follows the last line end is no line."""
    kept: list[bytes] = []  # parts of one unfinished line, joined once, so that a long line costs linear time
    kept_bytes, after_cr = 0, False
    for piece in pieces:
        if after_cr and piece.startswith(b"\n"):
            piece = piece[1:]
            after_cr = False
        if not piece:
            continue
        after_cr = piece.endswith(b"\r")
        first, *rest = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        kept.append(first)
        kept_bytes += len(first)
        if kept_bytes > MAX_EVENT_BYTES:
            raise EventTooLarge
        if rest:
            yield b"".join(kept)
            yield from rest[:-1]
            kept, kept_bytes = [rest[-1]], len(rest[-1])
