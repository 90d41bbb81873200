"""What is refused before any route, or ended by a shutdown, in the shape that the clients of the path know."""

from collections.abc import Awaitable, Callable

import anyio
import pytest
from starlette.types import Receive, Scope, Send

from amalfa.server.guard import GuardLimits
from amalfa.server.shapes import SHAPES
from amalfa.server.turnstile import TurnstileLimits
from tests.server.serving import Recorder, Served, Told, get, post, read_to_end, serving, until, words_of

TOKEN = "t" * 43
SHOWN = f"Authorization: Bearer {TOKEN}"
CHAT, OLLAMA, OWN = "/v1/chat/completions", "/api/chat", "/sonar/ask"
PATHS = pytest.mark.parametrize("path", [CHAT, OLLAMA, OWN])


@pytest.fixture(params=["socket", "port"])
def way(request: pytest.FixtureRequest) -> Callable[[Served, bytes], Awaitable[Told]]:
    """Ask over the socket, or over TCP with the token."""
    if request.param == "socket":
        return lambda served, asked: served.ask(asked)
    return lambda served, asked: served.ask_port(
        asked.replace(b"Host: sonar\r\n", f"Host: localhost:{served.port}\r\n{SHOWN}\r\n".encode(), 1)
    )


@PATHS
async def test_what_is_wrong_with_a_request_is_told_in_the_shape_of_its_path(
    path: str, way: Callable[[Served, bytes], Awaitable[Told]]
) -> None:
    requests = {
        400: (post(path, b"{"), "JSON"),
        403: (get(path, "Origin: https://evil.test"), "ages"),
        413: (post(path, b'"' + b"x" * 2_000 + b'"'), "larger than"),
        415: (post(path, b"{}", "Content-Type: text/plain"), "not declared as JSON"),
    }
    async with serving(
        Recorder(), guard=GuardLimits(body_bytes=1_000), token=TOKEN, shapes=SHAPES, with_tcp=True
    ) as served:
        for status, (request, words) in requests.items():
            told = await way(served, request)
            assert told.status == status
            assert words in words_of(path, told.body)


@PATHS
async def test_a_foreign_host_is_told_in_the_shape_of_its_path(path: str) -> None:
    async with serving(Recorder(), token=TOKEN, shapes=SHAPES, with_tcp=True) as served:
        request = get(path, SHOWN, host="evil.test")
        for told in (await served.ask(request), await served.ask_port(request)):
            assert told.status == 403
            assert "host name" in words_of(path, told.body).lower()


@PATHS
async def test_a_wrong_token_is_told_in_the_shape_of_its_path(path: str) -> None:
    async with serving(Recorder(), token=TOKEN, shapes=SHAPES, with_tcp=True) as served:
        host = f"localhost:{served.port}"
        for shown in ([], ["Authorization: Bearer wrong"]):
            told = await served.ask_port(get(path, *shown, host=host))
            assert told.status == 401
            assert "www-authenticate: bearer" in told.head
            assert words_of(path, told.body)


@PATHS
async def test_a_full_queue_is_told_in_the_shape_of_its_path(path: str, way: Callable[..., Awaitable[Told]]) -> None:
    app = Recorder()
    limits = GuardLimits(work=TurnstileLimits(running=1, waiting=0, per_caller=1))
    async with (
        serving(app, guard=limits, token=TOKEN, shapes=SHAPES, with_tcp=True) as served,
        await served.dial() as running,
    ):
        await running.send(post("/slow", b"{}"))
        await until(lambda: app.started)
        told = await way(served, post(path, b"{}"))
        assert told.status == 429
        assert int(told.head.partition("retry-after: ")[2].split("\r\n")[0]) > 0
        assert words_of(path, told.body)


class Streaming:
    """Sends `parts` of a stream of this kind, each whole, and never ends."""

    def __init__(self, kind: bytes, *parts: bytes) -> None:
        self.kind = kind
        self.parts = parts
        self.has_sent = anyio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", self.kind)]})
        for part in self.parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        self.has_sent.set()
        await anyio.sleep_forever()


def lines_of(told: Told) -> list[bytes]:
    """The lines of a streamed body, without those of its transport."""
    return [line for line in told.body.split(b"\n") if line.startswith((b"{", b"data: {", b"event"))]


@pytest.mark.parametrize(
    ("path", "kind", "part", "is_last"),
    [
        (OLLAMA, b"application/x-ndjson", b'{"done":false}\n', b'{"error": "Sonar shut down'),
        (CHAT, b"text/event-stream; charset=utf-8", b"data: {}\n\n", b'data: {"error": {"message": "Sonar shut down'),
        (OWN, b"text/event-stream", b"event: delta\ndata: {}\n\n", b"data: {}"),
    ],
)
async def test_a_stream_that_a_shutdown_ends_says_so_in_its_own_shape(
    path: str, kind: bytes, part: bytes, is_last: bytes
) -> None:
    app = Streaming(kind, part)
    async with serving(app, shapes=SHAPES) as served, await served.dial() as caller:
        await caller.send(post(path, b"{}"))
        await app.has_sent.wait()
        served.guard.cancel_running()
        told = await read_to_end(caller)
    assert told.status == 200
    assert lines_of(told)[-1].startswith(is_last)
    assert b"Sonar shut down" in told.body
    assert told.raw.endswith(b"0\r\n\r\n"), "the stream is whole as far as the transport knows"


async def test_an_error_is_never_glued_to_half_a_line() -> None:
    app = Streaming(b"application/x-ndjson", b'{"text":"' + b"x" * 8_000_000 + b'"}\n')
    async with serving(app, shapes=SHAPES) as served, await served.dial() as caller:
        await caller.send(post(OLLAMA, b"{}"))
        await caller.receive(1)
        served.guard.cancel_running()
        told = await read_to_end(caller)
    assert b"error" not in told.raw
    assert not told.raw.endswith(b"0\r\n\r\n"), "the caller sees that something is missing"
