"""What is written with the end of an attempt is there exactly when the end is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from amalfa.calls import PrivacyClass, Tier, Usage
from amalfa.execution.ledger import Closing, Opening, SqliteLedger
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB

OPENING = Opening(
    "item_1.1",
    "metadata",
    "ollama:m",
    "ollama",
    Tier.LOCAL,
    PrivacyClass.CLOUD_OK,
    1,
    datetime(2026, 11, 21, tzinfo=UTC),
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.open(tmp_path / "private" / "sonar.db", SONAR_DB, application_id=7)
    await opened.write(lambda connection: connection.execute("CREATE TABLE beside (state TEXT)").fetchall())
    yield opened
    await opened.aclose()


async def rows(database: Database, sql: str) -> list[tuple[object, ...]]:
    return await database.read(lambda connection: connection.execute(sql).fetchall())


async def test_it_sees_the_row_ended_and_is_committed_with_it(database: Database) -> None:
    ledger = SqliteLedger(database, boot="b")
    row = await ledger.open(OPENING)

    def also(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO beside SELECT state FROM attempt WHERE request_id = 'item_1.1'").fetchall()

    await ledger.close(row, Closing("ok", Usage(1, 2, 0.0, 3), also=also))
    assert await rows(database, "SELECT state FROM beside") == [("ok",)]


async def test_when_it_fails_the_row_stays_open_for_the_next_start(database: Database) -> None:
    ledger = SqliteLedger(database, boot="b")
    row = await ledger.open(OPENING)

    def also(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO beside VALUES ('half')").fetchall()
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        await ledger.close(row, Closing("ok", Usage(1, 2, 0.0, 3), also=also))
    assert await rows(database, "SELECT state FROM beside") == []
    assert await rows(database, "SELECT state FROM attempt") == [("started",)]
