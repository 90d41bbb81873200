"""Takes up items as long as there are some, many at a time. Knows neither tasks nor tables."""

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import anyio
from anyio import CancelScope
from anyio.abc import TaskGroup

from amalfa.clock import Clock
from amalfa.errors import AmalfaError
from amalfa.jobs.job import Claim
from amalfa.jobs.store import RENEW_EVERY_S, JobStore

log = logging.getLogger("amalfa.jobs")

T = TypeVar("T")

RETRY_STORE_AFTER_S = 5.0
SHORT_REST_S = 0.05
PACE_S = 60.0


class Pool:
    """Keeps up to `width` items in hand. `work` does one, and tells whether it brought a result."""

    def __init__(
        self, store: JobStore, work: Callable[[Claim], Awaitable[bool]], *, width: Callable[[], int], clock: Clock
    ) -> None:
        self._store = store
        self._work = work
        self._width = width
        self._hands: dict[int, CancelScope] = {}
        self._wake = anyio.Event()
        self._is_draining = False
        self.pace = Pace(clock)

    @property
    def in_hand(self) -> int:
        return len(self._hands)

    def wake(self) -> None:
        """Look for work now: some may have come in, or a place may be free."""
        self._wake.set()

    def drop(self, item_ids: list[int]) -> None:
        """Stop working on these items."""
        for item_id in item_ids:
            if item_id in self._hands:
                self._hands[item_id].cancel()

    def begin_drain(self) -> None:
        """Take up nothing more, and give back what is in hand; returns at once."""
        self._is_draining = True
        self.drop(list(self._hands))
        self.wake()

    async def run(self) -> None:
        """Work until cancelled or drained. Whatever was in hand when an earlier sonar ended is queued again first."""
        voided = await self._insist(self._store.void_foreign, otherwise=0)
        if voided:
            log.warning("%d items were in hand at the last end of sonar and are done again", voided)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._tend)
            await self._dispatch(tasks)
            tasks.cancel_scope.cancel()

    async def _dispatch(self, tasks: TaskGroup) -> None:
        while not self._is_draining:
            self._wake = wake = anyio.Event()
            if len(self._hands) >= self._width():
                await wake.wait()
                continue
            if not await self._insist(partial(self._take_up, tasks), otherwise=False) and not self._is_draining:
                await self._rest(wake)

    async def _take_up(self, tasks: TaskGroup) -> bool:
        # A claim that is on its way cannot be called back, so somebody has to be there to hold it.
        with CancelScope(shield=True):
            claim = await self._store.claim()
            if claim is not None:
                self._hands[claim.item_id] = scope = CancelScope()
                tasks.start_soon(self._hold, claim, scope)
        return claim is not None

    async def _rest(self, wake: anyio.Event) -> None:
        due_in_s = await self._insist(self._store.next_due_in_s, otherwise=None)
        # What is due and could not be claimed waits for its twin in hand, whose end wakes us.
        is_timed = due_in_s is not None and (due_in_s > 0 or not self._hands)
        with anyio.move_on_after(max(due_in_s or 0.0, SHORT_REST_S) if is_timed else None):
            await wake.wait()

    async def _hold(self, claim: Claim, scope: CancelScope) -> None:
        try:
            with scope:
                if self._is_draining:
                    scope.cancel()
                if await self._work(claim):
                    self.pace.add(claim.job_id)
        except AmalfaError as error:
            # The item stays leased and is queued again when the lease runs out.
            log.error("item %d could not be settled: %s", claim.item_id, error.message)
        except Exception:  # the boundary of one item: it fails alone, and its lease counts as an attempt
            log.exception("item %d failed unexpectedly", claim.item_id)
        finally:
            self._hands.pop(claim.item_id, None)
            self.wake()

    async def _tend(self) -> None:
        """Keep the leases of what is in hand, and take back what nobody holds any more."""
        while True:
            await anyio.sleep(RENEW_EVERY_S)
            if not self._hands:
                continue
            try:
                await self._store.renew()
                if await self._store.reap(list(self._hands)):
                    self.wake()
            except AmalfaError as error:
                log.warning("leases could not be renewed: %s", error.message)

    async def _insist(self, ask: Callable[[], Awaitable[T]], *, otherwise: T) -> T:
        """What the store says, as soon as it can be asked: a full disk ends no pool. `otherwise` at the end."""
        while not self._is_draining:
            try:
                return await ask()
            except AmalfaError as error:
                log.error("the queue of jobs cannot be read or written: %s", error.message)
            except Exception:  # the queue's own boundary: an error that escaped would end the whole daemon
                log.exception("the queue of jobs failed unexpectedly")
            await anyio.sleep(RETRY_STORE_AFTER_S)
        return otherwise


class Pace:
    """How many results came lately, by job."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends: dict[str, deque[float]] = {}

    def add(self, job_id: str) -> None:
        self._ends.setdefault(job_id, deque(maxlen=4_096)).append(self._clock.monotonic_s())

    def per_s(self, job_id: str) -> float | None:
        """Results a second over the last minute; None when there were fewer than two."""
        ends, now_s = self._ends.get(job_id), self._clock.monotonic_s()
        while ends and ends[0] < now_s - PACE_S:
            ends.popleft()
        if not ends:
            self._ends.pop(job_id, None)
        if not ends or len(ends) < 2:
            return None
        return (len(ends) - 1) / max(now_s - ends[0], 0.001)
