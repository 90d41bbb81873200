"""A real server on a real socket, for tests of what stands before the routes, and a caller that speaks bytes."""

import json
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio.abc import SocketStream
from starlette.types import ASGIApp, Receive, Scope, Send

from amalfa.daemon.front import Front
from amalfa.daemon.listener import bind_loopback, bind_private
from amalfa.server.door import Door, DoorLimits
from amalfa.server.exchange import OWN_SHAPES, ErrorShapes
from amalfa.server.guard import Guard, GuardLimits

PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: where it listens, and its guard."""

    path: Path
    port: int
    guard: Guard
    front: Front

    async def dial(self) -> SocketStream:
        return await anyio.connect_unix(self.path)

    async def dial_port(self) -> SocketStream:
        return await anyio.connect_tcp("127.0.0.1", self.port)

    async def ask(self, request: bytes) -> "Told":
        """Send bytes on a new connection to the socket and read until the server closes it."""
        return await self._ask(await self.dial(), request)

    async def ask_port(self, request: bytes) -> "Told":
        """The same on the TCP port."""
        return await self._ask(await self.dial_port(), request)

    async def _ask(self, connected: SocketStream, request: bytes) -> "Told":
        async with connected as caller:
            with suppress(anyio.BrokenResourceError):  # refused before everything was sent
                await caller.send(request)
            return await read_to_end(caller)


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that came back. The properties read the first reply in it."""

    raw: bytes

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1]) if self.raw else 0

    @property
    def head(self) -> str:
        return self.raw.partition(b"\r\n\r\n")[0].decode().lower()

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def code(self) -> str:
        code: str = json.loads(self.body)["error"]["code"]
        return code


def words_of(path: str, body: bytes) -> str:
    """What went wrong at `path`; fails unless `body` tells it as that door does, and in no other way."""
    document = json.loads(body)
    assert document.keys() == {"error"}, document
    error = document["error"]
    if path.startswith("/api/"):
        assert isinstance(error, str)
        return error
    expected = {"message", "type", "param", "code"} if path.startswith("/v1/") else {"code", "message", "hint"}
    assert error.keys() == expected, error
    message: str = error["message"]
    return message


@asynccontextmanager
async def serving(
    app: ASGIApp,
    *,
    door: Door | None = None,
    guard: GuardLimits | None = None,
    token: str | None = None,
    shapes: ErrorShapes = OWN_SHAPES,
    with_tcp: bool = False,
) -> AsyncIterator[Served]:
    """Serve `app` behind door and guard, with the limits given, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="amalfa-", dir="/tmp") as folder:
        listener = bind_private(Path(folder) / "private" / "s.sock")
        guarded = Guard(app, limits=guard, token=token, shapes=shapes)
        front = Front(guarded, door or Door())
        sockets = [listener.socket]
        port = 0
        if with_tcp:
            tcp = bind_loopback("127.0.0.1", 0)
            sockets.append(tcp)
            port = tcp.getsockname()[1]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(front.serve, sockets)
            await front.wait_until_listening()
            try:
                yield Served(path=listener.path, port=port, guard=guarded, front=front)
            finally:
                front.force_exit = True
                front.leave()


def quick_door(**changes: float) -> Door:
    """A door whose clocks run out within a blink."""
    fields = {"head_timeout_s": 0.2, "unread_timeout_s": 0.3, **changes}
    return Door(limits=DoorLimits(**fields))  # type: ignore[arg-type]  # whole numbers for the counts, by name


async def read_to_end(caller: SocketStream, *, patience_s: float = PATIENCE_S) -> Told:
    """All bytes until the other side closes; a reset counts as closing."""
    received = b""
    with anyio.fail_after(patience_s):
        try:
            async for piece in caller:
                received += piece
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
    return Told(received)


async def read_reply(caller: SocketStream) -> Told:
    """One reply with a Content-Length, on a connection that stays open."""
    received = b""
    with anyio.fail_after(PATIENCE_S):
        while True:
            head, end, body = received.partition(b"\r\n\r\n")
            if end:
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                if len(body) >= length:
                    return Told(received)
            received += await caller.receive()


@asynccontextmanager
async def dripping(caller: SocketStream, pieces: Iterable[bytes], *, every_s: float) -> AsyncIterator[None]:
    """Send pieces one by one in the background, until the block ends or the server has had enough."""

    async def drip() -> None:
        with suppress(anyio.BrokenResourceError):
            for piece in pieces:
                await caller.send(piece)
                await anyio.sleep(every_s)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(drip)
        yield
        tasks.cancel_scope.cancel()


async def until(condition: Callable[[], object], *, patience_s: float = 2.0) -> None:
    """Wait for something that another task does."""
    with anyio.fail_after(patience_s):
        # What is waited for is no event of ours: a count, a set that empties, a task that ends.
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.005)


def post(path: str, body: bytes, *headers: str, host: str = "sonar") -> bytes:
    """A whole POST request that asks the server to close afterwards."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Connection: close", f"Content-Length: {len(body)}", *headers]
    if not any(line.lower().startswith("content-type") for line in headers):
        lines.append("Content-Type: application/json")
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(path: str, *headers: str, host: str = "sonar") -> bytes:
    """A whole GET request that asks the server to close afterwards."""
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]).encode()


class Recorder:
    """An ASGI app that remembers what it was asked and can be made slow.

    GET /big sends `big` bytes at once; GET /events streams events for ever; POST /slow waits for `release`;
    everything else answers with its own body.
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.started = 0
        self.cancelled = 0
        self.finished = 0
        self.release = anyio.Event()
        self.big = 4 * 1024 * 1024
        self.sent_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started += 1
        self.paths.append(scope["path"])
        body = (await receive())["body"]
        self.bodies.append(body)
        try:
            await self._answer(scope["path"], body, send)
            self.finished += 1
        except BaseException:
            self.cancelled += 1
            raise

    async def _answer(self, path: str, body: bytes, send: Send) -> None:
        match path:
            case "/slow":
                await self.release.wait()
                await _whole(send, b"{}")
            case "/big":
                await _whole(send, b"x" * self.big)
            case "/events":
                await send(_start(200, (b"content-type", b"text/event-stream")))
                while True:
                    await send({"type": "http.response.body", "body": b"data: 1\n\n" * 1000, "more_body": True})
                    self.sent_bytes += 9000
                    await anyio.sleep(0.001)
            case "/broken":
                raise RuntimeError("a bug")
            case _:
                await _whole(send, body or b'"' + path.encode() + b'"')


async def _whole(send: Send, body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send(_start(200, (b"content-type", b"application/json"), length))
    await send({"type": "http.response.body", "body": body})


def _start(status: int, *headers: tuple[bytes, bytes]) -> dict[str, object]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def sockets_of(path: Path, count: int) -> list[socket.socket]:
    """Plain connections that say nothing."""
    silent = []
    for _ in range(count):
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.connect(str(path))
        silent.append(connected)
    return silent
