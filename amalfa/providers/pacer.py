"""How fast calls go out to one API: so many at once, so many a minute, people first. Reads no reply.

The number of calls at once follows what the API bears: one more after as many good calls as may run, a tenth less
after it said that they are too many. Background work leaves a fifth of everything to the people who may come.
"""

import math
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import get_args

import anyio

from amalfa.calls import Lane
from amalfa.clock import Clock
from amalfa.errors import Overloaded, RateLimited

SLOWER = 0.9
RESERVED_SHARE = 5
MINUTE_S = 60.0
UNSAID_QUIET_S = 1.0
# A longer rest is that of one model or one account's day, which says nothing of the pace.
QUIET_MAX_S = 60.0
# A person is told of a longer wait for the next minute at once, as another model may be quicker.
PATIENCE_S = 5.0
MODELS_MAX = 256


@dataclass(frozen=True, slots=True)
class Pace:
    """The bounds: `most` calls at once, and how many may begin in a minute; None = any number."""

    most: int = 32
    per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What goes on at one moment. `limit` is how many calls may run at once now."""

    running: int
    limit: int
    waiting: Mapping[Lane, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(slots=True, eq=False)
class _Ticket:
    """One call. Its `begun_s` is set when it is called, and never before."""

    lane: Lane
    model: str
    called: anyio.Event = field(default_factory=anyio.Event)
    begun_s: float = math.nan


class Pacer:
    """The calls to one API."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._limit = float(pace.most)
        self._good = 0
        self._slowed_s = -math.inf
        self._running: dict[_Ticket, None] = {}
        self._waiting: dict[Lane, deque[_Ticket]] = {lane: deque() for lane in get_args(Lane)}
        self._begun: deque[_Ticket] = deque()
        self._quiet_until_s: dict[str, float] = {}

    @property
    def load(self) -> Load:
        return Load(len(self._running), self.limit, {lane: len(line) for lane, line in self._waiting.items()})

    @property
    def limit(self) -> int:
        """How many calls may run at once now."""
        return max(1, int(self._limit))

    def change(self, pace: Pace) -> None:
        """Other bounds from now on; what was learnt of the API stays where they allow it."""
        was_at_most = self._limit >= self._pace.most
        self._limit = float(pace.most) if was_at_most else min(self._limit, float(pace.most))
        self._pace = pace
        self._call()

    @asynccontextmanager
    async def turn(self, lane: Lane, model: str, where: str, deadline_s: float) -> AsyncIterator[None]:
        """Run one call inside the block. Raises RateLimited when its turn did not come, or will not come, in time."""
        ticket = _Ticket(lane, model)
        await self._wait(ticket, where, deadline_s)
        try:
            yield
        except (RateLimited, Overloaded) as error:
            self._slow_down(ticket, error)
            raise
        else:
            self._speed_up()
        finally:
            del self._running[ticket]
            self._call()

    async def _wait(self, ticket: _Ticket, where: str, deadline_s: float) -> None:
        self._waiting[ticket.lane].append(ticket)
        self._call()
        try:
            if not ticket.called.is_set():
                self._check_patience(ticket, where)
            while not ticket.called.is_set():
                now_s = self._clock.monotonic_s()
                if now_s >= deadline_s:
                    message = f"{len(self._running)} calls to {where} were under way, and no place came free in time."
                    raise RateLimited(message, hint="ask again in a moment", retry_after_s=UNSAID_QUIET_S)
                with anyio.move_on_after(min(deadline_s, self._next_chance_s(now_s)) - now_s):
                    await ticket.called.wait()
                self._call()
        except BaseException:
            self._leave(ticket)
            raise

    def _check_patience(self, ticket: _Ticket, where: str) -> None:
        wait_s = self._minute_ends_s() - self._clock.monotonic_s()
        if ticket.lane == "interactive" and self._is_minute_full("interactive") and wait_s > PATIENCE_S:
            message = f"{self._pace.per_minute} calls to {where} began within a minute, and more may not."
            raise RateLimited(message, hint="ask again in a moment, or raise its rpm", retry_after_s=wait_s)

    def _leave(self, ticket: _Ticket) -> None:
        """Take back a ticket whose caller went away, even one that was called and made no call."""
        if ticket.called.is_set():
            del self._running[ticket]
            if ticket in self._begun:
                self._begun.remove(ticket)
        else:
            self._waiting[ticket.lane].remove(ticket)
        self._call()

    def _call(self) -> None:
        """Start whatever may start now."""
        now_s = self._clock.monotonic_s()
        while self._begun and self._minute_ends_s() <= now_s:
            self._begun.popleft()
        for lane, line in self._waiting.items():
            resting: list[_Ticket] = []
            while line and self._has_room(lane):
                ticket = line.popleft()
                if self._rests_until_s(ticket) > now_s:
                    resting.append(ticket)
                else:
                    self._start(ticket, now_s)
            line.extendleft(reversed(resting))

    def _start(self, ticket: _Ticket, now_s: float) -> None:
        ticket.begun_s = now_s
        self._running[ticket] = None
        if self._pace.per_minute is not None:
            self._begun.append(ticket)
        ticket.called.set()

    def _has_room(self, lane: Lane) -> bool:
        return len(self._running) < _share(self.limit, lane) and not self._is_minute_full(lane)

    def _is_minute_full(self, lane: Lane) -> bool:
        per_minute = self._pace.per_minute
        return per_minute is not None and len(self._begun) >= _share(per_minute, lane)

    def _minute_ends_s(self) -> float:
        """When the oldest call of the last minute will be a minute old; one expression, so that all agree on it."""
        return self._begun[0].begun_s + MINUTE_S if self._begun else -math.inf

    def _rests_until_s(self, ticket: _Ticket) -> float:
        is_resting = ticket.lane == "background"
        return self._quiet_until_s.get(ticket.model, -math.inf) if is_resting else -math.inf

    def _next_chance_s(self, now_s: float) -> float:
        """When a call might start although none has ended."""
        chances = (self._minute_ends_s(), *self._quiet_until_s.values())
        return min((at_s for at_s in chances if at_s > now_s), default=math.inf)

    def _speed_up(self) -> None:
        """Count a good call. What runs below the limit shows nothing of it."""
        self._good += 1
        if self._good >= self.limit and len(self._running) >= _share(self.limit, "background"):
            self._limit, self._good = min(float(self._pace.most), self.limit + 1.0), 0

    def _slow_down(self, ticket: _Ticket, error: RateLimited | Overloaded) -> None:
        now_s = self._clock.monotonic_s()
        asked_s = error.retry_after_s if isinstance(error, RateLimited) else None
        if asked_s is not None and asked_s > QUIET_MAX_S:
            return
        quiet_until_s = now_s + (UNSAID_QUIET_S if asked_s is None else asked_s)
        if len(self._quiet_until_s) >= MODELS_MAX:
            self._quiet_until_s = {model: at_s for model, at_s in self._quiet_until_s.items() if at_s > now_s}
        self._quiet_until_s[ticket.model] = max(quiet_until_s, self._quiet_until_s.get(ticket.model, -math.inf))
        # The calls of one burst are refused together, which tells no more than the first refusal did.
        if ticket.begun_s > self._slowed_s:
            self._limit, self._good, self._slowed_s = max(1.0, self._limit * SLOWER), 0, now_s


def _share(whole: int, lane: Lane) -> int:
    """What one lane may use of it: background work leaves a fifth, and one at least, unless one is all there is."""
    if lane == "interactive" or whole == 1:
        return whole
    return whole - max(1, whole // RESERVED_SHARE)
