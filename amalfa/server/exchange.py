"""One request and its reply: the work ends when the caller goes, and every error is JSON. Decides nothing else."""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from amalfa.errors import AmalfaError, OutOfTime, ShuttingDown, Unauthenticated
from amalfa.server.door import UNIX, Line
from amalfa.server.error_body import error_document

_log = logging.getLogger(__name__)

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_PIECE_BYTES = 65_536
_STREAMS = (b"text/event-stream", b"application/x-ndjson")
"""What can end with an error of its own: events, and lines of JSON."""


class CallerGone(Exception):
    """The caller hung up before the request was whole."""


class SlowBody(OutOfTime):
    """The body did not arrive in time."""

    http_status = 408


@dataclass(frozen=True, slots=True)
class ErrorShapes:
    """How errors look to the clients of a path: as a whole JSON reply, and as the last event of a begun stream."""

    whole: Callable[[str, AmalfaError], dict[str, object]]
    event: Callable[[str, AmalfaError], str]


def _own_event(path: str, error: AmalfaError) -> str:
    document = {**error_document(error), "partial": True}
    return f"event: error\ndata: {json.dumps(document)}\n\nevent: done\ndata: {{}}\n\n"


OWN_SHAPES = ErrorShapes(whole=lambda path, error: {"error": error_document(error)}, event=_own_event)


class Exchange:
    """A request on its way through sonar. Lives as long as the caller does and no longer than its reply."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, shapes: ErrorShapes = OWN_SHAPES) -> None:
        self.path: str = scope["path"]
        self.method: str = scope["method"]
        kind, number = scope.get("client") or ("", 0)
        self.is_on_socket = kind == UNIX
        self.caller = f"{kind} {number}" if self.is_on_socket else "tcp"
        self.local_port: int = (scope.get("server") or ("", 0))[1] or 0
        self.is_read = self.method in _READS
        self._scope, self._receive, self._send, self._shapes = scope, receive, send, shapes
        self._life = anyio.CancelScope()
        self._failure: AmalfaError | None = None
        self._reply = _Reply(send)
        self._body_is_whole = False
        self._has_hung_up = False
        self._hung_up: anyio.Event | None = None

    def headers(self, name: bytes) -> list[bytes]:
        """All values of a header; `name` in lower case."""
        return [value for key, value in self._scope["headers"] if key == name]

    def header(self, name: bytes) -> bytes:
        """The first value of a header, b"" without one."""
        for key, value in self._scope["headers"]:
            if key == name:
                found: bytes = value
                return found
        return b""

    async def next_piece(self) -> bytes | None:
        """The next part of the body as it arrives, None after the last. Raises CallerGone."""
        if self._body_is_whole:
            return None
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        self._body_is_whole = not message.get("more_body", False)
        piece: bytes = message["body"]
        return piece

    async def live(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work until it is done, `end` is called or the caller goes; a failure becomes the reply."""
        line: Line | None = self._scope.get("line")
        if line is not None:
            line.on_hang_up, line.on_late_body = self._hang_up, self._give_up_body
        with self._life:
            try:
                await work()
            except CallerGone:
                self._has_hung_up = True
            except AmalfaError as error:
                self._failure = error
            except Exception:  # the boundary of one request: it fails alone, and is counted by its status
                _log.exception("a request failed unexpectedly", extra={"method": self.method, "path": self.path})
                self._failure = AmalfaError("Sonar met an unexpected failure.", hint="amalfa sonar logs")
        if self._failure is not None and not self._has_hung_up:
            await self._fail(self._failure)

    async def hand_to(self, app: ASGIApp, body: bytes) -> None:
        """Let the routes answer."""
        unread = [body]

        async def receive() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            self._hung_up = self._hung_up or anyio.Event()
            await self._hung_up.wait()
            return {"type": "http.disconnect"}

        await app(self._scope, receive, self._reply.send)

    def end(self, reason: AmalfaError) -> None:
        """Stop the work and answer with `reason` instead."""
        self._failure = reason
        self._life.cancel()

    def _hang_up(self) -> None:
        # What the routes still tidy up after a complete reply is left in peace.
        if not self._reply.is_complete:
            self._has_hung_up = True
            if self._hung_up is not None:
                self._hung_up.set()
            self._life.cancel()

    def _give_up_body(self) -> None:
        self.end(SlowBody("The request body did not arrive in time.", hint="send the whole request at once"))

    async def _fail(self, error: AmalfaError) -> None:
        if not self._reply.has_begun:
            body = json.dumps(self._shapes.whole(self.path, error)).encode()
            await self._reply.send_whole(error.http_status, self._error_headers(error), body)
        elif self._reply.is_stream and not self._reply.is_complete and not self._reply.is_amid_part:
            event = self._shapes.event(self.path, error).encode()
            await self._reply.send({"type": "http.response.body", "body": event, "more_body": False})
        # Any other begun reply stays unfinished; the server then cuts it, and the caller sees that it is not whole.

    def _error_headers(self, error: AmalfaError) -> list[tuple[bytes, bytes]]:
        headers = []
        retry_after_s = 1 if isinstance(error, ShuttingDown) else getattr(error, "retry_after_s", None)
        if retry_after_s is not None and error.http_status in (429, 503):
            headers.append((b"retry-after", str(max(1, round(retry_after_s))).encode()))
        if isinstance(error, Unauthenticated):
            headers.append((b"www-authenticate", b"Bearer"))
        if isinstance(error, ShuttingDown) or not self._body_is_whole:
            headers.append((b"connection", b"close"))
        return headers


class _Reply:
    """The outgoing half: cuts large bodies into pieces the transport can hold back, and turns bare errors into JSON."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False
        self.is_complete = False
        self.is_stream = False
        self.is_amid_part = False
        self._is_bare = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif not self._is_bare:
            await self._go_on(message)

    async def send_whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """A JSON reply in one go. Only before anything else was sent."""
        own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        self._is_bare = False
        await self.send({"type": "http.response.start", "status": status, "headers": own + headers})
        await self.send({"type": "http.response.body", "body": body})

    async def _begin(self, message: Message) -> None:
        kind = dict(message.get("headers", [])).get(b"content-type", b"")
        # The framework's own page for a failure; the failure itself follows as an exception and is told in JSON.
        self._is_bare = message["status"] == 500 and kind.startswith(b"text/plain")
        if self._is_bare:
            return
        self.has_begun = True
        self.is_stream = kind.startswith(_STREAMS)
        await self._send(message)

    async def _go_on(self, message: Message) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        self.is_complete = not more
        for start in range(0, max(1, len(body)), _PIECE_BYTES):
            end = start + _PIECE_BYTES
            piece = {"body": body[start:end], "more_body": more or end < len(body)}
            # An error behind half a line would be part of that line.
            self.is_amid_part = end < len(body)
            await self._send({"type": "http.response.body", **piece})
