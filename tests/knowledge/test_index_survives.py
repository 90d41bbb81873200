"""Whatever kills a refresh or harms its file, the next one ends in a whole index."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from amalfa.errors import AmalfaError
from amalfa.knowledge.index import BATCH_NOTES
from tests.knowledge.conftest import OpenIndex, Vault, found_in, note_paths, rows
from tests.knowledge.refreshing import CountingFiles, tally

pytestmark = pytest.mark.anyio


KILLED_IN_THE_MIDDLE = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    import anyio
    from amalfa.knowledge.files import NoteFiles
    from amalfa.knowledge.index import Index
    from amalfa.knowledge.sources import Sources

    class Stalling(NoteFiles):
        count = 0
        def read(self, path):
            self.count += 1
            if self.count == int(sys.argv[3]):
                print("stalled", flush=True)
                time.sleep(60)
            return super().read(path)

    index = Index(Index.open_database(Path(sys.argv[1])), Sources(Path(sys.argv[2])))
    index.files = Stalling(Path(sys.argv[2]))
    anyio.run(index.refresh)
""")


def killed_refreshing(vault: Vault, index_path: Path, *, at: int) -> None:
    """Run a refresh in a process of its own and kill it as it looks into its `at`-th note."""
    command = [sys.executable, "-c", KILLED_IN_THE_MIDDLE, str(index_path), str(vault.root), str(at)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "stalled\n"
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL


async def test_a_process_killed_during_a_refresh_leaves_a_good_index(
    vault: Vault, index_path: Path, open_index: OpenIndex
) -> None:
    total = BATCH_NOTES * 3
    for number in range(total):
        vault.write(f"{number:03}.md", f"# Note {number}\n\nkettle")
        vault.age(f"{number:03}.md")
    killed_refreshing(vault, index_path, at=BATCH_NOTES * 2 + 5)
    index = open_index()
    assert index.database.notices == ()
    assert await rows(index, "PRAGMA integrity_check") == [("ok",)]
    assert len(await note_paths(index)) == len(await found_in(index, "kettle")) == BATCH_NOTES * 2
    index.files = files = CountingFiles(vault.root)
    assert tally(await index.refresh()) == (BATCH_NOTES, 0, 0)
    assert len(files.read_paths) == BATCH_NOTES
    assert len(await found_in(index, "kettle")) == total


def fill_with(index_path: Path, data: bytes) -> None:
    index_path.write_bytes(data)


def overwrite_pages(index_path: Path, data: bytes, *, beginning: int | None = None) -> None:
    """Of all pages but the first; or of so many, behind which a part of the list of tables lies."""
    size = 4096 * beginning if beginning else index_path.stat().st_size
    with index_path.open("r+b") as file:
        file.seek(4096)
        file.write(data * ((size - 4096) // len(data)))


def make_foreign(index_path: Path) -> None:
    index_path.unlink()
    other = apsw.Connection(str(index_path))
    for _ in other.execute("CREATE TABLE other(x); INSERT INTO other VALUES('precious')"):
        pass
    other.close()


def make_newer(index_path: Path) -> None:
    other = apsw.Connection(str(index_path))
    other.pragma("user_version", 99)
    other.close()


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda path: fill_with(path, b""), id="0 bytes"),
        pytest.param(lambda path: fill_with(path, b"not a database, just text\n" * 300), id="text"),
        pytest.param(lambda path: fill_with(path, b"SQLite format 3\0" + b"\xff" * 8_000), id="a false header"),
        pytest.param(make_foreign, id="another program's"),
        pytest.param(make_newer, id="a newer release's"),
    ],
)
async def test_an_index_that_cannot_be_trusted_is_rebuilt(
    vault: Vault, index_path: Path, open_index: OpenIndex, harm: Callable[[Path], None]
) -> None:
    vault.write("a.md", "kettle")
    first = open_index()
    await first.refresh()
    first.database.close()
    harm(index_path)
    second = open_index()
    assert any("rebuilt" in notice for notice in second.database.notices)
    assert await note_paths(second) == []
    assert tally(await second.refresh()) == (1, 0, 0)
    assert await found_in(second, "kettle") == ["a.md"]
    assert list(index_path.parent.glob("index.db.corrupt-*"))


@pytest.mark.parametrize("was_killed", [True, False])
async def test_overwritten_pages_end_in_a_whole_index(
    vault: Vault, index_path: Path, open_index: OpenIndex, was_killed: bool
) -> None:
    """After a crash the pages are checked at once; else the first failure makes the next start check them."""
    for number in range(BATCH_NOTES + 20):
        vault.write(f"{number}.md", "kettle")
    if was_killed:
        killed_refreshing(vault, index_path, at=BATCH_NOTES + 10)
        connection = apsw.Connection(str(index_path))
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        connection.close()
    else:
        first = open_index()
        await first.refresh()
        first.database.close()
    overwrite_pages(index_path, b"\xa5" * 512, beginning=None if was_killed else 22)
    if not was_killed:
        second = open_index()
        with pytest.raises(AmalfaError):
            await second.rebuild()
        second.database.close()
    third = open_index()
    assert any("rebuilt" in notice for notice in third.database.notices)
    await third.refresh()
    assert len(await found_in(third, "kettle")) == BATCH_NOTES + 20


async def test_an_index_opened_again_knows_what_it_knew(vault: Vault, open_index: OpenIndex) -> None:
    vault.write("a.md", "kettle")
    vault.age("a.md")
    first = open_index()
    await first.refresh()
    first.database.close()
    second = open_index()
    second.files = files = CountingFiles(vault.root)
    assert tally(await second.refresh()) == (0, 0, 0)
    assert files.read_paths == []
    assert second.database.notices == ()
    assert (await second.status()).updated_at is not None
