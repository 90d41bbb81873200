"""Tells which notes changed on disk, as it happens. Reads no note and touches no index.

Events come from the system where it has them. Beside that a slow look at all directories runs, because events do not
cover network and overlay file systems, folders that are removed and made again, or what lies beyond the system's
limit on watches.
"""

import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path, PurePosixPath

import anyio
import anyio.to_thread

from amalfa.knowledge.sources import Found, NoteNames, Sources, is_folder, scan, watched_folders

log = logging.getLogger("amalfa.knowledge")

STEP_MS = 100
"""Events that follow one another faster than this come together: an editor's save is several of them."""

WAKE_MS = 400
"""The watching thread cannot be interrupted, so this is also how long a cancelled watch takes to end."""

LOOK_EVERY_S = 30.0
LOOK_WITHOUT_EVENTS_S = 3.0
RECENT_S = 60.0
"""Notes changed this shortly before the watch began are told first: whoever indexed them may just have missed it."""


async def changed_notes(
    sources: Sources, *, look_every_s: float = LOOK_EVERY_S, look_without_events_s: float = LOOK_WITHOUT_EVENTS_S
) -> AsyncIterator[tuple[str, ...]]:
    """Paths of notes that were written, made, renamed or removed, as it happens; never ends by itself.

    A path may come although its text is the same, and one change may come twice. Where the system cannot
    watch the folders it says so in the log, and directories are looked at every few seconds instead.
    """
    looker = _Looker(sources)
    recent = await anyio.to_thread.run_sync(looker.recent)
    if recent:
        yield recent
    while True:
        async for paths in _events(looker, look_every_s):
            yield paths
        if not await anyio.to_thread.run_sync(looker.is_worth_watching_again):
            await anyio.sleep(look_without_events_s)
        changed = await anyio.to_thread.run_sync(looker.look)
        if changed:
            yield changed


class _Looker:
    """Compares directories with how they were at the last look. Blocks; call it in a thread."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.may_watch = True
        self.is_cut_off = False
        self._root = str(sources.files().root)
        self._seen: dict[str, int] = {}
        self._inner: frozenset[str] = frozenset()
        self._folders: dict[Path, tuple[int, int]] = {}

    def recent(self) -> tuple[str, ...]:
        """Take the first look; the notes that were changed just now."""
        self._seen, since_ns = {}, time.time_ns() - int(RECENT_S * 1e9)
        recent: list[str] = []
        for note in _notes(self.sources):
            self._seen[note.path] = _mark(note)
            if note.mtime_ns >= since_ns:
                recent.append(note.path)
        self._inner = _folders_of(self._seen)
        return tuple(recent)

    def look(self) -> tuple[str, ...]:
        """The notes that differ from the last look."""
        now = {note.path: _mark(note) for note in _notes(self.sources)}
        changed = tuple(path for path in {**self._seen, **now} if self._seen.get(path) != now.get(path))
        self._seen, self._inner = now, _folders_of(now)
        return changed

    def remember(self, notes: Iterable[str]) -> None:
        """Take notes that events told of for looked at, so that their going is missed at the next look."""
        for path in notes:
            try:
                found = os.stat(os.path.join(self._root, path))  # noqa: PTH116 - a path as the events spell it
            except OSError:
                self._seen.pop(path, None)
            else:
                self._seen[path] = hash((found.st_size, found.st_mtime_ns, found.st_ino))

    def folders(self) -> tuple[Path, ...]:
        """The folders to watch, remembered for `has_moved`."""
        self._folders, self.is_cut_off = self._folders_now(), False
        return tuple(self._folders)

    def heed(self, deleted: Iterable[str]) -> None:
        """Take it from events when a watched folder is gone, for the disk may not show it.

        A file system may give the number of a removed folder to the next one, which nobody watches.
        """
        self.is_cut_off = self.is_cut_off or any(Path(path) in self._folders for path in deleted)

    def has_moved(self) -> bool:
        """Whether a watched folder was removed, replaced or joined by another, so that events would stay away."""
        return self.is_cut_off or self._folders != self._folders_now()

    def is_worth_watching_again(self) -> bool:
        """Whether events ended because the folders are other ones now, so that they can come from those."""
        return self.may_watch and self.has_moved()

    def _folders_now(self) -> dict[Path, tuple[int, int]]:
        identities = {}
        for folder in watched_folders(self.sources):
            with contextlib.suppress(OSError):  # gone since it was listed
                found = folder.stat()
                identities[folder] = (found.st_dev, found.st_ino)
        return identities

    def notes_among(self, raw: Iterable[str]) -> tuple[tuple[str, ...], bool]:
        """The notes among the paths of events, and whether a folder is among them, which may stand for many notes."""
        names = NoteNames(self.sources)
        paths = dict.fromkeys(os.path.relpath(full, self._root) for full in raw)
        folders = {path for path in paths if path in self._inner or is_folder(Path(self._root, path))}
        notes = tuple(path for path in paths if path not in folders and names.of(path) is not None)
        return notes, any(not names.is_excluded(path) for path in folders)


def _notes(sources: Sources) -> Iterable[Found]:
    return (entry for entry in scan(sources) if isinstance(entry, Found))


def _folders_of(notes: Iterable[str]) -> frozenset[str]:
    above = (str(folder) for path in notes for folder in PurePosixPath(path).parents)
    return frozenset(above)


def _mark(note: Found) -> int:
    # One number for each note, because all of them stay in memory as long as the watch runs.
    return hash((note.size, note.mtime_ns, note.inode))


async def _events(looker: _Looker, look_every_s: float) -> AsyncIterator[tuple[str, ...]]:
    """Changes by events and by looks; ends when events cannot come, or not from these folders any more."""
    folders = await anyio.to_thread.run_sync(looker.folders) if looker.may_watch else ()
    if not folders:
        return
    from watchfiles import Change, awatch

    looked_at = float("-inf")  # nobody listened up to now, so the first look comes as soon as somebody does
    try:
        async for batch in awatch(
            *folders, watch_filter=None, step=STEP_MS, rust_timeout=WAKE_MS, yield_on_timeout=True
        ):
            told = [path for _, path in batch]
            notes, has_folder = await anyio.to_thread.run_sync(looker.notes_among, told) if told else ((), False)
            if notes:
                await anyio.to_thread.run_sync(looker.remember, notes)
                yield notes
            looker.heed(path for change, path in batch if change == Change.deleted)
            if not has_folder and not looker.is_cut_off and anyio.current_time() - looked_at < look_every_s:
                continue
            looked_at = anyio.current_time()
            if changed := await anyio.to_thread.run_sync(looker.look):
                yield changed
            if await anyio.to_thread.run_sync(looker.has_moved):
                return
    except FileNotFoundError:
        return  # a folder went away before the system could watch it
    except (OSError, RuntimeError) as error:
        looker.may_watch = False
        log.warning("the system cannot watch the notes, so they are looked at every few seconds: %s", error)
