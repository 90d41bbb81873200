"""A file is looked into when it may have changed, and left alone when it has not."""

import pytest

from amalfa.knowledge.index import SAME_TICK_NS, Index
from amalfa.knowledge.sources import Sources
from tests.knowledge.conftest import LONG_AGO_NS, Vault, note_paths, rows, texts
from tests.knowledge.refreshing import CountingFiles, tally

pytestmark = pytest.mark.anyio


@pytest.fixture
def looked_into(index: Index, vault: Vault) -> list[str]:
    """The files the index opens from now on."""
    index.files = files = CountingFiles(vault.root)
    return files.read_paths


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


async def test_a_rebuild_reads_everything_again(vault: Vault, index: Index, looked_into: list[str]) -> None:
    vault.write("a.md", "kettle")
    vault.age("a.md")
    await index.refresh()
    await index.database.write(lambda db: db.execute("UPDATE passage SET text = 'rotten'").fetchall())
    assert tally(await index.rebuild()) == (0, 1, 0)
    assert looked_into == ["a.md", "a.md"]
    assert await texts(index, "a.md") == ["kettle"]
