"""The threads that read one database file, each on a connection of its own that cannot write."""

import threading
import time

import apsw

from amalfa.store.failures import translate
from amalfa.store.line import Item, Line, Outcome, T, Work
from amalfa.store.opening import open_connection
from amalfa.store.place import Place

READERS = 2
READ_LIMIT_S = 30.0
CLOSING_LIMIT_S = 1.0
"""What a read already running may still take when the store closes."""

_STEPS_BETWEEN_LOOKS = 20_000  # a few hundred microseconds of SQLite's work


class Readers:
    """Threads come into being with the first reads, connections with the threads."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._path = place.path
        self._line = Line()
        self._threads: list[threading.Thread] = []

    async def submit(self, work: Work[T], *, in_snapshot: bool = True) -> T:
        if len(self._threads) < READERS and not self._line.has_ended:
            thread = threading.Thread(target=self._run, name=f"read {self._path.name}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return await self._line.wait_for(work, in_snapshot=in_snapshot)

    def close(self) -> None:
        self._line.end(READERS)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection: apsw.Connection | None = None
        opening = 0
        while (item := self._line.take()) is not None:
            try:
                if connection is None or opening != self._place.openings:
                    if connection is not None:
                        connection.close(True)
                    connection, opening = None, self._place.openings
                    connection = open_connection(self._path, can_write=False)
                outcome = Outcome(self._read(connection, item))
            except Exception as failure:  # the caller gets it, whatever it is; this thread has to live on
                connection = _dropped(connection, failure)
                outcome = Outcome(failure=self._explained(failure))
            item.settle(outcome)
        if connection is not None:
            connection.close(True)

    def _read(self, connection: apsw.Connection, item: Item) -> object:
        began_s = time.monotonic()

        def should_stop() -> bool:
            limit_s = CLOSING_LIMIT_S if self._line.has_ended else READ_LIMIT_S
            return item.future.cancelled() or time.monotonic() - began_s > limit_s

        connection.set_progress_handler(should_stop, _STEPS_BETWEEN_LOOKS)
        if not item.in_snapshot:
            return item.work(connection)
        connection.execute("BEGIN")
        try:
            return item.work(connection)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _explained(self, failure: Exception) -> Exception:
        if not isinstance(failure, apsw.Error):
            return failure
        if isinstance(failure, (apsw.CorruptError, apsw.NotADBError)):
            self._place.is_sound = False
        explained = translate(failure, str(self._path))
        explained.__cause__ = None if explained is failure else failure
        return explained


def _dropped(connection: apsw.Connection | None, failure: Exception) -> apsw.Connection | None:
    """No connection after a failure of the file, so that the next read opens it anew."""
    if connection is not None and isinstance(failure, (apsw.IOError, apsw.CorruptError, apsw.CantOpenError)):
        connection.close(True)
        return None
    return connection
