"""Lets a bounded number of requests work at once, the rest wait in turn, caller by caller. Knows nothing of HTTP."""

import math
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from amalfa.errors import AmalfaError, Busy, ShuttingDown

_GUESSED_TURN_S = 2.0
_LONGEST_RETRY_S = 60


@dataclass(frozen=True, slots=True)
class TurnstileLimits:
    """`running` requests work at once, `waiting` more may queue; a single caller gets only its share of both."""

    running: int = 64
    waiting: int = 512
    per_caller: int = 48
    waiting_per_caller: int = 384


@dataclass(slots=True, eq=False)
class _Ticket:
    called: anyio.Event = field(default_factory=anyio.Event)
    refusal: AmalfaError | None = None


class Turnstile:
    """Turns are given to callers one after the other, so that a busy one cannot make the others wait for it."""

    def __init__(self, limits: TurnstileLimits) -> None:
        self.limits = limits
        self.waiting = 0
        self._running: Counter[str] = Counter()
        # One queue for each caller; the caller at the front is served next and then goes to the back.
        self._queues: dict[str, deque[_Ticket]] = {}
        self._closed = False
        self._turn_s = _GUESSED_TURN_S

    @property
    def running(self) -> int:
        return self._running.total()

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it for the length of the block.

        Raises Busy at once when the queue is full, ShuttingDown when the turnstile closes first.
        """
        await self._enter(caller)
        began_s = anyio.current_time()
        try:
            yield
        finally:
            # A moving average over about ten turns, for an honest Retry-After.
            self._turn_s += (anyio.current_time() - began_s - self._turn_s) / 10
            self._give_back(caller)

    def close(self) -> None:
        """Turn everybody away who has no turn yet."""
        self._closed = True
        for queue in self._queues.values():
            for ticket in queue:
                ticket.refusal = _closing()
                ticket.called.set()

    async def _enter(self, caller: str) -> None:
        if self._closed:
            raise _closing()
        if not self.waiting and self._has_room_for(caller):
            self._running[caller] += 1
            return
        own_waiting = len(self._queues.get(caller, ()))
        if self.waiting >= self.limits.waiting or own_waiting >= self.limits.waiting_per_caller:
            raise self._full()
        await self._wait(caller)

    async def _wait(self, caller: str) -> None:
        ticket = _Ticket()
        self._queues.setdefault(caller, deque()).append(ticket)
        self.waiting += 1
        # Others may wait only because they have their share already; this caller may go past them.
        self._call_next()
        try:
            await ticket.called.wait()
        except BaseException:
            if ticket.called.is_set() and ticket.refusal is None:
                self._give_back(caller)
            raise
        finally:
            self._forget(caller, ticket)
        if ticket.refusal is not None:
            raise ticket.refusal

    def _give_back(self, caller: str) -> None:
        self._running[caller] -= 1
        if not self._running[caller]:
            del self._running[caller]
        self._call_next()

    def _call_next(self) -> None:
        for caller in list(self._queues):
            ticket = next((ticket for ticket in self._queues[caller] if not ticket.called.is_set()), None)
            if ticket is None or not self._has_room_for(caller):
                continue
            self._queues[caller] = self._queues.pop(caller)
            self._running[caller] += 1
            ticket.called.set()
            if self.running >= self.limits.running:
                return

    def _forget(self, caller: str, ticket: _Ticket) -> None:
        self.waiting -= 1
        queue = self._queues[caller]
        queue.remove(ticket)
        if not queue:
            del self._queues[caller]

    def _has_room_for(self, caller: str) -> bool:
        return self.running < self.limits.running and self._running[caller] < self.limits.per_caller

    def _full(self) -> Busy:
        ahead_s = self._turn_s * self.waiting / self.limits.running
        retry_s = min(_LONGEST_RETRY_S, max(1, math.ceil(ahead_s)))
        return Busy(
            f"Sonar already has {self.waiting} requests waiting.",
            hint=f"try again in {retry_s} s",
            retry_after_s=retry_s,
        )


def _closing() -> ShuttingDown:
    return ShuttingDown("Sonar is shutting down and takes no new work.", hint="amalfa sonar start")
