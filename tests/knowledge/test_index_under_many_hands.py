"""What searches see while the index is being written, by one refresh or by several."""

from pathlib import Path

import anyio
import apsw
import pytest
from typing_extensions import override

from amalfa.knowledge import index as module
from amalfa.knowledge.files import Document, NoteFiles
from amalfa.knowledge.index import BATCH_NOTES, Index
from amalfa.store.rows import fetch
from tests.knowledge.conftest import Vault, found_in, note_paths, rows, texts
from tests.knowledge.refreshing import CountingFiles

pytestmark = pytest.mark.anyio


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
