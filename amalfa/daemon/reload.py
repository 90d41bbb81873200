"""Keeps the configuration in force: builds a new Generation whole, swaps it in, lets the old one drain.

A file that does not load changes nothing but `problems`; the last good Generation goes on serving.
"""

import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from amalfa.config.loaded import Loaded
from amalfa.config.restart import changed_for_restart
from amalfa.daemon.generation import Generation
from amalfa.errors import InvalidConfig, Problem
from amalfa.server.engine import Reloaded
from amalfa.tasks.desk import Desk

log = logging.getLogger("amalfa.daemon")

Signature = tuple[tuple[int, int, int], ...]
"""Inode, size and modification time of each file that a configuration was read from; zeros for an absent one."""

Load = Callable[[], Loaded]
Build = Callable[[int, Loaded], Generation]


class Generations:
    """The Generation in force, and how it changes. `running` is the task group in which old ones drain."""

    def __init__(self, load: Load, build: Build, *, first: Loaded, running: TaskGroup) -> None:
        self._load = load
        self._build = build
        self._running = running
        self._turn = anyio.Lock()
        self.problems: tuple[Problem, ...] = ()
        self.current = build(1, first)
        self._at_start = first.settings
        self._draining: set[Generation] = set()
        self._seen = signature(first.watched_paths)

    @property
    def running_calls(self) -> int:
        return sum(generation.running_calls for generation in (self.current, *self._draining))

    @property
    def waiting_for_restart(self) -> tuple[str, ...]:
        """The settings whose new values a running process cannot take over."""
        return changed_for_restart(self._at_start, self.current.loaded.settings)

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Desk]:
        """The desk of the Generation in force, kept for the whole block.

        A save that no watcher has told of yet is taken over first, so that the very next call obeys it.
        """
        if signature(self.current.loaded.watched_paths) != self._seen:
            await self.reload()
        async with self.current.lease() as desk:
            yield desk

    async def reload(self) -> Reloaded:
        """Read the files again, and put them in force when they are good and say something new."""
        async with self._turn:
            # Taken before the files are read: a save in between is then seen as another change.
            self._seen = signature(self.current.loaded.watched_paths)
            try:
                loaded = await anyio.to_thread.run_sync(self._load)
            except InvalidConfig as error:
                self._keep_old(error)
            else:
                self._swap(loaded)
            return Reloaded(self.current.number, self.problems)

    def _keep_old(self, error: InvalidConfig) -> None:
        problems = error.problems or (Problem("configuration", None, error.message),)
        if problems != self.problems:
            log.warning("the configuration was not taken over: %s", "; ".join(map(str, problems)))
        self.problems = problems

    def _swap(self, loaded: Loaded) -> None:
        self.problems = ()
        if loaded.fingerprint == self.current.loaded.fingerprint:
            return
        old, new = self.current, self._build(self.current.number + 1, loaded)
        self.current = new
        if loaded.watched_paths != old.loaded.watched_paths:
            self._seen = signature(loaded.watched_paths)
        self._draining.add(old)
        self._running.start_soon(self._retire, old)
        log.info("configuration %d is in force", new.number)

    async def _retire(self, old: Generation) -> None:
        try:
            await old.retire()
        finally:
            self._draining.discard(old)


def signature(paths: tuple[Path, ...]) -> Signature:
    """What a glance at the files shows; microseconds, so that every call can afford it."""
    return tuple(_glance(path) for path in paths)


def _glance(path: Path) -> tuple[int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - half the time of Path.stat, on the way of every call
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)
