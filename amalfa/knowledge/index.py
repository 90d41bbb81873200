"""Keeps index.db equal to the notes on disk. Decides what changed and in which order; answers no questions.

Files are read and parsed in a worker thread, a batch at a time, and each batch becomes visible in one commit; between
batches searches and other writes get their turn. A file is looked into only when its size, time or inode changed, and
indexed only when its text did.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import apsw

from amalfa.knowledge.descriptions import DescribedCounts, count_described
from amalfa.knowledge.files import Absent, Document, NoteFiles, Unreadable, is_text
from amalfa.knowledge.markdown import BlockReader
from amalfa.knowledge.notes import Note, make_note
from amalfa.knowledge.sources import Found, NoteNames, Skipped, Sources, scan
from amalfa.knowledge.tables import (
    APPLICATION_ID,
    INDEX_DB,
    Known,
    known_among,
    known_note,
    known_notes,
    put_note,
    put_skipped,
    remove_note,
    set_skipped,
    stamp,
    touch_note,
)
from amalfa.store.database import Database
from amalfa.store.rows import fetch, fetch_one

log = logging.getLogger("amalfa.knowledge")

BATCH_NOTES = 64
BATCH_BYTES = 512 * 1024
SAME_TICK_NS = 2_000_000_000
"""A file saved this shortly before it was read may be saved again without its time changing (FAT counts in 2 s)."""

LARGE_CHANGE = 500
MOST_PASSES = 3
QUICK_PASS_S = 0.5


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What one refresh did. `skipped` counts paths left out for a reason, `passages` all that are in the index now."""

    added: int
    changed: int
    removed: int
    skipped: int
    passages: int
    seconds: float


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The index as `amalfa index status` shows it. `updated_at` is UTC, ISO; None = never refreshed whole."""

    notes: int
    passages: int
    skipped: tuple[Skipped, ...]
    updated_at: str | None
    is_indexing: bool
    described: DescribedCounts


class Index:
    """The passages of one project's notes. Cheap to make: a reload with other sources makes a new one."""

    def __init__(self, database: Database, sources: Sources) -> None:
        self.database = database
        self.sources = sources
        self.files = sources.files()
        self._whole = anyio.Lock()
        self._running = 0

    @staticmethod
    def open_database(path: Path) -> Database:
        """Open index.db; a damaged, foreign or older one is replaced by an empty one. Blocks."""
        return Database.open(path, INDEX_DB, application_id=APPLICATION_ID, synchronous="NORMAL", is_derived=True)

    async def refresh(self, paths: Iterable[str] | None = None) -> Refreshed:
        """Bring the index up to date: for `paths` only, or for all sources when None.

        Safe to cancel: what is committed stays, the rest is found by the next refresh. Several may run at
        once; a later reading of a file is never overwritten by an earlier one.
        """
        began_s = time.monotonic()
        self._running += 1
        try:
            if paths is not None:
                tally = await self._refresh_paths(tuple(dict.fromkeys(paths)))
            else:
                async with self._whole:
                    tally = await self._refresh_all()
        finally:
            self._running -= 1
        passages = await self.database.read(_count_passages)
        seconds = time.monotonic() - began_s
        return Refreshed(tally.added, tally.changed, tally.removed, tally.skipped, passages, seconds)

    async def rebuild(self) -> Refreshed:
        """Read every note again as if none were known. Searches see the old text of a note until its new one is in."""
        await self.database.write(
            lambda connection: connection.execute("UPDATE note SET size = -1, hash = x''").fetchall()
        )
        return await self.refresh()

    async def status(self) -> IndexStatus:
        notes, passages, skipped, updated_at = await self.database.read(_read_status)
        described = await self.database.read(count_described)
        return IndexStatus(notes, passages, skipped, updated_at, self._running > 0, described)

    async def _refresh_paths(self, paths: Sequence[str]) -> "_Tally":
        tally = _Tally()
        names = await anyio.to_thread.run_sync(_names_of, self.sources, paths)
        known = await self.database.read(partial(known_among, paths=names))
        for batch in _batches((name, 0) for name in names):
            tally.skipped += len(await self._take(batch, known, tally))
        await self._remove([path for path in paths if path not in names and is_text(path)], tally)
        return tally

    async def _refresh_all(self) -> "_Tally":
        """Pass over all sources, and again while notes changed during a long pass."""
        tally = _Tally()
        for _ in range(MOST_PASSES):
            before, began_s = tally.total, time.monotonic()
            skipped = await self._pass(tally)
            if tally.total == before or time.monotonic() - began_s < QUICK_PASS_S:
                break
        await self.database.write(partial(_finish, skipped=skipped, changes=tally.total))
        tally.skipped = len(skipped)
        return tally

    async def _pass(self, tally: "_Tally") -> list[Skipped]:
        known = await self.database.read(known_notes)
        found, skipped = await anyio.to_thread.run_sync(_list, self.sources)
        await self._remove([path for path in known if path not in found], tally)
        doubtful = [(path, file.size) for path, file in found.items() if not _is_current(file, known.get(path))]
        for batch in _batches(doubtful):
            skipped.extend(await self._take(batch, known, tally))
        return skipped

    async def _take(self, batch: Sequence[str], known: dict[str, Known], tally: "_Tally") -> list[Skipped]:
        """Read and index some notes; those that turned out to be none."""
        read = await anyio.to_thread.run_sync(_read_batch, self.files, batch, known)
        tally.add(await self.database.write(partial(_store_batch, batch=read)))
        return [entry for entry in read if isinstance(entry, Skipped)]

    async def _remove(self, paths: Sequence[str], tally: "_Tally") -> None:
        for start in range(0, len(paths), BATCH_NOTES):
            tally.removed += await self.database.write(partial(_remove_all, paths=paths[start : start + BATCH_NOTES]))


@dataclass(slots=True)
class _Tally:
    added: int = 0
    changed: int = 0
    removed: int = 0
    skipped: int = 0

    def add(self, other: "_Tally") -> None:
        self.added += other.added
        self.changed += other.changed
        self.removed += other.removed

    @property
    def total(self) -> int:
        return self.added + self.changed + self.removed


@dataclass(frozen=True, slots=True)
class _Same:
    """A file whose text is the one the index has, whatever its time says."""

    id: int
    document: Document


@dataclass(frozen=True, slots=True)
class _Gone:
    """A file that is not there any more."""

    path: str


_Read = Note | _Same | _Gone | Skipped


def _names_of(sources: Sources, paths: Iterable[str]) -> dict[str, None]:
    """The notes that paths mean, each once and under its one name."""
    names = NoteNames(sources)
    return dict.fromkeys(name for path in paths if (name := names.of(path)) is not None)


def _list(sources: Sources) -> tuple[dict[str, Found], list[Skipped]]:
    found: dict[str, Found] = {}
    skipped: list[Skipped] = []
    for entry in scan(sources):
        if isinstance(entry, Found):
            found[entry.path] = entry
        else:
            skipped.append(entry)
    return found, skipped


def _is_current(found: Found, known: Known | None) -> bool:
    if known is None or (found.size, found.mtime_ns, found.inode) != (known.size, known.mtime_ns, known.inode):
        return False
    return known.mtime_ns < known.seen_ns - SAME_TICK_NS


def _batches(paths: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for path, path_size in paths:
        batch.append(path)
        size += path_size
        if len(batch) >= BATCH_NOTES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read_batch(files: NoteFiles, paths: Sequence[str], known: dict[str, Known]) -> list[_Read]:
    reader = BlockReader()
    return [_read_one(files, path, known.get(path), reader) for path in paths]


def _read_one(files: NoteFiles, path: str, known: Known | None, reader: BlockReader) -> _Read:
    try:
        document = files.read(path)
        if known is not None and known.hash == document.hash:
            return _Same(known.id, document)
        return make_note(document, reader)
    except Absent:
        return _Gone(path)
    except Unreadable as unreadable:
        return Skipped(path, unreadable.reason)
    except Exception as error:  # one odd note, whatever is odd about it, must not keep out all that come after it
        log.error("%s could not be indexed (%s)", path, type(error).__name__)
        return Skipped(path, f"it cannot be read as a note ({type(error).__name__})")


def _store_batch(connection: apsw.Connection, batch: Sequence[_Read]) -> _Tally:
    tally = _Tally()
    for read in batch:
        match read:
            case Note():
                was_known = known_note(connection, read.document.path) is not None
                is_taken = put_note(connection, read)
                tally.added += is_taken and not was_known
                tally.changed += is_taken and was_known
            case _Same():
                document = read.document
                touch_note(connection, read.id, (document.size, document.mtime_ns, document.inode, document.seen_ns))
            case _Gone():
                tally.removed += remove_note(connection, read.path)
            case Skipped():
                tally.removed += put_skipped(connection, read.path, read.reason)
    stamp(connection)
    return tally


def _remove_all(connection: apsw.Connection, paths: Sequence[str]) -> int:
    return sum(remove_note(connection, path) for path in paths)


def _finish(connection: apsw.Connection, skipped: Sequence[Skipped], changes: int) -> None:
    set_skipped(connection, [(entry.path, entry.reason) for entry in skipped])
    stamp(connection)
    if changes:
        connection.execute("DELETE FROM vector WHERE hash NOT IN (SELECT hash FROM passage)")
    if changes > LARGE_CHANGE:
        connection.execute("INSERT INTO words(words) VALUES('optimize')")
        connection.execute("ANALYZE")


def _count_passages(connection: apsw.Connection) -> int:
    return int(fetch(connection, "SELECT count(*) FROM passage")[0][0])


def _read_status(connection: apsw.Connection) -> tuple[int, int, tuple[Skipped, ...], str | None]:
    notes = fetch(connection, "SELECT count(*) FROM note")[0][0]
    rows = fetch(connection, "SELECT path, reason FROM skipped ORDER BY path")
    updated = fetch_one(connection, "SELECT value FROM state WHERE key = 'updated_at'")
    return notes, _count_passages(connection), tuple(Skipped(*row) for row in rows), updated[0] if updated else None
