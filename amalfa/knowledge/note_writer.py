"""Writes a description into one note on disk, or says why it was left alone. The only code that changes a note."""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from amalfa.files import write_atomically
from amalfa.knowledge.files import NoteFiles, Unreadable
from amalfa.knowledge.front_matter_write import NotMergeable, merge


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one note. `reason` is "" but for "left_alone", where it completes "left alone: ..."."""

    path: str
    outcome: Literal["written", "unchanged", "left_alone"]
    reason: str = ""


class NotWritten(Exception):
    """This file was left as it is; `reason` completes the sentence "left alone: ..."."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def describe_in_note(
    root: Path, path: str, output: Mapping[str, object], is_described: Callable[[str], bool]
) -> Written:
    """Merge `output` into the front matter of the note at `path` below `root`.

    `is_described` gets the note's text as tasks read it (no byte order mark, plain line ends, none at the end) and
    tells whether `output` is about it. A note that says all of it already is not touched. Never raises for what the
    disk does.
    """
    try:
        return _describe(root, path, output, is_described)
    except (Unreadable, NotWritten) as left:
        return Written(path, "left_alone", left.reason)


def write_note(root: Path, path: str, expected_hash: bytes, new_text: str) -> None:
    """Replace a note in one step, keeping its mode and group. Raises NotWritten, Unreadable.

    `expected_hash` is BLAKE2b (16 bytes) of the file that `new_text` was made from. Links, second names, files of
    others and files that may not be written are refused.
    """
    target = NoteFiles(root).root / path
    data, found = _read(root, path)
    if os.geteuid() not in (found.st_uid, 0):
        raise NotWritten("the file belongs to another user")
    if not found.st_mode & 0o200 or not os.access(target, os.W_OK):
        raise NotWritten("the file is read-only")
    if hash_of(data) != expected_hash:
        raise NotWritten("it changed while it was being described")
    owner = (found.st_uid, found.st_gid)
    try:
        write_atomically(target, new_text.encode(), found.st_mode & 0o7777, owner=owner)
    except OSError as error:
        raise NotWritten(f"it cannot be written ({error.strerror or 'unknown error'})") from None


def hash_of(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _describe(root: Path, path: str, output: Mapping[str, object], is_described: Callable[[str], bool]) -> Written:
    data, _ = _read(root, path)
    text = data.decode()  # it is UTF-8: the reader of notes had it as such
    if not is_described(_as_tasks_read_it(text)):
        return Written(path, "left_alone", "it changed since it was described")
    merged = merge(text, output)
    if isinstance(merged, NotMergeable):
        return Written(path, "left_alone", merged.reason)
    if merged == text:
        return Written(path, "unchanged")
    write_note(root, path, hash_of(data), merged)
    return Written(path, "written")


def _read(root: Path, path: str) -> tuple[bytes, os.stat_result]:
    files = NoteFiles(root)
    if files.resolved(path) != os.path.normpath(files.root / path):
        raise NotWritten("it is reached through a link")
    if files.allowed_base(files.resolved(path)) is None:
        raise NotWritten("it lies outside the project")
    return files.raw(path)


def _as_tasks_read_it(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").removesuffix("\n")
