"""After the fault: who is left alone, for how long, and who tries first when it may be over."""

from pathlib import Path

import anyio
import pytest

from amalfa.execution.reading import unread
from amalfa.execution.steps import Chosen, Delta, Step
from amalfa.providers.patience import Patience
from tests.faults.case import WORDS
from tests.faults.leaving import Leaver
from tests.faults.no_reply import slow_down
from tests.faults.provoking import refused
from tests.faults.seen import Seen, watch
from tests.faults.stage import Name, Stage, set_up, shorten_rests

BOTH = pytest.mark.parametrize("name", ["ollama", "openrouter"])
DAY_S = 86_400.0


def test_the_limits_are_those_of_the_fault_list() -> None:
    """The matrix runs with shorter ones."""
    limits = Patience()
    assert (limits.connect_s, limits.first_byte_s, limits.cold_first_byte_s) == (2.0, 10.0, 300.0)
    assert (limits.idle_s, limits.per_token_s) == (30.0, 10.0)


@BOTH
async def test_a_route_that_keeps_failing_is_left_alone_and_then_tried_by_one_caller(
    name: Name, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_rests(monkeypatch)
    async with set_up(name, tmp_path, monkeypatch) as stage:
        await break_down(stage)
        spared = await watch(stage, is_streaming=False)
        assert (spared.ends, spared.asks) == ("peer", 0)

        stage.clock.ahead_s += 20
        stage.will({**WORDS, "delay_ms": 200})
        callers: list[Seen] = []

        async def call() -> None:
            callers.append(await watch(stage, is_streaming=False))

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(call)
        assert sorted(one.ends for one in callers) == ["itself", "peer", "peer", "peer", "peer"]
        assert stage.asks == 6, "a single caller tried"
        stage.will(WORDS)
        assert (await watch(stage, is_streaming=True)).ends == "itself"


@BOTH
@pytest.mark.parametrize("at", [Chosen, Delta])
async def test_a_caller_who_leaves_while_trying_does_not_keep_the_others_away(
    at: type[Step], name: Name, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_rests(monkeypatch)
    async with set_up(name, tmp_path, monkeypatch) as stage:
        await break_down(stage)
        stage.clock.ahead_s += 20
        stage.will(WORDS, WORDS)
        async with stage.executor() as executor:
            with anyio.CancelScope() as scope:
                await executor.tell(stage.call(), Leaver(scope, at=at), read=unread)
        assert await stage.standing() == "planned"
        assert (await watch(stage, is_streaming=False)).ends == "itself"


@BOTH
async def test_an_upstream_that_comes_back_is_found_within_half_a_minute(
    name: Name, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with set_up(name, tmp_path, monkeypatch) as stage:
        await stage.faulty.stop()
        for _ in range(4):
            assert (await watch(stage, is_streaming=False)).ends == "peer"
            stage.clock.ahead_s += 5
        await stage.faulty.start()
        stage.clock.ahead_s += 30
        stage.will(WORDS)
        assert (await watch(stage, is_streaming=True)).ends == "itself"


async def test_after_a_full_queue_fewer_calls_run_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second half of fault A12."""
    shorten_rests(monkeypatch)
    async with set_up("ollama", tmp_path, monkeypatch) as stage:
        busy = {**WORDS, "token_ms": 40}
        stage.will({**busy, "times": 99})
        found = 1
        while found < 4:
            before, found = found, await together(stage, 8)
            assert found > before or found >= 4, "one more is tried as long as nobody has to wait"
        stage.faulty.clear_script()
        stage.will({"error": "queue_full", "delay_ms": 50}, {**busy, "times": 99})
        await together(stage, 8)
        assert await together(stage, found) < found


@BOTH
async def test_nothing_rests_for_longer_than_a_day(name: Name, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with set_up(name, tmp_path, monkeypatch) as stage:
        stage.will(slow_down("1000000000"))
        await watch(stage, is_streaming=False)
        assert await stage.standing() == "cooling"
        stage.clock.ahead_s += DAY_S + 1
        stage.will(WORDS)
        assert (await watch(stage, is_streaming=False)).ends == "itself"


@BOTH
async def test_a_refused_key_is_tried_again_after_a_reload_that_somebody_asked_for(
    name: Name, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with set_up(name, tmp_path, monkeypatch) as stage:
        stage.will(refused(401, "no"))
        await watch(stage, is_streaming=False)
        assert await stage.standing() == "parked"
        stage.clock.ahead_s += DAY_S
        assert await stage.standing() == "parked", "time alone makes no key good"
        await stage.engine.reload()
        stage.will(WORDS)
        assert (await watch(stage, is_streaming=False)).ends == "itself"


async def break_down(stage: Stage) -> None:
    """Let the route fail until its breaker opens."""
    stage.will({**refused(500, "it broke"), "times": 5})
    while await stage.standing() == "planned":
        assert (await watch(stage, is_streaming=False)).ends == "peer"
    assert stage.asks == 5
    assert await stage.standing() == "breaker_open"


async def together(stage: Stage, callers: int) -> int:
    """So many calls side by side, each answered by the model they asked; how many of them it saw at once at most."""
    most = 0
    ends: list[str] = []

    async def call() -> None:
        ends.append((await watch(stage, is_streaming=False)).ends)

    async def count() -> None:
        nonlocal most
        while len(ends) < callers:
            most = max(most, sum(request.status is None for request in stage.asked))
            await anyio.sleep(0.005)

    async with anyio.create_task_group() as group:
        group.start_soon(count)
        for _ in range(callers):
            group.start_soon(call)
    assert ends == ["itself"] * callers
    return most
