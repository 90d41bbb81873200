"""Where jobs are handed in, looked at and steered. The routes and the daemon work with this and nothing else here."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from amalfa.clock import Clock
from amalfa.errors import NotFound
from amalfa.jobs.gathering import PathsBelow, ReadNote, Refused, Wanted, gather, settings_hash_for
from amalfa.jobs.job import Item, ItemState, Job, Load, NoteToDo, Settled, Submission
from amalfa.jobs.outlook import Choice, Foresees, Outlook
from amalfa.jobs.per_note import per_note
from amalfa.jobs.pool import Pool
from amalfa.jobs.store import JobStore
from amalfa.jobs.work import Lease
from amalfa.tasks.desk import Desk

KEPT_FOR = timedelta(days=30)
"""How long a finished job is listed. Its results stay: they keep unchanged notes from being done again."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A new job, how many notes were beyond its limit, and which could not be part of it."""

    job: Job
    left_out: int
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class Speed:
    """Results a second lately, and the seconds that the rest takes at that pace; None where nobody can say."""

    rate_per_s: float | None
    eta_s: float | None


class Jobs:
    """All jobs of one project."""

    def __init__(
        self, store: JobStore, pool: Pool, lease: Lease, *, paths_below: PathsBelow, foresees: Foresees, clock: Clock
    ) -> None:
        self._store = store
        self._pool = pool
        self._lease = lease
        self._paths_below = paths_below
        self._foresees = foresees
        self._clock = clock

    @property
    def in_hand(self) -> int:
        """How many items are being worked on."""
        return self._pool.in_hand

    async def submit(self, wanted: Wanted) -> Submitted:
        """Keep the job and begin with it. Raises NotFound, UsageProblem, ShuttingDown."""
        await self._store.forget_before(self._clock.now() - KEPT_FOR)
        choice, notes, refused = Choice(wanted.limit), list[NoteToDo](), list[Refused]()
        async with self._lease() as desk:
            settings_hash = settings_hash_for(wanted, desk)
            async for read, known, unreadable in self._batches(wanted, desk):
                refused += unreadable
                for one in read:
                    is_known = one.note.idem in known
                    if choice.take(is_known=is_known) or is_known:
                        notes.append(one.note)
        if not notes and refused:
            raise NotFound(f"{refused[0].path}: {refused[0].reason}", hint="amalfa index status")
        job_id = f"job_{secrets.token_hex(6)}"
        submission = Submission(job_id, wanted.task, wanted.terms, settings_hash, wanted.is_write, self._clock.now())
        job = await self._store.submit(submission, notes)
        self._pool.wake()
        return Submitted(job, choice.left_out, tuple(refused))

    async def foresee(self, wanted: Wanted) -> Outlook:
        """What a submission would take; nothing is kept and no model asked."""
        outlook, choice = Outlook(), Choice(wanted.limit)
        prompt_like = per_note(wanted.task).prompt_like
        async with self._lease() as desk:
            async for read, known, unreadable in self._batches(wanted, desk):
                outlook.refused += unreadable
                asked = [one for one in read if choice.take(is_known=one.note.idem in known)]
                prompts = [(prompt_like(one.text), one.privacy) for one in asked]
                for foreseen in await self._foresees.foresee(wanted.task, prompts, wanted.terms.wish):
                    outlook.add(foreseen)
        outlook.unchanged, outlook.left_out = choice.unchanged, choice.left_out
        return outlook

    async def _batches(
        self, wanted: Wanted, desk: Desk
    ) -> AsyncIterator[tuple[list[ReadNote], frozenset[str], list[Refused]]]:
        async for batch in gather(wanted, desk, self._paths_below):
            read = [one for one in batch if isinstance(one, ReadNote)]
            refused = [one for one in batch if isinstance(one, Refused)]
            yield read, await self._store.known([one.note.idem for one in read]), refused

    async def all(self) -> tuple[Job, ...]:
        return await self._store.jobs()

    async def one(self, job_id: str) -> Job:
        """Raises NotFound."""
        job = await self._store.job(job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id}.", hint="amalfa jobs list")
        return job

    async def items(self, job_id: str, *, state: ItemState | None, after: int, limit: int) -> tuple[Item, ...]:
        await self.one(job_id)
        return await self._store.items(job_id, state=state, after=after, limit=limit)

    async def settled_after(self, job_id: str, number: int, most: int) -> tuple[Settled, ...]:
        return await self._store.settled_after(job_id, number, most)

    async def cancel(self, job_id: str) -> Job:
        await self.one(job_id)
        self._pool.drop(await self._store.cancel(job_id))
        return await self.one(job_id)

    async def retry(self, job_id: str) -> Job:
        """Queue what failed or was cancelled once more."""
        await self.one(job_id)
        await self._store.retry(job_id)
        self._pool.wake()
        return await self.one(job_id)

    async def pause(self, job_id: str) -> Job:
        await self.one(job_id)
        await self._store.pause(job_id, "paused by you")
        return await self.one(job_id)

    async def resume(self, job_id: str) -> Job:
        """Go on with a paused job; a waiting one tries again now."""
        await self.one(job_id)
        await self._store.resume(job_id)
        self._pool.wake()
        return await self.one(job_id)

    async def load(self) -> Load:
        return await self._store.load()

    def speed(self, job: Job) -> Speed:
        rate = self._pool.pace.per_s(job.id) if job.state == "running" else None
        return Speed(rate and round(rate, 3), round(job.counts.left / rate, 1) if rate else None)

    async def run(self) -> None:
        """Work on jobs until cancelled or drained."""
        await self._pool.run()

    def begin_drain(self) -> None:
        """Take up nothing more, and give back what is in hand."""
        self._pool.begin_drain()
