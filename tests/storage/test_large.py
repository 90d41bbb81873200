"""A ledger of a million rows: sonar starts as quickly, and no query that is asked daily reads it whole."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from amalfa.calls import PrivacyClass, Tier, Usage
from amalfa.execution.ledger import Closing, Limit, Opening, SqliteLedger
from amalfa.execution.usage import UsageBook
from amalfa.store.database import Database
from tests.fakes import FakeClock
from tests.storage.files import KINDS, NEWEST_S, fill_attempts

SONAR = KINDS[0]
MILLION = 1_000_000
STEP_S = 30
"""A million attempts over a year."""

NOW = datetime.fromtimestamp(NEWEST_S, UTC)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("large") / "state" / "sonar.db"
    SONAR.open(path).close()
    connection = apsw.Connection(str(path))
    connection.pragma("synchronous", "OFF")
    connection.pragma("cache_size", -400_000)
    indexes = connection.execute("SELECT name, sql FROM sqlite_schema WHERE tbl_name = 'attempt' AND type = 'index'")
    found = indexes.fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}")
    fill_attempts(connection, MILLION, STEP_S)
    for _, sql in found:
        connection.execute(str(sql))
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    connection.close()
    yield path
    path.unlink()


def ledger_of(database: Database) -> SqliteLedger:
    clock = FakeClock()
    clock.seconds += (NOW - clock.now()).total_seconds()
    return SqliteLedger(database, boot="now", clock=clock)


@pytest.mark.parametrize("was_killed", [False, True], ids=["ended", "killed"])
async def test_e13_a_million_rows_start_in_two_seconds_and_answer_at_once(large: Path, *, was_killed: bool) -> None:
    if was_killed:
        for left in ("-open", "-wal"):
            large.with_name(f"{large.name}{left}").touch(mode=0o600)
    began_s = time.monotonic()
    database = SONAR.open(large)
    try:
        ledger = ledger_of(database)
        await ledger.mark_interrupted()
        assert time.monotonic() - began_s < 2.0
        assert database.notices == ()
        began_s = time.monotonic()
        assert (await ledger.spent_since(NOW - timedelta(days=1))).calls > 2_000
        await UsageBook(database).report(NOW - timedelta(days=7), by="model")
        assert time.monotonic() - began_s < 2.0
    finally:
        await database.aclose()


async def test_e13_no_daily_query_reads_the_whole_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = SONAR.open(tmp_path / "state" / "sonar.db")
    plans: dict[str, list[str]] = {}
    usual = apsw.Connection.execute

    def explain(cursor: Any, sql: str, bindings: Any) -> bool:
        if sql.lstrip().upper().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")) and sql not in plans:
            connection = cursor.connection
            connection.exec_trace = None
            rows = usual(connection, f"EXPLAIN QUERY PLAN {sql}", bindings).fetchall()
            connection.exec_trace = explain
            plans[sql] = [str(row[3]) for row in rows]
        return True

    monkeypatch.setattr(apsw, "connection_hooks", [lambda made: setattr(made, "exec_trace", explain)])
    await database.write(lambda connection: setattr(connection, "exec_trace", explain))
    try:
        await use(database)
    finally:
        await database.write(lambda connection: setattr(connection, "exec_trace", None))
        await database.aclose()
    assert len(plans) > 15
    assert not {sql: steps for sql, steps in plans.items() if any(step.startswith("SCAN attempt") for step in steps)}


async def use(database: Database) -> None:
    """Everything that the ledger is asked on a usual day."""
    ledger = ledger_of(database)
    await ledger.mark_interrupted()
    limits = (Limit("daily", "day", 1.0, None), Limit("monthly", "month", 1.0, "ads"))
    opening = Opening(
        "r", "ask", "m", "p", Tier.CLOUD, PrivacyClass.CLOUD_OK, 1, NOW, reserved_usd=0.1, limits=limits, team="ads"
    )
    row = await ledger.open(opening)
    await ledger.close(row, Closing("ok", Usage(1, 1, 0.01, 1)))
    await ledger.note_cached(opening, Usage())
    await ledger.spent_since(NOW - timedelta(days=1))
    await ledger.unsettled(NOW - timedelta(days=1), most=5)
    book = UsageBook(database)
    await book.unknown_costs(NOW - timedelta(days=1))
    for by in ("model", "task", "team", "day"):
        await book.report(NOW - timedelta(days=7), by=by)
