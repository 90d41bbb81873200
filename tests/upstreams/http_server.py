"""A small HTTP/1.1 server whose every byte is under control: framing, pauses, resets, half bodies.

It knows nothing of models or scripts; a simulator hands it a function that answers one `Exchange`.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, unquote, urlsplit

import httptools

Headers = Iterable[tuple[str, str]]

_REASONS = {status.value: status.phrase for status in HTTPStatus} | {499: "Client Closed Request", 529: "Overloaded"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in. Header names are lower case; values are whole, keys included."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """The last value of each query parameter."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name.lower())


class Exchange:
    """One request and the connection its answer goes out on.

    `bytes_sent` counts what was handed to the socket. When the client hangs up, the task that answers is
    cancelled and `is_client_gone` is true by then.
    """

    def __init__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self.status: int | None = None
        self.bytes_sent = 0
        self.is_client_gone = False
        self.keeps_alive = (request.header("connection") or "").lower() != "close"
        self.drip_s: float | None = None
        self._is_chunked = True
        self._writer = writer

    @property
    def has_begun(self) -> bool:
        return self.status is not None

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer in one piece with a Content-Length. A HEAD request gets the same head without the body."""
        head = self.head_bytes(status, [*headers, ("Content-Length", str(len(body)))])
        await self.write(head if self.request.method == "HEAD" else head + body)

    async def begin(self, status: int, headers: Headers, *, is_chunked: bool = True) -> None:
        """Send the head of an answer in pieces; one that is not chunked ends when the connection does."""
        self._is_chunked = is_chunked
        framing = ("Transfer-Encoding", "chunked") if is_chunked else ("Connection", "close")
        await self.write(self.head_bytes(status, [*headers, framing]))

    async def chunk(self, data: bytes) -> None:
        """Send one piece of the body; `data` must not be empty, because an empty chunk ends the body."""
        await self.write(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)

    async def end(self) -> None:
        """Mark the end of the body."""
        if self._is_chunked:
            await self.write(b"0\r\n\r\n")
        else:
            self.close()

    def head_bytes(self, status: int, headers: Headers) -> bytes:
        self.status = status
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}", *(f"{n}: {v}" for n, v in headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def write(self, data: bytes) -> None:
        """Hand bytes to the socket: at once, or one by one when `drip_s` is set."""
        if self.drip_s is None:
            await self._write(data)
            return
        for position in range(len(data)):
            await self._write(data[position : position + 1])
            await asyncio.sleep(self.drip_s)

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        self.bytes_sent += len(data)
        await self._writer.drain()

    def reset(self) -> None:
        """Drop the connection with a TCP reset; what still sits in the send buffer is lost."""
        self.keeps_alive = False
        reset(self._writer)

    def close(self) -> None:
        """Close in an orderly way (FIN) after what was written so far, whatever was promised."""
        self.keeps_alive = False
        self._writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


_TURNS_TO_BE_SERVED = 5

Answer = Callable[[Exchange], Awaitable[None]]
Admit = Callable[[asyncio.StreamWriter], Awaitable[bool]]


class HttpServer:
    """Listens on one loopback port; may be stopped and started again on that same port.

    `admit` sees each connection before a byte is read and says whether to serve it.
    """

    def __init__(self, answer: Answer, admit: Admit, *, port: int = 0) -> None:
        self.port = port
        self.connections = 0
        self._answer = answer
        self._admit = admit
        self._listener: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection, busy or idle."""
        if self._listener is None:
            return
        self._listener.close()
        # A connection that was accepted just now takes some turns of the loop until it is served.
        for _ in range(_TURNS_TO_BE_SERVED):
            await asyncio.sleep(0)
        while tasks := list(self._open):
            for task, writer in list(self._open.items()):
                writer.transport.abort()
                task.cancel()
            await asyncio.wait(tasks)
        await self._listener.wait_closed()
        self._listener = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        self.connections += 1
        # A task that ends as cancelled is reported by asyncio as an error of the callback, so it ends normally.
        try:
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                if await self._admit(writer):
                    await _Connection(reader, writer, self._answer).run()
        finally:
            del self._open[task]
            await _close_quietly(writer)


async def _close_quietly(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await writer.wait_closed()


class _Connection:
    """Reads all the time, also while an answer is under way, so that a hang-up is noticed at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._inbox: asyncio.Queue[Request | None] = asyncio.Queue()
        self._gone = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(self._pump())
            while (request := await self._inbox.get()) is not None:
                if not await self._answer_one(request):
                    break
            pump.cancel()

    async def _pump(self) -> None:
        parser = _RequestReader(self._inbox.put_nowait)
        try:
            while data := await self._reader.read(65536):
                parser.feed(data)
        except httptools.HttpParserError:
            self._writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        except ConnectionError:
            pass
        self._gone.set()
        self._inbox.put_nowait(None)

    async def _answer_one(self, request: Request) -> bool:
        """True when the connection may carry another request."""
        exchange = Exchange(request, self._writer)
        gone = asyncio.ensure_future(self._gone.wait())
        answering = asyncio.ensure_future(self._answer(exchange))
        try:
            await asyncio.wait({gone, answering}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            exchange.is_client_gone = self._gone.is_set() and not answering.done()
            gone.cancel()
            answering.cancel()
            await asyncio.wait({answering})
        if not answering.cancelled() and (failure := answering.exception()) is not None:
            if isinstance(failure, ConnectionError):
                return False
            raise failure
        return exchange.keeps_alive and not exchange.is_client_gone


class _RequestReader:
    """Turns bytes into requests, in order, with httptools."""

    def __init__(self, deliver: Callable[[Request], None]) -> None:
        self._deliver = deliver
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._target, self._headers, self._body = b"", [], bytearray()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("ascii")
        self._deliver(Request(method, self._target.decode("latin-1"), tuple(self._headers), bytes(self._body)))
