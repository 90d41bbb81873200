"""What the guard lets through to the routes, and what it says to the rest, on real sockets."""

import json

import anyio
import pytest

from amalfa.server.guard import GuardLimits
from amalfa.server.port import WRONG_TOKENS_PER_WINDOW, names_of
from amalfa.server.turnstile import TurnstileLimits
from tests.server.serving import Recorder, Told, dripping, get, post, quick_door, read_to_end, serving, until


async def test_a_whole_request_reaches_the_routes_and_its_reply_comes_back() -> None:
    app = Recorder()
    async with serving(app) as served:
        told = await served.ask(post("/echo", b'{"a": 1}'))
        assert (told.status, told.body) == (200, b'{"a": 1}')


async def test_a_body_announced_too_large_is_refused_unread() -> None:
    """F4"""
    app = Recorder()
    async with serving(app) as served, await served.dial() as caller:
        await caller.send(b"POST /x HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n")
        told = await read_to_end(caller)
        assert (told.status, told.code) == (413, "too_large")
        assert "connection: close" in told.head
        assert app.started == 0


async def test_a_body_that_grows_too_large_is_refused_on_the_way() -> None:
    """F4"""
    app = Recorder()
    async with serving(app) as served, await served.dial() as caller:
        await caller.send(b"POST /x HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"1" * 65_536 + b"\r\n"
        async with dripping(caller, [chunk] * 4000, every_s=0):
            told = await read_to_end(caller)
        assert (told.status, told.code) == (413, "too_large")
        assert app.started == 0


async def test_a_body_just_small_enough_arrives_whole() -> None:
    app = Recorder()
    body = json.dumps("x" * (1_048_576 - 2)).encode()
    async with serving(app) as served:
        assert (await served.ask(post("/echo", body))).body == body


async def test_a_body_that_drips_in_is_given_up_at_its_deadline() -> None:
    """F2"""
    app = Recorder()
    async with serving(app, door=quick_door(body_timeout_s=0.3)) as served, await served.dial() as caller:
        await caller.send(b"POST /x HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n")
        async with dripping(caller, [b"1"] * 900, every_s=0.02):
            told = await read_to_end(caller)
        assert (told.status, told.code) == (408, "timeout")
        assert app.started == 0


async def test_all_bodies_together_are_bounded() -> None:
    app = Recorder()
    limits = GuardLimits(held_bytes=30_000)
    async with serving(app, guard=limits) as served, await served.dial() as holder:
        await holder.send(post("/slow", json.dumps("x" * 20_000).encode()))
        await until(lambda: app.started)
        told = await served.ask(post("/echo", json.dumps("x" * 20_000).encode()))
        assert (told.status, told.code) == (429, "busy")
        app.release.set()
        await read_to_end(holder)
        assert (await served.ask(post("/echo", json.dumps("x" * 20_000).encode()))).status == 200


@pytest.mark.parametrize(
    ("body", "offset"),
    [
        pytest.param(b'{"a": "\xff"}', 7, id="invalid UTF-8"),
        pytest.param(b'{"a": "\\ud800"}', 7, id="half a surrogate pair"),
        pytest.param(b"\xef\xbb\xbf{}", 0, id="a byte order mark"),
        pytest.param('{"a": 1}'.encode("utf-16"), 0, id="UTF-16"),
        pytest.param(b'{"a": NaN}', 6, id="NaN"),
        pytest.param(b'{"a": -Infinity}', 6, id="Infinity"),
        pytest.param(b'{"a": 1e999}', 6, id="a number beyond floats"),
        pytest.param(b'{"a": ' + b"7" * 5000 + b"}", 6, id="5,000 digits"),
        pytest.param(b"[" * 100_000, 64, id="100,000 levels"),
        pytest.param(b"[" * 65 + b"]" * 65, 64, id="65 levels"),
        pytest.param('{"ä": 1,}'.encode(), 9, id="a trailing comma"),
        pytest.param(b"{}{}", 2, id="two values"),
    ],
)
async def test_what_is_not_plain_json_is_refused_with_its_place(body: bytes, offset: int) -> None:
    """F11, F12"""
    app = Recorder()
    async with serving(app) as served:
        told = await served.ask(post("/x", body))
        assert (told.status, told.code) == (400, "usage")
        assert f"at byte {offset}." in json.loads(told.body)["error"]["message"]
        assert app.started == 0


async def test_more_keys_than_fit_a_body_are_refused() -> None:
    """F12"""
    async with serving(Recorder()) as served:
        body = json.dumps({f"key{n}": n for n in range(1_000_000)}).encode()
        assert (await served.ask(post("/x", body))).status == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_a_body_that_is_not_declared_as_json_is_refused(kind: str) -> None:
    """F13, H11"""
    app = Recorder()
    async with serving(app) as served:
        told = await served.ask(post("/x", b"{}", f"Content-Type: {kind}"))
        assert (told.status, told.code) == (415, "usage")
        assert app.started == 0


async def test_json_with_a_charset_is_json() -> None:
    async with serving(Recorder()) as served:
        assert (await served.ask(post("/x", b"{}", "Content-Type: Application/JSON; charset=utf-8"))).status == 200


@pytest.mark.parametrize("host", ["sonar", "localhost", "localhost:3012", "127.0.0.1", "[::1]:80", "SONAR", ""])
async def test_our_own_names_are_served(host: str) -> None:
    async with serving(Recorder()) as served:
        assert (await served.ask(_with_host(host))).status == 200


@pytest.mark.parametrize(
    "host", ["evil.test", "sonar.evil.test", "localhost.evil.test", "127.0.0.1.nip.io", "10.0.0.1", "a@localhost"]
)
async def test_foreign_host_names_are_refused(host: str) -> None:
    """H10"""
    app = Recorder()
    async with serving(app) as served:
        told = await served.ask(_with_host(host))
        assert (told.status, told.code) == (403, "not_allowed")
        assert app.started == 0


async def test_a_second_host_header_cannot_hide_a_foreign_one() -> None:
    async with serving(Recorder()) as served:
        assert (await served.ask(get("/", "Host: evil.test"))).status in (400, 403)


@pytest.mark.parametrize(
    "header",
    [
        "Origin: https://evil.test",
        "Origin: null",
        "Origin: http://localhost:3000",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ],
)
async def test_pages_of_other_origins_are_refused(header: str) -> None:
    """H11"""
    app = Recorder()
    async with serving(app) as served:
        told = await served.ask(post("/x", b"{}", header))
        assert (told.status, told.code) == (403, "not_allowed")
        assert app.started == 0


async def test_a_page_of_our_own_origin_is_served() -> None:
    async with serving(Recorder()) as served:
        assert (await served.ask(get("/", "Origin: http://sonar"))).status == 200


@pytest.mark.parametrize(
    ("token", "shown", "status"),
    [
        ("secret-token", "Authorization: Bearer secret-token", 200),
        ("secret-token", "authorization:   bearer   secret-token", 200),
        ("secret-token", "Authorization: Bearer wrong", 401),
        ("secret-token", "Authorization: Bearer secret-token-and-more", 401),
        ("secret-token", "Authorization: Basic secret-token", 401),
        ("secret-token", "Authorization: secret-token", 401),
        ("secret-token", "Authorization: Bearer wrong\r\nAuthorization: Bearer secret-token", 401),
        ("secret-token", "X: 1", 401),
        (None, "Authorization: Bearer None", 401),
        (None, "Authorization: Bearer ", 401),
    ],
)
async def test_a_tcp_caller_needs_the_token(token: str | None, shown: str, status: int) -> None:
    async with serving(Recorder(), token=token, with_tcp=True) as served:
        told = await served.ask_port(get("/", shown, host=f"127.0.0.1:{served.port}"))
        assert told.status == status
        if status == 401:
            assert "www-authenticate: bearer" in told.head
            assert told.code == "unauthenticated"
        assert (await served.ask(get("/"))).status == 200


async def test_on_the_socket_any_key_that_a_library_insists_on_is_ignored() -> None:
    async with serving(Recorder(), token="secret-token") as served:
        assert (await served.ask(get("/", "Authorization: Bearer sk-anything"))).status == 200


async def test_wrong_tokens_are_slowed_down_and_the_right_one_never(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Recorder(), token="secret-token", with_tcp=True) as served:
        host = f"localhost:{served.port}"
        said = [
            await served.ask_port(get("/", f"Authorization: Bearer guess-{number}", host=host))
            for number in range(WRONG_TOKENS_PER_WINDOW + 5)
        ]
        assert [told.status for told in said] == [401] * WRONG_TOKENS_PER_WINDOW + [429] * 5
        assert "retry-after: 60" in said[-1].head
        right = await served.ask_port(get("/", "Authorization: Bearer secret-token", host=host))
        assert right.status == 200
    assert len([record for record in caplog.records if "token" in record.message]) == 1
    assert "guess-" not in " ".join(str(vars(record)) for record in caplog.records)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LocalHost"])
async def test_a_tcp_caller_may_use_our_names_with_our_port(name: str) -> None:
    async with serving(Recorder(), token="secret-token", with_tcp=True) as served:
        request = get("/", "Authorization: Bearer secret-token", host=f"{name}:{served.port}")
        assert (await served.ask_port(request)).status == 200


def test_only_on_the_standard_port_may_a_host_leave_out_its_number() -> None:
    assert b"localhost" in names_of(80)
    assert names_of(3012) == {b"localhost:3012", b"127.0.0.1:3012", b"[::1]:3012"}


async def test_work_beyond_the_queue_is_told_to_come_back() -> None:
    """F14"""
    app = Recorder()
    limits = GuardLimits(work=TurnstileLimits(running=2, waiting=3, per_caller=2))
    replies: list[Told] = []
    async with serving(app, guard=limits) as served, anyio.create_task_group() as tasks:

        async def ask() -> None:
            replies.append(await served.ask(post("/slow", b"{}")))

        for _ in range(20):
            tasks.start_soon(ask)
        await until(lambda: len(replies) == 15)
        assert {told.status for told in replies} == {429}
        assert all("retry-after: " in told.head and told.code == "busy" for told in replies)
        assert app.started == 2
        for path in ("/sonar/health", "/sonar/status", "/metrics"):
            assert (await served.ask(get(path))).status == 200
        assert (await served.ask(post("/sonar/reload", b"{}"))).status == 200
        app.release.set()
        await until(lambda: len(replies) == 20)
        assert sorted(told.status for told in replies) == [200] * 5 + [429] * 15


async def test_work_ends_within_a_second_of_its_caller_leaving() -> None:
    """B13, lifecycle 31"""
    app = Recorder()
    async with serving(app) as served:
        async with await served.dial() as caller:
            await caller.send(post("/slow", b"{}"))
            await until(lambda: app.started)
        await until(lambda: app.cancelled, patience_s=1)
        assert served.guard.running_requests == 0


async def test_a_caller_that_leaves_the_queue_frees_its_place() -> None:
    app = Recorder()
    limits = GuardLimits(work=TurnstileLimits(running=1, waiting=1, per_caller=1))
    async with serving(app, guard=limits) as served, await served.dial() as first:
        await first.send(post("/slow", b"{}"))
        await until(lambda: app.started)
        async with await served.dial() as second:
            await second.send(post("/slow", b"{}"))
            await anyio.sleep(0.05)
            assert (await served.ask(post("/slow", b"{}"))).status == 429
        await until(lambda: served.guard.running_requests == 1)
        async with await served.dial() as third:
            await third.send(post("/echo", b"{}"))
            await anyio.sleep(0.05)
            app.release.set()
            assert (await read_to_end(third)).raw.startswith(b"HTTP/1.1 200")


async def test_what_the_routes_still_do_after_their_reply_is_not_cancelled() -> None:
    done = anyio.Event()

    async def app(scope: object, receive: object, send) -> None:  # type: ignore[no-untyped-def]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        await anyio.sleep(0.1)
        done.set()

    async with serving(app) as served:
        assert (await served.ask(post("/x", b"{}"))).status == 200
        with anyio.fail_after(2):
            await done.wait()


async def test_a_bug_in_the_routes_is_told_in_json_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Recorder()) as served:
        told = await served.ask(post("/broken", b"{}"))
        assert (told.status, told.code) == (500, "internal")
        assert "a bug" not in told.body.decode()
        assert any(record.exc_info for record in caplog.records)
        assert (await served.ask(get("/"))).status == 200


async def test_while_leaving_new_work_is_refused_and_running_work_goes_on() -> None:
    """Lifecycle 39"""
    app = Recorder()
    limits = GuardLimits(work=TurnstileLimits(running=1, waiting=5, per_caller=1))
    async with serving(app, guard=limits) as served, await served.dial() as running, await served.dial() as queued:
        await running.send(post("/slow", b"{}"))
        await until(lambda: app.started)
        await queued.send(post("/slow", b"{}"))
        await until(lambda: served.guard.running_requests == 2)
        served.guard.begin_drain()
        asked = [await served.ask(request) for request in (post("/x", b"{}"), get("/sonar/health"))]
        for told in (await read_to_end(queued), *asked):
            assert (told.status, told.code) == (503, "shutting_down")
            assert "connection: close" in told.head
        assert (await served.ask(get("/sonar/status"))).status == 200
        app.release.set()
        assert (await read_to_end(running)).status == 200


async def test_work_that_outlives_the_grace_is_told_why_it_ended() -> None:
    """D7"""
    app = Recorder()
    async with serving(app) as served, await served.dial() as caller:
        await caller.send(post("/slow", b"{}"))
        await until(lambda: app.started)
        served.guard.cancel_running()
        told = await read_to_end(caller)
        assert (told.status, told.code) == (503, "shutting_down")
        assert app.cancelled == 1


async def test_a_stream_that_outlives_the_grace_ends_in_an_error_event() -> None:
    app = Recorder()
    async with serving(app) as served, await served.dial() as caller:
        await caller.send(get("/events"))
        await until(lambda: app.sent_bytes)
        served.guard.cancel_running()
        told = await read_to_end(caller)
        assert b"event: error\n" in told.raw
        assert b'"code": "shutting_down"' in told.raw
        assert b'"partial": true' in told.raw
        assert told.raw.endswith(b"event: done\ndata: {}\n\n\r\n0\r\n\r\n")


async def test_a_body_under_way_when_sonar_ends_is_told_so() -> None:
    async with serving(Recorder()) as served, await served.dial() as caller:
        await caller.send(post("/x", b"{}")[:-1])
        await until(lambda: served.guard.running_requests)
        served.guard.cancel_running()
        assert (await read_to_end(caller)).status == 503


def _with_host(host: str) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
