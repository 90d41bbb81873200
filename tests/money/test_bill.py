"""What the provider bills is what the ledger says, and no limit is ever passed, however calls end."""

import random
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from amalfa.calls import Call
from amalfa.errors import AmalfaError
from amalfa.execution.executor import Executor
from amalfa.execution.reading import Reading, unread
from amalfa.execution.reconcile import Reconciler
from amalfa.execution.steps import Delta, Step, unheard
from tests.money.house import MODEL, House, house_in
from tests.system.harness import rounds

BATCH = 40
DISCONNECTS = 20
FAULTY_SHARE = 0.2
FAULTS: tuple[dict[str, object], ...] = (
    {"status": 500},
    {"status": 503},
    {"status": 429, "headers": {"Retry-After": "0"}},
    {"fault": "reset"},
    {"fault": "cut_before_first"},
    {"fault": "cut_after:2"},
    {"fault": "reset_after:3"},
    {"fault": "no_done"},
    {"fault": "no_usage"},
    {"fault": "html"},
    {"late_error": "documented", "after": 2},
    {"late_error": "observed", "after": 2},
    {"odd": "empty_content"},
    {"finish": "length"},
)


async def test_the_bill_equals_the_ledger_to_the_cent(tmp_path: Path) -> None:
    calls = rounds(600)
    chance = random.Random(20)
    async with house_in(tmp_path) as house:
        leavers = set(chance.sample(range(calls), DISCONNECTS))
        for first in range(0, calls, BATCH):
            steps = [_step(chance) for _ in range(2 * BATCH)]
            house.openrouter.script(MODEL, *steps)
            async with house.engine.lease() as desk, anyio.create_task_group() as group:
                for number in range(first, min(first + BATCH, calls)):
                    group.start_soon(_serve, house, desk.executor, number in leavers, number % 2 == 0)
            # What broke is left alone for minutes; the next batch begins after that.
            house.clock.ahead_s += 400
            await house.openrouter.idle()
            await _reconcile(house)
        assert house.calls == calls
        assert house.number("SELECT count(*) FROM attempt WHERE state = 'cancelled'") >= DISCONNECTS / 2
        assert house.number("SELECT count(*) FROM attempt WHERE state = 'failed'") > calls * FAULTY_SHARE / 2
        assert house.bill_usd > 0
        assert _known_usd(house) == pytest.approx(house.bill_usd, abs=0.005)
        assert house.number("SELECT count(*) FROM attempt WHERE state = 'started'") == 0
        assert house.number("SELECT sum(spent_usd) FROM tally") == pytest.approx(_known_usd(house), abs=1e-9)


async def test_two_hundred_racing_calls_never_pass_a_budget(tmp_path: Path) -> None:
    budget_usd = 0.004
    catalog = {f"openrouter:{MODEL}": {"price": 0.4}}
    async with house_in(tmp_path, budget={"dailyUsd": budget_usd}, catalog=catalog) as house:
        async with house.engine.lease() as desk, anyio.create_task_group() as group:
            for _ in range(200):
                group.start_soon(_serve, house, desk.executor, False, False)
        assert 0 < house.bill_usd <= budget_usd
        refused = house.engine.accounts.decisions.newest(200)
        assert any("over_budget" in {one.code for one in decision.refused} for decision in refused)
        served = house.number("SELECT count(DISTINCT request_id) FROM attempt WHERE state = 'ok'")
        assert served == 200, "who found no money left was answered without a cloud"


async def test_a_team_cannot_spend_what_is_anothers(tmp_path: Path) -> None:
    teams = {"poor": {"budget": {"dailyUsd": 0.0}}, "rich": {"budget": {"dailyUsd": 1.0}}}
    async with house_in(tmp_path, teams=teams) as house:
        async with house.engine.lease() as desk:
            poor = await desk.executor.ask(house.call(team="poor"), unheard, read=Reading)
            rich = await desk.executor.ask(house.call(team="rich"), unheard, read=Reading)
        assert poor.route.model == "embedded:extractive"
        assert rich.route.model == f"openrouter:{MODEL}"
        assert "sonar.teams.poor.budget.dailyUsd" in poor.route.reason


def _step(chance: random.Random) -> dict[str, object]:
    return chance.choice(FAULTS) if chance.random() < FAULTY_SHARE else {}


async def _serve(house: House, executor: Executor, is_leaving: bool, is_live: bool) -> None:
    call = house.call()
    with anyio.CancelScope() as scope:

        async def hear(step: Step) -> None:
            if is_leaving and isinstance(step, Delta):
                scope.cancel()

        with suppress(AmalfaError):
            await _run(executor, call, hear if is_leaving else unheard, is_live=is_live or is_leaving)


async def _run(executor: Executor, call: Call, emit: object, *, is_live: bool) -> None:
    if is_live:
        await executor.tell(call, emit, read=unread)
    else:
        await executor.ask(call, emit, read=Reading)  # type: ignore[arg-type]  # one of two functions that fit


async def _reconcile(house: House) -> None:
    """Ask for every unknown cost until nothing more becomes known."""
    reconciler = Reconciler(house.ledger.strict, house.engine.billing_providers, clock=house.clock)
    unknown = -1.0
    while (found := house.number(UNKNOWN)) != unknown:
        unknown = found
        await reconciler.settle_some()


UNKNOWN = "SELECT count(*) FROM attempt WHERE cost_usd IS NULL"


def _known_usd(house: House) -> float:
    return house.number("SELECT coalesce(sum(cost_usd), 0.0) FROM attempt")
