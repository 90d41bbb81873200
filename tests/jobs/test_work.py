"""One item at work: the task over its note, and what is kept of it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from amalfa.calls import PrivacyClass
from amalfa.jobs.gathering import Wanted, settings_hash_for
from amalfa.jobs.job import ATTEMPTS_MAX, Claim, Item, JobTerms, Submission
from amalfa.jobs.store import SqliteJobStore
from amalfa.jobs.terms import note_to_do
from amalfa.jobs.work import Worker
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB
from amalfa.tasks.desk import Desk
from tests.tasks.office import Office

GOOD = json.dumps(
    {
        "title": "Ports",
        "summary": "It names the port.",
        "keywords": ["port", "config", "11434"],
        "themes": [],
        "doc_type": "reference",
        "technical_depth": "shallow",
        "audience": "developer",
        "entities": [],
        "related_docs": [],
    }
)


class Bench:
    """A worker over a real queue and a scripted model."""

    def __init__(self, database: Database) -> None:
        self.office = Office()
        self.now_s = 0.0
        self.store = SqliteJobStore(database, owner="me", clock=self.office.clock, lease_s=lambda: self.now_s)
        self.worker = Worker(self.store, self.lease)

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Desk]:
        yield self.office.desk

    async def submit(self, path: str = "ports.md") -> None:
        wanted = Wanted("metadata", JobTerms(), (path,))
        settings_hash = settings_hash_for(wanted, self.office.desk)
        text = "\n".join(self.office.notes.texts.get(path, ("gone",)))
        note = note_to_do("metadata", settings_hash, path, text)
        submission = Submission("job", "metadata", JobTerms(), settings_hash, False, self.office.clock.now())
        await self.store.submit(submission, [note])

    async def work(self) -> bool:
        claim = await self.claim()
        return await self.worker.work(claim)

    async def claim(self) -> Claim:
        self.now_s += 1_000.0
        claim = await self.store.claim()
        assert claim is not None
        return claim

    async def item(self) -> Item:
        (item,) = await self.store.items("job", state=None, after=0, limit=10)
        return item


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    database = Database.open(tmp_path / "private" / "sonar.db", SONAR_DB, application_id=7)
    yield Bench(database)
    await database.aclose()


async def test_the_result_is_kept_and_its_attempt_is_listed_under_the_claim(bench: Bench) -> None:
    await bench.submit()
    bench.office.will_say(GOOD)
    assert await bench.work()
    item = await bench.item()
    assert (item.state, item.attempts) == ("done", 1)
    assert json.loads(item.output or "")["title"] == "Ports"
    (request,) = bench.office.provider.asked
    assert (request.request_id, request.lane) == (f"item_{item.id}.1", "background")
    assert request.limit_s == bench.office.desk.rules["metadata"].timeout_s


async def test_a_private_note_is_as_private_in_a_job(bench: Bench) -> None:
    await bench.submit("diary.md")
    bench.office.will_say(GOOD)
    await bench.work()
    assert bench.office.privacies == [PrivacyClass.LOCAL_ONLY] * len(bench.office.privacies) != []


async def test_a_provider_that_is_down_makes_the_job_wait_and_burns_no_attempt(bench: Bench) -> None:
    await bench.submit()
    for _ in range(5):
        bench.office.will_fail()
    for _ in range(2):
        assert not await bench.work()
    item, job = await bench.item(), await bench.store.job("job")
    assert job is not None
    assert (item.state, item.attempts, job.state, job.waits) == ("queued", 0, "running", 2)
    assert "nobody listens" in job.reason
    bench.office.provider.scripts.clear()
    bench.office.will_say(GOOD)
    assert await bench.work()


async def test_three_attempts_that_go_wrong_are_enough(bench: Bench) -> None:
    await bench.submit()
    for _ in range(ATTEMPTS_MAX * 2):  # each is corrected once
        bench.office.will_say("no JSON")
    for number in range(1, ATTEMPTS_MAX + 1):
        assert (await bench.item()).state == "queued"
        assert not await bench.work()
        assert (await bench.item()).attempts == number
    item = await bench.item()
    assert (item.state, item.error_code) == ("failed", "no_provider")


async def test_a_note_that_is_gone_fails_at_once(bench: Bench) -> None:
    await bench.submit("gone.md")
    assert not await bench.work()
    item = await bench.item()
    assert (item.state, item.error_code, item.attempts) == ("failed", "not_found", 1)


async def test_a_note_that_changed_is_done_as_it_is_now(bench: Bench) -> None:
    await bench.submit()
    before = (await bench.item()).content_hash
    bench.office.notes.texts["ports.md"] = ("# Ports", "The port is 11434 and nothing else is in the config.")
    bench.office.will_say(GOOD)
    assert await bench.work()
    item = await bench.item()
    assert item.state == "done"
    assert item.content_hash != before


async def test_a_claim_that_was_lost_keeps_nothing(bench: Bench) -> None:
    await bench.submit()
    claim = await bench.claim()
    await bench.store.cancel("job")
    bench.office.will_say(GOOD)
    assert not await bench.worker.work(claim)
    job = await bench.store.job("job")
    assert job is not None
    assert (job.late, job.counts.cancelled) == (1, 1)
    assert (await bench.item()).output is None


async def test_what_nobody_foresaw_counts_as_an_attempt_and_ends_no_worker(bench: Bench) -> None:
    await bench.submit()
    claim = replace(await bench.claim(), task="ask")
    assert not await bench.worker.work(claim)
    item = await bench.item()
    assert (item.state, item.error_code) == ("queued", "internal")
