"""The ledger on a real database file."""

import random
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import apsw
import pytest

from amalfa.calls import PrivacyClass, Tier, Usage
from amalfa.errors import OverBudget
from amalfa.execution.attempts import Ended
from amalfa.execution.ledger import Closing, Limit, Opening, Spent, SqliteLedger
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB
from tests.fakes import FakeClock

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAILY = Limit("sonar.budget.dailyUsd", "day", 1.0, None)
MONTHLY = Limit("sonar.budget.monthlyUsd", "month", 1.0, None)
OURS = Limit("sonar.teams.ads.budget.dailyUsd", "day", 0.5, "ads")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.open(tmp_path / "private" / "sonar.db", SONAR_DB, application_id=7)
    yield opened
    await opened.aclose()


@pytest.fixture
def ledger(database: Database) -> SqliteLedger:
    return SqliteLedger(database, boot="a", clock=FakeClock())


def an_opening(
    *,
    request_id: str = "req_1",
    tier: Tier = Tier.CLOUD,
    at: datetime = NOON,
    worst: float | None = 0.0,
    limits: tuple[Limit, ...] = (),
    team: str | None = None,
) -> Opening:
    return Opening(
        request_id,
        "synthesize",
        "openrouter:m",
        "openrouter",
        tier,
        PrivacyClass.CLOUD_OK,
        1,
        at,
        team=team,
        hint="draft",
        strategy="cost_optimized",
        reason="the cheapest",
        reserved_usd=worst,
        limits=limits,
    )


def ok(cost_usd: float | None) -> Closing:
    return Closing("ok", Usage(10, 3, cost_usd, 40))


async def rows(database: Database, sql: str) -> list[tuple[object, ...]]:
    return await database.read(lambda connection: connection.execute(sql).fetchall())


async def check_books(database: Database, ledger: SqliteLedger | None = None) -> None:
    """The tally is what the rows add up to, and the mirror is the tally."""
    sums = await rows(
        database,
        "SELECT day, team, round(coalesce(sum(cost_usd), 0.0), 9), "
        "round(coalesce(sum(reserved_usd) FILTER (WHERE cost_usd IS NULL), 0.0), 9) FROM attempt "
        "GROUP BY day, team ORDER BY day, team",
    )
    kept = await rows(database, "SELECT day, team, spent_usd, reserved_usd FROM tally ORDER BY day, team")
    assert [row for row in kept if row[2:] != (0.0, 0.0)] == [row for row in sums if row[2:] != (0.0, 0.0)]
    if ledger:
        left = ledger.spendable((Limit("x", "month", 1e6, None),))
        used = sum(int(round(float(str(row[2])) * 1e9) + round(float(str(row[3])) * 1e9)) for row in kept)
        assert left is not None
        assert round((1e6 - left[0]) * 1e9) == used


async def test_a_call_counts_once_however_many_attempts_it_took(ledger: SqliteLedger) -> None:
    first = await ledger.open(an_opening())
    await ledger.close(first, Closing("failed", Usage(cost_usd=0.0), "upstream_broken"))
    second = await ledger.open(an_opening())
    await ledger.close(second, ok(0.002))
    assert await ledger.spent_since(NOON) == Spent(calls=1, cost_usd=0.002, unknown_costs=0)


async def test_an_unknown_cost_is_counted_and_is_not_zero(ledger: SqliteLedger) -> None:
    await ledger.close(await ledger.open(an_opening()), ok(None))
    assert (await ledger.spent_since(NOON)).unknown_costs == 1


async def test_a_local_call_without_a_price_is_no_unknown_cost(ledger: SqliteLedger) -> None:
    await ledger.close(await ledger.open(an_opening(tier=Tier.LOCAL)), Closing("ok", Usage(), cost_source="none"))
    assert (await ledger.spent_since(NOON)).unknown_costs == 0


async def test_yesterday_is_not_today(ledger: SqliteLedger) -> None:
    await ledger.open(an_opening(at=NOON - timedelta(days=1)))
    assert (await ledger.spent_since(NOON)).calls == 0


async def test_a_row_tells_who_asked_and_why_this_model(database: Database, ledger: SqliteLedger) -> None:
    row = await ledger.open(an_opening(team="ads", worst=0.2))
    await ledger.close(row, Closing("ok", Usage(1, 1, 0.1, 1), cost_source="computed"))
    sql = "SELECT team, hint, strategy, reason, reserved_usd, cost_usd, cost_source, day FROM attempt"
    assert await rows(database, sql) == [
        ("ads", "draft", "cost_optimized", "the cheapest", 0.2, 0.1, "computed", "2026-11-20")
    ]


async def test_rows_left_open_by_a_crash_become_unknown_and_keep_their_money(database: Database) -> None:
    before = SqliteLedger(database, boot="before", clock=FakeClock())
    await before.open(an_opening(worst=0.25))
    after = SqliteLedger(database, boot="after", clock=FakeClock())
    own = await after.open(an_opening(request_id="req_2"))
    assert await after.mark_interrupted() == 1
    assert await after.mark_interrupted() == 0
    sql = "SELECT id, state, cost_source FROM attempt ORDER BY id"
    assert await rows(database, sql) == [(own - 1, "unknown", "unknown"), (own, "started", None)]
    assert after.spendable((DAILY,)) == (0.75, DAILY)
    await check_books(database, after)


async def test_what_an_attempt_may_cost_is_set_aside_until_its_cost_is_known(ledger: SqliteLedger) -> None:
    row = await ledger.open(an_opening(worst=0.6, limits=(DAILY,)))
    assert ledger.spendable((DAILY,)) == (0.4, DAILY)
    with pytest.raises(OverBudget) as over:
        await ledger.open(an_opening(worst=0.5, limits=(DAILY,)))
    assert "sonar.budget.dailyUsd" in over.value.message
    assert "$0.5000" in over.value.message
    assert "$0.4000 is left" in over.value.message
    await ledger.close(row, ok(0.1))
    assert ledger.spendable((DAILY,)) == (0.9, DAILY)
    await ledger.open(an_opening(worst=0.9, limits=(DAILY,)))


async def test_a_refused_attempt_leaves_nothing_behind(database: Database, ledger: SqliteLedger) -> None:
    with pytest.raises(OverBudget):
        await ledger.open(an_opening(worst=1.1, limits=(DAILY,)))
    assert await rows(database, "SELECT * FROM attempt") == []
    assert await rows(database, "SELECT * FROM tally") == []
    assert ledger.spendable((DAILY,)) == (1.0, DAILY)


async def test_what_is_free_passes_every_limit(ledger: SqliteLedger) -> None:
    await ledger.close(await ledger.open(an_opening(worst=1.0, limits=(DAILY,))), ok(1.5))
    assert ledger.spendable((DAILY,)) == (0.0, DAILY)
    assert await ledger.open(an_opening(tier=Tier.LOCAL, worst=0.0, limits=(DAILY,))) > 0
    with pytest.raises(OverBudget):
        await ledger.open(an_opening(worst=0.000_001, limits=(DAILY,)))


async def test_a_price_nobody_knows_passes_no_limit(ledger: SqliteLedger) -> None:
    with pytest.raises(OverBudget, match="unknown"):
        await ledger.open(an_opening(worst=None, limits=(DAILY,)))
    assert await ledger.open(an_opening(worst=None)) > 0


async def test_a_cost_nobody_knows_keeps_the_money_set_aside(database: Database, ledger: SqliteLedger) -> None:
    await ledger.close(await ledger.open(an_opening(worst=0.7)), ok(None))
    assert ledger.spendable((DAILY,)) == (0.3, DAILY)
    await check_books(database, ledger)


@pytest.mark.parametrize("cost", [-1.0, float("nan"), float("inf"), 1e12])
async def test_a_cost_that_cannot_be_is_unknown(database: Database, ledger: SqliteLedger, cost: float) -> None:
    await ledger.close(await ledger.open(an_opening(worst=0.7)), ok(cost))
    assert await rows(database, "SELECT cost_usd, cost_source FROM attempt") == [(None, "unknown")]
    assert ledger.spendable((DAILY,)) == (0.3, DAILY)


async def test_a_team_has_its_own_limit_and_shares_everybodys(ledger: SqliteLedger) -> None:
    both = (DAILY, OURS)
    await ledger.open(an_opening(team="ads", worst=0.4, limits=both))
    assert ledger.spendable(both) == (0.1, OURS)
    with pytest.raises(OverBudget, match=r"sonar\.teams\.ads"):
        await ledger.open(an_opening(team="ads", worst=0.2, limits=both))
    await ledger.open(an_opening(team="hr", worst=0.55, limits=(DAILY,)))
    assert ledger.spendable(both) == (0.05, DAILY)
    with pytest.raises(OverBudget, match=r"sonar\.budget"):
        await ledger.open(an_opening(team="ads", worst=0.1, limits=both))


async def test_a_month_is_the_sum_of_its_days(database: Database, ledger: SqliteLedger) -> None:
    await ledger.close(await ledger.open(an_opening(at=NOON - timedelta(days=25), worst=0.1)), ok(0.4))
    await ledger.close(await ledger.open(an_opening(at=NOON - timedelta(days=10), worst=0.1)), ok(0.5))
    await ledger.open(an_opening(worst=0.2, limits=(DAILY,)))
    assert ledger.spendable((DAILY, MONTHLY)) == (0.3, MONTHLY)
    with pytest.raises(OverBudget, match="monthlyUsd"):
        await ledger.open(an_opening(worst=0.4, limits=(DAILY, MONTHLY)))
    fresh = SqliteLedger(database, boot="b", clock=FakeClock())
    await fresh.mark_interrupted()
    assert fresh.spendable((MONTHLY,)) == (0.3, MONTHLY)


async def test_no_limits_means_nothing_to_say(ledger: SqliteLedger) -> None:
    assert ledger.spendable(()) is None


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_spent_day_does_not_reopen_when_the_clock_falls_back(database: Database, is_restarted: bool) -> None:
    clock = FakeClock()
    ledger = SqliteLedger(database, boot="a", clock=clock)
    await ledger.open(an_opening(worst=1.0, limits=(DAILY,)))
    clock.seconds -= 86_400
    if is_restarted:
        ledger = SqliteLedger(database, boot="b", clock=clock)
        await ledger.mark_interrupted()
    assert ledger.spendable((DAILY,)) == (0.0, DAILY)
    with pytest.raises(OverBudget):
        await ledger.open(an_opening(at=clock.now(), worst=0.1, limits=(DAILY,)))
    clock.seconds += 2 * 86_400
    await ledger.open(an_opening(at=clock.now(), worst=1.0, limits=(DAILY,)))


async def test_a_second_close_changes_the_cost_and_nothing_twice(database: Database, ledger: SqliteLedger) -> None:
    row = await ledger.open(an_opening(worst=0.5))
    await ledger.close(row, ok(0.2))
    await ledger.close(row, ok(0.3))
    await ledger.close(row, ok(None))
    assert ledger.spendable((DAILY,)) == (0.7, DAILY)
    await check_books(database, ledger)


async def test_a_row_that_is_gone_closes_in_silence(ledger: SqliteLedger) -> None:
    await ledger.close(4711, ok(0.2))
    assert ledger.spendable((DAILY,)) == (1.0, DAILY)


async def test_the_providers_name_is_on_disk_before_the_end(database: Database) -> None:
    async with anyio.create_task_group() as tasks:
        ledger = SqliteLedger(database, boot="a", tasks=tasks)
        row = await ledger.open(an_opening())
        ledger.note_upstream(row, "gen-7")
    assert await rows(database, "SELECT upstream_id, state FROM attempt") == [("gen-7", "started")]
    await SqliteLedger(database, boot="a").close(row, ok(0.0))
    assert await rows(database, "SELECT upstream_id, state FROM attempt") == [("gen-7", "ok")]


async def test_a_name_that_is_written_late_replaces_none(database: Database) -> None:
    async with anyio.create_task_group() as tasks:
        ledger = SqliteLedger(database, boot="a", tasks=tasks)
        row = await ledger.open(an_opening())
        await ledger.close(row, Closing("ok", Usage(), None, "gen-final"))
        ledger.note_upstream(row, "gen-early")
    assert await rows(database, "SELECT upstream_id FROM attempt") == [("gen-final",)]


async def test_without_a_task_group_the_name_comes_with_the_end(database: Database, ledger: SqliteLedger) -> None:
    row = await ledger.open(an_opening())
    ledger.note_upstream(row, "gen-7")
    await ledger.close(row, Closing("cancelled", Usage()))
    assert await rows(database, "SELECT upstream_id FROM attempt") == [("gen-7",)]


async def test_a_name_that_cannot_be_written_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = Database.open(tmp_path / "sonar.db", SONAR_DB, application_id=7)
    async with anyio.create_task_group() as tasks:
        ledger = SqliteLedger(database, boot="a", tasks=tasks)
        row = await ledger.open(an_opening())
        await database.aclose()
        ledger.note_upstream(row, "gen-7")
    assert "could not be written" in caplog.text


async def test_what_is_unsettled_is_found_and_settled_once(database: Database, ledger: SqliteLedger) -> None:
    row = await ledger.open(an_opening(worst=0.5, team="ads"))
    ledger.note_upstream(row, "gen-7")
    await ledger.close(row, Closing("cancelled", Usage()))
    await ledger.close(await ledger.open(an_opening(worst=0.1)), ok(None))
    (one,) = await ledger.unsettled(NOON - timedelta(hours=1), most=10)
    assert (one.row, one.provider, one.upstream_id, one.started_at) == (row, "openrouter", "gen-7", NOON)
    await ledger.settle(one, 0.05)
    await ledger.settle(one, 0.09)
    assert await ledger.unsettled(NOON - timedelta(hours=1), most=10) == ()
    assert ledger.spendable((DAILY,)) == (0.85, DAILY)
    await check_books(database, ledger)


@dataclass
class Counting:
    ends: list[Ended] = field(default_factory=list)
    later: list[tuple[str, str, float]] = field(default_factory=list)

    def ended(self, ended: Ended) -> None:
        self.ends.append(ended)

    def settled(self, *, team: str, model: str, cost_usd: float) -> None:
        self.later.append((team, model, cost_usd))


async def test_a_listener_hears_of_every_end_and_of_later_costs(database: Database) -> None:
    heard = Counting()
    ledger = SqliteLedger(database, boot="a", listener=heard)
    row = await ledger.open(an_opening(team="ads"))
    await ledger.close(row, Closing("failed", Usage(4, 2, None, 9), "stalled", "gen-1"))
    (end,) = heard.ends
    assert (end.model, end.provider, end.tier, end.team, end.outcome) == (
        "openrouter:m",
        "openrouter",
        Tier.CLOUD,
        "ads",
        "stalled",
    )
    assert (end.usage, end.json_gate) == (Usage(4, 2, None, 9), None)
    (one,) = await ledger.unsettled(NOON, most=1)
    await ledger.settle(one, 0.01)
    assert heard.later == [("ads", "openrouter:m", 0.01)]


async def test_a_caller_who_leaves_while_his_row_is_written_owes_nothing(
    database: Database, ledger: SqliteLedger
) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await ledger.open(an_opening(worst=0.5))
    assert await rows(database, "SELECT state, cost_usd FROM attempt") == [("cancelled", 0.0)]
    assert ledger.spendable((DAILY,)) == (1.0, DAILY)


@pytest.mark.parametrize("has_tasks", [False, True])
async def test_a_caller_who_leaves_while_his_row_is_closed_leaves_it_closed(
    database: Database, has_tasks: bool
) -> None:
    async with anyio.create_task_group() as tasks:
        ledger = SqliteLedger(database, boot="a", clock=FakeClock(), tasks=tasks if has_tasks else None)
        row = await ledger.open(an_opening(worst=0.5))
        with anyio.CancelScope() as scope:
            scope.cancel()
            await ledger.close(row, ok(0.1))
    assert ledger.spendable((DAILY,)) == (0.9, DAILY)
    await check_books(database, ledger)


async def test_a_row_closes_although_everything_is_being_cancelled(database: Database) -> None:
    async with anyio.create_task_group() as tasks:
        ledger = SqliteLedger(database, boot="a", clock=FakeClock(), tasks=tasks)
        row = await ledger.open(an_opening(worst=0.5))
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await ledger.close(row, ok(0.1))
    assert ledger.spendable((DAILY,)) == (0.9, DAILY)


def test_of_two_hundred_at_once_exactly_those_pass_that_the_budget_is_for(tmp_path: Path) -> None:
    """Eight event loops in eight threads, all at one ledger."""
    database = Database.open(tmp_path / "sonar.db", SONAR_DB, application_id=7)
    ledger = SqliteLedger(database, boot="a", clock=FakeClock())
    limit = Limit("sonar.budget.dailyUsd", "day", 3.7, None)
    passed: list[int] = []
    refused: list[str] = []

    async def one() -> None:
        try:
            passed.append(await ledger.open(an_opening(worst=0.1, limits=(limit,))))
        except OverBudget as over:
            refused.append(over.message)

    async def twenty_five() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(25):
                group.start_soon(one)

    threads = [threading.Thread(target=anyio.run, args=(twenty_five,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(passed), len(refused)) == (37, 163)
    assert ledger.spendable((limit,)) == (0.0, limit)
    database.close()


class Commotion:
    """Opens, ends, settles and fails at random."""

    def __init__(self, database: Database, seed: int) -> None:
        self.luck = random.Random(seed)
        self.database = database
        self.clock = FakeClock()
        self.open_rows: list[int] = []
        self.restart("0")

    def restart(self, boot: str) -> None:
        self.ledger = SqliteLedger(self.database, boot=boot, clock=self.clock)
        self.open_rows.clear()

    async def step(self) -> None:
        chance = self.luck.random()
        if chance < 0.55 or not self.open_rows:
            await self.begin(limits=(Limit("x", "day", 50.0, None),) if chance < 0.1 else ())
        elif chance < 0.9:
            await self.end()
        elif chance < 0.95:
            for one in await self.ledger.unsettled(self.clock.now() - timedelta(days=1), most=2):
                await self.ledger.settle(one, self.luck.random())
        else:
            with pytest.raises(ZeroDivisionError):
                await self.database.write(failing)

    async def begin(self, limits: tuple[Limit, ...]) -> None:
        worst = self.luck.choice([0.0, self.luck.random() / 3, 0.1, 1e-9, None])
        team = self.luck.choice([None, "ads", "hr"])
        with suppress(OverBudget):
            opening = an_opening(at=self.clock.now(), worst=worst, limits=limits, team=team)
            self.open_rows.append(await self.ledger.open(opening))

    async def end(self) -> None:
        cost = self.luck.choice([0.0, None, self.luck.random() / 3, 0.1, 1 / 3, -1.0])
        row = self.open_rows.pop(self.luck.randrange(len(self.open_rows)))
        if self.luck.random() < 0.3:
            self.ledger.note_upstream(row, f"gen-{row}")
        await self.ledger.close(row, ok(cost))


def failing(connection: apsw.Connection) -> None:
    connection.execute("UPDATE tally SET spent_usd = spent_usd + 1").fetchall()
    raise ZeroDivisionError


@pytest.mark.parametrize("seed", range(4))
async def test_the_tally_is_the_sum_of_the_rows_after_anything(tmp_path: Path, seed: int) -> None:
    """Some 10,000 attempts over all seeds, with a crash and a moved clock after every five hundred steps."""
    database = Database.open(tmp_path / "sonar.db", SONAR_DB, application_id=7, synchronous="NORMAL")
    commotion = Commotion(database, seed)
    for boot in range(1, 46):
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(commotion.step)
        if boot % 5 == 0:
            await check_books(database, commotion.ledger)
            commotion.clock.seconds += commotion.luck.choice([0, 3_600, 40_000, -86_400])
            commotion.restart(str(boot))
            await commotion.ledger.mark_interrupted()
            await check_books(database, commotion.ledger)
    ((attempts,),) = await rows(database, "SELECT count(*) FROM attempt")
    assert isinstance(attempts, int)
    assert attempts > 2_000
    await database.aclose()


class RunsTwice(Database):
    """Gives up every transaction once, as happens when a neighbour of the same commit fills the disk."""

    async def write(self, work):  # type: ignore[no-untyped-def,override]
        def twice(connection: apsw.Connection) -> object:
            connection.execute("SAVEPOINT first")
            work(connection)
            connection.execute("ROLLBACK TO first")
            connection.execute("RELEASE first")
            return work(connection)

        return await super().write(twice)


async def test_work_that_runs_twice_counts_once(tmp_path: Path) -> None:
    database = RunsTwice.open(tmp_path / "sonar.db", SONAR_DB, application_id=7)
    ledger = SqliteLedger(database, boot="a", clock=FakeClock())
    await ledger.mark_interrupted()
    row = await ledger.open(an_opening(worst=0.5, limits=(DAILY,)))
    assert ledger.spendable((DAILY,)) == (0.5, DAILY)
    await ledger.close(row, ok(0.25))
    assert ledger.spendable((DAILY,)) == (0.75, DAILY)
    await check_books(database, ledger)
    await database.aclose()


async def test_a_kept_reply_is_a_row_that_costs_nothing_and_fits_any_limit(
    database: Database, ledger: SqliteLedger
) -> None:
    await ledger.close(await ledger.open(an_opening(worst=1.0, limits=(DAILY,))), ok(1.0))
    await ledger.note_cached(an_opening(request_id="req_2", limits=(DAILY,)), Usage(0, 0, 0.0, 1))
    found = await rows(database, "SELECT request_id, state, cost_usd, cost_source, tokens_in, ms FROM attempt")
    assert found[1:] == [("req_2", "cached", 0.0, "none", 0, 1)]
    assert await ledger.spent_since(NOON) == Spent(2, 1.0, 0)


async def test_what_is_written_with_a_kept_reply_is_in_its_transaction(
    database: Database, ledger: SqliteLedger
) -> None:
    def refuse(connection: apsw.Connection) -> None:
        raise ValueError("no longer wanted")

    await ledger.note_cached(
        an_opening(), Usage(0, 0, 0.0), lambda connection: connection.execute("CREATE TABLE also (x)")
    )
    with pytest.raises(ValueError, match="no longer wanted"):
        await ledger.note_cached(an_opening(), Usage(0, 0, 0.0), refuse)
    assert await rows(database, "SELECT count(*) FROM attempt") == [(1,)]
    assert await rows(database, "SELECT count(*) FROM also") == [(0,)]
