"""Lists the files that count as notes. Reads directories only, never a file."""

import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from amalfa.knowledge.files import MAX_BYTES, NoteFiles, Unreadable, is_text
from amalfa.knowledge.globs import Matches, is_glob, literal, matches_anywhere, matches_from_root

NOTE_SUFFIXES = frozenset({".md", ".markdown", ".mdown", ".mkd", ".mdx"})
MAX_NOTES = 100_000
MAX_ENTRIES = 1_000_000


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the notes of a project are, as configured.

    `patterns` are files, folders and globs relative to `root`; `excludes` are globs in the manner of
    .gitignore. Nothing outside `root` and `also_allowed` is ever listed. Names that begin with a dot are
    left out unless a pattern spells them.

    A note has one name: its real place, counted from `root`. Only where that place is none of the sources is
    it named by the link that leads there.
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
    return _Walk(sources).all()


def is_note_path(sources: Sources, path: str) -> bool:
    """Whether `scan` would look at this path, and by this very name; the note itself need not exist."""
    return NoteNames(sources).of(path) == path


class NoteNames:
    """Finds the name of the note that a path means, however the path is spelled. Asks the disk about links only."""

    def __init__(self, sources: Sources) -> None:
        self.files = sources.files()
        self.is_excluded = matches_anywhere(sources.excludes)
        self.patterns = tuple(_Pattern.settled(pattern, self.files) for pattern in sources.patterns)

    def of(self, path: str) -> str | None:
        """The name under which `scan` would list what stands at a path; None = it would not."""
        try:
            real = self.files.name(path)
        except Unreadable:
            return None
        if not is_text(path) or not is_text(real) or self.is_excluded(real):
            return None
        as_spelled = os.path.relpath(self.files.root / path, self.files.root)
        return next((name for name in (real, as_spelled) if self.cover(name)), None)

    def cover(self, path: str) -> bool:
        """Whether a path, in its simplest spelling, is one of the sources or below one."""
        return any(pattern.covers(path, self.is_excluded) for pattern in self.patterns)


def watched_folders(sources: Sources) -> tuple[Path, ...]:
    """The existing folders below which all notes lie, none inside another."""
    names = NoteNames(sources)
    starts = {names.files.root / pattern.base for pattern in names.patterns}
    folders = {start if is_folder(start) else start.parent for start in starts}
    real = {Path(os.path.realpath(folder)) for folder in folders if is_folder(folder)}
    kept = {folder for folder in real if names.files.allowed_base(str(folder))}
    return tuple(sorted(folder for folder in kept if not any(other in folder.parents for other in kept)))


def is_folder(file: Path | os.DirEntry[str]) -> bool:
    """Whether there is a folder, seen through links; what cannot be looked at is none."""
    try:
        return file.is_dir()
    except OSError:  # a link to itself, or into a folder that may not be entered
        return False


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A configured pattern; `base` is the real place of its leading folders that hold no wildcard."""

    text: str
    base: str
    wanted: Matches

    @classmethod
    def settled(cls, text: str, files: NoteFiles) -> "_Pattern":
        fixed, rest = _parted(text)
        try:
            base = files.name(fixed)
        except Unreadable:
            base = fixed
        if not is_glob(text):
            return cls(text, base, _has_note_suffix)
        # With a slash kept in it, the pattern goes on counting from the root.
        matches = matches_from_root([f"{literal(base)}/{rest}" if "/" in text.strip("/") else rest])
        if PurePosixPath(text).suffix:
            return cls(text, base, matches)
        return cls(text, base, lambda path: _has_note_suffix(path) and matches(path))

    def covers(self, path: str, is_excluded: Matches) -> bool:
        if path == self.base:
            return True
        if self.base != "." and not path.startswith(f"{self.base}/"):
            return False
        below = path if self.base == "." else path[len(self.base) + 1 :]
        has_hidden_part = any(part.startswith(".") for part in below.split("/"))
        return not has_hidden_part and not is_excluded(path) and self.wanted(path)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: `path` by the way it came, `real` without links, `above` the folders it is inside of."""

    path: str
    real: str
    above: frozenset[tuple[int, int]] = frozenset()


class _Walk:
    """One pass over the sources; remembers what it has met so that nothing comes twice."""

    def __init__(self, sources: Sources) -> None:
        self._names = NoteNames(sources)
        self._files = self._names.files
        self._met: set[tuple[int, int]] = set()
        self._linked: set[tuple[int, int]] = set()
        self._notes = 0
        self._entries = 0

    def all(self) -> Iterator[Found | Skipped]:
        for pattern in self._names.patterns:
            self._linked.clear()
            yield from self._pattern(pattern)

    def _pattern(self, pattern: _Pattern) -> Iterator[Found | Skipped]:
        full = self._files.root / pattern.base
        if not os.path.lexists(full):
            yield Skipped(_shown(pattern.text), "it does not exist")
        elif not self._leads_inside(pattern.base):
            yield Skipped(_shown(pattern.text), "it lies outside the allowed folders")
        elif is_folder(full):
            yield from self._folder(_Place(pattern.base, pattern.base), pattern.wanted)
        else:
            yield from self._file(_Place(pattern.base, pattern.base), full)

    def _folder(self, place: _Place, wanted: Matches) -> Iterator[Found | Skipped]:
        folder = self._files.root / place.path
        try:
            here = folder.stat()
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield Skipped(place.path, f"it cannot be listed ({error.strerror})")
            return
        identity = (here.st_dev, here.st_ino)
        if identity in place.above or (place.path != place.real and identity in self._linked):
            return  # a link back to a folder we are inside of, or a second link to the same one
        if place.path != place.real:
            self._linked.add(identity)
        for entry in entries:
            self._entries += 1
            if self._entries > MAX_ENTRIES or self._notes >= MAX_NOTES:
                yield from self._enough()
                return
            inner = _Place(_below(place.path, entry.name), _below(place.real, entry.name), place.above | {identity})
            yield from self._entry(entry, inner, wanted)

    def _entry(self, entry: os.DirEntry[str], place: _Place, wanted: Matches) -> Iterator[Found | Skipped]:
        if entry.name.startswith(".") or self._names.is_excluded(place.path):
            return
        may_hold_notes = is_folder(entry)
        if not may_hold_notes and not wanted(place.path):
            return
        if not is_text(entry.name):
            yield Skipped(_shown(place.path), "its name is not valid UTF-8")
            return
        if entry.is_symlink():
            if not self._leads_inside(place.path):
                yield Skipped(place.path, "it is a link that leads outside the allowed folders")
                return
            place = replace(place, real=self._files.name(place.path))
        yield from self._folder(place, wanted) if may_hold_notes else self._file(place, entry)

    def _file(self, place: _Place, file: Path | os.DirEntry[str]) -> Iterator[Found | Skipped]:
        try:
            found = file.stat()
        except OSError as error:
            yield Skipped(place.path, f"it cannot be read ({error.strerror})")
            return
        if place.real != place.path and (self._names.is_excluded(place.real) or self._names.cover(place.real)):
            return  # it comes under its own name, or is not wanted under any
        identity = (found.st_dev, found.st_ino)
        if identity in self._met and found.st_nlink == 1:
            return
        self._met.add(identity)
        if reason := _reason_against(found):
            yield Skipped(place.path, reason)
            return
        self._notes += 1
        yield Found(place.path, found.st_size, found.st_mtime_ns, found.st_ino)

    def _enough(self) -> Iterator[Skipped]:
        if self._entries <= MAX_ENTRIES + 1:
            self._entries = MAX_ENTRIES + 2
            yield Skipped(".", f"there are more than {MAX_NOTES} notes or {MAX_ENTRIES} entries; the rest is left out")

    def _leads_inside(self, path: str) -> bool:
        try:
            return self._files.allowed_base(self._files.resolved(path)) is not None
        except Unreadable:
            return False


def _reason_against(found: os.stat_result) -> str:
    if not stat.S_ISREG(found.st_mode):
        return "it is not a regular file"
    if found.st_nlink > 1:
        return "it has a second name elsewhere (hard link)"
    if found.st_size > MAX_BYTES:
        return f"it is larger than {MAX_BYTES // 1024 // 1024} MiB ({found.st_size} bytes)"
    return ""


def _below(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


def _shown(path: str) -> str:
    return path.encode(errors="backslashreplace").decode()


def _parted(pattern: str) -> tuple[str, str]:
    """The leading folders of a pattern that hold no wildcard, and the rest; a plain path has none."""
    parts = PurePosixPath(pattern).parts
    fixed = tuple(itertools.takewhile(lambda part: not is_glob(part), parts))
    return os.path.join(*fixed) if fixed else ".", "/".join(parts[len(fixed) :])


def _has_note_suffix(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in NOTE_SUFFIXES
