"""Runs a simulator in a thread of its own, for tests that are not asynchronous or that start processes."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from tests.upstreams.simulator import Simulator

S = TypeVar("S", bound=Simulator)

_PATIENCE_S = 10.0


class InThread(Generic[S]):
    """A simulator on its own event loop. `simulator` may be scripted and read from any thread."""

    def __init__(self, simulator: S) -> None:
        self.simulator = simulator
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=type(simulator).__name__, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return self.simulator.url

    @property
    def port(self) -> int:
        return self.simulator.port

    def start(self) -> None:
        """Listen; after `stop` on the same port as before."""
        self._run(self.simulator.start())

    def stop(self) -> None:
        """Refuse connections until the next `start`. Raises the first bug the simulator met."""
        self._run(self.simulator.stop())

    def idle(self) -> None:
        """Wait until no answer is under way."""
        self._run(self.simulator.idle())

    def close(self) -> None:
        """Stop for good and end the thread."""
        try:
            self.stop()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE_S)
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)


@contextmanager
def running_in_thread(simulator: S) -> Iterator[InThread[S]]:
    """Start a simulator in a thread; `.stop()` and `.start()` take it down and up again on the same port.

    A test that needs the address before anything listens there calls `.stop()` first.
    """
    server = InThread(simulator)
    try:
        server.start()
        yield server
    finally:
        server.close()
