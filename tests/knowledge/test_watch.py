"""Changes on disk are told as they happen, by real events; what is no note is not told."""

import contextlib
import itertools
import logging
import shutil
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import anyio
import pytest
from watchfiles import Change

from amalfa.files import write_atomically
from amalfa.knowledge import watch
from amalfa.knowledge.sources import Sources
from amalfa.knowledge.watch import changed_notes
from tests.knowledge.conftest import Vault

pytestmark = pytest.mark.anyio

PROMISED_S = 3.0
NEVER_S = 3600.0


@pytest.fixture(autouse=True)
def _quick_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "WAKE_MS", 50)
    monkeypatch.setattr(watch, "STEP_MS", 10)


def changes_of(
    sources: Sources, *, look_every_s: float = NEVER_S, look_without_events_s: float = NEVER_S
) -> AsyncGenerator[tuple[str, ...], None]:
    """A watch that a test can close."""
    changes = changed_notes(sources, look_every_s=look_every_s, look_without_events_s=look_without_events_s)
    assert isinstance(changes, AsyncGenerator)
    return changes


class Told:
    """Paths told so far, and a way to wait for some."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self._came = anyio.Event()
        self._texts = itertools.count()

    def add(self, paths: tuple[str, ...]) -> None:
        self.paths.update(paths)
        self._came.set()
        self._came = anyio.Event()

    async def wait_for(self, *paths: str) -> None:
        with anyio.move_on_after(PROMISED_S):
            while not self.paths >= set(paths):
                await self._came.wait()
        assert self.paths >= set(paths)

    async def wait_for_events(self, vault: Vault, path: str) -> None:
        """Save a note until events tell of it, and take a clean sheet.

        Two looks at most surround the start of a watch, and they would tell of a save as well. What is told a third
        time comes after both of them, so it takes somebody who listens.
        """
        for _ in range(3):
            self.paths.clear()
            with anyio.fail_after(PROMISED_S):
                while path not in self.paths:
                    vault.write(path, f"{next(self._texts)}")
                    with anyio.move_on_after(0.05):
                        await self._came.wait()
        self.paths.clear()


@asynccontextmanager
async def watching(
    sources: Sources,
    vault: Vault,
    *,
    ready: str = "ready.md",
    look_every_s: float = NEVER_S,
    look_without_events_s: float = NEVER_S,
) -> AsyncIterator[Told]:
    """A watch that runs and has a clean sheet; unless told to look, only events can tell it anything."""
    told = Told()
    beginning = vault.write(f"{Path(ready).parent}/beginning.md", "x")

    async def listen() -> None:
        every = changes_of(sources, look_every_s=look_every_s, look_without_events_s=look_without_events_s)
        async with aclosing(every) as changes:
            async for paths in changes:
                told.add(paths)

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        await told.wait_for(str(beginning.relative_to(vault.root)))
        await told.wait_for_events(vault, ready)
        yield told
        group.cancel_scope.cancel()


def in_place(vault: Vault) -> None:
    vault.write("a.md", "new")


def replaced(vault: Vault) -> None:
    write_atomically(vault.root / "a.md", b"new")


def backed_up_first(vault: Vault) -> None:
    (vault.root / "a.md").rename(vault.root / "a.md~")
    vault.write("a.md", "new")
    (vault.root / "a.md~").unlink()


def removed_first(vault: Vault) -> None:
    (vault.root / "a.md").unlink()
    vault.write("a.md", "new")


def deleted(vault: Vault) -> None:
    (vault.root / "a.md").unlink()


def renamed(vault: Vault) -> None:
    (vault.root / "a.md").rename(vault.root / "b.md")


def added(vault: Vault) -> None:
    vault.write("b.md", "new")


def linked(vault: Vault) -> None:
    (vault.root / "b.md").symlink_to("a.md")


def added_with_folders(vault: Vault) -> None:
    for name in ("x", "y"):
        vault.write(f"new/deep/{name}.md", "new")


def folder_renamed(vault: Vault) -> None:
    (vault.root / "folder").rename(vault.root / "other")


def folder_with_a_dot_renamed(vault: Vault) -> None:
    (vault.root / "v1.0").rename(vault.root / "v2.0")


def folder_removed(vault: Vault) -> None:
    shutil.rmtree(vault.root / "folder")


def folder_moved_in(vault: Vault) -> None:
    beside(vault, "in").rename(vault.root / "in")


def folder_with_a_dot_moved_in(vault: Vault) -> None:
    beside(vault, "in.2024").rename(vault.root / "in.2024")


def folder_moved_out(vault: Vault) -> None:
    (vault.root / "folder").rename(vault.root.parent / "out")


def beside(vault: Vault, name: str) -> Path:
    """A folder with a note in it, next to the root."""
    folder = vault.root.parent / name
    folder.mkdir()
    (folder / "i.md").write_text("new")
    return folder


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(in_place, {"a.md"}, id="a save in place"),
        pytest.param(replaced, {"a.md"}, id="a save by renaming"),
        pytest.param(backed_up_first, {"a.md"}, id="a save behind a backup"),
        pytest.param(removed_first, {"a.md"}, id="a save by removing and making"),
        pytest.param(deleted, {"a.md"}, id="a deletion"),
        pytest.param(renamed, {"a.md", "b.md"}, id="a renaming"),
        pytest.param(added, {"b.md"}, id="a new note"),
        pytest.param(linked, {"b.md"}, id="a new link"),
        pytest.param(added_with_folders, {"new/deep/x.md", "new/deep/y.md"}, id="new folders"),
        pytest.param(folder_renamed, {"folder/f.md", "other/f.md"}, id="a folder renamed"),
        pytest.param(folder_with_a_dot_renamed, {"v1.0/v.md", "v2.0/v.md"}, id="a folder with a dot renamed"),
        pytest.param(folder_removed, {"folder/f.md"}, id="a folder removed"),
        pytest.param(folder_moved_in, {"in/i.md"}, id="a folder moved in"),
        pytest.param(folder_with_a_dot_moved_in, {"in.2024/i.md"}, id="a folder with a dot moved in"),
        pytest.param(folder_moved_out, {"folder/f.md"}, id="a folder moved out"),
    ],
)
async def test_an_edit_is_told(vault: Vault, edit: Callable[[Vault], None], expected: set[str]) -> None:
    for path in ("a.md", "folder/f.md", "v1.0/v.md"):
        vault.write(path, "old")
    async with watching(Sources(vault.root), vault) as told:
        edit(vault)
        await told.wait_for(*expected)
        # What was saved shortly before may come once more with the look that a folder sets off.
        assert told.paths - {"ready.md", "beginning.md"} == expected


async def test_what_is_no_note_is_not_told(vault: Vault) -> None:
    for path in ("node_modules/m.md", "drafts/d.md"):
        vault.write(path, "old")
    sources = Sources(vault.root, excludes=("node_modules", "drafts", "*.tmp.md"))
    async with watching(sources, vault) as told:
        for path in ("node_modules/m.md", "drafts/d.md", "drafts/new/n.md", "a.tmp.md", ".hidden.md", ".obsidian/o.md"):
            vault.write(path, "new")
        for path in ("a.txt", "picture.png", "md", "a.md.swp", "a.md~"):
            vault.write(path, "new")
        vault.write("last.md", "x")
        await told.wait_for("last.md")
        assert told.paths <= {"last.md", "ready.md", "beginning.md"}


async def test_only_the_configured_sources_are_told(vault: Vault) -> None:
    for path in ("guide/g.md", "other/o.md", "single.md"):
        vault.write(path, "old")
    async with watching(Sources(vault.root, ("guide", "single.md")), vault, ready="guide/ready.md") as told:
        vault.write("other/o.md", "new")
        vault.write("another.md", "new")
        vault.write("single.md", "new")
        vault.write("guide/g.md", "new")
        await told.wait_for("guide/g.md", "single.md")
        assert told.paths <= {"guide/g.md", "single.md", "guide/ready.md", "guide/beginning.md"}


async def test_a_trusted_folder_outside_the_root_is_watched_as_well(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    sources = Sources(vault.root, (".", "../shared"), also_allowed=(tmp_path / "shared",))
    async with watching(sources, vault) as told:
        (tmp_path / "shared" / "s.md").write_text("new")
        await told.wait_for("../shared/s.md")


async def test_a_source_that_is_removed_and_put_back_is_still_watched(vault: Vault) -> None:
    vault.write("guide/g.md", "old")
    async with watching(Sources(vault.root, ("guide", "ready.md", "beginning.md")), vault) as told:
        shutil.rmtree(vault.root / "guide")
        await told.wait_for("guide/g.md")
        told.paths.clear()
        beside(vault, "elsewhere").rename(vault.root / "guide")
        await told.wait_for("guide/i.md")
        told.paths.clear()
        vault.write("guide/i.md", "newer")
        await told.wait_for("guide/i.md")


@pytest.mark.parametrize("is_told_between", [False, True])
async def test_the_only_source_may_be_removed_and_put_back(vault: Vault, is_told_between: bool) -> None:
    vault.write("guide/g.md", "old")
    async with watching(Sources(vault.root, ("guide",)), vault, ready="guide/ready.md") as told:
        shutil.rmtree(vault.root / "guide")
        if is_told_between:
            await told.wait_for("guide/g.md")
        vault.write("guide/i.md", "new")
        await told.wait_for("guide/i.md")
        await told.wait_for_events(vault, "guide/i.md")


async def test_a_watched_folder_that_is_put_back_under_its_old_number_is_watched_anew(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems give a number away again at once, so that the new folder cannot be told from the old one."""
    guide = vault.write("guide/g.md", "old").parent
    opened: list[object] = []

    async def ending_with_its_folder(*folders: Path, **_: object) -> AsyncIterator[set[tuple[object, str]]]:
        opened.append(folders)
        yield set()
        if len(opened) == 1:
            yield {(Change.deleted, str(guide))}
        else:
            yield {(Change.added, str(vault.write("guide/i.md", "new")))}
        await anyio.sleep_forever()

    monkeypatch.setattr("watchfiles.awatch", ending_with_its_folder)
    async with aclosing(changes_of(Sources(vault.root, ("guide",)))) as changes:
        with anyio.move_on_after(PROMISED_S):
            assert [await anext(changes), await anext(changes)] == [("guide/g.md",), ("guide/i.md",)]
    assert opened == [(guide,), (guide,)]


async def test_a_source_that_appears_later_is_found_by_looking(vault: Vault) -> None:
    sources = Sources(vault.root, ("ready.md", "beginning.md", "later"))
    async with watching(sources, vault, look_every_s=0.05) as told:
        vault.write("later/a.md", "new")
        await told.wait_for("later/a.md")


async def test_notes_saved_just_before_the_watch_are_told_first_and_older_ones_not(vault: Vault) -> None:
    vault.write("old.md", "x")
    vault.age("old.md")
    vault.write("fresh.md", "x")
    async with aclosing(changes_of(Sources(vault.root))) as changes:
        with anyio.fail_after(PROMISED_S):
            assert await anext(changes) == ("fresh.md",)


async def test_a_save_while_the_first_notes_are_taken_in_is_told(vault: Vault) -> None:
    """The listener may index for seconds before it asks for more, and nothing saved meanwhile may be missed."""
    vault.write("a.md", "x")
    async with aclosing(changes_of(Sources(vault.root))) as changes:
        with anyio.fail_after(PROMISED_S):
            assert await anext(changes) == ("a.md",)
        vault.write("b.md", "saved meanwhile")
        told: tuple[str, ...] = ()
        with anyio.move_on_after(1.0):
            told = await anext(changes)
        assert told == ("b.md",)


async def test_every_save_while_a_change_is_taken_in_is_told(vault: Vault) -> None:
    vault.write("a.md", "x")
    async with aclosing(changes_of(Sources(vault.root), look_every_s=0.0)) as changes:
        with anyio.fail_after(PROMISED_S):
            assert await anext(changes) == ("a.md",)
            for number in range(3):
                vault.write("b.md", "x" * number)
                told: set[str] = set()
                while "b.md" not in told:
                    told.update(await anext(changes))


async def changes_without_events(vault: Vault, edit: Callable[[], object]) -> tuple[str, ...]:
    """What is told after an edit that no event tells; `a.md` is there from the beginning."""
    async with aclosing(changes_of(Sources(vault.root), look_every_s=0.0, look_without_events_s=0.01)) as changes:
        with anyio.fail_after(PROMISED_S):
            assert await anext(changes) == ("a.md",)
            edit()
            return await anext(changes)


async def test_where_the_system_cannot_watch_it_says_so_and_looks_itself(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refusing(*_: object, **__: object) -> AsyncIterator[set[tuple[object, str]]]:
        raise OSError("OS file watch limit reached.")
        yield set()

    vault.write("a.md", "x")
    monkeypatch.setattr("watchfiles.awatch", refusing)
    with caplog.at_level(logging.WARNING, "amalfa.knowledge"):
        async with aclosing(changes_of(Sources(vault.root), look_without_events_s=0.01)) as changes:
            for path in ("a.md", "b.md", "c.md"):
                vault.write(path, "x")
                with anyio.fail_after(PROMISED_S):
                    assert await anext(changes) == (path,)
    (record,) = caplog.records
    assert "OS file watch limit reached" in record.getMessage()


@pytest.mark.parametrize("edit", ["saved", "deleted", "replaced"])
async def test_what_events_keep_silent_about_is_found_by_looking(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, edit: str
) -> None:
    async def silent(*_: object, **__: object) -> AsyncIterator[set[tuple[object, str]]]:
        while True:
            await anyio.lowlevel.checkpoint()
            yield set()

    def make_edit() -> None:
        match edit:
            case "saved":
                vault.write("a.md", "other text")
            case "deleted":
                (vault.root / "a.md").unlink()
            case "replaced":
                vault.write("a.tmp", "y").replace(vault.root / "a.md")

    vault.write("a.md", "x")
    monkeypatch.setattr("watchfiles.awatch", silent)
    assert await changes_without_events(vault, make_edit) == ("a.md",)


async def test_a_note_that_events_told_is_missed_when_it_goes_without_one(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def telling_of_one(*_: object, **__: object) -> AsyncIterator[set[tuple[object, str]]]:
        yield set()
        yield {(1, str(vault.write("b.md", "x")))}
        while True:
            await anyio.lowlevel.checkpoint()
            yield set()

    vault.write("a.md", "x")
    monkeypatch.setattr("watchfiles.awatch", telling_of_one)
    async with aclosing(changes_of(Sources(vault.root), look_every_s=0.0)) as changes:
        with anyio.fail_after(PROMISED_S):
            assert [await anext(changes), await anext(changes)] == [("a.md",), ("b.md",)]
        (vault.root / "b.md").unlink()
        told: tuple[str, ...] = ()
        with anyio.move_on_after(1.0):
            told = await anext(changes)
        assert told == ("b.md",)


async def test_a_change_behind_a_link_is_found_by_looking(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "s.md").write_text("old")
    (vault.root / "link").symlink_to(tmp_path / "shared")
    sources = Sources(vault.root, also_allowed=(tmp_path / "shared",))
    async with watching(sources, vault, look_every_s=0.05) as told:
        (tmp_path / "shared" / "s.md").write_text("changed behind the link")
        await told.wait_for("link/s.md")


async def test_a_root_that_is_not_there_yet_is_told_when_it_comes(tmp_path: Path) -> None:
    told = Told()

    async def listen() -> None:
        async with aclosing(changes_of(Sources(tmp_path / "later"), look_without_events_s=0.01)) as changes:
            async for paths in changes:
                told.add(paths)

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        await anyio.lowlevel.checkpoint()
        (tmp_path / "later").mkdir()
        (tmp_path / "later" / "a.md").write_text("x")
        await told.wait_for("a.md")
        group.cancel_scope.cancel()


def open_watches() -> int:
    count = 0
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            count += "inotify" in str(handle.readlink())
    return count


@pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux calls its watches")
async def test_a_cancelled_watch_ends_soon_and_leaves_nothing_open(vault: Vault) -> None:
    async with watching(Sources(vault.root), vault):
        during = open_watches()
    assert during
    with anyio.fail_after(PROMISED_S):
        while open_watches() >= during:  # noqa: ASYNC110 - the system's own thread closes its end and tells nobody
            await anyio.sleep(0.01)
