"""Connections that are slow, greedy, broken or foreign, on real sockets."""

import itertools
import os
import socket
import subprocess
import sys
import time

import anyio
import pytest

from amalfa.server.door import Door, DoorLimits, Peer, peer_of
from tests.server.serving import (
    Recorder,
    dripping,
    get,
    post,
    quick_door,
    read_reply,
    read_to_end,
    serving,
    sockets_of,
    until,
)


async def test_a_silent_connection_is_told_so_and_closed() -> None:
    """F1"""
    async with serving(Recorder(), door=quick_door()) as served, await served.dial() as caller:
        told = await read_to_end(caller)
        assert (told.status, told.code) == (408, "timeout")


async def test_health_answers_quickly_beside_many_silent_connections() -> None:
    """F1"""
    async with serving(Recorder()) as served:
        silent = await anyio.to_thread.run_sync(sockets_of, served.path, 300)
        began_s = time.perf_counter()
        assert (await served.ask(get("/sonar/health"))).status == 200
        assert time.perf_counter() - began_s < 0.5
        for connected in silent:
            connected.close()


async def test_a_head_that_drips_in_is_cut_off_at_its_deadline() -> None:
    """F2"""
    door = quick_door(head_timeout_s=0.4)
    drip = (bytes([byte]) for byte in get("/"))
    async with (
        serving(Recorder(), door=door) as served,
        await served.dial() as caller,
        dripping(caller, drip, every_s=0.05),
    ):
        assert (await read_to_end(caller)).status == 408


async def test_the_head_of_a_second_request_has_its_own_deadline() -> None:
    """F2"""
    async with serving(Recorder(), door=quick_door()) as served, await served.dial() as caller:
        await caller.send(b"GET /a HTTP/1.1\r\nHost: sonar\r\n\r\n")
        assert (await read_reply(caller)).status == 200
        await caller.send(b"GET /b HT")
        assert (await read_to_end(caller)).status == 408


async def test_empty_lines_do_not_keep_a_connection_open() -> None:
    async with serving(Recorder(), door=quick_door()) as served, await served.dial() as caller:
        await caller.send(b"GET /a HTTP/1.1\r\nHost: sonar\r\n\r\n")
        await read_reply(caller)
        async with dripping(caller, itertools.repeat(b"\r\n"), every_s=0.05):
            assert (await read_to_end(caller, patience_s=2)).status in (0, 408)


@pytest.mark.parametrize("size", [20_000, 100_000, 2_000_000])
async def test_a_large_header_is_refused(size: int) -> None:
    """F7"""
    async with serving(Recorder()) as served:
        told = await served.ask(get("/", "X-Large: " + "x" * size))
        assert (told.status, told.code) == (431, "too_large")


async def test_a_header_that_never_ends_is_refused_before_it_is_complete() -> None:
    """F7"""
    async with serving(Recorder()) as served, await served.dial() as caller:
        await caller.send(b"GET / HTTP/1.1\r\nX-Large: ")
        async with dripping(caller, [b"x" * 15_000] * 3, every_s=0.02):
            assert (await read_to_end(caller)).status == 431


async def test_too_many_headers_are_refused() -> None:
    """F7"""
    async with serving(Recorder()) as served:
        assert (await served.ask(get("/", *(f"X-{n}: 1" for n in range(90))))).status == 200
        assert (await served.ask(get("/", *(f"X-{n}: 1" for n in range(2000))))).status == 431


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(b"\x00" * 100, id="NULs"),
        pytest.param(os.urandom(200).replace(b"\r", b"x").replace(b"\n", b"x"), id="noise"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 100, id="a TLS hello"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="an HTTP/2 preface"),
        pytest.param(b"GET / HTTP/1.1\r\nHost sonar\r\n\r\n", id="a header without a colon"),
        pytest.param(b"GET /\x80\xff HTTP/1.1\r\n\r\n", id="bytes that are no path"),
    ],
)
async def test_what_is_not_http_is_refused_and_closed(noise: bytes) -> None:
    """F6"""
    app = Recorder()
    async with serving(app) as served:
        told = await served.ask(noise)
        assert (told.status, told.code) == (400, "usage")
        assert app.started == 0
        assert (await served.ask(get("/"))).status == 200


@pytest.mark.parametrize(
    "head",
    [
        pytest.param("Transfer-Encoding: chunked\r\nContent-Length: 5", id="both framings"),
        pytest.param("Content-Length: 5\r\nContent-Length: 6", id="two lengths"),
        pytest.param("Content-Length: -5", id="a negative length"),
        pytest.param("Content-Length: 5, 5", id="a list of lengths"),
    ],
)
async def test_ambiguous_framing_is_refused(head: str) -> None:
    """F5"""
    app = Recorder()
    async with serving(app) as served:
        request = f"POST /x HTTP/1.1\r\nHost: sonar\r\nContent-Type: application/json\r\n{head}\r\n\r\nhello"
        assert (await served.ask(request.encode())).status == 400
        assert app.bodies == []


async def test_a_bad_chunk_size_ends_the_connection() -> None:
    """F5"""
    app = Recorder()
    async with serving(app) as served:
        head = b"POST /x HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        told = await served.ask(head + b"zz\r\nhello\r\n")
        assert told.status in (0, 400)
        assert app.bodies == []


async def test_pipelined_requests_are_answered_in_order() -> None:
    """F8"""
    async with serving(Recorder()) as served, await served.dial() as caller:
        requests = [f"GET /{n} HTTP/1.1\r\nHost: sonar\r\n\r\n".encode() for n in range(99)]
        await caller.send(b"".join([*requests, get("/99")]))
        told = await read_to_end(caller)
        bodies = [part.partition(b"\r\n\r\n")[2] for part in told.raw.split(b"HTTP/1.1 200 OK")[1:]]
        assert bodies == [f'"/{n}"'.encode() for n in range(100)]


async def test_more_pipelined_requests_than_allowed_end_the_connection() -> None:
    """F8"""
    app = Recorder()
    async with serving(app, door=quick_door(pipelined=10)) as served, await served.dial() as caller:
        await caller.send(b"GET /slow HTTP/1.1\r\nHost: sonar\r\n\r\n" * 50)
        assert (await read_to_end(caller)).raw == b""
        assert app.started <= 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_half_closed_caller_still_gets_its_reply(method: str) -> None:
    """F9"""
    app = Recorder()
    async with serving(app) as served, await served.dial() as caller:
        await caller.send(get("/slow") if method == "GET" else post("/slow", b"{}"))
        await caller.send_eof()
        await anyio.sleep(0.05)
        app.release.set()
        assert (await read_to_end(caller)).status == 200


async def test_a_half_closed_caller_that_then_leaves_ends_the_work() -> None:
    """F9"""
    app = Recorder()
    async with serving(app) as served:
        async with await served.dial() as caller:
            await caller.send(get("/slow"))
            await caller.send_eof()
            await anyio.sleep(0.05)
            assert app.cancelled == 0
        await until(lambda: app.cancelled, patience_s=1)


async def test_a_half_close_in_the_middle_of_a_request_ends_it() -> None:
    """F9"""
    app = Recorder()
    async with serving(app) as served, await served.dial() as caller:
        await caller.send(post("/echo", b'{"a":1}')[:-3])
        await caller.send_eof()
        assert (await read_to_end(caller)).raw == b""
        assert app.bodies == []


async def test_a_caller_that_never_reads_is_cut_off_and_its_work_ends() -> None:
    """F3"""
    app = Recorder()
    async with serving(app, door=quick_door()) as served, await served.dial() as caller:
        await caller.send(get("/events"))
        await until(lambda: app.cancelled, patience_s=5)
        # What the kernel holds for a Unix socket comes on top of our own buffer.
        assert app.sent_bytes < 262_144 + 600_000


async def test_the_rest_of_a_finished_reply_does_not_wait_for_ever_either() -> None:
    """F3"""
    app = Recorder()
    app.big = 400_000
    door = quick_door(unread_bytes=1_000_000)
    async with serving(app, door=door) as served, await served.dial() as caller:
        await caller.send(get("/big"))
        await until(lambda: app.finished and not door.inside, patience_s=5)


async def test_a_large_reply_reaches_a_caller_that_reads_slowly_but_steadily() -> None:
    """F3"""
    app = Recorder()
    async with serving(app, door=quick_door(unread_timeout_s=0.5)) as served, await served.dial() as caller:
        await caller.send(get("/big"))
        received = 0
        with anyio.fail_after(20):
            async for piece in caller:
                received += len(piece)
                await anyio.sleep(0.01)
        assert received > app.big


async def test_a_process_with_too_many_connections_is_told_to_wait() -> None:
    """F15"""
    async with serving(Recorder(), door=quick_door(head_timeout_s=5, connections_per_peer=3)) as served:
        held = [await served.dial() for _ in range(3)]
        await anyio.sleep(0.05)
        told = await served.ask(get("/"))
        assert (told.status, told.code) == (429, "busy")
        assert "retry-after: 1" in told.head
        await held.pop().aclose()
        await anyio.sleep(0.05)
        assert (await served.ask(get("/"))).status == 200
        for caller in held:
            await caller.aclose()


async def test_connections_are_counted_down_whatever_ends_them() -> None:
    """F6, F10"""
    door = quick_door()
    async with serving(Recorder(), door=door) as served:
        request = post("/echo", b'{"a": 1}')
        for length in range(0, len(request), 3):
            async with await served.dial() as caller:
                await caller.send(request[:length] or b"\r\n")
        for _ in range(30):
            await served.ask(os.urandom(40))
        await until(lambda: not (door.inside), patience_s=5)
        assert not served.front.server_state.connections


async def test_a_caller_that_leaves_at_any_byte_leaves_no_task_behind() -> None:
    """F10"""
    app = Recorder()
    async with serving(app) as served:
        request = post("/slow", b'{"a": 1}')
        for length in range(1, len(request) + 1, 2):
            async with await served.dial() as caller:
                await caller.send(request[:length])
        async with await served.dial() as caller:
            await caller.send(request)
            await anyio.sleep(0.05)
        await until(lambda: not (served.front.server_state.tasks or app.started != app.cancelled), patience_s=2)
        assert app.started >= 1


async def test_all_pipelined_work_ends_when_its_caller_leaves() -> None:
    app = Recorder()
    async with serving(app) as served:
        async with await served.dial() as caller:
            await caller.send(b"GET /slow HTTP/1.1\r\nHost: sonar\r\n\r\n" * 3)
            await until(lambda: app.started, patience_s=1)
        await until(lambda: app.cancelled, patience_s=1)
        assert app.started == 1


async def test_a_caller_of_another_user_is_cut_before_a_byte_is_read(caplog: pytest.LogCaptureFixture) -> None:
    """H2"""
    app = Recorder()
    async with serving(app, door=Door(uid=os.getuid() + 1)) as served:
        assert (await served.ask(get("/"))).raw == b""
        assert app.started == 0
        record = next(record for record in caplog.records if "another user" in record.message)
        assert vars(record)["peer_uid"] == os.getuid()
        assert vars(record)["peer_pid"] == os.getpid()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as somebody else")
async def test_another_user_is_cut_even_when_the_files_are_open_to_all() -> None:
    """H2"""
    app = Recorder()
    async with serving(app) as served:
        for place in (served.path.parent.parent, served.path.parent, served.path):
            place.chmod(0o777)
        code = (
            "import os, socket, sys\n"
            "os.setuid(65534)\n"
            "s = socket.socket(socket.AF_UNIX)\n"
            "s.connect(sys.argv[1])\n"
            "try:\n"
            "    s.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n')\n"
            "    print(s.recv(100))\n"
            "except OSError as error:\n"
            "    print('cut')\n"
        )
        ran = await anyio.run_process([sys.executable, "-c", code, str(served.path)], stderr=subprocess.STDOUT)
        assert ran.stdout.strip() in (b"cut", b"b''")
        assert app.started == 0


def test_the_kernel_tells_who_is_at_the_other_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_of(ours) == Peer(pid=os.getpid(), uid=os.getuid())


def test_a_tcp_caller_has_no_identity() -> None:
    with socket.socket() as caller:
        assert peer_of(caller) is None


def test_a_door_counts_each_caller_and_all_of_them() -> None:
    door = Door(limits=DoorLimits(connections=3, connections_per_peer=2))
    assert [door.admit("a"), door.admit("a"), door.admit("a"), door.admit("b"), door.admit("c")] == [
        True,
        True,
        False,
        True,
        False,
    ]
    door.leave("a")
    assert door.admit("c")


@pytest.mark.parametrize(
    "target",
    ["http://evil.test/sonar/health", "*", "//sonar/health", "/../sonar/health", "/sonar/%2e%2e/sonar/health"],
)
async def test_no_form_of_address_but_a_path_reaches_a_route(target: str) -> None:
    """F13"""
    app = Recorder()
    async with serving(app) as served:
        method = "OPTIONS" if target == "*" else "GET"
        await served.ask(f"{method} {target} HTTP/1.1\r\nHost: sonar\r\nConnection: close\r\n\r\n".encode())
        assert "/sonar/health" not in app.paths
