"""Damaged, foreign and emptied files: set aside, carried over or made anew, and told of. All three of sonar's files."""

import os
import signal
from pathlib import Path

import apsw
import pytest

from tests.storage.conftest import House
from tests.storage.files import KINDS, ROWS, Kind, count, damage, fill_attempts, is_whole
from tests.system.harness import Home, is_alive, wait_until

each_file = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def set_aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.corrupt-*"))


@each_file
def test_e4_overwritten_pages_cost_no_more_than_they_held(kind: Kind, tmp_path: Path) -> None:
    path = kind.make(tmp_path)
    path.with_name(f"{path.name}-open").touch()  # as after a crash
    damage(path)
    store = kind.open(path)
    store.close()
    assert any("is damaged" in notice for notice in store.notices)
    assert len(set_aside(path)) == 1
    assert is_whole(path)
    if kind.is_derived:
        assert count(path, kind.table) == 0
    else:
        assert count(path, "attempt") + count(path, "item") + count(path, "result") > ROWS
        assert count(path, "job") == 1


def test_e4_items_of_a_job_that_was_lost_are_left_behind(tmp_path: Path) -> None:
    path = KINDS[0].make(tmp_path)
    store = KINDS[0].open(path)
    store.close()
    lose_the_job(path)
    damage(path)
    store = KINDS[0].open(path)
    store.close()
    assert "set aside" in store.notices[0]
    assert (count(path, "job"), count(path, "item")) == (0, 0)
    assert is_whole(path)


def lose_the_job(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.pragma("foreign_keys", False)
    connection.execute("DELETE FROM job")
    connection.close()


@each_file
@pytest.mark.parametrize("content", [b"only text " * 900, b"SQLite format 3\0" + b"\xff" * 5000], ids=["text", "noise"])
def test_e5_what_is_no_database_is_set_aside_untouched(kind: Kind, content: bytes, tmp_path: Path) -> None:
    path = kind.make(tmp_path)
    path.write_bytes(content)
    store = kind.open(path)
    store.close()
    assert store.notices
    assert [aside.read_bytes() for aside in set_aside(path)] == [content]
    assert count(path, kind.table) == 0


@each_file
def test_e6_a_file_of_no_bytes_is_noticed(kind: Kind, tmp_path: Path) -> None:
    path = kind.make(tmp_path)
    os.truncate(path, 0)
    store = kind.open(path)
    store.close()
    assert "was empty (0 bytes)" in store.notices[0]
    assert is_whole(path)


def test_e4_a_ledger_damaged_while_sonar_was_off_is_mended_at_the_start_and_told(home: Home) -> None:
    home.start()
    home.cli("sonar", "stop")
    fill_existing(home.places.database)
    damage(home.places.database)
    home.start()
    status = home.cli("sonar", "status", "--json")
    assert "rows could be carried over" in status.stdout
    assert "rows could be carried over" in home.cli("sonar", "status").stdout
    wait_until(lambda: "rows could be carried over" in home.log_text)
    assert home.cli("ask", "With what is the kettle descaled?").returncode == 0
    home.cli("sonar", "stop")
    assert count(home.places.database, "attempt") > 0
    assert is_whole(home.places.database)


def fill_existing(path: Path) -> None:
    connection = apsw.Connection(str(path))
    fill_attempts(connection, ROWS, 1)
    connection.close()


def test_e4_an_index_damaged_under_a_running_sonar_is_back_after_a_restart(house: House) -> None:
    home = house.home
    for number in range(40):
        home.write_note(
            f"n{number}.md", f"# Note {number}\n\nThe kettle number {number} is descaled with vinegar.\n" * 30
        )
    home.start()
    wait_until(lambda: house.call("GET", "/sonar/index").json["notes"] == 41)
    home.cli("sonar", "stop")
    size = home.places.index.stat().st_size
    with home.places.index.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xa5" * (size - 8192))
    home.start()
    found = house.call("POST", "/sonar/search", {"query": "kettle vinegar"})
    assert found.status in (200, 500), found.body
    if found.status == 500:
        assert found.code == "storage_broken"
        assert "amalfa sonar restart" in found.json["error"]["hint"]
        assert any("index.db is damaged" in notice for notice in house.notices())
    assert home.cli("sonar", "restart").returncode == 0
    wait_until(lambda: house.call("POST", "/sonar/search", {"query": "kettle vinegar"}).status == 200)
    assert house.call("POST", "/sonar/search", {"query": "kettle vinegar"}).json["passages"]


@pytest.mark.parametrize("name", ["sonar.db", "index.db"])
def test_e6_a_file_emptied_after_a_kill_is_replaced_and_sonar_serves(house: House, name: str) -> None:
    home = house.home
    pid = home.start()
    assert house.ask(prefer="local").status == 200
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))
    os.truncate(home.places.folder / name, 0)
    home.start()
    assert any(f"{name} was empty" in notice for notice in house.notices())
    assert house.ask(prefer="local").status == 200
