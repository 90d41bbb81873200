"""The ledger on a full disk: what is free goes on uncounted by SQLite but not by us, what is paid does not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from amalfa.calls import PrivacyClass, Tier, Usage
from amalfa.execution.enduring import UNRECORDED, EnduringLedger
from amalfa.execution.ledger import Closing, Opening, SqliteLedger
from amalfa.store.database import Database
from amalfa.store.failures import StorageFull
from amalfa.store.migrations import SONAR_DB
from tests.fakes import FakeClock

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOCAL = Opening("r", "ask", "ollama:m", "ollama", Tier.LOCAL, PrivacyClass.CLOUD_OK, 1, NOON, reason="x" * 5000)
PAID = replace(LOCAL, model="openrouter:m", provider="openrouter", tier=Tier.CLOUD, reserved_usd=0.01)
DONE = Closing("ok", Usage(1, 1, 0.0, 5), repairs=("y" * 60_000,))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.open(tmp_path / "private" / "sonar.db", SONAR_DB, application_id=7)
    yield opened
    await opened.aclose()


@pytest.fixture
def ledger(database: Database) -> EnduringLedger:
    return EnduringLedger(SqliteLedger(database, boot="a", clock=FakeClock()))


async def set_room(database: Database, pages: int) -> None:
    await database.write(lambda connection: connection.pragma("max_page_count", pages))


async def states(database: Database) -> list[str]:
    def read(connection: apsw.Connection) -> list[str]:
        return [str(state) for (state,) in connection.execute("SELECT state FROM attempt ORDER BY id")]

    return await database.read(read)


async def test_a_free_attempt_goes_on_without_a_row_and_is_counted(database: Database, ledger: EnduringLedger) -> None:
    await set_room(database, 1)
    while await ledger.open(LOCAL) != UNRECORDED:
        pass
    await ledger.close(UNRECORDED, DONE)
    assert ledger.unrecorded == 1
    assert "1 free attempts are not in the ledger" in ledger.alarms[0]
    await set_room(database, 100_000)
    assert await ledger.open(LOCAL) != UNRECORDED
    assert ledger.alarms == ()


@pytest.mark.parametrize(
    "opening",
    [PAID, replace(PAID, tier=Tier.LOCAL), replace(PAID, reserved_usd=None), replace(PAID, reserved_usd=0.0)],
    ids=["cloud", "paid but local", "of unknown price", "cloud and free"],
)
async def test_nothing_that_may_cost_money_goes_out_without_its_row(
    database: Database, ledger: EnduringLedger, opening: Opening
) -> None:
    await set_room(database, 1)
    while await ledger.open(LOCAL) != UNRECORDED:
        pass
    ledger.unrecorded = 0
    with pytest.raises(StorageFull):
        await ledger.open(opening)
    assert ledger.unrecorded == 0
    assert ledger.alarms


async def test_an_end_without_room_costs_no_answer_and_is_written_later(
    database: Database, ledger: EnduringLedger
) -> None:
    row = await ledger.open(PAID)
    await set_room(database, 1)
    await ledger.close(row, DONE)
    assert await states(database) == ["started"]
    assert ledger.alarms
    await set_room(database, 100_000)
    await ledger.catch_up()
    assert await states(database) == ["ok"]
    assert ledger.alarms == ()


async def test_a_result_that_could_not_be_stored_is_not_passed_over(database: Database, ledger: EnduringLedger) -> None:
    row = await ledger.open(LOCAL)
    await set_room(database, 1)
    storing = replace(DONE, also=lambda connection: None)
    for one in (row, UNRECORDED):
        with pytest.raises(StorageFull):
            await ledger.close(one, storing)
