"""The replies in cache.db, with those used last in memory. Decides nothing about which may be given.

The file is derived: a damaged or foreign one is replaced, and one that is deleted while sonar runs is forgotten at
once and made anew. It is opened when it is first needed, and no failure of it ever fails a call.
"""

import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
import apsw
from anyio import CancelScope
from anyio.abc import TaskGroup

from amalfa.clock import Clock
from amalfa.errors import AmalfaError, ShuttingDown
from amalfa.execution import reply_table
from amalfa.execution.cache import KeptReply
from amalfa.execution.cache_key import CacheKey
from amalfa.execution.front import FRONT_MAX_BYTES, Front
from amalfa.execution.reply_table import APPLICATION_ID, CACHE_DB
from amalfa.store.database import Database
from amalfa.store.failures import StorageBroken

log = logging.getLogger("amalfa.execution")

T = TypeVar("T")

OPEN_AGAIN_S = 30.0
"""After a file that could not be opened, nothing is looked up or kept on disk for so long."""

TIDY_EVERY_S = 3_600.0
EVICT_TO_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """`keep_s`: replies older than this are of no use to anybody."""

    most_bytes: int = 256 << 20
    keep_s: float = 28 * 86_400.0


class ReplyFile:
    """One for the process; see `amalfa.execution.cache.ReplyCache`. Writes are made in `tasks`."""

    def __init__(self, path: Path, *, tasks: TaskGroup, clock: Clock) -> None:
        self._path = path
        self._tasks = tasks
        self._clock = clock
        self._front = Front()
        self._used: dict[bytes, int] = {}
        self._limits = CacheLimits()
        self._gate = anyio.Lock()
        self._database: Database | None = None
        self._inode = 0
        self._is_broken = False
        self._bytes = 0
        self._tidied_s = float("-inf")
        self._closed_until_s = float("-inf")

    def limit(self, limits: CacheLimits) -> None:
        """What holds from now on; what is too much is forgotten soon."""
        is_narrower = limits.most_bytes < self._limits.most_bytes or limits.keep_s < self._limits.keep_s
        self._limits = limits
        self._front.limit(min(FRONT_MAX_BYTES, limits.most_bytes))
        if is_narrower and self._database is not None:
            self._tasks.start_soon(self._tidy)

    def peek(self, key: CacheKey) -> KeptReply | None:
        if self._is_gone():
            self._front.clear()
            return None
        found = self._front.get(key)
        if found is not None:
            self._used[key.digest] = self._now_s()
        return found

    async def find(self, key: CacheKey) -> KeptReply | None:
        if (found := self.peek(key)) is not None:
            return found
        found = await self._done(lambda database: database.read(partial(reply_table.find, key=key)))
        if found is not None:
            self._front.put(key, found)
            self._used[key.digest] = self._now_s()
        return found

    def keep(self, key: CacheKey, reply: KeptReply) -> None:
        try:
            is_fitting = reply_table.size_of(reply.text) <= self._limits.most_bytes
        except UnicodeEncodeError:  # half a character, as JSON can spell it; no file takes it
            return
        if is_fitting:
            self._front.put(key, reply)
            self._tasks.start_soon(self._write, key, reply)

    def drop(self, key: CacheKey) -> None:
        self._front.drop(key)
        self._tasks.start_soon(self._write, key, None)

    async def aclose(self) -> None:
        """Close the file; what was handed over before is written."""
        with CancelScope(shield=True):
            async with self._gate:
                self._closed_until_s = float("inf")
                if self._database is not None:
                    await self._database.aclose()
                    self._database = None

    async def _write(self, key: CacheKey, reply: KeptReply | None) -> None:
        used, now_s = self._used, self._now_s()
        self._used = {}

        def write(connection: apsw.Connection) -> None:
            reply_table.touch(connection, used)
            if reply is None:
                reply_table.drop(connection, key)
            else:
                reply_table.put(connection, key, reply, now_s=now_s)

        await self._done(lambda database: database.write(write))
        self._bytes += reply_table.size_of(reply.text) if reply else 0
        is_due = self._clock.monotonic_s() - self._tidied_s > TIDY_EVERY_S
        if self._bytes > self._limits.most_bytes or is_due:
            await self._tidy()

    async def _tidy(self) -> None:
        """Forget what is too old or too much, off everybody's way."""
        self._tidied_s = self._clock.monotonic_s()
        limits = self._limits
        # Counted too high until the next look, replies that took the place of others ask for a tidying too early.
        self._bytes = 0
        evict = partial(
            reply_table.evict,
            most_bytes=limits.most_bytes,
            share=EVICT_TO_SHARE,
            oldest_s=int(self._now_s() - limits.keep_s),
        )
        left_bytes = await self._done(lambda database: database.write(evict))
        self._bytes += left_bytes or 0

    async def _done(self, work: Callable[[Database], Awaitable[T]]) -> T | None:
        """What `work` makes of the open file; None when there is none, or it fails."""
        try:
            database = await self._opened()
            return await work(database) if database else None
        except ShuttingDown:
            return None
        except (AmalfaError, apsw.Error) as error:
            log.warning("the reply cache does without %s: %s", self._path.name, error)
            # A statement that fails on a file that is otherwise fine means that its tables are not ours.
            self._is_broken = self._is_broken or isinstance(error, StorageBroken | apsw.Error)
            return None

    async def _opened(self) -> Database | None:
        """The file, opened when it is not, or not any more."""
        if self._database is not None and not self._is_gone():
            return self._database
        async with self._gate:
            if self._database is not None and not self._is_gone():
                return self._database
            if self._clock.monotonic_s() < self._closed_until_s:
                return None
            self._closed_until_s = self._clock.monotonic_s() + OPEN_AGAIN_S
            with CancelScope(shield=True):
                await self._open_anew()
            self._closed_until_s = float("-inf")
            return self._database

    async def _open_anew(self) -> None:
        was_open, self._database = self._database, None
        if was_open is not None:
            self._front.clear()
            await was_open.aclose()
        await anyio.to_thread.run_sync(_make_room, self._path, self._is_broken)
        database = await anyio.to_thread.run_sync(_open, self._path)
        self._inode = self._path.stat().st_ino
        self._is_broken = False
        self._database = database
        self._bytes = await database.read(reply_table.total_bytes)

    def _is_gone(self) -> bool:
        """Whether the file that was opened is damaged, or not the one any more that its name leads to."""
        if self._database is None:
            return False
        try:
            return self._is_broken or self._path.stat().st_ino != self._inode
        except OSError:
            return True

    def _now_s(self) -> int:
        return int(self._clock.now().timestamp())


def _open(path: Path) -> Database:
    return Database.open(path, CACHE_DB, application_id=APPLICATION_ID, synchronous="NORMAL", is_derived=True)


def _make_room(path: Path, is_broken: bool) -> None:
    """Remove a broken file, and what a deleted one left: a log without its file would be played into the new one."""
    if is_broken or not os.path.lexists(path):
        for leftover in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)
