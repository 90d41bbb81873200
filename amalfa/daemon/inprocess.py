"""The same engine and routes in the caller's own process, for `--no-daemon`: no socket, no second process."""

import atexit
import json
import queue
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import unquote

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.types import ASGIApp, Message, Scope

from amalfa.client.connection import Event, Reply, Stream
from amalfa.client.events import read_events
from amalfa.client.failures import cut_off, error_of, too_late
from amalfa.daemon.engine import open_engine
from amalfa.daemon.serve import claim
from amalfa.paths import Project, make_private_folder, places_for
from amalfa.server.app import make_app

END_OF_REPLY = b""
FIRST_WORD_LIMIT_S = 3_600.0


def connect(project: Project, environ: Mapping[str, str]) -> "InProcess":
    """Open the project's engine here, and talk to it as to a daemon. It is closed when the process ends.

    Raises Busy when a sonar of this project runs: two engines on one set of files would corrupt each other.
    """
    places = places_for(project.root, environ)
    make_private_folder(places.folder)
    lock = claim(places)
    stack = ExitStack()
    atexit.register(stack.close)
    stack.callback(lock.release)
    portal = stack.enter_context(start_blocking_portal())
    engine = open_engine(project, places, environ, nonce="in-process", is_watching=False)
    opened = stack.enter_context(portal.wrap_async_context_manager(engine))
    return InProcess(portal, make_app(opened))


@dataclass(slots=True)
class _Exchange:
    """One request to the app and what came back so far. The app writes on its thread, the caller reads on his."""

    scope: Scope
    body: bytes
    pieces: "queue.SimpleQueue[Message | None]" = field(default_factory=queue.SimpleQueue)

    async def run(self, app: ASGIApp) -> None:
        unread = [self.body]

        async def receive() -> Message:
            if not unread:
                await anyio.sleep_forever()
            return {"type": "http.request", "body": unread.pop(), "more_body": False}

        async def send(message: Message) -> None:
            self.pieces.put(message)

        try:
            await app(self.scope, receive, send)
        finally:
            self.pieces.put(None)


class InProcess:
    """A `Connection` to an app in this process."""

    def __init__(self, portal: BlockingPortal, app: ASGIApp) -> None:
        self._portal = portal
        self._app = app

    def request(self, method: str, path: str, body: object = None, *, timeout_s: float = 30.0) -> Reply:
        """One exchange; raises RemoteError for a reply of 400 or more, OutOfTime after `timeout_s`."""
        status, headers, pieces = self._begin(method, path, body, accept="application/json", timeout_s=timeout_s)
        text = b"".join(pieces)
        parsed = json.loads(text) if text else None
        if status >= 400:
            raise error_of(status, headers, parsed)
        return Reply(status, headers, parsed)

    def stream(self, method: str, path: str, body: object = None, *, timeout_s: float | None = None) -> Stream:
        """The events of one call; closing the stream cancels the work."""
        status, headers, pieces = self._begin(method, path, body, accept="text/event-stream", timeout_s=timeout_s)
        if status >= 400:
            text = b"".join(pieces)
            raise error_of(status, headers, json.loads(text) if text else None)
        return Stream(headers, _events(pieces))

    def _begin(
        self, method: str, path: str, body: object, *, accept: str, timeout_s: float | None
    ) -> tuple[int, dict[str, str], Iterator[bytes]]:
        exchange = _Exchange(_scope(method, path, accept), b"" if body is None else json.dumps(body).encode())
        running = self._portal.start_task_soon(exchange.run, self._app)
        head = _next(exchange, timeout_s or FIRST_WORD_LIMIT_S)
        if head is None:
            # The app ended without a reply: its own exception is the reason.
            running.result()
            raise too_late(timeout_s or 0)
        headers = {name.decode(): value.decode() for name, value in head["headers"]}

        def pieces() -> Iterator[bytes]:
            try:
                while (message := _next(exchange, timeout_s or FIRST_WORD_LIMIT_S)) is not None:
                    yield message.get("body", END_OF_REPLY)
            finally:
                running.cancel()

        return head["status"], headers, pieces()


def _next(exchange: _Exchange, timeout_s: float) -> Message | None:
    try:
        return exchange.pieces.get(timeout=timeout_s)
    except queue.Empty:
        raise too_late(timeout_s) from None


def _events(pieces: Iterator[bytes]) -> Iterator[Event]:
    """The events up to `done` or after `error`; an end without either raises Unreachable, as on the socket."""
    has_failed = False
    for name, data in read_events(pieces):
        yield name, json.loads(data)
        if name == "done":
            return
        has_failed = has_failed or name == "error"
    if not has_failed:
        raise cut_off("the engine in this process")


def _scope(method: str, path: str, accept: str) -> Scope:
    place, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(place),
        "raw_path": place.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"sonar"), (b"content-type", b"application/json"), (b"accept", accept.encode())],
        "client": None,
        "server": ("sonar", None),
    }
