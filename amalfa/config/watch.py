"""Notices every change of the configuration files, however they are saved. Reads them, but judges nothing.

The system's notifications make it quick; a look at every file twice a second makes it certain, because they miss
network file systems, folders made anew and links that are pointed elsewhere.
"""

import logging
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from amalfa.config.sources import read_file

POLL_S = 0.5
SETTLE_S = 0.1
"""A file must stand still for this long, so that one being written is not taken half."""
SETTLE_AT_MOST_S = 0.4
BETWEEN_CHANGES_S = 0.5
"""Two changes a second at most are told, however many there are; the last state always is."""

_RACY_S = 2.0
_MAX_LINKS = 40

_log = logging.getLogger(__name__)


def changes(
    paths: Callable[[], Iterable[Path]], *, poll_s: float = POLL_S, stop: anyio.Event
) -> AsyncIterator[frozenset[Path]]:
    """The paths whose content or permissions changed, each time some did, until `stop` is set.

    Content is compared with that at the moment of this call, so call it before loading what it watches. `paths` is
    asked again each time; a path that is new in it counts as changed once. Absent files are watched too.
    """
    return _Watch(paths, poll_s, stop).run()


def folders_of(path: Path) -> frozenset[Path]:
    """The folders where something happens when the content of `path` changes: its own, and that of each link to it."""
    found: set[Path] = set()
    here, waiting, links = Path("/"), deque(Path(os.path.abspath(path)).parts[1:]), 0  # noqa: PTH100 - follows no link
    while waiting:
        part = waiting.popleft()
        if part == "..":
            here = here.parent
            continue
        try:
            target = Path(os.readlink(here / part))  # noqa: PTH115 - cheaper than a Path made for each part
        except OSError:
            here /= part
            continue
        found.add(here)
        links += 1
        if links > _MAX_LINKS:
            break
        here = Path("/") if target.is_absolute() else here
        waiting.extendleft(reversed(target.parts[1:] if target.is_absolute() else target.parts))
    return frozenset({*found, here.parent})


class _Watch:
    """What was told last, and how the next change is waited for."""

    def __init__(self, paths: Callable[[], Iterable[Path]], poll_s: float, stop: anyio.Event) -> None:
        self._paths = paths
        self._poll_s = poll_s
        self._stop = stop
        self._wake = anyio.Event()
        self._memo: dict[Path, tuple[tuple[int, ...], str]] = {}
        self._told = self._look()

    async def run(self) -> AsyncIterator[frozenset[Path]]:
        told_at = -BETWEEN_CHANGES_S
        while not self._stop.is_set():
            await self._until_something_changes()
            await self._until_it_stands_still()
            with anyio.move_on_after(max(0.0, told_at + BETWEEN_CHANGES_S - anyio.current_time())):
                await self._stop.wait()
            now = self._look()
            changed = frozenset(path for path in now if now[path] != self._told.get(path))
            self._told = now
            if changed and not self._stop.is_set():
                told_at = anyio.current_time()
                yield changed

    async def _until_something_changes(self) -> None:
        listener = _Listener(self._wake_up)
        async with anyio.create_task_group() as group:
            group.start_soon(self._wake_on_stop)
            try:
                while not self._stop.is_set() and self._look() == self._told:
                    listener.follow(group, {folder for path in self._paths() for folder in folders_of(path)})
                    await self._pause(self._poll_s)
            finally:
                listener.halt()
            group.cancel_scope.cancel()

    async def _until_it_stands_still(self) -> None:
        latest, deadline = self._look(), anyio.current_time() + SETTLE_AT_MOST_S
        while not self._stop.is_set() and anyio.current_time() < deadline:
            await anyio.sleep(SETTLE_S)
            before, latest = latest, self._look()
            if before == latest:
                return

    async def _pause(self, seconds: float) -> None:
        """Wait, at most until something is heard."""
        with anyio.move_on_after(seconds):
            await self._wake.wait()
        self._wake = anyio.Event()

    async def _wake_on_stop(self) -> None:
        await self._stop.wait()
        self._wake_up()

    def _wake_up(self) -> None:
        self._wake.set()

    def _look(self) -> dict[Path, str]:
        return {path: self._digest(path) for path in self._paths()}

    def _digest(self, path: Path) -> str:
        """Content and permissions in short, from memory when nothing can have changed since they were seen."""
        try:
            found = path.stat()
        except OSError:
            return "absent"
        signature = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode)
        known = self._memo.get(path)
        # Two saves within one tick of the file system's clock look alike, so a fresh file is read every time.
        if known and known[0] == signature and abs(time.time() - found.st_mtime) > _RACY_S:
            return known[1]
        # Permissions count because a key may stand in a file that only its owner can read.
        digest = f"{read_file(path).digest} {found.st_mode:o}"
        self._memo[path] = (signature, digest)
        return digest


class _Listener:
    """The system's notifications for a changing set of folders, as far as there are any."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._followed: frozenset[tuple[Path, int, int]] = frozenset()
        self._halted = anyio.Event()

    def follow(self, group: TaskGroup, folders: Iterable[Path]) -> None:
        """Listen to those of `folders` that exist; a folder that was removed and made anew is another one."""
        wanted = frozenset(one for folder in folders if (one := _identity(folder)))
        if wanted == self._followed:
            return
        self.halt()
        self._followed, self._halted = wanted, anyio.Event()
        if wanted:
            group.start_soon(self._listen, sorted({str(folder) for folder, _, _ in wanted}), self._halted)

    def halt(self) -> None:
        # Cancelling alone would wait for the watching thread, and only this event ends it.
        self._halted.set()

    async def _listen(self, folders: list[str], halted: anyio.Event) -> None:
        from watchfiles import awatch  # 20 ms that only a daemon has to pay

        try:
            async for _ in awatch(
                *folders, watch_filter=None, debounce=50, step=50, stop_event=halted, recursive=False
            ):
                self._heard()
        except (OSError, RuntimeError) as error:
            _log.warning("no notifications of configuration changes, looking every %s s: %s", POLL_S, error)


def _identity(folder: Path) -> tuple[Path, int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return folder, found.st_dev, found.st_ino
