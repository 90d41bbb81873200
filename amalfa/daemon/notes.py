"""Keeps the index of the notes fresh, and shows the notes to tasks. Answers nothing itself."""

import itertools
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from amalfa.calls import Passage, PrivacyClass
from amalfa.config.settings import Docs
from amalfa.daemon.open_notes import OpenNotes, list_notes, no_such_note, read_note
from amalfa.errors import AmalfaError, NotFound
from amalfa.knowledge.files import Unreadable
from amalfa.knowledge.globs import is_glob, matches_anywhere
from amalfa.knowledge.index import Index
from amalfa.knowledge.listing import ListedNote
from amalfa.knowledge.notes import is_private
from amalfa.knowledge.sources import Sources, is_note_path
from amalfa.knowledge.vectors import Embedder
from amalfa.knowledge.watch import changed_notes
from amalfa.store.database import Database

if TYPE_CHECKING:
    from amalfa.knowledge.retrieve import Evidence, Retriever

log = logging.getLogger("amalfa.daemon")

# A question that comes before the first pass over the notes waits this long for it, then takes what is there.
FIRST_PASS_WAIT_S = 2.0
RETRY_AFTER_FAILURE_S = 30.0

Fill = Callable[[], Awaitable[None]]


def _nothing() -> None:
    pass


def sources_of(root: Path, docs: Docs) -> Sources:
    """The configured sources. A configuration in force has been trusted, so its places outside the root are allowed."""
    bases = (Path(os.path.realpath(root / _fixed_part(pattern))) for pattern in docs.sources)
    outside = tuple(base for base in bases if not base.is_relative_to(os.path.realpath(root)))
    return Sources(root, docs.sources, docs.exclude, outside)


def _fixed_part(pattern: str) -> Path:
    parts = itertools.takewhile(lambda part: not is_glob(part), PurePosixPath(pattern).parts)
    return Path(*parts)


class NoteKeeper:
    """Owns index.db for the life of the process, and re-reads notes as they change.

    `stale` counts changed notes that are not yet in the index. `failure` is what kept the last refresh from
    being whole, "" when nothing did. `when_refreshed` is called after each that was.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.stale = 0
        self.failure = ""
        self._index: Index | None = None
        self._is_watching = True
        self._replaced = anyio.Event()
        self._first_pass = anyio.Event()
        self._fill: Fill | None = None
        self.when_refreshed: Callable[[], None] = _nothing
        self._is_fill_due = anyio.Event()

    @property
    def index(self) -> Index:
        """The index in use; `use` comes first."""
        if self._index is None:
            raise RuntimeError("no sources were named yet")
        return self._index

    def use(self, sources: Sources, *, is_watching: bool) -> Index:
        """The index over these sources; another set of sources than before is read from now on."""
        if self._index is None or self._index.sources != sources or self._is_watching != is_watching:
            self._index = Index(self.database, sources)
            self._is_watching = is_watching
            self._first_pass = anyio.Event()
            self._replaced.set()
        return self._index

    def keep_vectors(self, fill: "Fill | None") -> None:
        """Run `fill` now and after each refresh, in the place of what was run before; None runs nothing."""
        self._fill = fill
        self._is_fill_due.set()

    async def rebuild(self) -> None:
        """Read all notes again."""
        await self.index.rebuild()
        self.when_refreshed()

    async def run(self) -> None:
        """Refresh and watch until cancelled, starting over whenever `use` names other sources."""
        while True:
            self._replaced = anyio.Event()
            async with anyio.create_task_group() as group:
                if self._index:
                    group.start_soon(self._keep, self._index, self._first_pass)
                group.start_soon(self._keep_filling)
                await self._replaced.wait()
                group.cancel_scope.cancel()

    async def wait_for_first_pass(self) -> None:
        """Return when the sources have been read once; with an older index at hand, after a short wait at most.

        Raises AmalfaError when they could not be read and no older index can stand in.
        """
        index = self._index
        if index is None or (self._first_pass.is_set() and not self.failure):
            return
        with anyio.move_on_after(FIRST_PASS_WAIT_S):
            await self._first_pass.wait()
        if (await index.status()).updated_at is not None:
            return
        await self._first_pass.wait()
        if self.failure:
            raise AmalfaError(f"The notes are not indexed yet: {self.failure}", hint="amalfa sonar logs")

    async def _keep(self, index: Index, first_pass: anyio.Event) -> None:
        """Keep one index fresh; whatever goes wrong is told and tried again, and questions go on as before."""
        await self._refresh_until_whole(index, first_pass)
        while self._is_watching:
            try:
                await self._follow(index, first_pass)
            except Exception as error:
                self._count_failure("watched", error)
                await anyio.sleep(RETRY_AFTER_FAILURE_S)
                await self._refresh_until_whole(index, first_pass)

    async def _follow(self, index: Index, first_pass: anyio.Event) -> None:
        async for paths in changed_notes(index.sources):
            self.stale += len(paths)
            try:
                if not await self._try(index, paths):
                    await self._refresh_until_whole(index, first_pass)
            finally:
                self.stale -= len(paths)

    async def _refresh_until_whole(self, index: Index, first_pass: anyio.Event) -> None:
        while True:
            is_whole = await self._try(index, None)
            first_pass.set()
            if is_whole:
                return
            await anyio.sleep(RETRY_AFTER_FAILURE_S)

    async def _try(self, index: Index, paths: Iterable[str] | None) -> bool:
        """Refresh, and stay alive when it fails: neither a full disk nor a mistake of ours may end the daemon."""
        try:
            await index.refresh(paths)
        except AmalfaError as error:
            self.failure = error.message
            log.error("the notes could not be indexed: %s", error.message)
            return False
        except Exception as error:
            self._count_failure("indexed", error)
            return False
        self._is_fill_due.set()
        self.when_refreshed()
        self.failure = ""
        return True

    def _count_failure(self, what: str, error: Exception) -> None:
        """Log a failure that nobody foresaw, with its trace, and have the status tell of it."""
        name = type(error).__name__
        self.failure = f"The notes could not be {what} ({name}); `amalfa sonar logs` shows where it failed."
        log.error("the notes could not be %s: %s", what, name, exc_info=error)

    async def _keep_filling(self) -> None:
        """Embed what is new, whenever something may be; a model that is away is tried again later."""
        while True:
            await self._is_fill_due.wait()
            self._is_fill_due = anyio.Event()
            if self._fill is None:
                continue
            try:
                await self._fill()
                continue
            except AmalfaError as error:
                log.warning("the notes could not be embedded: %s", error.message)
            except Exception as error:  # searches go on by words, whatever was wrong with the vectors
                log.error("the notes could not be embedded: %s", type(error).__name__, exc_info=error)
            self._is_fill_due.set()
            await anyio.sleep(RETRY_AFTER_FAILURE_S)


class Library:
    """The notes under one Generation's settings, as tasks see them."""

    def __init__(
        self, keeper: NoteKeeper, index: Index, *, local_only: tuple[str, ...], embedder: Embedder | None = None
    ) -> None:
        self._keeper = keeper
        self._index = index
        self._local_only = local_only
        self._embedder = embedder
        self._is_local_only = matches_anywhere(local_only)

    @cached_property
    def _retriever(self) -> "Retriever":
        from amalfa.knowledge.retrieve import Retriever  # 28 ms that being ready does not wait for

        return Retriever(self._index, local_only=self._local_only, embedder=self._embedder)

    def without_private(self) -> OpenNotes:
        """The same notes for somebody who may not see the private ones."""
        return OpenNotes(self)

    async def retrieve(
        self, question: str, *, k: int, within: tuple[str, ...] = (), without_private: bool = False
    ) -> "Evidence":
        await self._keeper.wait_for_first_pass()
        return await self._retriever.retrieve(question, k=k, within=within, without_private=without_private)

    async def search(
        self, query: str, *, k: int, within: tuple[str, ...], without_private: bool = False
    ) -> tuple[Passage, ...]:
        await self._keeper.wait_for_first_pass()
        return await self._retriever.search(query, k=k, within=within, without_private=without_private)

    async def listed(self, *, after: str, limit: int, without_private: bool) -> tuple[ListedNote, ...]:
        """See `amalfa.daemon.open_notes.list_notes`."""
        await self._keeper.wait_for_first_pass()
        return await list_notes(self, self._index, after=after, limit=limit, without_private=without_private)

    async def whole(self, path: str, *, without_private: bool) -> tuple[ListedNote, str]:
        """See `amalfa.daemon.open_notes.read_note`."""
        await self._keeper.wait_for_first_pass()
        return await read_note(self, self._index, path, without_private=without_private)

    async def fill_vectors(self) -> None:
        """Embed the passages that have no vector yet. Raises what the model raises."""
        if self._retriever.vectors is not None:
            await self._retriever.vectors.fill()

    async def read(self, path: str) -> str:
        if not is_note_path(self._index.sources, path):
            raise no_such_note(path)
        try:
            document = await anyio.to_thread.run_sync(self._index.files.read, path)
        except Unreadable as reason:
            raise NotFound(f"{path} cannot be read as a note: {reason.reason}.", hint="amalfa index status") from None
        return "\n".join(document.lines)

    def lines(self, path: str) -> list[str]:
        try:
            return list(self._index.files.read(path).lines)
        except Unreadable:
            return []

    def privacy_of(self, path: str, text: str) -> PrivacyClass:
        stays_here = self._stays_here(path) or is_private(text.splitlines())
        return PrivacyClass.LOCAL_ONLY if stays_here else PrivacyClass.CLOUD_OK

    def _stays_here(self, path: str) -> bool:
        """Whether a rule keeps the note local, by the name it has or by the place a link leads to."""
        if not path:
            return False
        try:
            return self._is_local_only(path) or self._is_local_only(self._index.files.name(path))
        except Unreadable:
            return True  # it is being replaced at this moment, so nothing else is known of it
