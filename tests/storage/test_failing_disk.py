"""Each single write and flush of a small workload fails once: what was acknowledged is there afterwards."""

import sys
from pathlib import Path

import anyio
import apsw
import pytest

from amalfa.errors import AmalfaError
from amalfa.store.database import Database
from tests.storage.failing_disk import Kind, Trouble, failing_disk

STEPS = (("things", "CREATE TABLE thing(name TEXT PRIMARY KEY, bulk BLOB) STRICT"),)
ROUNDS = 3
AT_ONCE = 2


async def work(path: Path) -> tuple[set[str], int]:
    """Open, write in groups, read, close: the names whose write was acknowledged, and how many failed."""
    kept: set[str] = set()
    failed = 0
    try:
        store = Database.open(path, STEPS, application_id=7)
    except AmalfaError:
        return kept, 1

    async def add(name: str) -> None:
        nonlocal failed
        try:
            await store.write(lambda c: c.execute("INSERT INTO thing VALUES(?, zeroblob(3000))", (name,)).fetchall())
            kept.add(name)
        except AmalfaError:
            failed += 1

    try:
        for round_ in range(ROUNDS):
            async with anyio.create_task_group() as group:
                for number in range(AT_ONCE):
                    group.start_soon(add, f"{round_}-{number}")
            try:
                assert kept <= await store.read(names), "an acknowledged write is not read back"
            except AmalfaError:
                failed += 1
    finally:
        await store.aclose()
    return kept, failed


def names(connection: apsw.Connection) -> set[str]:
    return {str(name) for (name,) in connection.execute("SELECT name FROM thing")}


async def operations(path: Path, kind: Kind) -> int:
    trouble = Trouble(kind)
    with failing_disk(trouble):
        assert (await work(path))[1] == 0
    return trouble.seen[kind]


@pytest.mark.skipif(sys.platform == "darwin", reason="flushes go another way there")
@pytest.mark.parametrize("lasts", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("kind", ["write", "flush"])
async def test_e3_no_acknowledged_write_is_lost_whichever_operation_fails(
    tmp_path: Path, kind: Kind, *, lasts: bool
) -> None:
    total = await operations(tmp_path / "whole" / "things.db", kind)
    assert total > ROUNDS
    silent = []
    for at in range(1, total + 1):
        path = tmp_path / f"{at}" / "things.db"
        trouble = Trouble(kind, at, lasts)
        with failing_disk(trouble):
            kept, failed = await work(path)
        silent += [] if failed else [at]
        after = Database.open(path, STEPS, application_id=7)
        try:
            assert not list(path.parent.glob("*.corrupt-*")) or not kept, f"{kind} {at} cost the file"
            found = await after.read(names)
            assert kept <= found, f"{kind} {at} of {total} lost {kept - found}"
            assert await after.read(lambda connection: connection.pragma("integrity_check")) == "ok"
        finally:
            await after.aclose()
    assert len(silent) < total, "nothing failed, so nothing was tested"
