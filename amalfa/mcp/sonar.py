"""Sonar as the tools call it: in a thread, as its client is a blocking one, and hung up on when a call is cancelled."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

import anyio.from_thread
import anyio.to_thread
from anyio import CapacityLimiter

from amalfa.client.connection import Stream
from amalfa.client.document import Document
from amalfa.client.failures import RemoteError
from amalfa.errors import AmalfaError, Unreachable

CALLS_AT_ONCE = 32
"""Further calls wait. The reader of standard input has threads of its own, so a cancellation always gets through."""

READ_S = 60.0

Tell = Callable[[str], Coroutine[Any, Any, None]]


class Sonar(Protocol):
    """A way to sonar that may be used from several threads. It starts sonar where it has to and may."""

    def request(self, method: str, path: str, body: object = None, *, timeout_s: float) -> object:
        """One whole exchange: the body of the reply. Raises AmalfaError."""
        ...

    def stream(self, path: str, body: dict[str, object]) -> Stream:
        """The events of one call. Raises AmalfaError."""
        ...


class Calls:
    """The calls of one MCP session."""

    def __init__(self, sonar: Sonar) -> None:
        self._sonar = sonar
        self._places = CapacityLimiter(CALLS_AT_ONCE)

    async def read(self, path: str) -> Document:
        """A GET. Cancelling it leaves the short exchange to itself."""
        return await self._in_thread(lambda: Document(self._sonar.request("GET", path, timeout_s=READ_S)))

    async def send(self, path: str, body: dict[str, object]) -> Document:
        """A POST that is answered at once; otherwise as `read`."""
        return await self._in_thread(lambda: Document(self._sonar.request("POST", path, body, timeout_s=READ_S)))

    async def follow(self, path: str, body: dict[str, object], tell: Tell) -> Document:
        """A POST that takes its time, with `tell` called for each phase. Cancelling it hangs up, and sonar stops."""
        line = _Line()

        def listen() -> Document:
            with self._sonar.stream(path, {**body, "stream": True}) as events:
                line.take(events)
                return _output(events, lambda text: anyio.from_thread.run(tell, text))

        try:
            return await self._in_thread(listen)
        finally:
            line.hang_up()

    async def _in_thread(self, work: Callable[[], Document]) -> Document:
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._places)


@dataclass(slots=True)
class _Line:
    """The exchange that a thread reads and another one may end, before or after it has begun."""

    events: Stream | None = None
    is_over: bool = False
    lock: Lock = field(default_factory=Lock)

    def take(self, events: Stream) -> None:
        with self.lock:
            self.events = events
            if self.is_over:
                events.hang_up()

    def hang_up(self) -> None:
        with self.lock:
            self.is_over = True
            if self.events is not None:
                self.events.hang_up()


def _output(events: Stream, tell: Callable[[str], None]) -> Document:
    output: object = None
    for name, data in events:
        told = Document(data)
        match name:
            case "phase":
                tell(told.text("text"))
            case "route":
                tell(f"asking {told.text('model')}")
            case "output":
                output = data
            case "error":
                raise RemoteError(told)
    if output is None:
        raise Unreachable("Sonar ended the call without an answer.", hint="amalfa sonar logs")
    return Document(output)


def error_fields(error: AmalfaError) -> dict[str, object]:
    """`code`, `message` and `hint` of a failure, with its problems where it lists some."""
    fields: dict[str, object] = {"code": error.code, "message": error.message, "hint": error.hint}
    problems = getattr(error, "problems", ())
    if problems:
        fields["problems"] = [{"path": one.path, "line": one.line, "message": one.message} for one in problems]
    return fields
