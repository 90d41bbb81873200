import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream

from amalfa.config.watch import BETWEEN_CHANGES_S, changes, folders_of

Seen = tuple[float, frozenset[Path]]
PROMISED_S = 1.0


@asynccontextmanager
async def watching(
    paths: Callable[[], Iterable[Path]], *, poll_s: float = 0.5
) -> AsyncIterator[MemoryObjectReceiveStream[Seen]]:
    """Each change told while the block runs, with the moment it was told."""
    stop = anyio.Event()
    send, receive = anyio.create_memory_object_stream[Seen](1000)
    told = changes(paths, poll_s=poll_s, stop=stop)

    async def listen() -> None:
        async for changed in told:
            await send.send((anyio.current_time(), changed))

    async with send, receive, anyio.create_task_group() as group:
        group.start_soon(listen)
        # The listener is given its start: what is measured is how a running one notices.
        await anyio.sleep(0.1)
        yield receive
        stop.set()


async def noticed(receive: MemoryObjectReceiveStream[Seen]) -> frozenset[Path]:
    with anyio.fail_after(PROMISED_S):
        return (await receive.receive())[1]


async def nothing_noticed(receive: MemoryObjectReceiveStream[Seen]) -> bool:
    with anyio.move_on_after(PROMISED_S):
        await receive.receive()
        return False
    return True


def in_place(path: Path) -> None:
    path.write_text("new")


def replaced(path: Path) -> None:
    beside = path.with_suffix(".tmp")
    beside.write_text("new")
    beside.replace(path)


def backed_up_as_vim_does(path: Path) -> None:
    path.rename(path.with_name(path.name + "~"))
    path.write_text("new")
    path.with_name(path.name + "~").unlink()


def by_sed(path: Path) -> None:
    subprocess.run(["sed", "-i", "s/old/new/", os.fspath(path)], check=True)


def copied_over(path: Path) -> None:
    source = path.with_name("source")
    source.write_text("new")
    shutil.copy(source, path)


def same_size_and_time(path: Path) -> None:
    before = path.stat()
    path.write_text("neu")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def closed_to_others(path: Path) -> None:
    path.chmod(0o600)


def deleted(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    "save",
    [in_place, replaced, backed_up_as_vim_does, by_sed, copied_over, same_size_and_time, closed_to_others, deleted],
)
async def test_every_way_of_saving_is_noticed_in_time(tmp_path: Path, save: Callable[[Path], None]) -> None:
    path = tmp_path / "amalfa.config.json"
    path.write_text("old")
    os.utime(path, (1, 1))
    async with watching(lambda: [path]) as told:
        save(path)
        assert await noticed(told) == {path}


@pytest.mark.parametrize("save", [in_place, replaced])
async def test_the_systems_notifications_alone_suffice_for_the_usual_ways(
    tmp_path: Path, save: Callable[[Path], None]
) -> None:
    path = tmp_path / "amalfa.config.json"
    path.write_text("old")
    async with watching(lambda: [path], poll_s=60) as told:
        save(path)
        assert await noticed(told) == {path}


async def test_looking_alone_suffices_too_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def out_of_watches(*_folders: str, **_options: object) -> None:
        raise OSError("inotify limit reached")

    monkeypatch.setattr("watchfiles.awatch", out_of_watches)
    path = tmp_path / "amalfa.config.json"
    async with watching(lambda: [path]) as told:
        path.write_text("new")
        assert await noticed(told) == {path}
    assert "inotify limit reached" in caplog.text


async def test_an_edit_of_what_a_link_leads_to_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "project").mkdir()
    path, target = tmp_path / "project" / "amalfa.config.json", tmp_path / "real" / "c.json"
    target.write_text("old")
    path.symlink_to(target)
    async with watching(lambda: [path], poll_s=60) as told:
        target.write_text("new")
        assert await noticed(told) == {path}


async def test_a_link_pointed_elsewhere_is_noticed_and_then_followed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "c.json").write_text(name)
    path = tmp_path / "amalfa.config.json"
    path.symlink_to(tmp_path / "one" / "c.json")
    async with watching(lambda: [path], poll_s=60) as told:
        (tmp_path / "link").symlink_to(tmp_path / "two" / "c.json")
        (tmp_path / "link").replace(path)
        assert await noticed(told) == {path}
        await anyio.sleep(0.1)
        (tmp_path / "two" / "c.json").write_text("new")
        assert await noticed(told) == {path}


async def test_a_mounted_volume_that_swaps_its_data_folder_is_noticed(tmp_path: Path) -> None:
    for version in ("..v1", "..v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "amalfa.config.json").write_text(version)
    (tmp_path / "..data").symlink_to("..v1")
    path = tmp_path / "amalfa.config.json"
    path.symlink_to("..data/amalfa.config.json")
    async with watching(lambda: [path], poll_s=60) as told:
        (tmp_path / "..data_tmp").symlink_to("..v2")
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")
        assert await noticed(told) == {path}


async def test_a_folder_removed_and_made_anew_is_followed_again(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    path = folder / "amalfa.config.json"
    path.write_text("old")
    async with watching(lambda: [path]) as told:
        shutil.rmtree(folder)
        assert await noticed(told) == {path}
        folder.mkdir()
        path.write_text("new")
        assert await noticed(told) == {path}


async def test_a_file_that_appears_is_noticed_among_several(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "nowhere" / "b", tmp_path / "c"]
    (tmp_path / "a").write_text("old")
    async with watching(lambda: paths) as told:
        (tmp_path / "c").write_text("new")
        assert await noticed(told) == {tmp_path / "c"}


async def test_a_file_is_noticed_in_a_folder_that_was_not_there(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "c"
    async with watching(lambda: [path]) as told:
        path.parent.mkdir()
        path.write_text("new")
        assert await noticed(told) == {path}


async def test_a_save_that_changes_nothing_is_not_told_and_neither_are_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "amalfa.config.json"
    path.write_text("old")
    async with watching(lambda: [path]) as told:
        (tmp_path / "neighbour.md").write_text("new")
        path.write_text("old")
        assert await nothing_noticed(told)


async def test_a_change_between_the_call_and_the_first_wait_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "amalfa.config.json"
    path.write_text("old")
    stop = anyio.Event()
    told = changes(lambda: [path], stop=stop)
    path.write_text("new")
    with anyio.fail_after(PROMISED_S):
        assert await anext(aiter(told)) == {path}


async def test_a_path_that_is_new_in_the_list_is_told_once(tmp_path: Path) -> None:
    paths = [tmp_path / "a"]
    async with watching(lambda: paths) as told:
        paths.append(tmp_path / "b")
        assert await noticed(told) == {tmp_path / "b"}


async def test_a_storm_of_saves_is_told_twice_a_second_at_most_and_its_end_always_is(tmp_path: Path) -> None:
    path = tmp_path / "amalfa.config.json"
    path.write_text("0")
    seen: list[tuple[float, str]] = []
    stop = anyio.Event()
    told = changes(lambda: [path], stop=stop)

    async def listen() -> None:
        seen.extend([(anyio.current_time(), path.read_text()) async for _ in told])

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        for number in range(1, 151):
            path.write_text(str(number))
            await anyio.sleep(0.01)
        await anyio.sleep(PROMISED_S)
        stop.set()
    moments = [moment for moment, _ in seen]
    assert all(later - earlier >= BETWEEN_CHANGES_S * 0.99 for earlier, later in pairwise(moments))
    assert len(seen) >= 3
    assert seen[-1][1] == "150"


async def test_stopping_and_cancelling_end_it_at_once(tmp_path: Path) -> None:
    stop = anyio.Event()
    told = changes(lambda: [tmp_path / "a"], poll_s=60, stop=stop)
    with anyio.fail_after(PROMISED_S):
        async with anyio.create_task_group() as group:
            group.start_soon(_drain, told)
            await anyio.sleep(0.1)
            stop.set()
        async with anyio.create_task_group() as group:
            group.start_soon(_drain, changes(lambda: [tmp_path / "a"], poll_s=60, stop=anyio.Event()))
            await anyio.sleep(0.1)
            group.cancel_scope.cancel()


async def _drain(told: AsyncIterator[frozenset[Path]]) -> None:
    async for _ in told:
        pass


def test_all_folders_on_the_way_through_links_are_known(tmp_path: Path) -> None:
    (tmp_path / "deep" / "v1").mkdir(parents=True)
    (tmp_path / "project").mkdir()
    (tmp_path / "deep" / "data").symlink_to("v1")
    (tmp_path / "project" / "c").symlink_to("../deep/data/c")
    (tmp_path / "deep" / "v1" / "c").touch()
    expected = {tmp_path / "project", tmp_path / "deep", tmp_path / "deep" / "v1"}
    assert folders_of(tmp_path / "project" / "c") == {folder.resolve() for folder in expected}
    assert folders_of(tmp_path / "project" / "missing") == {tmp_path / "project"}


def test_links_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert tmp_path in folders_of(tmp_path / "a")
