"""One SQLite file for the whole daemon: one thread writes, two read, and callers await. Knows no table.

Writes that wait at the same moment share one transaction, each in a savepoint of its own, because a commit that
survives a power cut costs a disk flush however much is in it. A write is done, and durable, when its await returns.
"""

from pathlib import Path
from typing import Literal

import anyio.to_thread
import apsw
from anyio import CancelScope

from amalfa.store.line import T, Work
from amalfa.store.opening import Recipe, open_checked
from amalfa.store.place import Place
from amalfa.store.readers import Readers
from amalfa.store.schema import Migration, back_up
from amalfa.store.writer import Writer


class Database:
    """A file opened with `Database.open`; safe to use from any task of one event loop at a time or several.

    `notices` are sentences about the file for the user: set aside because damaged, log lost after a crash.
    """

    def __init__(self, path: Path, connection: apsw.Connection, recipe: Recipe, notices: tuple[str, ...]) -> None:
        self.path = path
        self.notices = notices
        self._place = Place(path)
        self._writer = Writer(self._place, connection, recipe.synchronous)
        self._readers = Readers(self._place)

    @classmethod
    def open(
        cls,
        path: Path,
        migrations: tuple[Migration, ...],
        *,
        application_id: int,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        is_derived: bool = False,
    ) -> "Database":
        """Open or create the file and bring it to the newest schema. Blocks: call it at start-up.

        `application_id` is a number of 31 bits that no other kind of file has. NORMAL may lose the last
        commits at a power cut, never at a crash. `is_derived` says the content can be rebuilt from
        elsewhere, so a damaged or foreign file is simply replaced. Raises the failures of
        `amalfa.store.failures`.
        """
        recipe = Recipe(migrations, application_id, synchronous, is_derived)
        connection, notices = open_checked(path, recipe)
        return cls(path, connection, recipe, notices)

    async def write(self, work: Work[T]) -> T:
        """Run `work` in one transaction on the writing thread; what it changed is committed on return.

        When `work` raises, nothing of it is kept and the exception comes back. Cancelling the caller does
        not stop it: it is done whole, only nobody hears of it. `work` may run twice (when a neighbour in
        the same commit fills the disk), so it does nothing but talk to the connection.
        """
        return await self._writer.submit(work)

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a reading thread, inside one consistent snapshot of the file.

        Cancelling the caller interrupts it. Raises ReadTooLong after 30 s.
        """
        return await self._readers.submit(work)

    @property
    def is_in_place(self) -> bool:
        """Whether its name still leads to the file that was opened. What is written to another one is lost."""
        return self._place.is_kept

    def alarms(self) -> tuple[str, ...]:
        """Sentences about what is wrong with the file at this moment. Looks at names only."""
        name = self.path.name
        found = []
        if not self._place.is_kept:
            found.append(f"{name} was removed or replaced while it was open; restart sonar: amalfa sonar restart")
        if not self._place.is_sound:
            found.append(f"{name} is damaged; restart sonar, which mends it: amalfa sonar restart")
        if self._place.has_long_log:
            found.append(f"{name}-wal grows because another program reads {name}; close that program")
        return tuple(found)

    async def mend_log(self) -> None:
        """Begin a new log when somebody deleted the one in use; nothing that was committed is lost by that."""
        if not self._place.is_log_kept:
            await self.write(lambda connection: connection.changes())

    async def back_up(self) -> Path:
        """Write a checked copy beside the file, keep the newest three, and return its path."""
        return await self._readers.submit(lambda connection: back_up(connection, "backup"), in_snapshot=False)

    def close(self) -> None:
        """Finish all writes, fold the log into the file and end the threads. Blocks; a second call does nothing."""
        self._readers.close()
        self._writer.close()

    async def aclose(self) -> None:
        """`close` without blocking the loop; a cancelled caller still waits for it."""
        with CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.close)
