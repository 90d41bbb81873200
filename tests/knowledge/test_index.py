"""The index is equal to the notes on disk: after every edit, under many hands, and whatever kills it."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import anyio
import apsw
import pytest
from typing_extensions import override

from amalfa.errors import AmalfaError
from amalfa.knowledge import index as module
from amalfa.knowledge.files import Document, NoteFiles
from amalfa.knowledge.index import BATCH_NOTES, SAME_TICK_NS, Index, Refreshed
from amalfa.knowledge.sources import Sources
from amalfa.store.rows import fetch
from tests.knowledge.conftest import LONG_AGO_NS, OpenIndex, Vault, found_in, note_paths, rows, texts

pytestmark = pytest.mark.anyio


class CountingFiles(NoteFiles):
    """Remembers which files were looked into."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read_paths: list[str] = []

    @override
    def read(self, path: str) -> Document:
        self.read_paths.append(path)
        return super().read(path)


@pytest.fixture
def looked_into(index: Index, vault: Vault) -> list[str]:
    """The files the index opens from now on."""
    index.files = files = CountingFiles(vault.root)
    return files.read_paths


def tally(refreshed: Refreshed) -> tuple[int, int, int]:
    return refreshed.added, refreshed.changed, refreshed.removed


async def test_a_first_refresh_takes_all_notes(vault: Vault, index: Index) -> None:
    vault.write("a.md", "# A\n\none")
    vault.write("folder/b.md", "# B\n\ntwo")
    refreshed = await index.refresh()
    assert (tally(refreshed), refreshed.skipped, refreshed.passages) == ((2, 0, 0), 0, 2)
    assert refreshed.seconds > 0
    assert await texts(index, "folder/b.md") == ["# B\n\ntwo"]


async def test_the_status_tells_what_is_in_the_index_and_when_it_was_made(vault: Vault, index: Index) -> None:
    before = await index.status()
    assert (before.notes, before.passages, before.skipped, before.updated_at) == (0, 0, (), None)
    vault.write("a.md", "# A\n\none")
    await index.refresh()
    after = await index.status()
    assert (after.notes, after.passages, after.is_indexing) == (1, 1, False)
    assert after.updated_at is not None
    assert after.updated_at.endswith("+00:00")


async def test_the_status_says_that_a_refresh_is_under_way(vault: Vault, index: Index) -> None:
    vault.write("a.md", "x")
    seen: list[bool] = []

    class Asking(NoteFiles):
        @override
        def read(self, path: str) -> Document:
            seen.append(anyio.from_thread.run(index.status).is_indexing)
            return super().read(path)

    index.files = Asking(vault.root)
    await index.refresh()
    assert seen == [True]
    assert not (await index.status()).is_indexing


@pytest.mark.parametrize("is_told_the_path", [True, False])
async def test_each_kind_of_edit_is_taken_in(vault: Vault, index: Index, is_told_the_path: bool) -> None:
    async def refresh(*paths: str) -> tuple[int, int, int]:
        return tally(await index.refresh(paths if is_told_the_path else None))

    vault.write("a.md", "# A\n\nkettle")
    assert await refresh("a.md") == (1, 0, 0)
    vault.write("a.md", "# A\n\nfridge")
    assert await refresh("a.md") == (0, 1, 0)
    assert await found_in(index, "kettle") == []
    assert await found_in(index, "fridge") == ["a.md"]
    (vault.root / "a.md").rename(vault.root / "b.md")
    assert await refresh("a.md", "b.md") == (1, 0, 1)
    assert await found_in(index, "fridge") == ["b.md"]
    (vault.root / "b.md").unlink()
    assert await refresh("b.md") == (0, 0, 1)
    assert await found_in(index, "fridge") == []
    assert (await index.status()).passages == 0


async def test_a_note_that_was_deleted_is_gone_and_not_reported_as_left_out(vault: Vault, index: Index) -> None:
    vault.write("a.md", "x")
    await index.refresh()
    (vault.root / "a.md").unlink()
    refreshed = await index.refresh(["a.md", "never-there.md"])
    assert (tally(refreshed), refreshed.skipped) == ((0, 0, 1), 0)
    assert (await index.status()).skipped == ()


async def test_unchanged_files_are_not_looked_into(vault: Vault, index: Index, looked_into: list[str]) -> None:
    for name in ("a.md", "b.md"):
        vault.write(name, "text")
        vault.age(name)
    await index.refresh()
    assert looked_into == ["a.md", "b.md"]
    assert tally(await index.refresh()) == (0, 0, 0)
    assert looked_into == ["a.md", "b.md"]


async def test_a_touched_file_is_looked_into_once_and_not_indexed_again(
    vault: Vault, index: Index, looked_into: list[str]
) -> None:
    vault.write("a.md", "text")
    vault.age("a.md")
    await index.refresh()
    ids = await rows(index, "SELECT id FROM passage")
    await index.database.write(lambda db: db.execute("UPDATE passage SET heading = 'as it was'").fetchall())
    vault.age("a.md", LONG_AGO_NS + 10**9)
    looked_into.clear()
    assert tally(await index.refresh()) == (0, 0, 0)
    assert looked_into == ["a.md"]
    assert await rows(index, "SELECT id, heading FROM passage") == [(*row, "as it was") for row in ids]
    await index.refresh()
    assert looked_into == ["a.md"]


@pytest.mark.parametrize("changes", ["size", "time", "inode"])
async def test_a_change_of_any_mark_is_enough_to_look(vault: Vault, index: Index, changes: str) -> None:
    note = vault.write("a.md", "old text")
    vault.age("a.md")
    await index.refresh()
    if changes == "inode":
        beside = vault.write("beside.tmp", "new text")
        beside.replace(note)
    else:
        vault.write("a.md", "new text" if changes == "time" else "newer text")
    vault.age("a.md", LONG_AGO_NS + (changes == "time"))
    assert tally(await index.refresh()) == (0, 1, 0)


async def test_a_save_in_the_same_tick_of_the_clock_is_noticed(vault: Vault, index: Index) -> None:
    note = vault.write("a.md", "old text")
    mtime_ns = note.stat().st_mtime_ns
    await index.refresh()
    vault.write("a.md", "new text")
    vault.age("a.md", mtime_ns)
    assert tally(await index.refresh()) == (0, 1, 0)
    assert await texts(index, "a.md") == ["new text"]


async def test_a_file_is_trusted_again_once_its_last_save_is_long_enough_past(
    vault: Vault, index: Index, looked_into: list[str]
) -> None:
    note = vault.write("a.md", "text")
    vault.age("a.md", note.stat().st_mtime_ns - SAME_TICK_NS - 10**9)
    await index.refresh()
    await index.refresh()
    assert looked_into == ["a.md"]


async def test_a_time_in_the_future_is_never_trusted(vault: Vault, index: Index) -> None:
    note = vault.write("a.md", "old text")
    ahead_ns = note.stat().st_mtime_ns + 3600 * 10**9
    vault.age("a.md", ahead_ns)
    await index.refresh()
    await index.refresh()
    vault.write("a.md", "new text")
    vault.age("a.md", ahead_ns)
    assert tally(await index.refresh()) == (0, 1, 0)


async def test_a_refresh_of_some_paths_leaves_the_others_alone(
    vault: Vault, index: Index, looked_into: list[str]
) -> None:
    for name in ("a.md", "b.md"):
        vault.write(name, "old")
    await index.refresh()
    for name in ("a.md", "b.md"):
        vault.write(name, "new")
    looked_into.clear()
    assert tally(await index.refresh(["a.md", "a.md"])) == (0, 1, 0)
    assert looked_into == ["a.md"]
    assert await texts(index, "b.md") == ["old"]


async def test_notes_that_are_excluded_later_leave_the_index(vault: Vault, open_index: OpenIndex) -> None:
    for path in ("a.md", "drafts/d.md", "other/o.md"):
        vault.write(path, "kettle")
    first = open_index()
    await first.refresh()
    first.database.close()
    second = open_index(patterns=("a.md", "drafts"), excludes=("drafts",))
    assert tally(await second.refresh()) == (0, 0, 2)
    assert await found_in(second, "kettle") == ["a.md"]


async def test_an_excluded_path_that_is_told_leaves_the_index_and_is_not_read(
    vault: Vault, index: Index, looked_into: list[str]
) -> None:
    vault.write("a.md", "x")
    await index.refresh()
    looked_into.clear()
    index.sources = Sources(vault.root, excludes=("a.md",))
    assert tally(await index.refresh(["a.md", "b.txt", "../secret.md"])) == (0, 0, 1)
    assert looked_into == []
    assert await note_paths(index) == []


@pytest.mark.parametrize("spelling", ["{root}/a.md", "./a.md", "x/../a.md", "a.md/", "x//../a.md"])
async def test_another_spelling_of_a_path_makes_no_second_note(vault: Vault, index: Index, spelling: str) -> None:
    vault.write("a.md", "x")
    (vault.root / "x").mkdir()
    await index.refresh()
    await index.refresh([spelling.replace("{root}", str(vault.root))])
    assert await note_paths(index) == ["a.md"]


async def test_a_folder_that_is_told_is_not_reported_as_left_out(vault: Vault, open_index: OpenIndex) -> None:
    """The watch names the folder of a source when it appears."""
    vault.write("guide/a.md", "x")
    index = open_index(patterns=("guide",))
    await index.refresh(["guide", "guide/a.md"])
    assert (await index.status()).skipped == ()
    assert await note_paths(index) == ["guide/a.md"]


async def test_a_note_reached_by_a_link_is_one_note_by_whichever_path_it_is_told(vault: Vault, index: Index) -> None:
    vault.write("real/note.md", "old")
    (vault.root / "alink").symlink_to("real")
    await index.refresh()
    vault.write("real/note.md", "newer")
    await index.refresh(["real/note.md"])  # the path an event names
    await index.refresh(["alink/note.md"])
    assert [text for (text,) in await rows(index, "SELECT text FROM passage")] == ["newer"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0binary", "it is binary, or text in another encoding than UTF-8"),
        (b"caf\xe9", "it is not valid UTF-8 (byte 3)"),
    ],
)
@pytest.mark.parametrize("is_told_the_path", [True, False])
async def test_a_file_that_turns_out_to_be_no_text_is_named_in_the_status(
    vault: Vault, index: Index, data: bytes, reason: str, is_told_the_path: bool
) -> None:
    vault.write("good.md", "x")
    vault.write("odd.md", data)
    refreshed = await index.refresh(["good.md", "odd.md"] if is_told_the_path else None)
    assert (refreshed.added, refreshed.skipped) == (1, 1)
    assert [(entry.path, entry.reason) for entry in (await index.status()).skipped] == [("odd.md", reason)]
    vault.write("odd.md", "text at last")
    await index.refresh(["odd.md"] if is_told_the_path else None)
    assert (await index.status()).skipped == ()


@pytest.mark.parametrize("is_told_the_path", [True, False])
async def test_a_note_with_a_broken_head_is_found_and_its_problem_named(
    vault: Vault, index: Index, is_told_the_path: bool
) -> None:
    vault.write("a.md", "---\ntitle: a: b\n---\nkettle")
    await index.refresh(["a.md"] if is_told_the_path else None)
    await index.refresh()
    assert await found_in(index, "kettle") == ["a.md"]
    ((path, reason),) = [(entry.path, entry.reason) for entry in (await index.status()).skipped]
    assert (path, reason) == ("a.md", "its front matter is not valid YAML (line 2)")


async def test_what_the_scan_leaves_out_is_named_in_the_status(vault: Vault, index: Index, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("x")
    (vault.root / "link.md").symlink_to(tmp_path / "secret.md")
    os.truncate(vault.write("huge.md", ""), 3 * 1024**3)
    assert (await index.refresh()).skipped == 2
    assert {entry.path for entry in (await index.status()).skipped} == {"link.md", "huge.md"}
    (vault.root / "link.md").unlink()
    await index.refresh()
    assert {entry.path for entry in (await index.status()).skipped} == {"huge.md"}


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param('---\ntitle: "\\uD800"\n---\n', id="half a character in a title"),
        pytest.param('---\ntags: ["\\uD800"]\n---\n', id="half a character in a tag"),
        pytest.param("---\nx: !!bool maybe\n---\n", id="a truth value that is none"),
        pytest.param("---\ntitle: 0x" + "f" * 5_000 + "\n---\n", id="a number of thousands of digits"),
    ],
)
async def test_one_odd_note_never_keeps_the_others_out(vault: Vault, index: Index, trouble: str) -> None:
    vault.write("a.md", f"{trouble}kettle")
    vault.write("b.md", "kettle")
    await index.refresh()
    assert await found_in(index, "kettle") == ["a.md", "b.md"]


@pytest.mark.parametrize("name", [b"\xff.md", b"loop.md"])
async def test_one_odd_name_never_keeps_the_notes_out(vault: Vault, index: Index, name: bytes) -> None:
    vault.write("a.md", "kettle")
    odd = vault.root / os.fsdecode(name)
    odd.symlink_to("/etc/passwd" if name != b"loop.md" else "loop.md")
    await index.refresh()
    assert await found_in(index, "kettle") == ["a.md"]


async def test_a_path_that_is_no_text_is_told_without_harm(vault: Vault, index: Index) -> None:
    vault.write("a.md", "x")
    await index.refresh(["\udcff.md", "a.md"])
    assert await note_paths(index) == ["a.md"]


async def test_a_rebuild_reads_everything_again(vault: Vault, index: Index, looked_into: list[str]) -> None:
    vault.write("a.md", "kettle")
    vault.age("a.md")
    await index.refresh()
    await index.database.write(lambda db: db.execute("UPDATE passage SET text = 'rotten'").fetchall())
    assert tally(await index.rebuild()) == (0, 1, 0)
    assert looked_into == ["a.md", "a.md"]
    assert await texts(index, "a.md") == ["kettle"]


async def test_vectors_of_vanished_passages_go_and_those_of_others_stay(vault: Vault, index: Index) -> None:
    vault.write("a.md", "kettle")
    vault.write("b.md", "fridge")
    await index.refresh()
    await index.database.write(
        lambda db: db.execute("INSERT INTO vector SELECT hash, 'm', x'', x'' FROM passage").fetchall()
    )
    kept = await rows(index, "SELECT hash FROM stored s JOIN passage p ON p.id = s.id WHERE path = 'b.md'")
    (vault.root / "a.md").unlink()
    await index.refresh()
    assert await rows(index, "SELECT hash FROM vector") == kept


async def test_a_note_of_many_passages_is_never_seen_by_halves(vault: Vault, index: Index, index_path: Path) -> None:
    def version(word: str) -> str:
        return "\n\n".join(f"# {number}\n\n{word}" for number in range(40))

    seen: list[tuple[int, int, int]] = []

    def look(*_: object) -> None:
        """What another reader sees while the note is being written, passage by passage."""
        reader = apsw.Connection(str(index_path), flags=apsw.SQLITE_OPEN_READONLY)
        select = "SELECT count(*) FROM words WHERE words MATCH ?"
        old, new = (fetch(reader, select, (word,))[0][0] for word in ("kettle", "fridge"))
        seen.append((old, new, fetch(reader, "SELECT count(*) FROM passage")[0][0]))
        reader.close()

    def peek_at_every_passage(connection: apsw.Connection) -> None:
        connection.create_scalar_function("look", look, 0, flags=apsw.SQLITE_INNOCUOUS)
        connection.execute("CREATE TEMP TRIGGER peek AFTER INSERT ON main.passage BEGIN SELECT look(); END").fetchall()

    vault.write("a.md", version("kettle"))
    await index.refresh()
    await index.database.write(peek_at_every_passage)
    vault.write("a.md", version("fridge"))
    await index.refresh()
    assert seen == [(40, 0, 40)] * 40
    assert len(await texts(index, "a.md")) == 40
    assert await found_in(index, "kettle") == []


class Watched(CountingFiles):
    """Notes how many notes a search would have seen at each look into a file."""

    def __init__(self, root: Path, index: Index) -> None:
        super().__init__(root)
        self.index = index
        self.visible: set[int] = set()

    @override
    def read(self, path: str) -> Document:
        self.visible.add(len(anyio.from_thread.run(note_paths, self.index)))
        return super().read(path)


async def test_many_notes_become_visible_a_batch_at_a_time(vault: Vault, index: Index) -> None:
    for number in range(BATCH_NOTES * 2 + 10):
        vault.write(f"{number:03}.md", "kettle")
    index.files = files = Watched(vault.root, index)
    await index.refresh()
    assert files.visible == {0, BATCH_NOTES, BATCH_NOTES * 2}


async def test_a_batch_is_bounded_by_bytes_as_well(vault: Vault, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 10)
    for number in range(3):
        vault.write(f"{number}.md", "some dozen bytes")
    index.files = files = Watched(vault.root, index)
    await index.refresh()
    assert files.visible == {0, 1, 2}


async def test_a_cancelled_refresh_keeps_whole_batches_and_the_next_one_finds_the_rest(
    vault: Vault, index: Index
) -> None:
    total = BATCH_NOTES * 2 + 10
    for number in range(total):
        vault.write(f"{number:03}.md", "kettle")
    scope = anyio.CancelScope()

    class Cancelling(CountingFiles):
        @override
        def read(self, path: str) -> Document:
            if len(self.read_paths) == BATCH_NOTES + 10:
                anyio.from_thread.run_sync(scope.cancel)
            return super().read(path)

    index.files = Cancelling(vault.root)
    with scope:
        await index.refresh()
    assert scope.cancelled_caught
    assert len(await note_paths(index)) in (BATCH_NOTES, BATCH_NOTES * 2)
    assert not (await index.status()).is_indexing
    index.files = NoteFiles(vault.root)
    await index.refresh()
    assert len(await note_paths(index)) == total
    assert (await index.status()).passages == total


async def test_refreshes_at_the_same_time_end_in_what_is_on_disk(vault: Vault, index: Index) -> None:
    for number in range(100):
        vault.write(f"{number}.md", "old")
    async with anyio.create_task_group() as group:
        group.start_soon(index.refresh)
        group.start_soon(index.refresh, [f"{number}.md" for number in range(50, 100)])
        group.start_soon(index.refresh)
        await index.refresh([f"{number}.md" for number in range(70)])
        for number in range(100):
            vault.write(f"{number}.md", "new")
        group.start_soon(index.refresh, [f"{number}.md" for number in range(100)])
    assert await rows(index, "SELECT text, count(*) FROM passage GROUP BY text") == [("new", 100)]


async def test_an_earlier_reading_that_comes_late_does_not_hide_a_later_one(vault: Vault, index: Index) -> None:
    vault.write("a.md", "old")

    class Slow(NoteFiles):
        """While its reading is on the way to the database, the file is saved and indexed by somebody else."""

        @override
        def read(self, path: str) -> Document:
            document = super().read(path)
            index.files = NoteFiles(vault.root)
            vault.write("a.md", "newer")
            anyio.from_thread.run(index.refresh, ["a.md"])
            return document

    index.files = Slow(vault.root)
    await index.refresh(["a.md"])
    assert await texts(index, "a.md") == ["newer"]


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


def overwrite_pages(index_path: Path, data: bytes) -> None:
    size = index_path.stat().st_size
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
    overwrite_pages(index_path, b"\xa5" * 512)
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


async def test_notes_that_change_during_a_long_pass_are_taken_by_the_same_refresh(
    vault: Vault, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.write("a.md", "old")
    monkeypatch.setattr(module, "QUICK_PASS_S", 0.0)

    class Changing(CountingFiles):
        @override
        def read(self, path: str) -> Document:
            document = super().read(path)
            if len(self.read_paths) == 1:
                vault.write("a.md", "changed meanwhile")
                vault.write("b.md", "new meanwhile")
            return document

    index.files = Changing(vault.root)
    await index.refresh()
    assert await texts(index, "a.md") == ["changed meanwhile"]
    assert await note_paths(index) == ["a.md", "b.md"]


async def test_a_large_change_is_tidied_up_behind(vault: Vault, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE_CHANGE", 2)
    for number in range(5):
        vault.write(f"{number}.md", f"kettle {number}")
    await index.refresh()
    assert await rows(index, "SELECT count(*) > 0 FROM sqlite_stat1") == [(1,)]
    assert len(await found_in(index, "kettle")) == 5


async def test_the_index_is_nobody_elses_to_read(vault: Vault, index: Index, index_path: Path) -> None:
    vault.write("a.md", "secret")
    await index.refresh()
    assert {path.stat().st_mode & 0o077 for path in index_path.parent.iterdir()} == {0}
    assert index_path.parent.stat().st_mode & 0o077 == 0


async def test_nothing_is_written_into_the_notes(vault: Vault, index: Index) -> None:
    vault.write("folder/a.md", "x")
    before = sorted(vault.root.rglob("*"))
    await index.refresh()
    await index.rebuild()
    assert sorted(vault.root.rglob("*")) == before
