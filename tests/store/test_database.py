"""The database as its users see it: committed means kept, whoever is cancelled, killed or unlucky."""

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import apsw
import pytest

from amalfa.errors import ShuttingDown
from amalfa.store.database import Database
from amalfa.store.failures import ReadTooLong, StorageBroken, StorageBusy, StorageFull
from amalfa.store.schema import Migration

pytestmark = pytest.mark.anyio

APPLICATION_ID = 0x414D_4653
THINGS: tuple[Migration, ...] = (
    ("things", "CREATE TABLE thing(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT"),
)

Open = Callable[..., Database]


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Open]:
    opened: list[Database] = []

    def open_one(migrations: tuple[Migration, ...] = THINGS, **options: bool) -> Database:
        store = Database.open(tmp_path / "state" / "things.db", migrations, application_id=APPLICATION_ID, **options)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


def add(name: str) -> Callable[[apsw.Connection], int]:
    def work(connection: apsw.Connection) -> int:
        connection.execute("INSERT INTO thing(name) VALUES(?)", (name,))
        return connection.last_insert_rowid()

    return work


def names(connection: apsw.Connection) -> list[str]:
    return [str(name) for (name,) in connection.execute("SELECT name FROM thing ORDER BY id")]


async def test_what_a_write_returned_is_there_for_the_next_read(open_store: Open) -> None:
    store = open_store()
    assert await store.write(add("one")) == 1
    assert await store.read(names) == ["one"]


async def test_the_file_and_its_folder_are_private_and_it_keeps_a_write_ahead_log(open_store: Open) -> None:
    store = open_store()
    await store.write(add("one"))
    for suffix in ("", "-wal", "-shm"):
        assert Path(f"{store.path}{suffix}").stat().st_mode & 0o777 == 0o600
    assert store.path.parent.stat().st_mode & 0o777 == 0o700
    assert await store.read(lambda connection: connection.pragma("journal_mode")) == "wal"
    assert await store.write(lambda connection: connection.pragma("synchronous")) == 2
    assert await store.write(lambda connection: connection.pragma("foreign_keys")) == 1


async def test_a_write_that_raises_keeps_nothing_and_gives_its_exception_back(open_store: Open) -> None:
    store = open_store()

    def half(connection: apsw.Connection) -> None:
        add("half")(connection)
        raise LookupError("changed my mind")

    with pytest.raises(LookupError, match="changed my mind"):
        await store.write(half)
    assert await store.read(names) == []


async def test_writes_at_the_same_moment_share_a_commit_and_only_the_failing_one_fails(open_store: Open) -> None:
    store = open_store()
    outcomes: dict[str, str] = {}
    commits: list[int] = []

    def count_commit() -> bool:
        commits.append(1)
        return False

    async def one(name: str) -> None:
        try:
            await store.write(add(name))
            outcomes[name] = "kept"
        except apsw.ConstraintError:
            outcomes[name] = "refused"

    await store.write(add("taken"))
    await store.write(lambda connection: connection.set_commit_hook(count_commit))
    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(one, f"thing {number}")
        group.start_soon(one, "taken")
    assert outcomes.pop("taken") == "refused"
    assert set(outcomes.values()) == {"kept"}
    assert len(await store.read(names)) == 51
    assert len(commits) < 10


async def test_a_neighbour_that_ends_the_whole_transaction_does_not_cost_the_others_their_write(
    open_store: Open,
) -> None:
    store = open_store()

    def gives_up(connection: apsw.Connection) -> None:
        connection.execute("ROLLBACK")
        raise LookupError("no more")

    failures: list[Exception] = []

    async def fail() -> None:
        try:
            await store.write(gives_up)
        except LookupError as failure:
            failures.append(failure)

    async with anyio.create_task_group() as group:
        group.start_soon(store.write, add("before"))
        group.start_soon(fail)
        group.start_soon(store.write, add("after"))
    assert len(failures) == 1
    assert sorted(await store.read(names)) == ["after", "before"]


async def test_a_cancelled_caller_neither_loses_nor_halves_the_write(open_store: Open) -> None:
    store = open_store()

    def two(connection: apsw.Connection) -> None:
        add("first half")(connection)
        add("second half")(connection)

    with anyio.move_on_after(0):
        await store.write(two)
    await store.write(add("later"))
    assert await store.read(names) == ["first half", "second half", "later"]


async def test_a_reader_sees_one_snapshot_from_its_first_to_its_last_row(open_store: Open) -> None:
    store = open_store()
    await store.write(add("one"))
    loop_turn = anyio.Event()

    def read_twice(connection: apsw.Connection) -> tuple[list[str], list[str]]:
        first = names(connection)
        anyio_loop.call_soon_threadsafe(loop_turn.set)
        written.wait(5)
        return first, names(connection)

    anyio_loop = asyncio.get_running_loop()
    written = threading.Event()
    seen: list[tuple[list[str], list[str]]] = []

    async def read() -> None:
        seen.append(await store.read(read_twice))

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await loop_turn.wait()
        await store.write(add("two"))
        written.set()
    assert seen == [(["one"], ["one"])]


async def test_a_reading_connection_cannot_write(open_store: Open) -> None:
    store = open_store()
    with pytest.raises(StorageBroken):
        await store.read(add("smuggled"))


async def test_a_cancelled_read_stops_working(open_store: Open) -> None:
    store = open_store()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    for _ in range(3):  # more than there are reading threads
        with anyio.move_on_after(0.02):
            await store.read(lambda connection: connection.execute(endless).fetchall())
    with anyio.fail_after(5):
        assert await store.read(names) == []


async def test_an_endless_read_ends_when_the_store_closes(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amalfa.store.readers.CLOSING_LIMIT_S", 0.01)
    store = open_store()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    failures: list[Exception] = []

    async def read() -> None:
        try:
            await store.read(lambda connection: connection.execute(endless).fetchall())
        except ReadTooLong as failure:
            failures.append(failure)

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.lowlevel.checkpoint()
        await store.aclose()
    assert len(failures) == 1


async def test_closing_finishes_what_is_in_line_and_leaves_one_whole_file(open_store: Open) -> None:
    store = open_store()
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(store.write, add(f"thing {number}"))
        await anyio.lowlevel.checkpoint()
        await store.aclose()
    assert sorted(path.name for path in store.path.parent.iterdir()) == ["things.db"]
    with pytest.raises(ShuttingDown):
        await store.write(add("late"))
    with pytest.raises(ShuttingDown):
        await store.read(names)
    assert len(await open_store().read(names)) == 20


async def test_a_full_disk_fails_the_write_and_heals_when_there_is_room(open_store: Open) -> None:
    store = open_store()
    await store.write(add("small"))
    await store.write(lambda connection: connection.pragma("max_page_count", 5))
    big = "INSERT INTO thing(name) VALUES(hex(randomblob(50000)))"
    with pytest.raises(StorageFull) as caught:
        await store.write(lambda connection: connection.execute(big).fetchall())
    assert caught.value.http_status == 507
    await store.write(lambda connection: connection.pragma("max_page_count", 1_000_000))
    await store.write(add("after"))
    assert await store.read(names) == ["small", "after"]


async def test_a_full_disk_costs_only_the_big_write_of_a_shared_commit(open_store: Open) -> None:
    store = open_store()
    await store.write(lambda connection: connection.pragma("max_page_count", 8))
    failures: list[Exception] = []

    async def big() -> None:
        try:
            await store.write(
                lambda connection: connection.execute(
                    "INSERT INTO thing(name) VALUES(hex(randomblob(50000)))"
                ).fetchall()
            )
        except StorageFull as failure:
            failures.append(failure)

    async with anyio.create_task_group() as group:
        group.start_soon(store.write, add("small"))
        group.start_soon(big)
        group.start_soon(store.write, add("small too"))
    assert len(failures) == 1
    assert sorted(await store.read(names)) == ["small", "small too"]


async def test_a_file_size_limit_is_a_full_disk_too(tmp_path: Path) -> None:
    code = """
    import anyio, resource, signal, sys, pathlib
    from amalfa.store.database import Database
    from amalfa.store.failures import StorageFull

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    async def main():
        store = Database.open(pathlib.Path(sys.argv[1]), (("t", "CREATE TABLE t(x BLOB) STRICT"),), application_id=7)
        insert = lambda size: (lambda c: c.execute("INSERT INTO t VALUES(randomblob(?))", (size,)).fetchall())
        await store.write(insert(10))
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        try:
            await store.write(insert(1_000_000))
        except StorageFull:
            print("full")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await store.write(insert(1_000_000))
        print(await store.read(lambda c: c.execute("SELECT count(*) FROM t").get))
    anyio.run(main)
    """
    done = run_python(code, tmp_path / "state" / "t.db")
    assert done.stdout.split() == ["full", "2"], done.stderr


async def test_a_file_that_vanished_takes_no_more_writes(open_store: Open) -> None:
    store = open_store()
    await store.write(add("one"))
    store.path.rename(store.path.with_name("elsewhere.db"))
    with pytest.raises(StorageBroken, match="removed or replaced"):
        await store.write(add("two"))


async def test_a_foreign_lock_makes_a_busy_failure_and_not_a_hang(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amalfa.store.opening.BUSY_TIMEOUT_MS", 20)
    store = open_store()
    stranger = apsw.Connection(str(store.path))
    stranger.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageBusy) as caught:
        await store.write(add("one"))
    assert (caught.value.code, caught.value.http_status, caught.value.exit_code) == ("busy", 503, 7)
    stranger.execute("ROLLBACK")
    stranger.close()
    await store.write(add("one"))


async def test_a_backup_is_whole_private_and_one_of_three(open_store: Open) -> None:
    store = open_store()
    await store.write(add("kept"))
    copies = [await store.back_up() for _ in range(5)]
    left = sorted(store.path.parent.glob("things.db.backup-*"))
    assert left == sorted(copies)[-3:]
    assert left[0].stat().st_mode & 0o777 == 0o600
    copy = apsw.Connection(str(left[-1]))
    assert names(copy) == ["kept"]
    copy.close()


def test_a_process_that_forgets_to_close_still_ends(tmp_path: Path) -> None:
    code = """
    import anyio, sys, pathlib
    from amalfa.store.database import Database

    async def main():
        store = Database.open(pathlib.Path(sys.argv[1]), (("t", "CREATE TABLE t(x) "),), application_id=7)
        await store.write(lambda c: c.execute("INSERT INTO t VALUES(1)").fetchall())
        print(await store.read(lambda c: c.execute("SELECT count(*) FROM t").get))
    anyio.run(main, backend_options={"use_uvloop": True})
    """
    done = run_python(code, tmp_path / "state" / "t.db")
    assert (done.stdout.strip(), done.returncode) == ("1", 0), done.stderr


def test_an_acknowledged_write_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "state" / "t.db"
    code = """
    import anyio, sys, pathlib
    from amalfa.store.database import Database

    async def main():
        store = Database.open(pathlib.Path(sys.argv[1]), (("t", "CREATE TABLE t(x INTEGER) STRICT"),), application_id=7)
        async def flood(start):
            for number in range(start, start + 1_000_000):
                await store.write(lambda c: c.execute("INSERT INTO t VALUES(?)", (number,)).fetchall())
                print(number, flush=True)
        async with anyio.create_task_group() as group:
            for lane in range(4):
                group.start_soon(flood, lane * 1_000_000)
    anyio.run(main)
    """
    acknowledged: set[int] = set()
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), path], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(60)]
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
        process.wait()
        process.stdout.close()
        acknowledged.update(int(line) for line in "".join([*lines, rest]).split("\n")[:-1])
    store = Database.open(path, (("t", "CREATE TABLE t(x INTEGER) STRICT"),), application_id=7)
    assert store.notices == ()
    store.close()
    found = apsw.Connection(str(path))
    assert acknowledged <= {int(number) for (number,) in found.execute("SELECT x FROM t")}
    found.close()


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
