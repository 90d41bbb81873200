"""How many calls one API is sent at once and in a minute, and who waits for whom."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup
from hypothesis import given, settings
from hypothesis import strategies as st

from amalfa.calls import Lane
from amalfa.errors import Overloaded, RateLimited
from amalfa.providers.pacer import MINUTE_S, QUIET_MAX_S, Pace, Pacer
from amalfa.providers.paces import ACCOUNTS_MAX, Paces
from tests.fakes import FakeClock

FAR_S = 1e9


class Stage:
    """A pacer with calls that run until the test lets them go."""

    def __init__(self, tasks: TaskGroup, pace: Pace) -> None:
        self.clock = FakeClock()
        self.pace = pace
        self.pacer = Pacer(pace, self.clock)
        self.tasks = tasks
        self.begun: list[str] = []
        self.refused: dict[str, RateLimited] = {}
        self._begins: dict[str, anyio.Event] = {}
        self._ends: dict[str, anyio.Event] = {}
        self._scopes: dict[str, anyio.CancelScope] = {}

    async def come(self, *names: str, lane: Lane = "interactive", model: str = "m", deadline_s: float = FAR_S) -> None:
        for name in names:
            self._begins[name], self._ends[name], self._scopes[name] = anyio.Event(), anyio.Event(), anyio.CancelScope()
            self.tasks.start_soon(self._call, name, lane, model, deadline_s)
        await self.settle()

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
        await self.settle()

    async def leave(self, *names: str) -> None:
        for name in names:
            self._scopes[name].cancel()
        await self.settle()

    async def pass_s(self, seconds: float) -> None:
        """Let time pass; a reload of the same settings makes the pacer look, as a timer does when time is real."""
        self.clock.seconds += seconds
        self.pacer.change(self.pace)
        await self.settle()

    async def has_begun(self, name: str) -> None:
        await self._begins[name].wait()

    async def settle(self) -> None:
        for _ in range(10):
            await anyio.lowlevel.checkpoint()

    async def _call(self, name: str, lane: Lane, model: str, deadline_s: float) -> None:
        with self._scopes[name]:
            try:
                async with self.pacer.turn(lane, model, "openrouter", deadline_s):
                    self.begun.append(name)
                    self._begins[name].set()
                    await self._ends[name].wait()
            except RateLimited as error:
                self.refused[name] = error


@asynccontextmanager
async def staged(pace: Pace) -> AsyncIterator[Stage]:
    async with anyio.create_task_group() as tasks:
        stage = Stage(tasks, pace)
        yield stage
        tasks.cancel_scope.cancel()


async def refuse(pacer: Pacer, error: Exception, *, model: str = "m") -> None:
    with suppress(RateLimited, Overloaded):
        async with pacer.turn("interactive", model, "openrouter", FAR_S):
            raise error


async def test_without_a_reason_to_wait_a_call_begins_before_anybody_else_runs() -> None:
    pacer, others = Pacer(Pace(), FakeClock()), list[str]()

    async def other() -> None:
        others.append("ran")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        async with pacer.turn("interactive", "m", "openrouter", FAR_S):
            assert others == []


async def test_no_more_calls_run_at_once_than_may() -> None:
    async with staged(Pace(most=2)) as stage:
        await stage.come("a", "b", "c", "d")
        assert stage.begun == ["a", "b"]
        assert (stage.pacer.load.running, stage.pacer.load.waiting["interactive"]) == (2, 2)
        await stage.end("b")
        assert stage.begun == ["a", "b", "c"]


async def test_people_go_before_background_work_that_came_first() -> None:
    async with staged(Pace(most=1)) as stage:
        await stage.come("first")
        await stage.come("job 1", "job 2", lane="background")
        await stage.come("person")
        await stage.end("first")
        await stage.end("person")
        await stage.end("job 1")
        assert stage.begun == ["first", "person", "job 1", "job 2"]


@pytest.mark.parametrize(("most", "of_background"), [(10, 8), (5, 4), (3, 2), (2, 1), (1, 1)])
async def test_background_work_leaves_a_fifth_to_people(most: int, of_background: int) -> None:
    async with staged(Pace(most=most)) as stage:
        await stage.come(*(f"job {number}" for number in range(most)), lane="background")
        assert len(stage.begun) == of_background
        if most > 1:
            await stage.come("person")
            assert stage.begun[-1] == "person"


async def test_a_minute_holds_no_more_calls_than_it_may_and_the_next_one_as_many_again() -> None:
    async with staged(Pace(per_minute=5)) as stage:
        await stage.come(*(f"job {number}" for number in range(9)), lane="background")
        assert len(stage.begun) == 4
        await stage.end(*stage.begun)
        assert len(stage.begun) == 4
        await stage.come("person")
        assert stage.begun[-1] == "person"
        await stage.pass_s(MINUTE_S)
        assert len(stage.begun) == 5 + 4


async def test_a_person_is_told_at_once_when_the_next_minute_is_far() -> None:
    async with staged(Pace(per_minute=2)) as stage:
        await stage.come("a", "b", "c")
        assert stage.refused["c"].retry_after_s == MINUTE_S
        stage.clock.seconds += MINUTE_S - 1
        await stage.come("d")
        assert "d" not in stage.refused
        assert stage.pacer.load.waiting["interactive"] == 1


async def test_the_end_of_a_minute_wakes_whoever_waits() -> None:
    async with staged(Pace(per_minute=1)) as stage:
        await stage.come("a")
        stage.clock.seconds += MINUTE_S - 0.03
        await stage.come("b", lane="background")
        assert stage.begun == ["a"]
        stage.clock.seconds += 0.03
        with anyio.fail_after(5):
            await stage.has_begun("b")


async def test_a_call_whose_time_runs_out_in_the_line_says_so_and_leaves_the_line() -> None:
    async with staged(Pace(most=1)) as stage:
        await stage.come("a")
        await stage.come("late", deadline_s=stage.clock.seconds)
        assert "1 calls to openrouter were under way" in stage.refused["late"].message
        assert stage.pacer.load.waiting["interactive"] == 0


async def test_whoever_leaves_the_line_holds_nobody_up() -> None:
    async with staged(Pace(most=1)) as stage:
        await stage.come("a", "b", "c")
        await stage.leave("b")
        await stage.end("a")
        assert stage.begun == ["a", "c"]


async def test_a_place_given_to_one_who_is_just_leaving_goes_to_the_next() -> None:
    async with staged(Pace(most=1, per_minute=2)) as stage:
        await stage.come("a", "b", "c")
        # Both happen before anybody runs: the place is given to b while b is on its way out.
        stage._ends["a"].set()
        stage._scopes["b"].cancel()
        await stage.settle()
        assert stage.begun == ["a", "c"]
        assert stage.pacer.load.running == 1


async def test_one_refusal_of_a_burst_slows_down_by_a_tenth() -> None:
    async with staged(Pace(most=20)) as stage:
        pacer = stage.pacer
        async with anyio.create_task_group() as burst:
            for _ in range(8):
                burst.start_soon(refuse, pacer, Overloaded("full"))
        assert pacer.limit == 18
        stage.clock.seconds += 1
        await refuse(pacer, RateLimited("slow down"))
        assert pacer.limit == 16


async def test_good_calls_that_used_all_places_lift_the_limit_again_up_to_the_bound() -> None:
    async with staged(Pace(most=3)) as stage:
        await refuse(stage.pacer, Overloaded("full"))
        assert stage.pacer.limit == 2
        for name in ("a", "b", "c", "d", "e", "f"):
            await stage.come(name)
        for name in ("a", "b", "c", "d", "e", "f"):
            await stage.end(name)
        assert stage.pacer.limit == 3


async def test_after_a_refusal_background_work_keeps_quiet_for_as_long_as_was_asked_and_people_do_not() -> None:
    async with staged(Pace()) as stage:
        await refuse(stage.pacer, RateLimited("slow down", retry_after_s=20))
        await stage.come("job", lane="background")
        await stage.come("other job", lane="background", model="another")
        await stage.come("person")
        assert stage.begun == ["other job", "person"]
        await stage.pass_s(20)
        assert stage.begun[-1] == "job"


async def test_a_rest_for_hours_is_not_a_matter_of_pace() -> None:
    async with staged(Pace(most=10)) as stage:
        await refuse(stage.pacer, RateLimited("used up", retry_after_s=QUIET_MAX_S + 1))
        assert stage.pacer.limit == 10
        await stage.come("job", lane="background")
        assert stage.begun == ["job"]


async def test_the_pace_of_an_account_outlives_its_provider_and_follows_the_settings() -> None:
    paces = Paces(clock=FakeClock())
    pacer = paces.pacer("a", Pace(most=10))
    await refuse(pacer, Overloaded("full"))
    assert paces.pacer("a", Pace(most=10)) is pacer
    assert pacer.limit == 9
    assert paces.pacer("a", Pace(most=4)).limit == 4
    assert paces.pacer("a", Pace(most=12)).limit == 12
    assert paces.pacer("b", Pace()) is not pacer
    for number in range(ACCOUNTS_MAX):
        paces.pacer(str(number), Pace())
    assert paces.pacer("a", Pace()) is not pacer


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.sampled_from(["interactive", "background"])),
        st.tuples(st.just("end"), st.integers(0, 40)),
        st.tuples(st.just("leave"), st.integers(0, 40)),
        st.tuples(st.just("pass"), st.integers(1, 45)),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(MOVES, st.integers(1, 6), st.one_of(st.none(), st.integers(1, 8)))
def test_bounds_hold_and_nobody_is_forgotten(
    moves: list[tuple[str, str | int]], most: int, per_minute: int | None
) -> None:
    async def play() -> None:
        async with staged(Pace(most, per_minute)) as stage:
            names: list[str] = []
            for kind, what in moves:
                match kind, what:
                    case "come", ("interactive" | "background") as lane:
                        names.append(f"{len(names)}")
                        await stage.come(names[-1], lane=lane)
                    case "end", int(place) if names:
                        await stage.end(names[place % len(names)])
                    case "leave", int(place) if names:
                        await stage.leave(names[place % len(names)])
                    case "pass", int(seconds):
                        await stage.pass_s(seconds)
                    case _:
                        pass
                assert stage.pacer.load.running <= most
            await stage.end(*names)
            for _ in range(len(names) + 2):
                await stage.pass_s(MINUTE_S)
            load = stage.pacer.load
            assert (load.running, sum(load.waiting.values())) == (0, 0)
            assert len(stage.begun) == len(set(stage.begun))

    anyio.run(play)
