"""An executor over fakes with a real reply cache in a real file."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import anyio
import apsw
from anyio.abc import TaskGroup

from amalfa.calls import Call, Tier
from amalfa.errors import CallError
from amalfa.execution.executor import Executor
from amalfa.execution.flights import Flights
from amalfa.execution.reply_file import ReplyFile
from amalfa.execution.reuse import CacheRules, Reuse
from tests.fakes import FakeClock, FakeLedger, FakePlanner, FakeProvider, FakeVerdicts, a_call, entry_for, means_over

WEEK = timedelta(days=7)


@dataclass
class DigestedProvider(FakeProvider):
    """A provider that says which build of a model it has."""

    digest: str = "sha256:1"

    def digest_of(self, model: str) -> str:
        return self.digest


def local(*scripts: list[str | CallError]) -> DigestedProvider:
    return DigestedProvider(scripts=list(scripts))


def cloud(*scripts: list[str | CallError]) -> FakeProvider:
    return FakeProvider("openrouter", Tier.CLOUD, False, "openrouter", list(scripts), 0.002)


@dataclass
class CacheHouse:
    """`executor()` makes one for each configuration; the file, the flights and the ledger are shared."""

    file: ReplyFile
    tasks: TaskGroup
    clock: FakeClock
    path: Path
    flights: Flights = field(default_factory=Flights)
    ledger: FakeLedger = field(default_factory=FakeLedger)

    def executor(self, *providers: FakeProvider, rules: CacheRules | None = None) -> Executor:
        planner = FakePlanner(tuple(entry_for(provider) for provider in providers))
        means = means_over(providers, planner, ledger=self.ledger, verdicts=FakeVerdicts(), clock=self.clock)
        rules = rules or CacheRules(is_enabled=True, max_age=WEEK)
        return Executor(replace(means, reuse=Reuse(self.file, self.flights, rules, self.clock)))

    def call(self, text: str = "hello there") -> Call:
        return a_call(text, deadline_s=self.clock.monotonic_s() + 60)

    async def written(self, count: int) -> None:
        """Wait until the file holds so many replies."""
        await self.until(lambda rows: rows == count)

    async def until(self, is_so: Callable[[int], bool]) -> int:
        """Wait until as many replies are in the file as are wanted."""
        for _ in range(1_000):
            if is_so(rows := self.rows()):
                return rows
            await anyio.sleep(0.005)
        raise AssertionError(f"the file holds {self.rows()} replies")

    def rows(self) -> int:
        try:
            # The library that writes it: another one in the same process would drop its locks.
            with closing(apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
                return int(connection.execute("SELECT count(*) FROM reply").fetchall()[0][0])
        except apsw.Error:
            return -1


@asynccontextmanager
async def cache_house(folder: Path, clock: FakeClock | None = None) -> AsyncIterator[CacheHouse]:
    """A house whose file is closed at the end; another one may open it again."""
    clock, path = clock or FakeClock(), folder / "cache.db"
    async with anyio.create_task_group() as tasks:
        file = ReplyFile(path, tasks=tasks, clock=clock)
        try:
            yield CacheHouse(file, tasks, clock, path)
        finally:
            await file.aclose()
            tasks.cancel_scope.cancel()


def bytes_in(folder: Path) -> bytes:
    """Everything the cache left on disk."""
    return b"".join(path.read_bytes() for path in folder.glob("cache.db*"))
