"""Calls wait here for a place at one host, each until its own deadline; who is next is the schedule's decision."""

import itertools
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from amalfa.calls import Lane
from amalfa.clock import Clock
from amalfa.errors import Overloaded
from amalfa.providers.host_schedule import HostSchedule, SwapCounts, Ticket
from amalfa.providers.slot_count import SlotCount

# How long a host that refused is left alone, give or take half of it, so that not everybody comes back at once.
REST_S = 1.0


class MovedAway(Exception):
    """Another host, the one at `url`, has a free place for a call that waited in vain for one here."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a call needs of a host; see `Ticket`. `elsewhere` are the other hosts that may serve it: URL to runner."""

    runner: str
    lane: Lane = "interactive"
    prefix: str = ""
    elsewhere: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Waiter:
    """One call in the line. `woken` makes it look at itself: called, sent away, or to watch the time anew."""

    ticket: Ticket
    elsewhere: Mapping[str, str]
    is_called: bool = False
    moves_to: str = ""
    woken: anyio.Event = field(default_factory=anyio.Event)

    def call(self) -> None:
        self.is_called = True
        self.woken.set()

    def move(self, url: str) -> None:
        """Leave this line for the host at `url`."""
        self.moves_to = url
        self.woken.set()


class Place:
    """A place at a host, for the length of one call. Tell it what the call showed of the host."""

    def __init__(self, schedule: HostSchedule, ticket: Ticket, clock: Clock) -> None:
        self.ticket = ticket
        self._schedule = schedule
        self._clock = clock
        self._beside = schedule.beside(ticket)

    @property
    def is_wanted(self) -> bool:
        """Whether other calls wait for the same model, so that it should stay in memory."""
        return self._schedule.is_wanted(self.ticket.runner)

    @property
    def is_of_people(self) -> bool:
        """Whether people use the model, and not only batch work."""
        return self._schedule.is_of_people(self.ticket.runner, self._clock.monotonic_s())

    def loaded(self, load_s: float, resident: Iterable[str] | None) -> None:
        """The model was brought into memory for this call; `resident` is what is there now, None = unknown."""
        self._schedule.loaded(self.ticket.runner, load_s, resident)

    def not_loaded(self) -> None:
        """The model could not be brought into memory."""
        self._schedule.not_loaded(self.ticket.runner)

    def measured(self, *, waited_s: float | None, worked_s: float) -> None:
        """What the host says of a good call: how long it waited there for a slot, and how long it was worked on."""
        runner = self.ticket.runner
        beside = max(self._beside, self._schedule.beside(self.ticket))
        slots = self._schedule.slots_of(runner).after(beside=beside, waited_s=waited_s, worked_s=worked_s)
        self._schedule.learn_slots(runner, slots)


def _nothing() -> None:
    """What a queue without peers does when something changed."""


class HostQueue:
    """The calls at one host. `slots` is what a model begins with; None: one, and more are tried.

    `most_people` is how many calls of people may wait. `changed` is called whenever a place may have come free here,
    or somebody began to wait.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        slots: SlotCount | None = None,
        most_people: float = float("inf"),
        changed: Callable[[], None] = _nothing,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._schedule = HostSchedule(slots)
        self._clock = clock
        self._most_people = most_people
        self._changed = changed
        self._chance = chance
        self._numbers = itertools.count()
        self._waiters: dict[int, Waiter] = {}
        self._rests_until_s = float("-inf")

    @property
    def running(self) -> int:
        return self._schedule.running

    def waiting(self, lane: Lane | None = None) -> int:
        return self._schedule.waiting(lane)

    @property
    def swaps(self) -> SwapCounts:
        return self._schedule.swaps

    @property
    def is_resting(self) -> bool:
        return self._clock.monotonic_s() < self._rests_until_s

    @property
    def is_full(self) -> bool:
        """Whether as many calls of people wait as may."""
        return self._schedule.waiting("interactive") >= self._most_people

    @property
    def waiters(self) -> Iterator[Waiter]:
        """Those that wait and were told nothing yet, in the order they came."""
        return (one for one in self._waiters.values() if not (one.is_called or one.moves_to))

    def slots_of(self, runner: str) -> int:
        """How many calls of this model may run at once, as far as is known."""
        return self._schedule.slots_of(runner).most

    def takes_at_once(self, runner: str, lane: Lane) -> bool:
        """Whether a call that comes now would not have to wait."""
        now_s = self._clock.monotonic_s()
        return self._schedule.takes_at_once(Ticket(-1, runner, lane, now_s), now_s)

    def saw_resident(self, runners: Iterable[str]) -> None:
        """What the host has in memory now, as it says."""
        self._schedule.saw_resident(runners)
        self._call()

    @asynccontextmanager
    async def place(self, wanted: Wanted, where: str, deadline_s: float) -> AsyncIterator[Place]:
        """Run one call inside the block. Raises Overloaded when no place came free in time, and MovedAway."""
        now_s = self._clock.monotonic_s()
        ticket = Ticket(next(self._numbers), wanted.runner, wanted.lane, now_s, wanted.prefix)
        await self._wait(Waiter(ticket, wanted.elsewhere), where, deadline_s)
        is_good = False
        try:
            yield Place(self._schedule, ticket, self._clock)
            is_good = True
        except Overloaded:
            self._refused(ticket)
            raise
        finally:
            self._schedule.end(ticket, self._clock.monotonic_s(), is_good=is_good)
            self._call()

    async def _wait(self, waiter: Waiter, where: str, deadline_s: float) -> None:
        ticket = waiter.ticket
        is_too_much = ticket.lane == "interactive" and self.is_full
        self._waiters[ticket.number] = waiter
        self._schedule.arrive(ticket)
        try:
            self._call()
            if is_too_much and not waiter.is_called:
                raise Overloaded(f"As many calls wait for {where} as may.", hint="ask again in a moment")
            while not waiter.is_called:
                if waiter.moves_to:
                    raise MovedAway(waiter.moves_to)
                await self._wait_once(waiter, where, deadline_s)
        except BaseException:
            del self._waiters[ticket.number]
            if waiter.is_called:
                self._schedule.end(ticket, self._clock.monotonic_s(), is_good=False)
            else:
                self._schedule.give_up(ticket)
            self._call()
            raise
        del self._waiters[ticket.number]
        self._wake_watcher()

    async def _wait_once(self, waiter: Waiter, where: str, deadline_s: float) -> None:
        now_s = self._clock.monotonic_s()
        if now_s >= deadline_s:
            raise Overloaded(f"The queue of {where} is full, and no place came free in time.", hint="ask again")
        # One of them is enough to watch the time for all.
        is_watcher = next(self.waiters, None) is waiter
        again_s = self._schedule.look_again_s(now_s) if is_watcher else None
        until_s = deadline_s if again_s is None else min(deadline_s, again_s)
        waiter.woken = anyio.Event()
        with anyio.move_on_after(until_s - now_s):
            await waiter.woken.wait()
        if not waiter.woken.is_set():
            self._call()

    def _call(self) -> None:
        for ticket in self._schedule.start(self._clock.monotonic_s()):
            self._waiters[ticket.number].call()
        self._wake_watcher()
        self._changed()

    def _wake_watcher(self) -> None:
        if (watcher := next(self.waiters, None)) is not None:
            watcher.woken.set()

    def _refused(self, ticket: Ticket) -> None:
        # The calls of one burst are refused together, which tells no more than the first refusal did.
        if self.is_resting:
            return
        slots = self._schedule.slots_of(ticket.runner)
        self._schedule.learn_slots(ticket.runner, slots.after_refusal(self._schedule.beside(ticket) + 1))
        self._rests_until_s = self._clock.monotonic_s() + REST_S * (0.5 + self._chance())
        self._schedule.rest(self._rests_until_s)
