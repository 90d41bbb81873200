"""The server below the simulators: framing, keep-alive, hang-ups, bad requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.upstreams.http_server import Answer, Exchange, HttpServer
from tests.upstreams.raw_http import ask, parsed


async def _admit(_writer: asyncio.StreamWriter) -> bool:
    return True


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[HttpServer]:
    server = HttpServer(answer, _admit)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def _echo(exchange: Exchange) -> None:
    await exchange.whole(200, (), exchange.request.body + exchange.request.path.encode())


async def test_requests_on_one_connection_are_answered_in_order() -> None:
    async with serving(_echo) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = await reader.read()
        writer.close()
    first, second = received.split(b"HTTP/1.1 200 OK")[1:]
    assert first.endswith(b"/a")
    assert second.endswith(b"/b")


async def test_a_body_in_pieces_arrives_whole() -> None:
    async with serving(_echo) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 4\r\nConnection: close\r\n\r\nab")
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(b"cd")
        assert parsed(await reader.read()).body == b"abcd/"
        writer.close()


async def test_noise_is_a_400_and_the_end_of_the_connection() -> None:
    async with serving(_echo) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"\x16\x03\x01 not http at all\r\n\r\n")
        assert parsed(await reader.read()).status == 400
        writer.close()


async def test_a_client_that_hangs_up_cancels_the_answer_at_once() -> None:
    seen: list[Exchange] = []
    ended = asyncio.Event()

    async def slowly(exchange: Exchange) -> None:
        seen.append(exchange)
        try:
            await exchange.begin(200, ())
            await exchange.chunk(b"first")
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with serving(slowly) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"first")
        writer.close()
        async with asyncio.timeout(2):
            await ended.wait()
    assert seen[0].is_client_gone
    assert seen[0].bytes_sent > len("first")


async def test_stop_and_start_keep_the_port() -> None:
    server = HttpServer(_echo, _admit)
    await server.start()
    port = server.port
    await server.stop()
    await server.start()
    assert server.port == port
    assert (await ask(port, "GET", "/again")).body == b"/again"
    await server.stop()


async def test_stopping_drops_connections_in_the_middle_of_an_answer() -> None:
    begun = asyncio.Event()

    async def never(exchange: Exchange) -> None:
        await exchange.begin(200, ())
        begun.set()
        await asyncio.Event().wait()

    server = HttpServer(never, _admit)
    await server.start()
    asking = asyncio.ensure_future(ask(server.port, "GET", "/"))
    await begun.wait()
    await server.stop()
    async with asyncio.timeout(2):
        assert not (await asking).is_whole
