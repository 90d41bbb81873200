"""The queue in a real sonar.db, with leases on a clock of the test's own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from amalfa.jobs.job import JobTerms, Made, NoteToDo, Submission
from amalfa.jobs.store import ADDED_AT_ONCE, LEASE_S, SqliteJobStore
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB
from tests.fakes import FakeClock

CLOCK = FakeClock()


@dataclass
class LeaseClock:
    now_s: float = 500.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.open(tmp_path / "private" / "sonar.db", SONAR_DB, application_id=7)
    yield opened
    await opened.aclose()


@pytest.fixture
def leases() -> LeaseClock:
    return LeaseClock()


@pytest.fixture
def store(database: Database, leases: LeaseClock) -> SqliteJobStore:
    return SqliteJobStore(database, owner="this run", clock=CLOCK, lease_s=leases)


async def submit(store: SqliteJobStore, count: int, job_id: str = "job") -> None:
    notes = [NoteToDo(f"{number}.md", "c", f"{job_id}-{number}") for number in range(count)]
    await store.submit(Submission(job_id, "metadata", JobTerms(), "s", False, CLOCK.now()), notes)


async def test_a_lease_that_is_renewed_holds_and_one_that_is_not_runs_out(
    store: SqliteJobStore, leases: LeaseClock
) -> None:
    await submit(store, 1)
    claim = await store.claim()
    assert claim is not None
    leases.now_s += LEASE_S - 1
    await store.renew()
    leases.now_s += LEASE_S - 1
    assert await store.reap([]) == 0
    leases.now_s += 2
    assert await store.reap([]) == 1
    assert not await store.finish(claim, Made("{}"))
    again = await store.claim()
    assert again is not None
    assert await store.finish(again, Made("{}"))


async def test_a_big_job_is_there_whole(store: SqliteJobStore) -> None:
    await submit(store, ADDED_AT_ONCE + 5)
    job = await store.job("job")
    assert job is not None
    assert job.counts.queued == ADDED_AT_ONCE + 5
    assert (await store.load()).queued == ADDED_AT_ONCE + 5


async def test_a_failed_attempt_is_due_after_its_wait(store: SqliteJobStore, leases: LeaseClock) -> None:
    await submit(store, 1)
    claim = await store.claim()
    assert claim is not None
    assert await store.next_due_in_s() is None
    await store.try_again(claim, code="no_provider", message="m", in_s=3.0)
    assert await store.next_due_in_s() == 3.0
    assert await store.claim() is None
    leases.now_s += 3.0
    assert await store.next_due_in_s() == 0.0
    again = await store.claim()
    assert again is not None
    assert again.attempts == 2


async def test_a_held_job_is_due_after_at_most_its_wait(store: SqliteJobStore) -> None:
    await submit(store, 1)
    await store.hold("job", "ollama is down")
    due_in_s = await store.next_due_in_s()
    assert due_in_s is not None
    assert 1.0 <= due_in_s <= 2.0


async def test_another_run_finds_everything_that_was_acknowledged(database: Database, store: SqliteJobStore) -> None:
    await submit(store, 2)
    claim = await store.claim()
    assert claim is not None
    later = SqliteJobStore(database, owner="next run", clock=CLOCK, lease_s=lambda: 3.0)
    assert await later.void_foreign() == 1
    assert not await store.finish(claim, Made("{}")), "the old run's claim is worth nothing now"
    first, second = await later.claim(), await later.claim()
    assert first is not None
    assert second is not None
    assert {first.note.path, second.note.path} == {"0.md", "1.md"}
    assert await later.finish(first, Made("{}"))
    assert await later.finish(second, Made("{}"))
    job = await later.job("job")
    assert job is not None
    assert (job.state, job.late) == ("done", 1)
    assert await later.forget_before(CLOCK.now() + timedelta(days=1)) == 1
    assert await later.known(["job-0", "job-7"]) == {"job-0"}
