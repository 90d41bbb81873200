"""Costs that are asked for after the fact."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from amalfa.calls import PrivacyClass, Tier
from amalfa.errors import UpstreamBroken
from amalfa.execution import reconcile
from amalfa.execution.attempts import Unsettled
from amalfa.execution.ledger import Limit, Opening, SqliteLedger
from amalfa.execution.reconcile import GIVE_UP_AFTER, PAUSES_S, ROUND_MAX, Reconciler
from amalfa.providers.provider import Provider
from amalfa.store.database import Database
from amalfa.store.failures import StorageBusy
from amalfa.store.migrations import SONAR_DB
from tests.fakes import FakeClock, FakeProvider


@dataclass
class TellingProvider(FakeProvider):
    """Knows the costs of `costs` and raises what is an exception there."""

    costs: dict[str, float | Exception | None] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)

    async def generation_cost_usd(self, generation_id: str) -> float | None:
        self.questions.append(generation_id)
        cost = self.costs.get(generation_id)
        if isinstance(cost, Exception):
            raise cost
        return cost


@dataclass
class FakeBooks:
    pending: list[Unsettled] = field(default_factory=list)
    settled: dict[int, float] = field(default_factory=dict)
    is_locked: bool = False

    async def unsettled(self, since: datetime, *, most: int) -> tuple[Unsettled, ...]:
        if self.is_locked:
            raise StorageBusy("sonar.db is locked.")
        left = (one for one in self.pending if one.row not in self.settled and one.started_at >= since)
        return tuple(left)[:most]

    async def settle(self, one: Unsettled, cost_usd: float) -> None:
        self.settled[one.row] = cost_usd


class House:
    def __init__(self, costs: dict[str, float | Exception | None], count: int = 0) -> None:
        self.clock = FakeClock()
        self.provider = TellingProvider("openrouter", costs=costs)
        self.others: dict[str, Provider] = {}
        self.books = FakeBooks([self.one(row) for row in range(count)])
        self.pauses: list[float] = []
        self.rounds = 5
        self.reconciler = Reconciler(self.books, self.providers, clock=self.clock, sleep=self.sleep)

    def one(self, row: int, provider: str = "openrouter", *, age: timedelta = timedelta()) -> Unsettled:
        return Unsettled(row, provider, f"{provider}:m", "", f"gen-{row}", self.clock.now() - age)

    def providers(self) -> dict[str, Provider]:
        return {"openrouter": self.provider, **self.others}

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.seconds += seconds
        if len(self.pauses) >= self.rounds:
            self.scope.cancel()
        await anyio.lowlevel.checkpoint()

    async def run(self) -> None:
        with anyio.CancelScope() as self.scope:
            await self.reconciler.run()


async def test_a_cost_that_is_known_is_settled_and_not_asked_for_again() -> None:
    house = House({"gen-0": 0.25, "gen-1": 0.0}, count=2)
    await house.run()
    assert house.books.settled == {0: 0.25, 1: 0.0}
    assert house.provider.questions == ["gen-0", "gen-1"]


async def test_what_is_not_known_yet_is_asked_for_ever_more_rarely() -> None:
    house = House({}, count=1)
    house.rounds = 8
    await house.run()
    assert house.books.settled == {}
    assert house.pauses == [*PAUSES_S, PAUSES_S[-1], PAUSES_S[-1]]


async def test_something_new_is_asked_for_soon() -> None:
    house = House({}, count=1)
    house.rounds = 4
    await house.run()
    house.books.pending.append(house.one(7))
    house.pauses.clear()
    house.rounds = 1
    await house.run()
    assert house.pauses == [PAUSES_S[0]]


async def test_after_a_day_it_stays_unknown() -> None:
    house = House({"gen-0": 0.25})
    house.books.pending.append(house.one(0, age=GIVE_UP_AFTER + timedelta(minutes=1)))
    await house.run()
    assert house.provider.questions == []


@pytest.mark.parametrize("failure", [UpstreamBroken("no"), None])
async def test_a_failure_at_one_attempt_keeps_nobody_else_waiting(failure: Exception | None) -> None:
    house = House({"gen-0": failure, "gen-1": 0.5}, count=2)
    await house.run()
    assert house.books.settled == {1: 0.5}


async def test_a_provider_that_is_gone_or_cannot_tell_is_left_in_peace() -> None:
    house = House({})
    house.others = {"mute": FakeProvider("mute")}
    house.books.pending += [house.one(0, "mute"), house.one(1, "gone")]
    await house.run()
    assert house.books.settled == {}


async def test_a_provider_that_is_silent_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    class SilentProvider(TellingProvider):
        async def generation_cost_usd(self, generation_id: str) -> float | None:
            await anyio.sleep_forever()

    monkeypatch.setattr(reconcile, "ASK_TIMEOUT_S", 0.01)
    house = House({"gen-1": 0.5}, count=2)
    house.others = {"silent": SilentProvider("silent")}
    house.books.pending[0] = house.one(0, "silent")
    with anyio.fail_after(5):
        await house.reconciler.settle_some()
    assert house.books.settled == {1: 0.5}


async def test_a_ledger_that_is_locked_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    house = House({"gen-0": 0.25}, count=1)
    house.books.is_locked = True
    house.rounds = 1
    await house.run()
    assert "could not be settled" in caplog.text
    house.books.is_locked = False
    house.pauses.clear()
    await house.run()
    assert house.books.settled == {0: 0.25}


async def test_many_that_nobody_knows_do_not_hide_the_others() -> None:
    house = House({f"gen-{ROUND_MAX + 5}": 0.1}, count=ROUND_MAX + 10)
    house.rounds = 2
    await house.run()
    assert house.books.settled == {ROUND_MAX + 5: 0.1}
    assert len(house.provider.questions) <= 2 * ROUND_MAX


async def test_what_a_crash_left_unknown_is_settled_in_the_real_ledger(tmp_path: Path) -> None:
    limit = Limit("sonar.budget.dailyUsd", "day", 1.0, None)
    house = House({"gen-real": 0.125})
    database = Database.open(tmp_path / "sonar.db", SONAR_DB, application_id=7)
    now = house.clock.now()
    opening = Opening("r", "ask", "openrouter:m", "openrouter", Tier.CLOUD, PrivacyClass.CLOUD_OK, 1, now)
    async with anyio.create_task_group() as tasks:
        before = SqliteLedger(database, boot="before", clock=house.clock, tasks=tasks)
        before.note_upstream(await before.open(replace(opening, reserved_usd=0.5)), "gen-real")
    after = SqliteLedger(database, boot="after", clock=house.clock)
    assert await after.mark_interrupted() == 1
    assert after.spendable((limit,)) == (0.5, limit)
    await Reconciler(after, house.providers, clock=house.clock).settle_some()
    assert after.spendable((limit,)) == (0.875, limit)
    assert (await after.spent_since(now)).unknown_costs == 0
    await database.aclose()
