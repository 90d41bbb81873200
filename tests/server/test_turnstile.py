"""Who gets a turn, in what order, and what the others are told."""

from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup

from amalfa.errors import Busy, ShuttingDown
from amalfa.server.turnstile import Turnstile, TurnstileLimits


class Crowd:
    """Callers who take a turn and keep it until told to go."""

    def __init__(self, turnstile: Turnstile, tasks: TaskGroup) -> None:
        self.served: list[str] = []
        self.refused: list[Exception] = []
        self._turnstile = turnstile
        self._tasks = tasks
        self._inside: list[anyio.Event] = []

    async def arrive(self, *callers: str) -> None:
        for caller in callers:
            self._tasks.start_soon(self._take_turn, caller)
        await settled()

    async def one_goes(self) -> None:
        self._inside.pop(0).set()
        await settled()

    async def all_go(self) -> None:
        while self._inside:
            await self.one_goes()

    async def _take_turn(self, caller: str) -> None:
        try:
            async with self._turnstile.turn(caller):
                self.served.append(caller)
                leave = anyio.Event()
                self._inside.append(leave)
                await leave.wait()
        except (Busy, ShuttingDown) as error:
            self.refused.append(error)


async def settled() -> None:
    """Let every task run until it waits: a turn is handed over in at most a few rounds of the loop."""
    for _ in range(8):
        await anyio.lowlevel.checkpoint()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_so_many_work_and_so_many_wait_and_the_rest_is_refused() -> None:
    turnstile = Turnstile(TurnstileLimits(running=2, waiting=3, per_caller=2))
    async with anyio.create_task_group() as tasks:
        crowd = Crowd(turnstile, tasks)
        await crowd.arrive(*"abcdefgh")
        assert crowd.served == ["a", "b"]
        assert (turnstile.running, turnstile.waiting, len(crowd.refused)) == (2, 3, 3)
        assert all(isinstance(error, Busy) and error.retry_after_s for error in crowd.refused)
        await crowd.all_go()
        assert crowd.served == list("abcde")
        assert (turnstile.running, turnstile.waiting) == (0, 0)


async def test_a_greedy_caller_does_not_make_a_polite_one_wait_for_its_queue() -> None:
    """F15"""
    turnstile = Turnstile(TurnstileLimits(running=1, waiting=100, per_caller=1))
    async with anyio.create_task_group() as tasks:
        crowd = Crowd(turnstile, tasks)
        await crowd.arrive(*["greedy"] * 20, "polite")
        await crowd.one_goes()
        await crowd.one_goes()
        assert "polite" in crowd.served
        await crowd.all_go()


async def test_a_greedy_caller_leaves_room_for_others() -> None:
    """F15"""
    turnstile = Turnstile(TurnstileLimits(running=4, waiting=100, per_caller=3))
    async with anyio.create_task_group() as tasks:
        crowd = Crowd(turnstile, tasks)
        await crowd.arrive(*["greedy"] * 20, "polite")
        assert crowd.served == ["greedy", "greedy", "greedy", "polite"]
        await crowd.all_go()
        assert turnstile.running == 0


async def test_a_greedy_caller_cannot_fill_the_queue_for_others() -> None:
    """F15"""
    turnstile = Turnstile(TurnstileLimits(running=1, waiting=5, per_caller=1, waiting_per_caller=3))
    async with anyio.create_task_group() as tasks:
        crowd = Crowd(turnstile, tasks)
        await crowd.arrive(*["greedy"] * 20, "polite")
        assert (turnstile.waiting, len(crowd.refused)) == (4, 16)
        await crowd.all_go()
        assert "polite" in crowd.served


async def test_callers_are_served_in_turn() -> None:
    turnstile = Turnstile(TurnstileLimits(running=1, waiting=100, per_caller=1))
    async with anyio.create_task_group() as tasks:
        crowd = Crowd(turnstile, tasks)
        await crowd.arrive(*"xaaabbbccc")
        await crowd.all_go()
        assert crowd.served == list("xabcabcabc")


@pytest.mark.parametrize("when", [lambda crowd: crowd.arrive(), lambda crowd: crowd.one_goes()])
async def test_who_is_cancelled_gives_back_its_place(when: Callable[[Crowd], object]) -> None:
    turnstile = Turnstile(TurnstileLimits(running=1, waiting=1, per_caller=1))
    async with anyio.create_task_group() as tasks:
        crowd = Crowd(turnstile, tasks)
        await crowd.arrive("a")
        async with anyio.create_task_group() as impatient:
            await Crowd(turnstile, impatient).arrive("b")
            impatient.cancel_scope.cancel()
            await when(crowd)  # type: ignore[misc]  # both are coroutines
        await crowd.all_go()
        await crowd.arrive("c")
        assert crowd.served == ["a", "c"]
        await crowd.all_go()
        assert (turnstile.running, turnstile.waiting) == (0, 0)


async def test_closing_sends_away_who_waits_and_who_comes() -> None:
    turnstile = Turnstile(TurnstileLimits(running=1, waiting=5, per_caller=1))
    async with anyio.create_task_group() as tasks:
        crowd = Crowd(turnstile, tasks)
        await crowd.arrive("a", "b", "c")
        turnstile.close()
        await crowd.arrive("d")
        assert [type(error) for error in crowd.refused] == [ShuttingDown] * 3
        assert turnstile.running == 1
        await crowd.all_go()
        assert crowd.served == ["a"]
