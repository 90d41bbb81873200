"""sonar.db is copied once a day, when nobody is served."""

import os
from pathlib import Path

import anyio
import pytest

from amalfa.clock import SystemClock
from amalfa.daemon import backups
from amalfa.daemon.backups import EVERY_S, is_due, keep_backups
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB


def test_a_copy_is_due_after_a_day(tmp_path: Path) -> None:
    path = tmp_path / "sonar.db"
    assert is_due(path, 1_000_000.0)
    copy = tmp_path / "sonar.db.backup-20261121T000000Z"
    copy.touch()
    os.utime(copy, (1_000_000.0, 1_000_000.0))
    assert not is_due(path, 1_000_000.0 + EVERY_S)
    assert is_due(path, 1_000_001.0 + EVERY_S)


async def test_it_waits_for_a_quiet_moment_and_copies_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "LOOK_EVERY_S", 0.005)
    folder = tmp_path / "private"
    database = Database.open(folder / "sonar.db", SONAR_DB, application_id=7)
    is_idle = False
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: keep_backups(database, lambda: is_idle, clock=SystemClock()))
        await anyio.sleep(0.05)
        assert not list(folder.glob("*.backup-*"))
        is_idle = True
        with anyio.fail_after(5):
            while not list(folder.glob("*.backup-*")):  # noqa: ASYNC110 - a file that another task makes
                await anyio.sleep(0.005)
        await anyio.sleep(0.05)
        tasks.cancel_scope.cancel()
    assert len(list(folder.glob("*.backup-*"))) == 1
    await database.aclose()
