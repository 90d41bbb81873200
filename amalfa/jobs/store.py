"""Where jobs live. `JobStore` is what the rest needs of it; `SqliteJobStore` keeps them in sonar.db."""

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from amalfa.clock import Clock, boot_s
from amalfa.jobs import book, claims
from amalfa.jobs.job import Claim, Item, ItemState, Job, Load, Made, NoteToDo, Settled, Submission
from amalfa.store.database import Database

LEASE_S, RENEW_EVERY_S = 60.0, 20.0
ADDED_AT_ONCE = 1_000


class JobStore(Protocol):
    """Durable jobs. Everything is on disk when a method returns.

    At each moment an item is in one hand at most, and only that hand can settle it; there is one result for each
    `idem`. Methods that take a claim do nothing when another claim of its item came after it.
    """

    async def submit(self, submission: Submission, notes: Sequence[NoteToDo]) -> Job:
        """Keep a job. Notes whose result is there are skipped."""
        ...

    async def known(self, idems: Sequence[str]) -> frozenset[str]:
        """Those of `idems` that have a result."""
        ...

    async def claim(self) -> Claim | None:
        """The next item to work on, leased; None when there is none now."""
        ...

    async def next_due_in_s(self) -> float | None:
        """Seconds until an item that waits may be claimed; None when none waits for a time."""
        ...

    async def renew(self) -> None:
        """Prolong the leases of this run."""
        ...

    async def reap(self, kept: Sequence[int]) -> int:
        """Queue items whose lease ran out, except those in `kept`; the number of items."""
        ...

    def finisher(self, claim: Claim, made: Made) -> Callable[[Any], bool]:
        """What writes the result of a claim on a connection, for a transaction of somebody else.

        Its return tells whether the item was still the claim's.
        """
        ...

    async def finish(self, claim: Claim, made: Made) -> bool:
        """The same in a transaction of its own. True when the claim's result is there."""
        ...

    async def fail(self, claim: Claim, *, code: str, message: str) -> None: ...

    async def give_back(self, taken: Iterable[Claim]) -> None:
        """Queue items again, as if they had not been taken."""
        ...

    async def try_again(self, claim: Claim, *, code: str, message: str, in_s: float) -> None:
        """Queue an item again after a failed attempt."""
        ...

    async def exchange_note(self, claim: Claim, note: NoteToDo) -> bool:
        """Take up the text that a note has now; False when somebody did, or does, the work for it already."""
        ...

    async def hold(self, job_id: str, reason: str) -> None:
        """Let a job wait for a while, because no model can serve it now."""
        ...

    async def pause(self, job_id: str, reason: str) -> None: ...

    async def resume(self, job_id: str) -> None: ...

    async def cancel(self, job_id: str) -> list[int]:
        """End a job, and return the items that were in hand."""
        ...

    async def retry(self, job_id: str) -> int:
        """Queue what failed or was cancelled once more; the number of items."""
        ...

    async def forget_before(self, moment: datetime) -> int:
        """Drop jobs that ended before a moment. Results stay."""
        ...

    async def load(self) -> Load: ...

    async def jobs(self) -> tuple[Job, ...]: ...

    async def job(self, job_id: str) -> Job | None: ...

    async def items(self, job_id: str, *, state: ItemState | None, after: int, limit: int) -> tuple[Item, ...]: ...

    async def settled_after(self, job_id: str, number: int, most: int) -> tuple[Settled, ...]: ...

    async def void_foreign(self) -> int:
        """Queue what earlier runs of sonar had in hand; call it once, before the first claim."""
        ...


class SqliteJobStore:
    """The jobs in sonar.db. `owner` names this run of sonar.

    `lease_s` reads the clock of leases; it goes on while the machine sleeps and ends with the boot, and the leases
    with it: every start voids those of earlier runs.
    """

    def __init__(self, database: Database, *, owner: str, clock: Clock, lease_s: Callable[[], float] = boot_s) -> None:
        self._database = database
        self._owner = owner
        self._clock = clock
        self._lease_s = lease_s

    async def submit(self, submission: Submission, notes: Sequence[NoteToDo]) -> Job:
        await self._database.write(partial(book.enter, submission=submission))
        for start in range(0, len(notes), ADDED_AT_ONCE):
            some = notes[start : start + ADDED_AT_ONCE]
            # In pieces, because calls of people wait for the same writing thread.
            await self._database.write(partial(book.add_items, job_id=submission.id, notes=some))
        await self._database.write(partial(book.open_job, job_id=submission.id, at=self._at()))
        job = await self.job(submission.id)
        if job is None:
            raise RuntimeError("a job that was just written is gone")
        return job

    async def known(self, idems: Sequence[str]) -> frozenset[str]:
        return await self._database.read(partial(book.known, idems=idems))

    async def claim(self) -> Claim | None:
        now_s = self._lease_s()
        return await self._database.write(
            partial(claims.claim_next, owner=self._owner, now_s=now_s, until_s=now_s + LEASE_S)
        )

    async def next_due_in_s(self) -> float | None:
        due_s = await self._database.read(book.next_due_s)
        return None if due_s is None else max(due_s - self._lease_s(), 0.0)

    async def renew(self) -> None:
        await self._database.write(partial(claims.renew, owner=self._owner, until_s=self._lease_s() + LEASE_S))

    async def reap(self, kept: Sequence[int]) -> int:
        return await self._database.write(partial(claims.reap, now_s=self._lease_s(), kept=kept, at=self._at()))

    def finisher(self, claim: Claim, made: Made) -> Callable[[Any], bool]:
        return partial(claims.finish, item_id=claim.item_id, fence=claim.fence, made=made, at=self._at())

    async def finish(self, claim: Claim, made: Made) -> bool:
        return await self._database.write(self.finisher(claim, made))

    async def fail(self, claim: Claim, *, code: str, message: str) -> None:
        failing = partial(claims.fail, item_id=claim.item_id, fence=claim.fence, code=code, message=message)
        await self._database.write(partial(failing, at=self._at()))

    async def give_back(self, taken: Iterable[Claim]) -> None:
        pairs = [(claim.item_id, claim.fence) for claim in taken]
        await self._database.write(partial(claims.give_back, claims=pairs))

    async def try_again(self, claim: Claim, *, code: str, message: str, in_s: float) -> None:
        trying = partial(claims.try_again, item_id=claim.item_id, fence=claim.fence, code=code, message=message)
        await self._database.write(partial(trying, not_before_s=self._lease_s() + in_s))

    async def exchange_note(self, claim: Claim, note: NoteToDo) -> bool:
        exchanging = partial(claims.exchange_note, item_id=claim.item_id, fence=claim.fence, note=note)
        return await self._database.write(partial(exchanging, at=self._at()))

    async def hold(self, job_id: str, reason: str) -> None:
        jitter = random.random()  # noqa: S311 - spreads waits, guards nothing
        holding = partial(book.hold, job_id=job_id, reason=reason, now_s=self._lease_s(), jitter=jitter)
        await self._database.write(holding)

    async def pause(self, job_id: str, reason: str) -> None:
        await self._database.write(partial(book.pause, job_id=job_id, reason=reason))

    async def resume(self, job_id: str) -> None:
        await self._database.write(partial(book.resume, job_id=job_id))

    async def cancel(self, job_id: str) -> list[int]:
        return await self._database.write(partial(book.cancel, job_id=job_id, at=self._at()))

    async def retry(self, job_id: str) -> int:
        return await self._database.write(partial(book.retry, job_id=job_id, at=self._at()))

    async def forget_before(self, moment: datetime) -> int:
        return await self._database.write(partial(book.forget_before, moment=moment.isoformat()))

    async def load(self) -> Load:
        return await self._database.read(book.load)

    async def jobs(self) -> tuple[Job, ...]:
        return await self._database.read(book.jobs)

    async def job(self, job_id: str) -> Job | None:
        return await self._database.read(partial(book.job, job_id=job_id))

    async def items(self, job_id: str, *, state: ItemState | None, after: int, limit: int) -> tuple[Item, ...]:
        return await self._database.read(partial(book.items, job_id=job_id, state=state, after=after, limit=limit))

    async def settled_after(self, job_id: str, number: int, most: int) -> tuple[Settled, ...]:
        return await self._database.read(partial(book.settled_after, job_id=job_id, number=number, most=most))

    async def void_foreign(self) -> int:
        return await self._database.write(partial(claims.void_foreign, owner=self._owner, at=self._at()))

    def _at(self) -> str:
        return self._clock.now().isoformat()
