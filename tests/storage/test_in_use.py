"""Files that are removed, locked, held or made read-only while sonar has them open, or before it opens them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import apsw
import pytest

from amalfa.store import place, writer
from amalfa.store.database import Database
from amalfa.store.failures import StorageBroken, StorageBusy
from tests.storage.conftest import House
from tests.storage.files import KINDS, Kind, count, is_whole
from tests.storage.room import remount, small_disk
from tests.system.harness import Home, is_alive, wait_until

each_file = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
THINGS = (("things", "CREATE TABLE thing(name TEXT) STRICT"),)

HOLD = """
import apsw, sys
connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
input()
"""


def open_things(path: Path) -> Database:
    return Database.open(path, THINGS, application_id=7)


def add(name: str, size: int = 0) -> Callable[[apsw.Connection], None]:
    def work(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO thing VALUES(? || hex(zeroblob(?)))", (name, size)).fetchall()

    return work


def names(connection: apsw.Connection) -> set[str]:
    return {str(name) for (name,) in connection.execute("SELECT name FROM thing")}


def test_e7_a_ledger_removed_under_a_running_sonar_is_an_alarm_and_ends_its_work(house: House) -> None:
    house.home.inject_into_sonar("from amalfa.daemon import stores\nstores.LOOK_EVERY_S = 0.2")
    house.home.start()
    assert house.ask(prefer="local").status == 200
    house.home.places.database.unlink()
    refused = house.ask(prefer="local")
    assert (refused.status, refused.code) == (500, "storage_broken")
    assert "amalfa sonar restart" in refused.json["error"]["hint"]
    assert house.call("GET", "/sonar/health").status == 200
    assert any("sonar.db was removed or replaced" in notice for notice in house.notices())
    wait_until(lambda: "sonar.db was removed or replaced" in house.home.log_text, patience_s=7)
    assert house.home.cli("sonar", "restart").returncode == 0
    assert house.ask(prefer="local").status == 200
    assert not house.notices()


@each_file
async def test_e7_no_file_takes_a_write_after_it_was_removed(kind: Kind, tmp_path: Path) -> None:
    store = kind.open(kind.make(tmp_path))
    store.path.unlink()
    with pytest.raises(StorageBroken, match="removed or replaced"):
        await store.write(kind.fill)
    assert not store.is_in_place
    assert "was removed or replaced" in store.alarms()[0]
    await store.aclose()


@pytest.mark.parametrize("suffixes", [("-wal",), ("-shm",), ("-wal", "-shm")], ids=" ".join)
@pytest.mark.parametrize("has_reader", [False, True], ids=["unread", "read"])
async def test_e8_a_log_deleted_while_open_loses_nothing(
    tmp_path: Path, suffixes: tuple[str, ...], *, has_reader: bool
) -> None:
    path = tmp_path / "state" / "things.db"
    store = open_things(path)
    await store.write(add("before"))
    if has_reader:
        for _ in range(4):
            assert await store.read(names) == {"before"}
    for suffix in suffixes:
        Path(f"{path}{suffix}").unlink()
    await store.mend_log()
    assert await store.read(names) == {"before"}
    await store.write(add("after"))
    for _ in range(4):
        assert await store.read(names) == {"before", "after"}
    copied = tmp_path / "as after a kill" / "things.db"
    shutil.copytree(path.parent, copied.parent)
    await store.aclose()
    for found in (path, copied):
        again = open_things(found)
        assert await again.read(names) == {"before", "after"}
        await again.aclose()
        assert is_whole(found)


async def test_e8_a_write_alone_notices_that_the_log_is_gone(tmp_path: Path) -> None:
    store = open_things(tmp_path / "state" / "things.db")
    await store.write(add("before"))
    Path(f"{store.path}-wal").unlink()
    await store.write(add("after"))
    stranger = apsw.Connection(str(store.path), flags=apsw.SQLITE_OPEN_READONLY)
    assert names(stranger) == {"before", "after"}
    stranger.close()
    await store.aclose()


@each_file
def test_e8_shared_memory_deleted_after_a_kill_is_made_anew(kind: Kind, tmp_path: Path) -> None:
    path = kind.make(tmp_path)
    store = kind.open(path)
    crashed = tmp_path / "crashed"
    shutil.copytree(path.parent, crashed)
    store.close()
    Path(f"{crashed / kind.name}-shm").unlink(missing_ok=True)
    again = kind.open(crashed / kind.name)
    again.close()
    assert again.notices == ()
    assert count(crashed / kind.name, kind.table) == count(path, kind.table)


def test_e8_a_log_deleted_after_a_kill_is_told_in_the_status(house: House) -> None:
    pid = house.home.start()
    assert house.ask(prefer="local").status == 200
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))
    for suffix in ("-wal", "-shm"):
        Path(f"{house.home.places.database}{suffix}").unlink()
    house.home.start()
    assert any("sonar.db-wal was gone" in notice for notice in house.notices())


def test_e9_a_read_only_disk_ends_sonar_with_the_reason(home: Home) -> None:
    with small_disk(home.state_folder, "8m"):
        home.start()
        assert home.cli("sonar", "stop").returncode == 0
        remount(home.state_folder, "ro")
        ran = home.cli("sonar", "start")
    assert ran.returncode == 1
    assert "ead-only" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_e9_a_file_that_may_not_be_written_ends_sonar_with_the_reason(home: Home) -> None:
    home.start()
    home.cli("sonar", "stop")
    home.places.database.chmod(0o400)
    ran = home.cli("sonar", "start")
    assert ran.returncode == 1
    assert "cannot be written" in ran.stderr


def test_e10_a_locked_ledger_is_503_and_health_answers_meanwhile(house: House) -> None:
    house.home.inject_into_sonar("from amalfa.store import opening\nopening.BUSY_TIMEOUT_MS = 700")
    house.home.start()
    assert house.ask(prefer="local").status == 200
    command = [sys.executable, "-c", HOLD, str(house.home.places.database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        began_s = time.monotonic()
        refused = house.ask(prefer="local")
        assert (refused.status, refused.code) == (503, "busy"), refused.body
        assert "locked by another process" in refused.json["error"]["message"]
        assert 0.6 < time.monotonic() - began_s < 3
        began_s = time.monotonic()
        assert house.call("GET", "/sonar/health").status == 200
        assert time.monotonic() - began_s < 0.5
        stranger.communicate("\n")
    assert house.ask(prefer="local").status == 200


async def test_e10_all_who_wait_for_a_lock_wait_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amalfa.store.opening.BUSY_TIMEOUT_MS", 200)
    store = open_things(tmp_path / "state" / "things.db")
    stranger = apsw.Connection(str(store.path))
    stranger.execute("BEGIN IMMEDIATE")
    refused = []

    async def one(number: int) -> None:
        try:
            await store.write(add(f"{number}"))
        except StorageBusy as busy:
            refused.append(busy)

    began_s = time.monotonic()
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(one, number)
    assert len(refused) == 20
    assert time.monotonic() - began_s < 1.5
    stranger.execute("ROLLBACK")
    stranger.close()
    await store.write(add("after"))
    await store.aclose()


async def test_e12_a_reader_that_holds_on_is_told_and_the_log_is_folded_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IDLE_CHECKPOINT_S", 0.05)
    monkeypatch.setattr(place, "JOURNAL_LIMIT_BYTES", 1 << 20)
    store = open_things(tmp_path / "state" / "things.db")
    log = Path(f"{store.path}-wal")
    await store.write(add("first"))
    holding = apsw.Connection(str(store.path), flags=apsw.SQLITE_OPEN_READONLY)
    holding.execute("BEGIN")
    assert names(holding) == {"first"}
    for _ in range(4):
        await store.write(add("big", 250_000))
    assert log.stat().st_size > 1 << 20
    assert "another program reads things.db" in store.alarms()[0]
    began_s = time.monotonic()
    await anyio.sleep(0.15)  # long enough for the store to try folding
    await store.write(add("quick"))
    assert time.monotonic() - began_s < 1, "a write waited for the reader"
    await anyio.sleep(0.15)
    holding.execute("COMMIT")
    holding.close()
    wait_until(lambda: log.stat().st_size == 0, patience_s=5)
    assert store.alarms() == ()
    await store.aclose()
