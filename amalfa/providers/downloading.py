"""Models on their way to a host: whoever wants one follows the same download, however many they are."""

import copy
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

import anyio
from anyio.abc import TaskGroup

from amalfa.errors import CallError, UpstreamBroken

log = logging.getLogger("amalfa.providers")


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a download is: bytes of all parts named so far. None for steps that have none."""

    status: str
    completed: int | None = None
    total: int | None = None

    @property
    def percent(self) -> int | None:
        if not self.total or self.completed is None:
            return None
        return min(100, self.completed * 100 // self.total)


Pull = Callable[[], AsyncGenerator[PullProgress, None]]


class Download:
    """One download under way. `is_kept`: it goes on when nobody follows it any more."""

    def __init__(self, *, is_kept: bool) -> None:
        self.is_kept = is_kept
        self.followers = 0
        self.scope = anyio.CancelScope()
        self.is_over = False
        self._latest: PullProgress | None = None
        self._news = anyio.Event()
        self._error: CallError | None = UpstreamBroken(
            "The download was interrupted.", hint="pull it again; it resumes"
        )

    async def follow(self, *, every_s: float = float("inf")) -> AsyncGenerator[PullProgress | None, None]:
        """What is new, as it comes; steps that follow each other at once may be left out, the last one never.

        None comes when nothing new came within `every_s`. Raises what the download failed with.
        """
        self.followers += 1
        told: PullProgress | None = None
        try:
            while True:
                news, latest, is_over = self._news, self._latest, self.is_over
                if latest is not None and latest != told:
                    told = latest
                    yield latest
                    continue
                if is_over:
                    break
                with anyio.move_on_after(every_s) as pause:
                    await news.wait()
                if pause.cancelled_caught:
                    yield None
        finally:
            self.followers -= 1
            if not self.followers and not self.is_kept:
                self.scope.cancel()
        if self._error is not None:
            # Each follower raises its own copy: one exception in several tasks would mix up their tracebacks.
            raise copy.copy(self._error)

    def tell(self, progress: PullProgress) -> None:
        self._latest = progress
        self._announce()

    def end(self, error: CallError | None) -> None:
        self._error = error

    def close(self) -> None:
        self.is_over = True
        self._announce()

    def _announce(self) -> None:
        self._news.set()
        self._news = anyio.Event()


class Downloads:
    """The downloads of one provider. They run in `tasks`, which lives longer than any caller."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._running: dict[tuple[str, str], Download] = {}

    def join(self, key: tuple[str, str], pull: Pull, *, is_kept: bool) -> Download:
        """The download of `key` (host, model) under way; `pull` starts it when there is none."""
        download = self._running.get(key)
        if download is None or download.scope.cancel_called:
            download = self._running[key] = Download(is_kept=is_kept)
            self._tasks.start_soon(self._run, key, download, pull)
        download.is_kept = download.is_kept or is_kept
        return download

    def cancel(self) -> None:
        """Give up every download; what came so far stays at the host, and the next one resumes."""
        for download in self._running.values():
            download.scope.cancel()

    async def _run(self, key: tuple[str, str], download: Download, pull: Pull) -> None:
        try:
            with download.scope:
                async with aclosing(pull()) as steps:
                    async for step in steps:
                        download.tell(step)
                download.end(None)
        except CallError as error:
            download.end(error)
        except Exception:
            # An error that escaped would end the whole group, and with it every other task of the daemon.
            log.exception("downloading %s to %s failed", key[1], key[0])
            download.end(UpstreamBroken(f"Downloading {key[1]} failed unexpectedly.", hint="amalfa sonar logs"))
        finally:
            if self._running.get(key) is download:
                del self._running[key]
            download.close()
