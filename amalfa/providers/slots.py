"""How many calls one host is given at once: as many as come, fewer after it said that its queue is full."""

import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import anyio

from amalfa.clock import Clock
from amalfa.errors import Overloaded

# How long a host that refused is left alone, give or take half of it, so that not everybody comes back at once.
REST_S = 1.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many calls may run at once. `limit` None: nobody was refused yet, so any number may.

    `shown` is the most calls that ran at once when one of them went well; a lowered limit grows back as far as that.
    `streak` counts the good calls since the limit last changed.
    """

    limit: int | None = None
    shown: int = 1
    streak: int = 0

    def after_success(self, running: int) -> "Allowance":
        """One call went well while `running` ran, itself among them. As many of them as the limit lift it by one."""
        shown = max(self.shown, running)
        if self.limit is None:
            return Allowance(None, shown)
        if self.streak + 1 < self.limit:
            return Allowance(self.limit, shown, self.streak + 1)
        return Allowance(max(self.limit, min(self.limit + 1, shown)), shown)

    def after_refusal(self, running: int) -> "Allowance":
        """One of `running` calls was refused for want of room: half of them may run from now on, but one always."""
        allowed = running if self.limit is None else min(self.limit, running)
        return replace(self, limit=max(1, allowed // 2), streak=0)


class Slots:
    """The calls at one host. Those that find no slot wait in the order they came, each until its own deadline."""

    def __init__(self, clock: Clock, *, chance: Callable[[], float] = random.random) -> None:
        self.running = 0
        self.allowance = Allowance()
        self._clock = clock
        self._chance = chance
        self._rests_until_s = float("-inf")
        self._waiting: deque[object] = deque()
        self._changed = anyio.Event()

    @property
    def is_resting(self) -> bool:
        return self._clock.monotonic_s() < self._rests_until_s

    @property
    def is_full(self) -> bool:
        """Whether a call that comes now has to wait for another one to end."""
        limit = self.allowance.limit
        return bool(self._waiting) or (limit is not None and self.running >= limit)

    @asynccontextmanager
    async def slot(self, where: str, deadline_s: float) -> AsyncIterator[None]:
        """Run one call inside the block. Raises Overloaded when no slot came free in time."""
        await self._enter(where, deadline_s)
        try:
            yield
        except Overloaded:
            self._refused()
            raise
        else:
            self.allowance = self.allowance.after_success(self.running)
        finally:
            self.running -= 1
            self._wake()

    async def _enter(self, where: str, deadline_s: float) -> None:
        if self.is_full or self.is_resting:
            await self._wait_in_line(where, deadline_s)
        self.running += 1

    async def _wait_in_line(self, where: str, deadline_s: float) -> None:
        place = object()
        self._waiting.append(place)
        try:
            while self._waiting[0] is not place or self._is_closed():
                now_s = self._clock.monotonic_s()
                if now_s >= deadline_s:
                    raise Overloaded(f"The queue of {where} is full, and no place came free in time.", hint="ask again")
                changed, rest_s = self._changed, self._rests_until_s - now_s
                with anyio.move_on_after(min(deadline_s - now_s, rest_s if rest_s > 0 else float("inf"))):
                    await changed.wait()
        finally:
            self._waiting.remove(place)
            self._wake()

    def _is_closed(self) -> bool:
        limit = self.allowance.limit
        return self.is_resting or (limit is not None and self.running >= limit)

    def _refused(self) -> None:
        # The calls of one burst are refused together, which tells no more than the first refusal did.
        if not self.is_resting:
            self.allowance = self.allowance.after_refusal(self.running)
            self._rests_until_s = self._clock.monotonic_s() + REST_S * (0.5 + self._chance())

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
