"""The books after real crashes: a process that only opens and closes rows is killed in the middle of it."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from amalfa.clock import SystemClock
from amalfa.execution.ledger import SqliteLedger
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB
from tests.execution.test_ledger import check_books, rows

WORKER = """
import random, sys
from datetime import UTC, datetime
from pathlib import Path
import anyio
from amalfa.calls import PrivacyClass, Tier, Usage
from amalfa.execution.ledger import Closing, Opening, SqliteLedger
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB

async def work(ledger):
    while True:
        opening = Opening("r", "ask", "p:m", "p", Tier.CLOUD, PrivacyClass.CLOUD_OK, 1, datetime.now(UTC),
                          reserved_usd=random.random())
        row = await ledger.open(opening)
        ledger.note_upstream(row, f"gen-{row}")
        await ledger.close(row, Closing("ok", Usage(cost_usd=random.choice([None, random.random()]))))

async def main():
    database = Database.open(Path(sys.argv[1]), SONAR_DB, application_id=7)
    async with anyio.create_task_group() as tasks:
        ledger = SqliteLedger(database, boot=sys.argv[2], tasks=tasks)
        await ledger.mark_interrupted()
        print("ready", flush=True)
        for _ in range(20):
            tasks.start_soon(work, ledger)

anyio.run(main)
"""


def run_and_kill(path: Path, boot: str, run_s: float) -> None:
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(path), boot], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"ready\n"
    time.sleep(run_s)
    worker.kill()
    worker.communicate()


@pytest.mark.parametrize("run_s", [0.02, 0.11, 0.23])
async def test_after_a_kill_the_tally_is_the_sum_of_the_rows(tmp_path: Path, run_s: float) -> None:
    path = tmp_path / "private" / "sonar.db"
    for boot in ("one", "two"):
        run_and_kill(path, boot, run_s)
    database = Database.open(path, SONAR_DB, application_id=7)
    await check_books(database)
    ledger = SqliteLedger(database, boot="three", clock=SystemClock())
    await ledger.mark_interrupted()
    await check_books(database, ledger)
    assert await rows(database, "SELECT id FROM attempt WHERE state = 'started'") == []
    assert run_s < 0.2 or await rows(database, "SELECT id FROM attempt LIMIT 1"), "the process did something"
    unsettled = await ledger.unsettled(datetime(2020, 1, 1, tzinfo=UTC), most=10)
    assert all(one.upstream_id == f"gen-{one.row}" for one in unsettled)
    await database.aclose()
