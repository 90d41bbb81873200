"""How many calls a host gets at once, and who waits for whom."""

from contextlib import suppress

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.errors import Overloaded
from amalfa.providers.slots import REST_S, Allowance, Slots
from tests.fakes import FakeClock

FAR_S = 1e9


@pytest.mark.parametrize(
    ("before", "running", "after"),
    [
        pytest.param(Allowance(), 8, Allowance(4, 1), id="half of those that ran"),
        pytest.param(Allowance(), 9, Allowance(4, 1), id="rounded down"),
        pytest.param(Allowance(), 1, Allowance(1, 1), id="one always"),
        pytest.param(Allowance(6, 8, 3), 6, Allowance(3, 8, 0), id="again, and the streak is over"),
        pytest.param(Allowance(6, 8), 2, Allowance(1, 8), id="counted from what ran, where that was less"),
    ],
)
def test_a_refusal_halves_what_may_run(before: Allowance, running: int, after: Allowance) -> None:
    assert before.after_refusal(running) == after


@pytest.mark.parametrize(
    ("before", "running", "after"),
    [
        pytest.param(Allowance(), 5, Allowance(None, 5), id="nobody was refused: only remembered"),
        pytest.param(Allowance(2, 8), 2, Allowance(2, 8, 1), id="one of two"),
        pytest.param(Allowance(2, 8, 1), 2, Allowance(3, 8), id="a whole run lifts the limit by one"),
        pytest.param(Allowance(1, 8), 1, Allowance(2, 8), id="at one, each counts"),
        pytest.param(Allowance(8, 8, 7), 8, Allowance(8, 8), id="not above what the host has shown"),
        pytest.param(Allowance(1, 1), 3, Allowance(2, 3), id="which may be seen late"),
    ],
)
def test_good_calls_lift_the_limit_one_by_one(before: Allowance, running: int, after: Allowance) -> None:
    assert before.after_success(running) == after


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50)), max_size=60))
def test_a_limit_is_never_below_one_nor_lifted_above_what_was_shown(events: list[tuple[bool, int]]) -> None:
    allowance = Allowance()
    for is_good, running in events:
        before = allowance
        allowance = before.after_success(running) if is_good else before.after_refusal(running)
        assert allowance.limit is None or allowance.limit >= 1
        if is_good and before.limit is not None and allowance.limit is not None and allowance.limit > before.limit:
            assert allowance.limit <= allowance.shown


async def refuse(slots: Slots, running: int = 1) -> None:
    """Have a call refused while so many run."""
    slots.running += running - 1
    with suppress(Overloaded):
        async with slots.slot("a", FAR_S):
            raise Overloaded("full")
    slots.running -= running - 1


async def test_a_host_that_refused_rests_with_jitter_and_takes_fewer() -> None:
    for chance, rest_s in ((0.0, REST_S * 0.5), (1.0, REST_S * 1.5)):
        clock = FakeClock()
        slots = Slots(clock, chance=lambda chance=chance: chance)  # type: ignore[misc]  # the value of this round
        await refuse(slots, running=4)
        assert slots.is_resting
        assert slots.allowance.limit == 2
        clock.seconds += rest_s
        assert not slots.is_resting


async def test_refusals_of_one_burst_count_once() -> None:
    slots = Slots(FakeClock(), chance=lambda: 0.5)
    slots.running = 8
    with suppress(Overloaded):
        async with slots.slot("a", FAR_S):
            slots._refused()
            raise Overloaded("full")
    assert slots.allowance.limit == 4


async def test_calls_beyond_the_limit_go_in_the_order_they_came() -> None:
    slots = Slots(FakeClock())
    slots.allowance = Allowance(1)
    order: list[str] = []

    async def call(name: str) -> None:
        async with slots.slot("a", FAR_S):
            order.append(name)
            await anyio.lowlevel.checkpoint()
            assert slots.running == 1

    async with anyio.create_task_group() as group:
        for name in "abcde":
            group.start_soon(call, name)
            await anyio.lowlevel.checkpoint()
    assert order == list("abcde")
    assert slots.running == 0


async def test_a_late_comer_does_not_overtake_those_who_wait() -> None:
    slots = Slots(FakeClock())
    slots.allowance = Allowance(1)
    order: list[str] = []

    async def call(name: str) -> None:
        async with slots.slot("a", FAR_S):
            order.append(name)

    async with anyio.create_task_group() as group:
        async with slots.slot("a", FAR_S):
            group.start_soon(call, "first")
            await anyio.lowlevel.checkpoint()
        group.start_soon(call, "late")
    assert order == ["first", "late"]


async def test_whoever_waits_longer_than_its_deadline_is_told_so_and_frees_its_place() -> None:
    clock = FakeClock()
    slots = Slots(clock)
    slots.allowance = Allowance(1)
    async with slots.slot("a", FAR_S):
        with pytest.raises(Overloaded, match="The queue of a is full"):
            async with slots.slot("a", clock.seconds):
                raise AssertionError("there was no place")
    assert not slots.is_full
    async with slots.slot("a", clock.seconds):
        assert slots.running == 1


async def test_a_caller_that_leaves_the_line_does_not_block_it() -> None:
    slots = Slots(FakeClock())
    slots.allowance = Allowance(1)
    async with slots.slot("a", FAR_S):
        with anyio.move_on_after(0.01):
            async with slots.slot("a", FAR_S):
                raise AssertionError("there was no place")
    async with slots.slot("a", FAR_S):
        pass
    assert slots.running == 0


async def test_a_call_that_fails_for_another_reason_changes_nothing() -> None:
    slots = Slots(FakeClock())
    with suppress(RuntimeError):
        async with slots.slot("a", FAR_S):
            raise RuntimeError
    assert (slots.running, slots.allowance, slots.is_resting) == (0, Allowance(), False)
