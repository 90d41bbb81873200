"""Reads configuration files: each once, with limits, whatever stands at its path. Parses nothing."""

import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from amalfa.errors import Problem

MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileRead:
    """What was found at a path. `text` is None when there is no usable file; `problem` then says why.

    A file that is simply absent has no problem. `digest` tells contents apart, absence and failures included.
    """

    path: Path
    text: str | None = field(repr=False)
    digest: str
    mode: int = 0
    uid: int = -1
    problem: Problem | None = None

    @property
    def is_absent(self) -> bool:
        return self.text is None and self.problem is None

    @property
    def is_readable_by_others(self) -> bool:
        return bool(self.mode & 0o077)


def read_file(path: Path) -> FileRead:
    """Read a file of at most 1 MiB of UTF-8. Never raises, and never waits on a pipe or a device."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return FileRead(path, None, "absent")
    except OSError as error:
        return _unusable(path, f"cannot be read: {os.strerror(error.errno or 0)}")
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            return _unusable(path, "is a folder" if stat.S_ISDIR(found.st_mode) else "is not a regular file")
        data = _read_all(handle)
    except OSError as error:
        return _unusable(path, f"cannot be read: {os.strerror(error.errno or 0)}")
    finally:
        os.close(handle)
    return _decoded(path, data, found)


def _read_all(handle: int) -> bytes:
    """The content, or one byte more than is allowed."""
    data = b""
    while len(data) <= MAX_BYTES and (piece := os.read(handle, MAX_BYTES + 1 - len(data))):
        data += piece
    return data


def _decoded(path: Path, data: bytes, found: os.stat_result) -> FileRead:
    if len(data) > MAX_BYTES:
        return _unusable(path, f"is larger than {MAX_BYTES // 1024} KiB")
    digest = hashlib.sha256(data).hexdigest()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(str(path), line, "holds bytes that are not UTF-8")
        return FileRead(path, None, digest, found.st_mode, found.st_uid, problem)
    return FileRead(path, text, digest, found.st_mode, found.st_uid)


def _unusable(path: Path, reason: str) -> FileRead:
    return FileRead(path, None, f"unusable: {reason}", problem=Problem(str(path), None, reason))
