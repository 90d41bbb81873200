"""The thread that owns the writing connection of one database file: groups, commits, rolls back, folds the log."""

import threading
from pathlib import Path
from queue import Empty
from typing import Any

import apsw

from amalfa.store.failures import StorageBroken, translate, translated
from amalfa.store.line import Item, Line, Outcome, T, Work
from amalfa.store.opening import mark_closed, open_connection

IDLE_CHECKPOINT_S = 5.0
GROUP_MAX = 128
"""Writes that share one commit; keeps the wait of the first one in a flood short."""


class Writer:
    def __init__(self, path: Path, connection: apsw.Connection, synchronous: str) -> None:
        self._path = path
        self._connection = connection
        self._synchronous = synchronous
        self._inode = path.stat().st_ino
        self._is_sound = True
        self._needs_reopening = False
        self._line = Line()
        self._thread = threading.Thread(target=self._run, name=f"write {path.name}", daemon=True)
        self._thread.start()

    async def submit(self, work: Work[T]) -> T:
        return await self._line.wait_for(work)

    def close(self) -> None:
        self._line.end(1)
        self._thread.join()

    def _run(self) -> None:
        is_dirty = False
        has_ended = False
        while not has_ended:
            try:
                first = self._line.take(IDLE_CHECKPOINT_S if is_dirty else None)
            except Empty:
                self._fold_log()
                is_dirty = False
                continue
            if first is None:
                break
            rest, has_ended = self._line.take_waiting(GROUP_MAX - 1)
            self._serve([first, *rest])
            is_dirty = True
        self._finish()

    def _serve(self, items: list[Item]) -> None:
        outcomes = self._together(items) if len(items) > 1 else None
        if outcomes is None:
            for item in items:
                item.settle(self._alone(item.work))
            return
        for item, outcome in zip(items, outcomes, strict=True):
            item.settle(outcome)

    def _together(self, items: list[Item]) -> list[Outcome] | None:
        """One commit for all. None = SQLite gave the whole transaction up, so each has to be run alone."""
        try:
            self._check_place()
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._in_savepoint(item.work) for item in items]
            self._connection.execute("COMMIT")
        except (apsw.Error, StorageBroken):
            self._roll_back()
            return None
        return outcomes

    def _in_savepoint(self, work: Work[Any]) -> Outcome:
        self._connection.execute("SAVEPOINT one")
        try:
            outcome = Outcome(work(self._connection))
        except Exception as failure:
            if not self._connection.in_transaction:
                raise apsw.AbortError("the transaction is gone") from failure
            self._connection.execute("ROLLBACK TO one")
            outcome = Outcome(failure=self._explained(failure))
        self._connection.execute("RELEASE one")
        return outcome

    def _alone(self, work: Work[Any]) -> Outcome:
        try:
            self._check_place()
            self._connection.execute("BEGIN IMMEDIATE")
            value = work(self._connection)
            self._connection.execute("COMMIT")
        except Exception as failure:  # the caller gets it, whatever it is; this thread has to live on
            self._roll_back()
            return Outcome(failure=self._explained(failure))
        return Outcome(value)

    def _check_place(self) -> None:
        """Refuse to write into a file that no name leads to any more: SQLite itself would not notice."""
        if self._needs_reopening:
            self._reopen()
        try:
            is_in_place = self._path.stat().st_ino == self._inode
        except OSError:
            is_in_place = False
        if not is_in_place:
            raise StorageBroken(f"{self._path} was removed or replaced while it was open.", hint="amalfa sonar restart")

    def _explained(self, failure: Exception) -> Exception:
        if not isinstance(failure, apsw.Error):
            return failure
        if isinstance(failure, apsw.IOError):
            # After a failed flush the system may drop the dirty pages; only a new connection sees what is on disk.
            self._needs_reopening = True
        if isinstance(failure, (apsw.CorruptError, apsw.NotADBError)):
            self._is_sound = False
        explained = translate(failure, str(self._path))
        explained.__cause__ = None if explained is failure else failure
        return explained

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except apsw.Error:
                self._needs_reopening = True

    def _reopen(self) -> None:
        self._connection.close(True)
        with translated(str(self._path)):
            self._connection = open_connection(self._path, can_write=True, synchronous=self._synchronous)
        self._needs_reopening = False

    def _fold_log(self) -> None:
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error:
            return  # a reader or a full disk stands in the way; the log stays valid and the next pause tries again

    def _finish(self) -> None:
        self._fold_log()
        self._connection.close(True)
        if self._is_sound:
            mark_closed(self._path)
