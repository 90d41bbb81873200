"""Reads sonar.log from outside while it is written and rotated. Standard library only; writes nothing."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from amalfa.client.document import Document

FOLLOW_EVERY_S = 0.2
_BLOCK_BYTES = 65_536
_MOST_FILES = 20


def tail(path: Path, count: int) -> list[str]:
    """The last `count` lines, oldest first, going back into the rotated files where needed. [] without a log."""
    return _last_of(_files(path), count)


def follow(path: Path, count: int) -> Iterator[str]:
    """The last `count` lines, then each new one as it is written, for ever; a rotated log is followed along."""
    file, begun = _open(path), b""
    try:
        if file is not None:
            lines = _last_lines(file, count)
            yield from _last_of(_files(path)[1:], count - len(lines))
            yield from lines
        while True:
            if piece := file.read() if file else b"":
                *whole, begun = (begun + piece).split(b"\n")
                yield from (line.decode(errors="replace") for line in whole)
            elif newer := _newer_than(file, path):
                if file is not None:
                    # What was written between the last look and the rotation.
                    yield from file.read().decode(errors="replace").splitlines()
                    file.close()
                file, begun = newer.open("rb"), b""
            else:
                time.sleep(FOLLOW_EVERY_S)
    finally:
        if file is not None:
            file.close()


def read_from(path: Path, position: int) -> str:
    """What stands in the file from this byte on; "" when there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(position)
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def size_of(path: Path) -> int:
    """Bytes in the log now, 0 without one."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def readable(line: str) -> str:
    """One line of the log for people; a line that is no event, such as an interpreter's last words, as it is."""
    try:
        event = Document(json.loads(line))
    except (ValueError, RecursionError):
        return line
    extra = " ".join(f"{name}={event.raw(name)}" for name in event if name not in _COMMON_FIELDS)
    return f"{event.text('at')} {event.text('level'):8} {event.text('event')} {extra}".rstrip()


_COMMON_FIELDS = frozenset({"at", "level", "logger", "event"})


def _files(path: Path) -> list[Path]:
    """The log and its rotated predecessors, newest first."""
    names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, _MOST_FILES))]
    return [name for name in names if name.is_file()]


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except OSError:
        return None


def _last_of(newest_first: list[Path], count: int) -> list[str]:
    lines: list[str] = []
    for path in newest_first:
        file = _open(path) if len(lines) < count else None
        if file is None:
            break
        with file:
            lines = _last_lines(file, count - len(lines)) + lines
    return lines


def _newer_than(file: BinaryIO | None, path: Path) -> Path | None:
    """The file that was begun right after this one; None when this is the newest."""
    newest_first = _files(path)
    if file is None:
        return path if path in newest_first else None
    inode = os.fstat(file.fileno()).st_ino
    for number, name in enumerate(newest_first):
        if name.stat().st_ino == inode:
            return newest_first[number - 1] if number else None
    return newest_first[-1] if newest_first else None


def _last_lines(file: BinaryIO, count: int) -> list[str]:
    """The last lines as of now; what is written meanwhile is left for the next read."""
    position = end = file.seek(0, os.SEEK_END)
    data = b""
    while position and data.count(b"\n") <= count:
        step = min(_BLOCK_BYTES, position)
        position = file.seek(position - step)
        data = file.read(step) + data
    file.seek(end)
    return data.decode(errors="replace").splitlines()[-count:] if count else []
