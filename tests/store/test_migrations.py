"""The steps of sonar.db: what shipped stays as it was, and old rows keep their meaning in newer tables."""

import hashlib
from pathlib import Path

import pytest

from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB

SHIPPED = {
    "ledger": "db664ea7bf28",
    "conversations": "065abbe6d15e",
    "money": "dc4b8e2e44a7",
    "json": "007b86e2b8f8",
    "finished": "c21cd48394bc",
    "jobs": "7fdfcfd37bb6",
    "confided": "7a73c40057a9",
}


def test_a_step_that_shipped_is_never_edited() -> None:
    found = {name: hashlib.sha256(" ".join(str(step).split()).encode()).hexdigest()[:12] for name, step in SONAR_DB}
    assert found == SHIPPED


OLD_ROW = """
INSERT INTO attempt (request_id, task, model, provider, tier, privacy, generation, started_at, boot, state, cost_usd)
VALUES ('r', 'ask', 'm', 'p', ?, 'cloud-ok', 1, ?, 'b', ?, ?)
"""


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "sonar.db"
    database = Database.open(path, SONAR_DB[:2], application_id=7)
    database.close()
    return path


async def test_rows_of_the_first_ledger_are_carried_into_the_tally(old_file: Path) -> None:
    old = Database.open(old_file, SONAR_DB[:2], application_id=7)
    rows = [
        ("cloud", "2026-11-19T23:59:59+00:00", "ok", 0.1),
        ("cloud", "2026-11-20T00:00:00+00:00", "ok", 0.1000000004),
        ("cloud", "2026-11-20T10:00:00+00:00", "ok", 0.2),
        ("cloud", "2026-11-20T11:00:00+00:00", "failed", None),
        ("local", "2026-11-20T11:00:00+00:00", "ok", None),
        ("local", "2026-11-20T12:00:00+00:00", "ok", 0.0),
        ("cloud", "2026-11-20T13:00:00+00:00", "started", None),
    ]
    for row in rows:
        await old.write(lambda connection, row=row: connection.execute(OLD_ROW, row).fetchall())
    await old.aclose()
    new = Database.open(old_file, SONAR_DB, application_id=7)
    tally = await new.read(lambda connection: connection.execute("SELECT * FROM tally ORDER BY day").fetchall())
    assert tally == [("2026-11-19", "", 0.1, 0.0), ("2026-11-20", "", 0.3, 0.0)]
    sql = "SELECT day, cost_usd, cost_source, team FROM attempt ORDER BY id"
    assert await new.read(lambda connection: connection.execute(sql).fetchall()) == [
        ("2026-11-19", 0.1, "reported", ""),
        ("2026-11-20", 0.1, "reported", ""),
        ("2026-11-20", 0.2, "reported", ""),
        ("2026-11-20", None, "unknown", ""),
        ("2026-11-20", None, "none", ""),
        ("2026-11-20", 0.0, "reported", ""),
        ("2026-11-20", None, None, ""),
    ]
    await new.aclose()
