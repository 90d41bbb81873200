"""The thread that owns the writing connection of one database file: groups, commits, rolls back, folds the log."""

import threading
from queue import Empty
from typing import Any

import apsw

from amalfa.errors import AmalfaError
from amalfa.store import opening
from amalfa.store.failures import StorageBroken, translate, translated
from amalfa.store.line import Item, Line, Outcome, T, Work
from amalfa.store.opening import mark_closed, open_connection
from amalfa.store.place import Place

IDLE_CHECKPOINT_S = 5.0
GROUP_MAX = 128
"""Writes that share one commit; keeps the wait of the first one in a flood short."""


class Writer:
    def __init__(self, place: Place, connection: apsw.Connection, synchronous: str) -> None:
        self._place = place
        self._path = place.path
        self._connection = connection
        self._synchronous = synchronous
        self._needs_reopening = False
        self._line = Line()
        self._thread = threading.Thread(target=self._run, name=f"write {place.path.name}", daemon=True)
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
                is_dirty = not self._fold_log()
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
        except apsw.BusyError as failure:
            # Whoever holds the file made all of them wait; waiting again for each would make the last wait minutes.
            self._roll_back()
            return [Outcome(failure=self._explained(failure))] * len(items)
        except (apsw.Error, AmalfaError):
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
        if not self._place.is_kept:
            raise StorageBroken(f"{self._path} was removed or replaced while it was open.", hint="amalfa sonar restart")
        if not self._place.is_log_kept:
            # What was committed into the log is still in our hands, so it goes into the file before a new one begins.
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            self._reopen()

    def _explained(self, failure: Exception) -> Exception:
        if not isinstance(failure, apsw.Error):
            return failure
        if isinstance(failure, apsw.IOError):
            # After a failed flush the system may drop the dirty pages; only a new connection sees what is on disk.
            self._needs_reopening = True
        if isinstance(failure, (apsw.CorruptError, apsw.NotADBError)):
            self._place.is_sound = False
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
        self._place.take_log()

    def _fold_log(self) -> bool:
        """Fold the log into the file, and cut it; False when a reader or a full disk stands in the way for now."""
        try:
            # A write that comes in meanwhile must not wait for somebody's long reading.
            self._connection.set_busy_timeout(0)
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error:
            return False
        finally:
            self._connection.set_busy_timeout(opening.BUSY_TIMEOUT_MS)
        return True

    def _finish(self) -> None:
        self._fold_log()
        try:
            self._connection.close(True)
        except apsw.Error:
            return  # the log stays, and is read at the next start
        if self._place.is_sound:
            mark_closed(self._path)
