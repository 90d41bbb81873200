"""A client that shows an answer byte by byte: header lines in order, chunk sizes, how the connection ended."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """`chunks` None = not chunked. `is_whole` = the framing promised by the head was kept."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    chunks: tuple[int, ...] | None
    is_whole: bool

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


async def ask(
    port: int, method: str, path: str, *, headers: dict[str, str] | None = None, body: Any = None
) -> RawAnswer:
    """Send one request on a connection of its own and read until the server closes.

    A str body goes out as it is, anything else but None as JSON. A reset by the server counts as an end.
    """
    content = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    head = {"Host": f"127.0.0.1:{port}", "Connection": "close", "Content-Length": str(len(content)), **(headers or {})}
    lines = "\r\n".join([f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(lines.encode() + content)
        return parsed(await _everything(reader))
    finally:
        writer.close()


async def _everything(reader: asyncio.StreamReader) -> bytes:
    received = bytearray()
    try:
        while data := await reader.read(65536):
            received += data
    except ConnectionError:
        pass
    return bytes(received)


def parsed(received: bytes) -> RawAnswer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = tuple((name, value) for name, _, value in (line.partition(": ") for line in rest))
    status = int(first.split()[1])
    named = {name.lower(): value for name, value in headers}
    if "chunked" in named.get("transfer-encoding", ""):
        content, sizes, is_whole = _dechunked(body)
        return RawAnswer(status, headers, content, sizes, is_whole)
    promised = named.get("content-length")
    return RawAnswer(status, headers, body, None, promised is None or int(promised) == len(body))


def _dechunked(body: bytes) -> tuple[bytes, tuple[int, ...], bool]:
    content, sizes = bytearray(), list[int]()
    while body:
        line, _, rest = body.partition(b"\r\n")
        try:
            size = int(line, 16)
        except ValueError:
            return bytes(content), tuple(sizes), False
        sizes.append(size)
        if size == 0:
            return bytes(content), tuple(sizes), True
        content += rest[:size]
        body = rest[size + 2 :]
    return bytes(content), tuple(sizes), False
