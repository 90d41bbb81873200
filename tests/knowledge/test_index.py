"""The index is equal to the notes on disk after every edit, and its status tells what is in it."""

from pathlib import Path

import anyio
import pytest
from typing_extensions import override

from amalfa.knowledge import index as module
from amalfa.knowledge.files import Document, NoteFiles
from amalfa.knowledge.index import Index
from tests.knowledge.conftest import OpenIndex, Vault, found_in, note_paths, rows, texts
from tests.knowledge.refreshing import tally

pytestmark = pytest.mark.anyio


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


async def test_notes_that_are_excluded_later_leave_the_index(vault: Vault, open_index: OpenIndex) -> None:
    for path in ("a.md", "drafts/d.md", "other/o.md"):
        vault.write(path, "kettle")
    first = open_index()
    await first.refresh()
    first.database.close()
    second = open_index(patterns=("a.md", "drafts"), excludes=("drafts",))
    assert tally(await second.refresh()) == (0, 0, 2)
    assert await found_in(second, "kettle") == ["a.md"]


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
