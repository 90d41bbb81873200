"""Work on its way from tasks of an event loop to a thread, and outcomes on their way back. Knows no database file."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import apsw

from amalfa.errors import ShuttingDown

T = TypeVar("T")
Work = Callable[[apsw.Connection], T]


@dataclass(frozen=True, slots=True)
class Item:
    work: Work[Any]
    future: "asyncio.Future[Any]"
    in_snapshot: bool = True

    def settle(self, outcome: "Outcome") -> None:
        """Hand the outcome to the waiting task, from any thread; nobody waiting any more is fine."""
        try:
            self.future.get_loop().call_soon_threadsafe(outcome.reach, self.future)
        except RuntimeError:  # the loop was closed while the work ran
            return


@dataclass(frozen=True, slots=True)
class Outcome:
    value: Any = None
    failure: Exception | None = None

    def reach(self, future: "asyncio.Future[Any]") -> None:
        if future.done():
            return
        if self.failure is None:
            future.set_result(self.value)
        elif isinstance(self.failure, StopIteration):  # a future refuses this one class
            future.set_exception(RuntimeError("the work raised StopIteration"))
        else:
            future.set_exception(self.failure)


class Line:
    """Items waiting for a thread. After `end`, nothing new gets in; what is in line is still handed out."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Item | None] = SimpleQueue()
        self._gate = threading.Lock()
        self.has_ended = False

    async def wait_for(self, work: Work[T], *, in_snapshot: bool = True) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._gate:
            if self.has_ended:
                raise ShuttingDown("The store is closed.")
            self._queue.put(Item(work, future, in_snapshot))
        return await future

    def end(self, listeners: int) -> bool:
        """Let each listening thread know; False when that was done before."""
        with self._gate:
            if self.has_ended:
                return False
            self.has_ended = True
            for _ in range(listeners):
                self._queue.put(None)
            return True

    def take(self, timeout_s: float | None = None) -> Item | None:
        """The next item; None = the line has ended. Raises queue.Empty after `timeout_s`."""
        return self._queue.get(timeout=timeout_s)

    def take_waiting(self, most: int) -> tuple[list[Item], bool]:
        """What is in line at this moment, and whether the end was among it."""
        items: list[Item] = []
        while len(items) < most:
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
            if item is None:
                return items, True
            items.append(item)
        return items, False
