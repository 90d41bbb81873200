"""Reads notes from disk and nothing else: regular text files of sane size, below folders that were allowed.

A path is first resolved, then opened folder by folder without following links, so that a file swapped for a link
between the check and the opening is refused instead of read.
"""

import hashlib
import os
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 2 * 1024 * 1024
MAX_LINE_CHARACTERS = 20_000
"""Longer lines are data (an embedded picture, minified code), not something to read or quote."""


class Unreadable(Exception):
    """This path is no note; `reason` completes the sentence "skipped: ..."."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Absent(Unreadable):
    """There is no file at this path: nothing, or a folder. Nobody needs to be told that it was left out."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file as read in one go. `lines` are without their ends; line n of the file is `lines[n - 1]`.

    `seen_ns` is wall-clock time just before reading: a change within the same tick of the file system's
    clock can hide behind an equal `mtime_ns`, which whoever compares times has to allow for.
    """

    path: str
    lines: tuple[str, ...]
    size: int
    mtime_ns: int
    inode: int
    hash: bytes
    seen_ns: int


class NoteFiles:
    """The only door to the files of one project.

    `root` is the project root; `also_allowed` are folders outside of it that the user trusted. Paths are
    relative to the root, with forward slashes.
    """

    def __init__(self, root: Path, also_allowed: Iterable[Path] = ()) -> None:
        self.root = Path(os.path.realpath(root))
        self._allowed = tuple(os.path.realpath(folder) for folder in (self.root, *also_allowed))

    def read(self, path: str) -> Document:
        """The file's text as it is now. Raises Unreadable."""
        seen_ns = time.time_ns()
        data, lines, found = self._whole(path)
        return Document(
            path=path,
            lines=lines,
            size=found.st_size,
            mtime_ns=found.st_mtime_ns,
            inode=found.st_ino,
            hash=hashlib.blake2b(data, digest_size=16).digest(),
            seen_ns=seen_ns,
        )

    def raw(self, path: str) -> tuple[bytes, os.stat_result]:
        """The bytes of a readable note, which are UTF-8, and what the system says of its file. Raises Unreadable."""
        data, _, found = self._whole(path)
        return data, found

    def lines(self, path: str) -> tuple[str, ...] | None:
        """The file's lines as they are now; None when there is no such readable note."""
        try:
            return self.read(path).lines
        except Unreadable:
            return None

    def stat(self, path: str) -> os.stat_result | None:
        """What the directory says about a file; None when it is gone. Opens nothing."""
        try:
            return (self.root / path).stat()
        except (OSError, ValueError):
            return None

    def name(self, path: str) -> str:
        """The one name of the place a path leads to: where it really is, counted from the root. Raises Unreadable."""
        return os.path.relpath(self.resolved(path), self.root)

    def resolved(self, path: str) -> str:
        """The full path behind all links, whether anything is there or not. Raises Unreadable."""
        if not path:
            raise Unreadable("its name is not a path")
        try:
            return os.path.realpath(self.root / path)
        except ValueError as error:
            raise Unreadable("its name is not a path") from error
        except OSError as error:  # a link that became something else while it was followed
            raise Unreadable(_reason(error)) from error

    def allowed_base(self, real: str) -> str | None:
        """The allowed folder that holds a resolved path; None = it is outside of all."""
        for base in self._allowed:
            if real == base or real.startswith(base.rstrip("/") + "/"):
                return base
        return None

    def _whole(self, path: str) -> tuple[bytes, tuple[str, ...], os.stat_result]:
        handle = self._open(path)
        try:
            found = os.fstat(handle)
            _check_kind(found)
            data = _read_all(handle)
        finally:
            os.close(handle)
        return data, _lines(data), found

    def _open(self, path: str) -> int:
        real = self.resolved(path)
        base = self.allowed_base(real)
        if base is None:
            raise Unreadable("it lies outside the allowed folders")
        try:
            return _open_below(base, os.path.relpath(real, base).split("/"))
        except FileNotFoundError as error:
            raise Absent("it does not exist") from error
        except OSError as error:
            raise Unreadable(_reason(error)) from error


def is_text(name: str) -> bool:
    """Whether a name can be written down; the names of some files on disk are no UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _open_below(base: str, names: list[str]) -> int:
    folder_flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    folder = os.open(base, folder_flags)
    try:
        for name in names[:-1]:
            inner = os.open(name, folder_flags, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Not blocking, because opening a pipe would otherwise wait for its writer.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        return os.open(names[-1], flags, dir_fd=folder)
    finally:
        os.close(folder)


def _check_kind(found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise Absent("it is not a regular file")
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable("it is not a regular file")
    if found.st_nlink > 1:
        # The other name may be anywhere on the disk, so the file may not belong to these notes at all.
        raise Unreadable("it has a second name elsewhere (hard link)")
    if found.st_size > MAX_BYTES:
        raise Unreadable(f"it is larger than {MAX_BYTES // 1024 // 1024} MiB ({found.st_size} bytes)")


def _read_all(handle: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := os.read(handle, 1 << 20):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BYTES:
            raise Unreadable(f"it is larger than {MAX_BYTES // 1024 // 1024} MiB")
    return b"".join(pieces)


def _lines(data: bytes) -> tuple[str, ...]:
    if b"\0" in data:
        raise Unreadable("it is binary, or text in another encoding than UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is not valid UTF-8 (byte {error.start})") from error
    lines = text.replace("\r\n", "\n").split("\n")
    return tuple(lines[:-1] if lines[-1] == "" else lines)


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "it may not be read"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    return f"it cannot be opened ({error.strerror or 'unknown error'})"
