"""How calls wait for a place at a host: each until its own deadline, none forgotten, whatever becomes of the others."""

from collections.abc import Callable
from contextlib import suppress
from random import Random

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from amalfa.calls import Lane
from amalfa.errors import Overloaded
from amalfa.providers.host_queue import REST_S, HostQueue, MovedAway, Wanted
from amalfa.providers.slot_count import fixed
from tests.fakes import FakeClock

FAR_S = 1e12
A, B = Wanted("a"), Wanted("b")
BATCH = Wanted("a", "background")


def queue_of(slots: int = 1, clock: FakeClock | None = None, chance: Callable[[], float] = lambda: 0.5) -> HostQueue:
    return HostQueue(clock or FakeClock(), slots=fixed(slots), chance=chance)


async def settle() -> None:
    for _ in range(10):
        await anyio.lowlevel.checkpoint()


class Calls:
    """Starts calls and remembers in which order they got their places; each ends when it is told to."""

    def __init__(self, queue: HostQueue, group: TaskGroup) -> None:
        self.order: list[str] = []
        self._queue = queue
        self._group = group
        self._ends: dict[str, anyio.Event] = {}

    async def begin(self, name: str, wanted: Wanted) -> None:
        self._ends[name] = anyio.Event()
        self._group.start_soon(self._run, name, wanted)
        await settle()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await settle()

    async def _run(self, name: str, wanted: Wanted) -> None:
        async with self._queue.place(wanted, "h", FAR_S):
            self.order.append(name)
            await self._ends[name].wait()


async def test_calls_beyond_the_slots_go_in_the_order_they_came() -> None:
    queue = queue_of()
    async with anyio.create_task_group() as group:
        calls = Calls(queue, group)
        for name in "abc":
            await calls.begin(name, A)
        assert calls.order == ["a"]
        assert (queue.running, queue.waiting("interactive")) == (1, 2)
        for name in "abc":
            await calls.end(name)
    assert calls.order == ["a", "b", "c"]
    assert (queue.running, queue.waiting()) == (0, 0)


async def test_people_pass_by_background_work() -> None:
    async with anyio.create_task_group() as group:
        calls = Calls(queue_of(), group)
        for name, wanted in (("one", BATCH), ("two", BATCH), ("three", BATCH), ("person", A)):
            await calls.begin(name, wanted)
        for name in ("one", "person", "two", "three"):
            await calls.end(name)
    assert calls.order == ["one", "person", "two", "three"]


async def test_whoever_waits_longer_than_its_deadline_is_told_so_and_frees_its_place() -> None:
    clock = FakeClock()
    queue = queue_of(clock=clock)
    async with queue.place(A, "h", FAR_S):
        with pytest.raises(Overloaded, match="The queue of h is full"):
            async with queue.place(A, "h", clock.seconds):
                raise AssertionError("there was no place")
    assert queue.waiting() == 0
    async with queue.place(A, "h", clock.seconds):
        assert queue.running == 1


async def test_a_caller_that_leaves_the_line_does_not_block_it() -> None:
    queue = queue_of()
    async with queue.place(A, "h", FAR_S):
        with anyio.move_on_after(0.01):
            async with queue.place(A, "h", FAR_S):
                raise AssertionError("there was no place")
    async with queue.place(A, "h", FAR_S):
        pass
    assert queue.running == 0


async def test_a_caller_that_leaves_when_it_was_just_called_passes_its_place_on() -> None:
    queue = queue_of()
    async with anyio.create_task_group() as group:
        calls = Calls(queue, group)
        scope = anyio.CancelScope()

        async def leaver() -> None:
            with scope:
                async with queue.place(A, "h", FAR_S):
                    await anyio.sleep_forever()

        async with queue.place(A, "h", FAR_S):
            group.start_soon(leaver)
            await settle()
            await calls.begin("next", A)
        scope.cancel()
        await settle()
        assert calls.order == ["next"]
        await calls.end("next")


async def test_a_host_that_refused_rests_with_jitter_and_takes_fewer() -> None:
    for chance, rest_s in ((0.0, REST_S * 0.5), (1.0, REST_S * 1.5)):
        clock = FakeClock()
        queue = HostQueue(clock, chance=lambda chance=chance: chance)  # type: ignore[misc]  # the value of this round
        with suppress(Overloaded):
            async with queue.place(A, "h", FAR_S) as place:
                for _ in range(5):
                    place.measured(waited_s=0.0, worked_s=1.0)
                raise Overloaded("full")
        assert queue.is_resting
        assert queue.slots_of("a") == 1
        assert not queue.takes_at_once("a", "interactive")
        clock.seconds += rest_s
        assert not queue.is_resting
        assert queue.takes_at_once("a", "interactive")


async def test_refusals_of_one_burst_count_once() -> None:
    queue = HostQueue(FakeClock(), slots=None, chance=lambda: 0.5)

    async def refused() -> None:
        with suppress(Overloaded):
            async with queue.place(A, "h", FAR_S) as place:
                place.measured(waited_s=0.0, worked_s=1.0)
                await settle()
                raise Overloaded("full")

    async with queue.place(A, "h", FAR_S) as place:
        place.measured(waited_s=0.0, worked_s=1.0)
    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(refused)
    assert queue.slots_of("a") == 1


async def test_a_call_that_fails_for_another_reason_changes_nothing() -> None:
    queue = queue_of(2)
    with suppress(RuntimeError):
        async with queue.place(A, "h", FAR_S):
            raise RuntimeError
    assert (queue.running, queue.slots_of("a"), queue.is_resting) == (0, 2, False)


async def test_no_more_people_wait_than_may_and_background_work_does_not_count() -> None:
    queue = HostQueue(FakeClock(), slots=fixed(1), most_people=1)
    async with anyio.create_task_group() as group:
        calls = Calls(queue, group)
        await calls.begin("runs", A)
        await calls.begin("waits", A)
        await calls.begin("batch", BATCH)
        with pytest.raises(Overloaded, match="As many calls wait for h as may"):
            async with queue.place(A, "h", FAR_S):
                raise AssertionError("there was no place")
        for name in ("runs", "waits", "batch"):
            await calls.end(name)
    assert calls.order == ["runs", "waits", "batch"]


async def test_a_call_can_be_sent_to_another_host_while_it_waits_and_not_afterwards() -> None:
    queue = queue_of()
    seen: list[str] = []

    async def waits() -> None:
        try:
            async with queue.place(A, "h", FAR_S):
                raise AssertionError("it was sent away")
        except MovedAway as moved:
            seen.append(moved.url)

    async with anyio.create_task_group() as group, queue.place(A, "h", FAR_S):
        group.start_soon(waits)
        await settle()
        (waiter,) = queue.waiters
        waiter.move("http://b")
        await settle()
        assert seen == ["http://b"]
        assert (queue.waiting(), list(queue.waiters)) == (0, [])


async def test_a_turn_that_comes_with_time_is_taken_without_any_other_event() -> None:
    """The rest after a refusal ends by the clock alone; the one who watches it calls everybody."""
    queue = HostQueue(_Quick(), slots=fixed(1), chance=lambda: 0.0)
    with suppress(Overloaded):
        async with queue.place(A, "h", FAR_S):
            raise Overloaded("full")
    with anyio.fail_after(2.0):
        async with queue.place(A, "h", FAR_S):
            assert not queue.is_resting


class _Quick(FakeClock):
    """Real time, a hundred thousand times as fast."""

    @override
    def monotonic_s(self) -> float:
        return anyio.current_time() * 100_000


Step = tuple[str, Lane, int]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["interactive", "background"]), st.integers(0, 3)), max_size=25
    ),
    st.integers(1, 3),
    st.integers(0, 2**16),
)
@settings(max_examples=60, deadline=None)
def test_whoever_leaves_when_nobody_is_forgotten(steps: list[Step], slots: int, seed: int) -> None:
    anyio.run(_crowd, steps, slots, seed)


async def _crowd(steps: list[Step], slots: int, seed: int) -> None:
    """Calls of two models that end, fail and are cancelled at random: all that stay are served in the end."""
    chance = Random(seed)
    queue = queue_of(slots, _Quick())
    served: list[int] = []
    scopes = [anyio.CancelScope() for _ in steps]
    cancelled: set[int] = set()

    async def call(number: int, step: Step) -> None:
        runner, lane, pauses = step
        with scopes[number], suppress(RuntimeError):
            async with queue.place(Wanted(runner, lane, prefix="p" * (pauses % 2)), "h", FAR_S):
                assert queue.running <= slots
                for _ in range(pauses):
                    await anyio.lowlevel.checkpoint()
                served.append(number)
                if chance.random() < 0.2:
                    raise RuntimeError

    with anyio.fail_after(5.0):
        async with anyio.create_task_group() as group:
            for number, step in enumerate(steps):
                group.start_soon(call, number, step)
                if chance.random() < 0.5:
                    await anyio.lowlevel.checkpoint()
                if chance.random() < 0.3:
                    victim = chance.randrange(number + 1)
                    scopes[victim].cancel()
                    cancelled.add(victim)
    assert set(served) | cancelled == set(range(len(steps)))
    assert (queue.running, queue.waiting(), list(queue.waiters)) == (0, 0, [])
