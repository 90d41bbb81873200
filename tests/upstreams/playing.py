"""Sends answers over one exchange, whole or streamed, with the faults of a step."""

import asyncio
import gzip
import zlib
from contextlib import aclosing
from dataclasses import dataclass

from tests.upstreams.frames import Broken, Frames, as_scripted, as_written
from tests.upstreams.http_server import Exchange
from tests.upstreams.script import Step


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an answer. `waits` = nothing is sent before the first frame exists."""

    status: int
    headers: tuple[tuple[str, str], ...]
    waits: bool = False


async def play_whole(exchange: Exchange, head: Head, body: bytes, step: Step) -> None:
    """Send a body that is known from the start."""
    headers = _headers(head, step)
    await _set_pace(exchange, step)
    if step.fault_named("gzip"):
        body, headers = gzip.compress(body), [*headers, ("Content-Encoding", "gzip")]
    cut = _cut_bytes(step, len(body))
    if step.fault_named("no_length"):
        await exchange.begin(head.status, headers, is_chunked=False)
        await exchange.chunk(body)
        await exchange.end()
    elif step.fault_named("excess_body"):
        await exchange.whole(head.status, headers, body)
        await exchange.write(b"surplus")
        exchange.close()
    elif cut is not None:
        await _promise(exchange, head.status, headers, len(body))
        await exchange.write(body[:cut])
        await _break_off(exchange, step)
    else:
        await exchange.whole(head.status, headers, body)
    _leave(exchange, step)


async def play_stream(exchange: Exchange, head: Head, frames: Frames, step: Step) -> None:
    """Send frames as they come, one HTTP chunk each unless the step says otherwise."""
    headers = _headers(head, step)
    await _set_pace(exchange, step)
    squeeze = zlib.compressobj(wbits=31) if step.fault_named("gzip") else None
    if squeeze is not None:
        headers = [*headers, ("Content-Encoding", "gzip")]
    scripted = as_scripted(frames, step)
    written = as_written(scripted, step)

    async def begin() -> None:
        if not exchange.has_begun:
            await exchange.begin(head.status, headers, is_chunked=step.fault_named("no_length") is None)

    try:
        async with aclosing(frames), aclosing(scripted), aclosing(written):
            if not head.waits:
                await begin()
            async for data in written:
                await begin()
                await exchange.chunk(data if squeeze is None else _squeezed(squeeze, data))
        await begin()
        if squeeze is not None:
            await exchange.chunk(squeeze.flush())
        if step.fault_named("short_body"):
            exchange.close()
        else:
            await exchange.end()
        if step.fault_named("excess_body"):
            await exchange.write(b"surplus")
            exchange.close()
    except Broken as broken:
        await begin()
        await _break_stream(exchange, broken)
    _leave(exchange, step)


def _squeezed(squeeze: "zlib._Compress", data: bytes) -> bytes:
    return squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH)


async def _break_stream(exchange: Exchange, broken: Broken) -> None:
    match broken.how:
        case "reset_after":
            # What was written must leave the send buffer first, or the reset would swallow it.
            await asyncio.sleep(0.01)
            exchange.reset()
        case "stall_after":
            await asyncio.Event().wait()
        case "end_after":
            await exchange.end()
        case "half_frame_after":
            data = broken.rest.data if broken.rest else b""
            await exchange.chunk(data[: max(1, len(data) // 2)])
            exchange.close()
        case "bad_chunk_after":
            await exchange.write(b"zz\r\nnot a chunk\r\n")
            exchange.close()
        case _:
            exchange.close()


async def play_instead(exchange: Exchange, step: Step) -> bool:
    """Play a step that replaces the answer altogether; False when this step does not."""
    for fault in step.fault:
        if (act := _INSTEAD.get(fault.name)) is not None:
            await act(exchange, step)
            return True
    return False


async def _reset(exchange: Exchange, _step: Step) -> None:
    exchange.reset()


async def _hang(_exchange: Exchange, _step: Step) -> None:
    await asyncio.Event().wait()


async def _close(exchange: Exchange, _step: Step) -> None:
    exchange.close()


async def _html(exchange: Exchange, step: Step) -> None:
    page = (
        b"<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"
    )
    await play_whole(exchange, Head(step.status or 502, (("Content-Type", "text/html"),)), page, _only_headers(step))


async def _empty(exchange: Exchange, step: Step) -> None:
    await exchange.whole(step.status or 200, [("Content-Type", "application/json"), *step.headers.items()], b"")


async def _redirect(exchange: Exchange, step: Step) -> None:
    fault = step.fault_named("redirect")
    target = fault.argument if fault and fault.argument else "http://127.0.0.1:9/elsewhere"
    await exchange.whole(step.status or 307, [("Location", target), *step.headers.items()], b"")


async def _gzip_bomb(exchange: Exchange, step: Step) -> None:
    """A valid gzip body that grows a thousandfold: `gzip_bomb:MB`, 500 by default, all blanks."""
    fault = step.fault_named("gzip_bomb")
    headers = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
    await exchange.begin(step.status or 200, headers)
    squeeze = zlib.compressobj(wbits=31)
    block = b" " * (1 << 20)
    for _ in range(int(fault.number(500) if fault else 500)):
        if data := squeeze.compress(block):
            await exchange.chunk(data)
        await asyncio.sleep(0)
    await exchange.chunk(squeeze.flush())
    await exchange.end()


async def _long_line(exchange: Exchange, step: Step) -> None:
    """A line that never ends: `long_line:MB`, 50 by default, then the connection closes."""
    fault = step.fault_named("long_line")
    await exchange.begin(
        step.status or 200, [("Content-Type", step.headers.get("Content-Type", "application/x-ndjson"))]
    )
    await exchange.chunk(b'{"model":"')
    for _ in range(int(16 * (fault.number(50) if fault else 50))):
        await exchange.chunk(b"x" * 65536)
    exchange.close()


async def _cloudflare(exchange: Exchange, step: Step) -> None:
    """A page of the proxy in front of the service: `cloudflare:524`; 524 is plain text, the others HTML."""
    fault = step.fault_named("cloudflare")
    code = int(fault.number(520)) if fault else 520
    kind, page = "text/html; charset=UTF-8", f"<html><body><h1>Error {code}</h1><p>cloudflare</p></body></html>"
    if code == 524:
        kind, page = "text/plain; charset=UTF-8", "error code: 524"
    headers = (("Content-Type", kind), ("Server", "cloudflare"), ("CF-RAY", "8f00c0ffee00cafe-AMS"))
    await exchange.whole(code, headers, page.encode())


_INSTEAD = {
    "reset": _reset,
    "hang": _hang,
    "close": _close,
    "html": _html,
    "empty": _empty,
    "redirect": _redirect,
    "gzip_bomb": _gzip_bomb,
    "long_line": _long_line,
    "cloudflare": _cloudflare,
}


def _only_headers(step: Step) -> Step:
    return Step(headers=step.headers)


def _headers(head: Head, step: Step) -> list[tuple[str, str]]:
    headers = dict(head.headers) | dict(step.headers)
    if step.fault_named("wrong_type"):
        headers["Content-Type"] = "text/html; charset=utf-8"
    return list(headers.items())


async def _set_pace(exchange: Exchange, step: Step) -> None:
    if (fault := step.fault_named("drip")) is not None:
        exchange.drip_s = fault.number(100) / 1000
    if (fault := step.fault_named("slow_head")) is not None:
        await asyncio.sleep(fault.number(500) / 1000)


async def _promise(exchange: Exchange, status: int, headers: list[tuple[str, str]], length: int) -> None:
    await exchange.write(exchange.head_bytes(status, [*headers, ("Content-Length", str(length))]))


def _cut_bytes(step: Step, length: int) -> int | None:
    """How much of a whole body goes out before it breaks: nothing, or half of it."""
    names = {fault.name for fault in step.fault}
    if "cut_before_first" in names:
        return 0
    breaking = {"cut_after", "reset_after", "stall_after", "half_frame_after", "bad_chunk_after", "short_body"}
    return length // 2 if names & breaking else None


async def _break_off(exchange: Exchange, step: Step) -> None:
    if step.fault_named("stall_after"):
        await asyncio.Event().wait()
    if step.fault_named("reset_after"):
        await asyncio.sleep(0.01)
        exchange.reset()
    else:
        exchange.close()


def _leave(exchange: Exchange, step: Step) -> None:
    """`close_idle` closes a connection the client believes is kept alive."""
    if step.fault_named("close_idle"):
        exchange.keeps_alive = False
