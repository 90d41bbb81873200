"""Schemas move forward whole, with a copy of what was there; never backward."""

from pathlib import Path

import apsw
import pytest

from amalfa.store.database import Database
from amalfa.store.failures import StorageTooNew
from amalfa.store.schema import Migration

FIRST: Migration = ("first", "CREATE TABLE a(x INTEGER) STRICT; SELECT 1; INSERT INTO a VALUES(1)")
SECOND: Migration = (
    "second",
    lambda connection: connection.execute("CREATE TABLE b(y TEXT) STRICT").fetchall() and None,
)
BROKEN: Migration = ("broken", "CREATE TABLE c(z TEXT) STRICT; CREATE TABLE a(x)")


def open_with(path: Path, *migrations: Migration, is_derived: bool = False) -> Database:
    return Database.open(path, migrations, application_id=7, is_derived=is_derived)


def tables(path: Path) -> set[str]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type='table'")}
    finally:
        connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "t.db"


def test_an_older_file_is_copied_first_and_then_brought_up_to_date(path: Path) -> None:
    open_with(path, FIRST).close()
    open_with(path, FIRST, SECOND).close()
    assert tables(path) == {"a", "b"}
    copies = list(path.parent.glob("t.db.schema1-*"))
    assert len(copies) == 1
    assert tables(copies[0]) == {"a"}
    assert copies[0].stat().st_mode & 0o777 == 0o600


def test_a_script_runs_past_its_first_row(path: Path) -> None:
    open_with(path, FIRST).close()
    connection = apsw.Connection(str(path))
    assert connection.execute("SELECT x FROM a").get == 1
    connection.close()


def test_a_step_that_fails_leaves_the_old_schema_whole(path: Path) -> None:
    open_with(path, FIRST).close()
    with pytest.raises(apsw.SQLError):
        open_with(path, FIRST, BROKEN)
    assert tables(path) == {"a"}
    open_with(path, FIRST).close()


def test_a_newer_file_is_refused_and_left_alone(path: Path) -> None:
    open_with(path, FIRST, SECOND).close()
    before = path.read_bytes()
    with pytest.raises(StorageTooNew, match="newer amalfa: schema 2, this one knows 1") as caught:
        open_with(path, FIRST)
    assert caught.value.hint
    assert path.read_bytes() == before


def test_a_newer_index_makes_room_because_it_can_be_rebuilt(path: Path) -> None:
    open_with(path, FIRST, SECOND).close()
    store = open_with(path, FIRST, is_derived=True)
    store.close()
    assert "newer" in store.notices[0]
    assert tables(path) == {"a"}
