"""The ledger on a real database file."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from amalfa.calls import PrivacyClass, Tier, Usage
from amalfa.execution.ledger import Closing, Opening, Spent, SqliteLedger
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.open(tmp_path / "private" / "sonar.db", SONAR_DB, application_id=7)
    yield opened
    await opened.aclose()


def an_opening(*, request_id: str = "req_1", tier: Tier = Tier.CLOUD, at: datetime = NOON) -> Opening:
    return Opening(request_id, "synthesize", "openrouter:m", "openrouter", tier, PrivacyClass.CLOUD_OK, 1, at)


async def test_a_call_counts_once_however_many_attempts_it_took(database: Database) -> None:
    ledger = SqliteLedger(database, boot="a")
    first = await ledger.open(an_opening())
    await ledger.close(first, Closing("failed", Usage(cost_usd=0.0), "upstream_broken"))
    second = await ledger.open(an_opening())
    await ledger.close(second, Closing("ok", Usage(10, 3, 0.002, 40)))
    assert await ledger.spent_since(NOON) == Spent(calls=1, cost_usd=0.002, unknown_costs=0)


async def test_an_unknown_cost_is_counted_and_is_not_zero(database: Database) -> None:
    ledger = SqliteLedger(database, boot="a")
    row = await ledger.open(an_opening())
    await ledger.close(row, Closing("ok", Usage(10, 3, None, 40)))
    assert (await ledger.spent_since(NOON)).unknown_costs == 1


async def test_a_local_call_without_a_price_is_no_unknown_cost(database: Database) -> None:
    ledger = SqliteLedger(database, boot="a")
    await ledger.close(await ledger.open(an_opening(tier=Tier.LOCAL)), Closing("ok", Usage()))
    assert (await ledger.spent_since(NOON)).unknown_costs == 0


async def test_yesterday_is_not_today(database: Database) -> None:
    ledger = SqliteLedger(database, boot="a")
    await ledger.open(an_opening(at=NOON - timedelta(days=1)))
    assert (await ledger.spent_since(NOON)).calls == 0


async def test_rows_left_open_by_a_crash_become_unknown(database: Database) -> None:
    before = SqliteLedger(database, boot="before")
    await before.open(an_opening())
    after = SqliteLedger(database, boot="after")
    own = await after.open(an_opening(request_id="req_2"))
    assert await after.mark_interrupted() == 1
    assert await after.mark_interrupted() == 0

    def states(connection):  # type: ignore[no-untyped-def]
        return connection.execute("SELECT id, state FROM attempt ORDER BY id").fetchall()

    assert await database.read(states) == [(own - 1, "unknown"), (own, "started")]
