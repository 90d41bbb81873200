"""Lists the files that count as notes. Reads directories only, never a file."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from amalfa.knowledge.files import MAX_BYTES, NoteFiles
from amalfa.knowledge.globs import Matches, is_glob, matches_anywhere, matches_from_root

NOTE_SUFFIXES = frozenset({".md", ".markdown", ".mdown", ".mkd", ".mdx"})
MAX_NOTES = 100_000
MAX_ENTRIES = 1_000_000


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the notes of a project are, as configured.

    `patterns` are files, folders and globs relative to `root`; `excludes` are globs in the manner of
    .gitignore. Nothing outside `root` and `also_allowed` is ever listed. Names that begin with a dot are
    left out unless a pattern spells them.
    """

    root: Path
    patterns: tuple[str, ...] = (".",)
    excludes: tuple[str, ...] = (".git", "node_modules", ".venv")
    also_allowed: tuple[Path, ...] = ()

    def files(self) -> NoteFiles:
        return NoteFiles(self.root, self.also_allowed)


@dataclass(frozen=True, slots=True)
class Found:
    """A file that looks like a note, with what its directory says of it."""

    path: str
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A path that was meant but is not taken; `reason` completes "skipped: ..."."""

    path: str
    reason: str


def scan(sources: Sources) -> Iterator[Found | Skipped]:
    """All notes in a fixed order, each once, and every path left out for a reason worth telling."""
    walk = _Walk(sources)
    for pattern in sources.patterns:
        yield from walk.pattern(pattern)


def is_note_path(sources: Sources, path: str) -> bool:
    """Whether `scan` would look at this path, going by its name alone."""
    is_excluded = matches_anywhere(sources.excludes)
    return any(_covers(pattern, path, is_excluded) for pattern in sources.patterns)


def watched_folders(sources: Sources) -> tuple[Path, ...]:
    """The existing folders below which all notes lie, none inside another."""
    root = Path(os.path.realpath(sources.root))
    starts = {root / _fixed_part(pattern) for pattern in sources.patterns}
    folders = {Path(os.path.realpath(start if start.is_dir() else start.parent)) for start in starts}
    allowed = sources.files()
    kept = {folder for folder in folders if folder.is_dir() and allowed.allowed_base(str(folder))}
    return tuple(sorted(folder for folder in kept if not any(other in folder.parents for other in kept)))


class _Walk:
    """One pass over the sources; remembers what it has met so that nothing comes twice."""

    def __init__(self, sources: Sources) -> None:
        self._files = sources.files()
        self._is_excluded = matches_anywhere(sources.excludes)
        self._met: set[tuple[int, int]] = set()
        self._notes = 0
        self._entries = 0

    def pattern(self, pattern: str) -> Iterator[Found | Skipped]:
        path = os.path.normpath(_fixed_part(pattern))
        full = self._files.root / path
        if not os.path.lexists(full):
            yield Skipped(pattern, "it does not exist")
        elif not self._leads_inside(full):
            yield Skipped(pattern, "it lies outside the allowed folders")
        elif full.is_dir():
            yield from self._folder(path, _wanted(pattern), frozenset())
        else:
            yield from self._file(path, full)

    def _folder(self, path: str, wanted: Matches, above: frozenset[tuple[int, int]]) -> Iterator[Found | Skipped]:
        folder = self._files.root / path
        try:
            here = folder.stat()
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield Skipped(path, f"it cannot be listed ({error.strerror})")
            return
        identity = (here.st_dev, here.st_ino)
        if identity in above:
            return  # a link back to a folder we are inside of
        for entry in entries:
            self._entries += 1
            if self._entries > MAX_ENTRIES or self._notes >= MAX_NOTES:
                yield from self._enough()
                return
            inner = entry.name if path == "." else f"{path}/{entry.name}"
            yield from self._entry(entry, inner, wanted, above | {identity})

    def _entry(
        self, entry: os.DirEntry[str], path: str, wanted: Matches, above: frozenset[tuple[int, int]]
    ) -> Iterator[Found | Skipped]:
        if entry.name.startswith(".") or self._is_excluded(path):
            return
        if entry.is_symlink() and not self._leads_inside(entry.path):
            if wanted(path) or entry.is_dir():
                yield Skipped(path, "it is a link that leads outside the allowed folders")
        elif entry.is_dir():
            yield from self._folder(path, wanted, above)
        elif wanted(path):
            yield from self._file(path, entry)

    def _file(self, path: str, file: Path | os.DirEntry[str]) -> Iterator[Found | Skipped]:
        if not _is_text(path):
            yield Skipped(ascii(path), "its name is not valid UTF-8")
            return
        try:
            found = file.stat()
        except OSError as error:
            yield Skipped(path, f"it cannot be read ({error.strerror})")
            return
        identity = (found.st_dev, found.st_ino)
        if identity in self._met and found.st_nlink == 1:
            return
        self._met.add(identity)
        if reason := _reason_against(found):
            yield Skipped(path, reason)
            return
        self._notes += 1
        yield Found(path, found.st_size, found.st_mtime_ns, found.st_ino)

    def _enough(self) -> Iterator[Skipped]:
        if self._entries <= MAX_ENTRIES + 1:
            self._entries = MAX_ENTRIES + 2
            yield Skipped(".", f"there are more than {MAX_NOTES} notes or {MAX_ENTRIES} entries; the rest is left out")

    def _leads_inside(self, full: str | Path) -> bool:
        return self._files.allowed_base(os.path.realpath(full)) is not None


def _reason_against(found: os.stat_result) -> str:
    if not stat.S_ISREG(found.st_mode):
        return "it is not a regular file"
    if found.st_nlink > 1:
        return "it has a second name elsewhere (hard link)"
    if found.st_size > MAX_BYTES:
        return f"it is larger than {MAX_BYTES // 1024 // 1024} MiB ({found.st_size} bytes)"
    return ""


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fixed_part(pattern: str) -> str:
    """The leading folders of a pattern that hold no wildcard; the whole of a plain path."""
    kept: list[str] = []
    for part in PurePosixPath(pattern).parts:
        if is_glob(part):
            break
        kept.append(part)
    return os.path.join(*kept) if kept else "."


def _wanted(pattern: str) -> Matches:
    """A folder means the notes in it; a glob means what it matches, and with `*.txt` not only notes."""
    if not is_glob(pattern):
        return _has_note_suffix
    matches = matches_from_root([pattern])
    if PurePosixPath(pattern).suffix:
        return matches
    return lambda path: _has_note_suffix(path) and matches(path)


def _has_note_suffix(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in NOTE_SUFFIXES


def _covers(pattern: str, path: str, is_excluded: Matches) -> bool:
    fixed = os.path.normpath(_fixed_part(pattern))
    if path == fixed:
        return True
    if fixed != "." and not path.startswith(f"{fixed}/"):
        return False
    below = path if fixed == "." else path[len(fixed) + 1 :]
    has_hidden_part = any(part.startswith(".") for part in below.split("/"))
    return not has_hidden_part and not is_excluded(path) and _wanted(pattern)(path)
