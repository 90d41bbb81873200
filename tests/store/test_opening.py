"""What is found at a database's path when sonar starts, and what becomes of it."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import apsw
import pytest

from amalfa.errors import AmalfaError
from amalfa.store import opening
from amalfa.store.database import Database
from amalfa.store.failures import StorageBroken
from amalfa.store.schema import Migration

APPLICATION_ID = 0x414D_4653
PAIRS: tuple[Migration, ...] = (
    ("pairs", "CREATE TABLE pair(id INTEGER PRIMARY KEY, text TEXT NOT NULL, extra BLOB) STRICT"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "pairs.db"


def open_pairs(path: Path, *, is_derived: bool = False) -> Database:
    return Database.open(path, PAIRS, application_id=APPLICATION_ID, is_derived=is_derived)


def fill(path: Path, rows: int) -> None:
    open_pairs(path).close()
    connection = apsw.Connection(str(path))
    connection.execute("BEGIN")
    for number in range(rows):
        connection.execute("INSERT INTO pair(text, extra) VALUES(?, zeroblob(900))", (f"text {number}",))
    connection.execute("COMMIT")
    connection.close()


def count(path: Path) -> int:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return int(connection.execute("SELECT count(*) FROM pair").get)
    finally:
        connection.close()


def die_while_open(path: Path) -> None:
    code = """
    import os, sys, pathlib, anyio
    from amalfa.store.database import Database
    async def main():
        step = ("pairs", "CREATE TABLE pair(id INTEGER PRIMARY KEY, text TEXT NOT NULL, extra BLOB) STRICT")
        store = Database.open(pathlib.Path(sys.argv[1]), (step,), application_id=int(sys.argv[2]))
        await store.write(lambda c: c.execute("INSERT INTO pair(text) VALUES('last words')").fetchall())
        os._exit(9)
    anyio.run(main)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), path, str(APPLICATION_ID)], check=False, timeout=30)


def damage(path: Path) -> None:
    """Overwrite pages in the middle of the file, as a dying disk does."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(os.urandom(4096 * 3))


def test_a_clean_file_opens_without_a_word(path: Path) -> None:
    fill(path, 10)
    store = open_pairs(path)
    assert store.notices == ()
    store.close()


def test_a_crash_leaves_nothing_to_say_when_the_file_is_whole(path: Path) -> None:
    die_while_open(path)
    store = open_pairs(path)
    assert store.notices == ()
    store.close()
    assert count(path) == 1


def test_a_log_deleted_after_a_crash_is_noticed(path: Path) -> None:
    die_while_open(path)
    Path(f"{path}-wal").unlink()
    store = open_pairs(path)
    assert len(store.notices) == 1
    assert "pairs.db-wal was gone" in store.notices[0]
    store.close()


def test_a_damaged_file_is_set_aside_and_its_readable_rows_are_carried_over(path: Path) -> None:
    fill(path, 400)
    die_while_open(path)
    Path(f"{path}-wal").unlink()
    damage(path)
    store = open_pairs(path)
    store.close()
    aside = next(path.parent.glob("pairs.db.corrupt-*"))
    assert f"set aside as {aside.name}" in store.notices[0]
    assert 100 < count(path) < 401


def test_a_damaged_index_is_replaced_by_an_empty_one(path: Path) -> None:
    fill(path, 400)
    die_while_open(path)
    Path(f"{path}-wal").unlink()
    damage(path)
    store = open_pairs(path, is_derived=True)
    store.close()
    assert "it is rebuilt" in store.notices[0]
    assert count(path) == 0


@pytest.mark.parametrize(
    "content", [b"", b"not a database at all, only text" * 400, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_what_is_no_database_is_set_aside(path: Path, content: bytes) -> None:
    fill(path, 3)
    path.write_bytes(content)
    store = open_pairs(path)
    store.close()
    assert len(store.notices) == 1
    assert next(path.parent.glob("pairs.db.corrupt-*")).read_bytes() == content
    assert count(path) == 0


def test_another_programs_database_is_set_aside_untouched(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    stranger = apsw.Connection(str(path))
    stranger.execute("CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)").fetchall()
    stranger.close()
    store = open_pairs(path)
    store.close()
    assert "is not a database of sonar" in store.notices[0]
    kept = apsw.Connection(str(next(path.parent.glob("pairs.db.corrupt-*"))))
    assert kept.execute("SELECT x FROM theirs").get == 1
    kept.close()


def test_a_link_at_the_path_is_refused_and_its_target_is_left_alone(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.parent.mkdir(mode=0o700)
    for name in (path, Path(f"{path}-wal")):
        name.symlink_to(victim)
        with pytest.raises(StorageBroken, match="symbolic link"):
            open_pairs(path)
        name.unlink()
    assert victim.read_text() == "precious"


def test_a_folder_or_pipe_at_the_path_is_refused(path: Path) -> None:
    path.mkdir(parents=True, mode=0o700)
    with pytest.raises(StorageBroken, match="not a file of yours"):
        open_pairs(path)


def test_wider_permissions_are_narrowed(path: Path) -> None:
    fill(path, 1)
    path.chmod(0o666)
    path.parent.chmod(0o755)
    open_pairs(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_an_old_sqlite_is_refused_by_number_not_by_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening.apsw, "sqlite_lib_version", lambda: "3.9.2")
    with pytest.raises(StorageBroken, match=r"3\.9\.2 is too old"):
        opening.check_library()
    monkeypatch.setattr(opening.apsw, "sqlite_lib_version", lambda: "3.100.0")
    opening.check_library()


def test_a_network_filesystem_is_refused(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"36 35 {os.major(device)}:{os.minor(device)} / /home rw,noatime shared:1 - nfs4 server:/home rw\n"
    )
    with pytest.raises(AmalfaError, match=r"network filesystem \(nfs4\)") as caught:
        opening.refuse_network_folder(tmp_path, mounts)
    assert "AMALFA_HOME" in caught.value.hint
    mounts.write_text(f"36 35 {os.major(device)}:{os.minor(device)} / / rw - ext4 /dev/sda rw\n")
    opening.refuse_network_folder(tmp_path, mounts)
    opening.refuse_network_folder(tmp_path, tmp_path / "absent")
