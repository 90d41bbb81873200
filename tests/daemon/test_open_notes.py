"""The notes as they are listed and read one by one, with and without the private ones."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from amalfa.daemon.notes import Library, NoteKeeper
from amalfa.errors import NotFound
from amalfa.knowledge.index import Index
from amalfa.knowledge.sources import Sources

pytestmark = pytest.mark.anyio

PRIVATE = "---\namalfa: private\n---\n"


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    """Ten notes of which every second is private, by its front matter or by its path."""
    root = tmp_path / "notes"
    (root / "vault").mkdir(parents=True)
    for number in range(8):
        (root / f"{number}.md").write_text(f"{PRIVATE if number % 2 else ''}# Note {number}\n\nText.\n")
    (root / "vault/8.md").write_text("# Note 8\n\nText.\n")
    (root / "9.md").symlink_to(root / "vault/8.md")
    (root / "no-note.txt").write_text("text")
    keeper = NoteKeeper(Index.open_database(tmp_path / "index.db"))
    index = keeper.use(Sources(root, ("*.md", "vault")), is_watching=False)
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        await keeper.wait_for_first_pass()
        yield Library(keeper, index, local_only=("vault/**",))
        group.cancel_scope.cancel()
    await keeper.database.aclose()


async def listed(library: Library, *, after: str = "", limit: int = 100, without_private: bool = True) -> list[str]:
    found = await library.listed(after=after, limit=limit, without_private=without_private)
    return [note.path for note in found]


async def test_a_page_is_filled_up_behind_the_notes_that_are_left_out(library: Library) -> None:
    assert await listed(library, limit=3) == ["0.md", "2.md", "4.md"]
    assert await listed(library, after="4.md", limit=3) == ["6.md"]
    assert await listed(library, limit=3, without_private=False) == ["0.md", "1.md", "2.md"]
    assert "vault/8.md" in await listed(library, without_private=False)


async def test_a_note_that_was_made_private_since_it_was_indexed_is_left_out(library: Library, tmp_path: Path) -> None:
    (tmp_path / "notes/0.md").write_text(f"{PRIVATE}# Note 0\n")
    assert await listed(library, limit=2) == ["2.md", "4.md"]
    with pytest.raises(NotFound):
        await library.whole("0.md", without_private=True)


@pytest.mark.parametrize("path", ["1.md", "vault/8.md", "9.md", "absent.md", "no-note.txt", "../index.db", ""])
async def test_a_private_note_is_missing_in_the_words_of_one_that_never_was(library: Library, path: str) -> None:
    with pytest.raises(NotFound) as failure:
        await library.whole(path, without_private=True)
    assert failure.value.message == f"{path} is not among the notes."


async def test_no_line_of_a_private_note_is_there_to_be_quoted(library: Library) -> None:
    assert {path: library.without_private().lines(path) for path in ("1.md", "vault/8.md", "9.md")} == {
        "1.md": [],
        "vault/8.md": [],
        "9.md": [],
    }
    assert library.without_private().lines("0.md") == ["# Note 0", "", "Text."]


async def test_an_open_note_is_read_whole_and_a_private_one_is_marked(library: Library) -> None:
    note, text = await library.whole("0.md", without_private=True)
    assert (note.title, note.is_private, text) == ("Note 0", False, "# Note 0\n\nText.")
    note, text = await library.whole("vault/8.md", without_private=False)
    assert (note.is_private, text) == (True, "# Note 8\n\nText.")
