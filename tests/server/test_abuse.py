"""What a hostile or broken client can do to a connection, on the socket and on the TCP port alike."""

import os
import re
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import psutil
import pytest
from anyio.abc import SocketStream

from amalfa.daemon.listener import bind_loopback
from amalfa.errors import AmalfaError, UsageProblem
from amalfa.server.door import Door, DoorLimits
from amalfa.server.guard import GuardLimits
from amalfa.server.turnstile import TurnstileLimits
from tests.server.serving import Recorder, Served, Told, dripping, get, post, quick_door, read_to_end, serving, until
from tests.system.harness import rounds

TOKEN = "the-token-of-this-test"  # opens nothing but the server of the test
BEARER = f"Authorization: Bearer {TOKEN}"


@dataclass(frozen=True, slots=True)
class Way:
    """One of the two ways to a server, as a caller in good standing goes it."""

    served: Served
    is_port: bool

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.served.port}" if self.is_port else "sonar"

    async def dial(self) -> SocketStream:
        return await (self.served.dial_port() if self.is_port else self.served.dial())

    async def ask(self, request: bytes) -> Told:
        return await (self.served.ask_port(request) if self.is_port else self.served.ask(request))

    def get(self, path: str, *headers: str) -> bytes:
        return get(path, BEARER, *headers, host=self.host)

    def post(self, path: str, body: bytes, *headers: str) -> bytes:
        return post(path, body, BEARER, *headers, host=self.host)

    def head(self, method: str, path: str, *headers: str) -> bytes:
        """The start of a request, with an empty line at its end."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", BEARER, *headers, "", ""]
        return "\r\n".join(lines).encode()


Open = Callable[..., AbstractAsyncContextManager[Way]]


@pytest.fixture(params=["socket", "port"])
def opened(request: pytest.FixtureRequest) -> Open:
    """Opens a server around an app, and one way to it."""

    @asynccontextmanager
    async def open_way(app: Recorder, **limits: Any) -> AsyncIterator[Way]:
        async with serving(app, token=TOKEN, with_tcp=True, **limits) as served:
            yield Way(served, request.param == "port")

    return open_way


async def test_f1_silent_connections_are_closed_and_health_answers_meanwhile(opened: Open) -> None:
    door = quick_door(head_timeout_s=1.0)
    async with opened(Recorder(), door=door) as way:
        silent = [await way.dial() for _ in range(rounds(200))]
        await until(lambda: door.inside.total() == len(silent))
        assert (await way.ask(way.get("/sonar/health"))).status == 200
        for caller in silent:
            assert (await read_to_end(caller)).status == 408
            await caller.aclose()
        await until(lambda: not door.inside)


def test_f1_f2_the_patience_of_a_real_door() -> None:
    usual = DoorLimits()
    assert (usual.head_timeout_s, usual.body_timeout_s, usual.unread_timeout_s) == (5.0, 30.0, 30.0)


async def test_f2_a_head_that_drips_in_is_cut_off(opened: Open) -> None:
    async with opened(Recorder(), door=quick_door()) as way, await way.dial() as caller:
        pieces = [bytes([byte]) for byte in way.get("/") * 4]
        async with dripping(caller, pieces, every_s=0.02):
            assert (await read_to_end(caller)).status == 408


async def test_f2_a_body_that_drips_in_is_cut_off(opened: Open) -> None:
    app = Recorder()
    async with opened(app, door=quick_door(body_timeout_s=0.3)) as way, await way.dial() as caller:
        await caller.send(way.head("POST", "/x", "Content-Type: application/json", "Content-Length: 900"))
        async with dripping(caller, [b"1"] * 900, every_s=0.02):
            assert (await read_to_end(caller)).status == 408
        assert app.started == 0


async def test_f3_a_caller_that_never_reads_is_cut_off_and_its_work_ends(opened: Open) -> None:
    app = Recorder()
    async with opened(app, door=quick_door()) as way, await way.dial() as caller:
        await caller.send(way.get("/events"))
        await until(lambda: app.cancelled, patience_s=20)
        # Our own buffer, and what the kernel holds on both sides: up to 10 MB on a loopback TCP connection.
        assert app.sent_bytes < 262_144 + (20_000_000 if way.is_port else 600_000)


async def test_f4_a_body_announced_too_large_is_refused_unread(opened: Open) -> None:
    app = Recorder()
    async with opened(app) as way, await way.dial() as caller:
        await caller.send(way.head("POST", "/x", "Content-Type: application/json", "Content-Length: 10000000000"))
        told = await read_to_end(caller)
        assert (told.status, told.code, app.started) == (413, "too_large", 0)


async def test_f4_two_hundred_megabytes_are_refused_and_not_kept(opened: Open) -> None:
    app = Recorder()
    chunk = b"10000\r\n" + b"1" * 65_536 + b"\r\n"
    async with opened(app) as way, await way.dial() as caller:
        before = psutil.Process().memory_info().rss
        await caller.send(way.head("POST", "/x", "Content-Type: application/json", "Transfer-Encoding: chunked"))
        async with dripping(caller, (chunk for _ in range(3200)), every_s=0):
            told = await read_to_end(caller)
        assert (told.status, told.code, app.started) == (413, "too_large", 0)
        assert psutil.Process().memory_info().rss - before < 32 * 1_048_576


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(("Content-Length: 2", "Content-Length: 3"), id="two lengths"),
        pytest.param(("Content-Length: 2", "Transfer-Encoding: chunked"), id="a length and chunks"),
        pytest.param(("Content-Length: -1",), id="a negative length"),
        pytest.param(("Content-Length: 2x",), id="a length that is no number"),
        pytest.param(("Transfer-Encoding: chunked, identity",), id="chunks that are not last"),
    ],
)
async def test_f5_ambiguous_framing_is_refused_and_closed(opened: Open, headers: Sequence[str]) -> None:
    app = Recorder()
    async with opened(app) as way:
        told = await way.ask(way.head("POST", "/x", "Content-Type: application/json", *headers) + b"{}")
        assert told.status == 400
        assert b"HTTP/1.1 200" not in told.raw
        assert app.finished == 0


@pytest.mark.parametrize("size", [b"zz", b"-1", b"ffffffffffffffffff", b""])
async def test_f5_a_bad_chunk_size_ends_the_connection(opened: Open, size: bytes) -> None:
    app = Recorder()
    async with opened(app) as way:
        head = way.head("POST", "/x", "Content-Type: application/json", "Transfer-Encoding: chunked")
        told = await way.ask(head + size + b"\r\n{}\r\n0\r\n\r\n")
        assert told.status in (0, 400, 413)
        assert app.finished == 0


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(bytes(64), id="NULs"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), id="a TLS hello"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b"\xff\xfe\xfd" * 40, id="noise"),
        pytest.param(b"EHLO mail.test\r\n", id="SMTP"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", id="an HTTP of the future"),
        pytest.param(b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", id="a NUL in the path"),
    ],
)
async def test_f6_what_is_not_http_is_refused_and_closed(opened: Open, noise: bytes) -> None:
    app = Recorder()
    async with opened(app, door=quick_door()) as way:
        assert (await way.ask(noise)).status in (400, 403, 408)
        assert app.started == 0


async def test_f6_fuzzed_connections_leak_nothing(opened: Open) -> None:
    app, door = Recorder(), quick_door()
    async with opened(app, door=door) as way:
        request = bytearray(way.post("/echo", b'{"a": 1}'))
        descriptors = psutil.Process().num_fds()
        for _ in range(rounds(150)):
            fuzzed = bytearray(request)
            for place in os.urandom(4):
                fuzzed[place % len(fuzzed)] = os.urandom(1)[0]
            await way.ask(bytes(fuzzed))
        await until(lambda: not door.inside, patience_s=5)
        assert not way.served.front.server_state.tasks
        assert psutil.Process().num_fds() <= descriptors
        assert (await way.ask(bytes(request))).status == 200


@pytest.mark.parametrize(
    "lines", [pytest.param(["X: " + "y" * 100_000], id="100 KB"), pytest.param(["X: y"] * 2000, id="2,000 headers")]
)
async def test_f7_a_large_head_is_refused(opened: Open, lines: list[str]) -> None:
    app = Recorder()
    async with opened(app) as way:
        told = await way.ask(way.get("/", *lines))
        assert (told.status, told.code, app.started) == (431, "too_large", 0)


async def test_f8_a_hundred_pipelined_requests_are_answered_in_order(opened: Open) -> None:
    async with opened(Recorder()) as way, await way.dial() as caller:
        requests = [way.head("GET", f"/n{number}") for number in range(99)]
        await caller.send(b"".join([*requests, way.get("/n99")]))
        told = await read_to_end(caller)
        assert re.findall(rb'"/n(\d+)"', told.raw) == [b"%d" % number for number in range(100)]


async def test_f8_more_than_that_end_the_connection_and_mix_nothing(opened: Open) -> None:
    async with opened(Recorder()) as way, await way.dial() as caller:
        await caller.send(b"".join(way.head("GET", f"/n{number}") for number in range(300)))
        found = re.findall(rb'"/n(\d+)"', (await read_to_end(caller)).raw)
        assert found == [b"%d" % number for number in range(len(found))]
        assert len(found) <= 100


async def test_f9_a_half_closed_caller_gets_its_reply_or_counts_as_gone(opened: Open) -> None:
    app = Recorder()
    async with opened(app) as way, await way.dial() as caller:
        await caller.send(way.post("/slow", b"{}"))
        await until(lambda: app.started)
        await caller.send_eof()
        if way.is_port:
            await until(lambda: app.cancelled)
        app.release.set()
        assert (await read_to_end(caller)).status == (0 if way.is_port else 200)


async def test_f10_leaving_at_any_byte_leaves_no_task(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    app, door = Recorder(), quick_door()
    async with opened(app, door=door) as way:
        request = way.post("/slow", b'{"a": 1}')
        for length in range(1, len(request) + 1, 1 if rounds(0) else 5):
            async with await way.dial() as caller:
                await caller.send(request[:length])
        await until(lambda: not (way.served.front.server_state.tasks or door.inside), patience_s=5)
        assert app.started == app.cancelled
    assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


@pytest.mark.parametrize(
    ("body", "offset"),
    [
        pytest.param(b'{"a": "\xff"}', 7, id="invalid UTF-8"),
        pytest.param(b'{"a": "\\ud800"}', 7, id="half a surrogate pair"),
        pytest.param(b"\xef\xbb\xbf{}", 0, id="a byte order mark"),
        pytest.param('{"a": 1}'.encode("utf-16"), 0, id="UTF-16"),
    ],
)
async def test_f11_text_that_is_no_clean_utf_8_is_refused_with_its_place(
    opened: Open, body: bytes, offset: int
) -> None:
    await _is_refused_at(opened, body, offset)


@pytest.mark.parametrize(
    ("body", "offset"),
    [
        pytest.param(b"[" * 100_000, 64, id="100,000 levels"),
        pytest.param(b'{"a": ' + b"7" * 5000 + b"}", 6, id="5,000 digits"),
        pytest.param(b'{"a": NaN}', 6, id="NaN"),
        pytest.param(b'{"a": 1e999}', 6, id="infinity by another name"),
    ],
)
async def test_f12_json_that_no_layer_could_hold_is_refused_with_its_place(
    opened: Open, body: bytes, offset: int
) -> None:
    await _is_refused_at(opened, body, offset)


async def _is_refused_at(opened: Open, body: bytes, offset: int) -> None:
    app = Recorder()
    async with opened(app) as way:
        told = await way.ask(way.post("/x", body))
        assert (told.status, told.code, app.bodies) == (400, "usage", [])
        assert f"at byte {offset}." in told.body.decode()


async def test_f12_a_million_keys_are_too_large(opened: Open) -> None:
    async with opened(Recorder()) as way:
        body = b"{" + b",".join(b'"k%d":1' % number for number in range(200_000)) + b"}"
        assert (await way.ask(way.post("/x", body))).status == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_f13_h11_a_body_that_is_not_declared_as_json_is_415(opened: Open, kind: str) -> None:
    app = Recorder()
    async with opened(app) as way:
        told = await way.ask(way.post("/x", b"{}", f"Content-Type: {kind}"))
        assert (told.status, told.code, app.started) == (415, "usage", 0)


async def test_f14_work_beyond_the_queue_is_told_when_to_come_back_and_health_answers(opened: Open) -> None:
    app = Recorder()
    limits = GuardLimits(work=TurnstileLimits(running=2, waiting=8, per_caller=2, waiting_per_caller=8))
    replies: list[Told] = []
    async with opened(app, guard=limits) as way, anyio.create_task_group() as tasks:

        async def ask() -> None:
            replies.append(await way.ask(way.post("/slow", b"{}")))

        for _ in range(200):
            tasks.start_soon(ask)
        await until(lambda: len(replies) == 190, patience_s=10)
        assert {(told.status, "retry-after: " in told.head) for told in replies} == {(429, True)}
        assert (await way.ask(way.get("/sonar/health"))).status == 200
        app.release.set()
    assert sorted(told.status for told in replies)[:10] == [200] * 10


async def test_f15_a_greedy_caller_does_not_make_a_polite_one_wait() -> None:
    """The callers of the port count as one, so a program on the socket is not behind them in the queue."""
    app = Recorder()
    limits = GuardLimits(work=TurnstileLimits(running=4, waiting=200, per_caller=3, waiting_per_caller=150))
    async with serving(app, token=TOKEN, with_tcp=True, guard=limits) as served, anyio.create_task_group() as tasks:
        greedy, polite = Way(served, is_port=True), Way(served, is_port=False)
        for _ in range(60):
            tasks.start_soon(greedy.ask, greedy.post("/slow", b"{}"))
        await until(lambda: served.guard.running_requests == 60, patience_s=5)
        assert app.started == 3
        assert (await polite.ask(polite.post("/echo", b"1"))).body == b"1"
        assert app.finished == 1
        app.release.set()


REBOUND = (
    "evil.test",
    "evil.test:{port}",
    "localhost.evil.test:{port}",
    "127.0.0.1.nip.io:{port}",
    "sonar",
    "sonar:{port}",
    "localhost",
    "127.0.0.1",
    "localhost:1",
    "127.0.0.1:{port}0",
    "127.0.0.2:{port}",
    "0.0.0.0:{port}",
    "10.0.0.1:{port}",
    "[::]:{port}",
    "::1:{port}",
    "printer.local:{port}",
    "api.internal:{port}",
    "user@localhost:{port}",
    "localhost:{port}, evil.test",
    "",
)


@pytest.mark.parametrize("host", REBOUND)
async def test_h10_on_the_port_no_host_but_its_own_is_served(host: str) -> None:
    app = Recorder()
    async with serving(app, token=TOKEN, with_tcp=True) as served:
        told = await served.ask_port(get("/", BEARER, host=host.format(port=served.port)))
        assert (told.status, told.code, app.started) == (403, "not_allowed", 0)


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_h10_on_the_port_a_request_without_host_is_refused(version: str) -> None:
    app = Recorder()
    async with serving(app, token=TOKEN, with_tcp=True) as served:
        told = await served.ask_port(f"GET / HTTP/{version}\r\n{BEARER}\r\nConnection: close\r\n\r\n".encode())
        assert told.status in (400, 403)
        assert app.started == 0


async def test_h10_a_second_host_cannot_hide_a_foreign_one() -> None:
    app = Recorder()
    async with serving(app, token=TOKEN, with_tcp=True) as served:
        for pair in (("evil.test", f"localhost:{served.port}"), (f"localhost:{served.port}", "evil.test")):
            told = await served.ask_port(get("/", BEARER, f"Host: {pair[1]}", host=pair[0]))
            assert told.status in (400, 403)
        assert app.started == 0


@pytest.mark.parametrize(
    "header",
    [
        "Origin: https://evil.test",
        "Origin: null",
        "Origin: http://localhost:{port}",
        "Origin: http://127.0.0.1:{port}",
        "Origin: ",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Site: none",
    ],
)
async def test_h11_on_the_port_nothing_that_a_browser_sends_is_served_even_with_the_token(header: str) -> None:
    app = Recorder()
    async with serving(app, token=TOKEN, with_tcp=True) as served:
        host = f"localhost:{served.port}"
        told = await served.ask_port(post("/x", b"{}", BEARER, header.format(port=served.port), host=host))
        assert (told.status, told.code, app.started) == (403, "not_allowed", 0)
        assert "access-control" not in told.head


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "10.0.0.1", "example.test", "127.0.0.2"])
def test_h12_no_address_but_this_machines_is_listened_on(host: str) -> None:
    with pytest.raises(UsageProblem, match="not this machine"):
        bind_loopback(host, 0)


async def test_h12_without_a_token_file_the_port_serves_nobody() -> None:
    app = Recorder()
    async with serving(app, token=None, with_tcp=True) as served:
        for shown in ("X: 1", "Authorization: Bearer ", "Authorization: Bearer None"):
            assert (await served.ask_port(get("/", shown, host=f"localhost:{served.port}"))).status == 401
        assert app.started == 0


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
async def test_the_port_works_on_the_ipv6_loopback_address() -> None:
    try:
        listener = bind_loopback("::1", 0)
    except AmalfaError:
        pytest.skip("this machine has no IPv6 loopback address")
    assert listener.getsockname()[0] == "::1"
    listener.close()


def test_a_door_is_never_so_wide_that_the_port_could_fill_it() -> None:
    usual = Door().limits
    assert usual.connections_per_peer < usual.connections
