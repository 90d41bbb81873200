"""Models on their way into memory: many callers wait for one load, and none of them can end it for the others."""

import copy
import logging
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskGroup

from amalfa.errors import CallError, UpstreamBroken

log = logging.getLogger("amalfa.providers")


class Load:
    """One load under way."""

    def __init__(self) -> None:
        self._done = anyio.Event()
        self._error: CallError | None = UpstreamBroken("Loading the model was interrupted.", hint="ask again")
        self.scope = anyio.CancelScope()

    async def wait(self, at_most_s: float) -> bool:
        """Wait for the end, but not longer than that; true when it has come."""
        with anyio.move_on_after(max(at_most_s, 0)):
            await self._done.wait()
        return self._done.is_set()

    def check(self) -> None:
        """Raise what the load failed with; nothing when the model is loaded."""
        if self._error is not None:
            # Each waiter raises its own copy: one exception in several tasks would mix up their tracebacks.
            raise copy.copy(self._error)

    def end(self, error: CallError | None) -> None:
        self._error = error

    def announce(self) -> None:
        self._done.set()


class Loads:
    """The loads of one provider. They run in `tasks`, which lives longer than any caller."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._running: dict[tuple[str, str], Load] = {}

    def join(self, key: tuple[str, str], act: Callable[[], Awaitable[None]]) -> Load:
        """The load of `key` (host, model) under way; `act` starts it when there is none. It may raise CallError."""
        load = self._running.get(key)
        if load is None:
            load = self._running[key] = Load()
            self._tasks.start_soon(self._run, key, load, act)
        return load

    def cancel(self) -> None:
        """Give up every load; their waiters get an error."""
        for load in self._running.values():
            load.scope.cancel()

    async def _run(self, key: tuple[str, str], load: Load, act: Callable[[], Awaitable[None]]) -> None:
        try:
            with load.scope:
                await act()
                load.end(None)
        except CallError as error:
            load.end(error)
        except Exception:
            # An error that escaped would end the whole group, and with it every other task of the daemon.
            log.exception("loading %s at %s failed", key[1], key[0])
            load.end(UpstreamBroken(f"Loading {key[1]} failed unexpectedly.", hint="see `amalfa sonar logs`"))
        finally:
            self._running.pop(key, None)
            load.announce()
