"""The one door: what it sends, what it refuses to send, and what it makes of every failure of the library."""

import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace

import anyio
import httpx
import pytest
from pytest_httpx import HTTPXMock
from typing_extensions import override

from amalfa import errors
from amalfa.calls import PrivacyClass, Tier
from amalfa.clock import SystemClock
from amalfa.config.secret import Secret
from amalfa.errors import CallError
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.reply import REPLY_MAX_BYTES
from amalfa.providers.wire import MEANINGS, Outgoing, Transport, Wire, meaning_of
from tests.providers.asking import KEY, QUICK, ollama_at, openrouter_at
from tests.upstreams.ollama import OllamaSimulator

HOME = "https://openrouter.ai/api/v1"
HERE = Address("http://localhost:11434", is_verified_local=True)


def wire_to(endpoint: Endpoint, transport: Transport | None = None) -> Wire:
    return Wire(endpoint, clock=SystemClock(), patience=QUICK, transport=transport)


async def exchange(wire: Wire, outgoing: Outgoing, *, within_s: float = 5.0) -> tuple[int, bytes]:
    async with wire.open(outgoing, wire.reply_clock(time.monotonic() + within_s)) as reply:
        return reply.status, await reply.body()


def to_openrouter(privacy: PrivacyClass = PrivacyClass.CLOUD_OK) -> Outgoing:
    return Outgoing(Address(HOME), "/chat/completions", privacy, body=b"{}")


class Raises(httpx.AsyncBaseTransport):
    """A transport that fails before the reply, or within it."""

    def __init__(self, error: Exception, *, within: bool = False) -> None:
        self.error = error
        self.within = within

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self.within:
            raise self.error
        return httpx.Response(200, stream=_Broken(self.error))


class _Broken(httpx.AsyncByteStream):
    def __init__(self, error: Exception) -> None:
        self.error = error

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"half"
        raise self.error


def made(kind: type[Exception]) -> Exception:
    """An instance of any exception class, whatever it wants to be told."""
    if kind is httpx.HTTPStatusError:
        return httpx.HTTPStatusError("it broke", request=httpx.Request("GET", HOME), response=httpx.Response(500))
    takes_nothing = (httpx.StreamConsumed, httpx.StreamClosed, httpx.ResponseNotRead, httpx.RequestNotRead)
    return kind() if issubclass(kind, takes_nothing) else kind("it broke")


ALL_OF_HTTPX = sorted(
    (kind for kind in vars(httpx).values() if isinstance(kind, type) and issubclass(kind, Exception)),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", ALL_OF_HTTPX)
def test_every_exception_of_httpx_has_a_meaning(kind: type[Exception]) -> None:
    assert issubclass(meaning_of(kind).before, CallError)
    assert issubclass(meaning_of(kind).within, CallError)


@pytest.mark.parametrize("is_within", [False, True])
@pytest.mark.parametrize(
    "kind", [*ALL_OF_HTTPX, OSError, UnicodeError, anyio.ClosedResourceError, anyio.BrokenResourceError]
)
async def test_no_foreign_exception_gets_through(kind: type[Exception], is_within: bool) -> None:
    wire = wire_to(openrouter_at(HOME), Raises(made(kind), within=is_within))
    with pytest.raises(CallError) as caught:
        await exchange(wire, to_openrouter())
    meaning = meaning_of(kind)
    assert type(caught.value) is (meaning.within if is_within else meaning.before)
    assert caught.value.is_maybe_paid is meaning.was_sent
    await wire.aclose()


def test_what_was_never_sent_is_a_failed_connection() -> None:
    unsent = {kind for kind, meaning in MEANINGS.items() if meaning.before is errors.ConnectFailed}
    assert {httpx.ConnectError, httpx.ConnectTimeout} <= unsent
    assert not any(MEANINGS[kind].was_sent for kind in unsent)


async def test_a3_a_name_that_does_not_resolve_is_a_failed_connection() -> None:
    wire = wire_to(openrouter_at(HOME), Raises(httpx.ConnectError("[Errno -2] Name or service not known")))
    with pytest.raises(errors.ConnectFailed, match="Name or service not known") as caught:
        await exchange(wire, to_openrouter())
    assert "openrouter.ai" in caught.value.hint


async def test_a2_a_blackhole_is_given_up_at_the_connect_limit() -> None:
    with ExitStack() as stack:
        deaf = stack.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        # The kernel drops further attempts once the backlog is full, as a filtering router would.
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        wire = wire_to(ollama_at(url))
        began = time.perf_counter()
        with pytest.raises(errors.ConnectFailed, match="in time"):
            await exchange(wire, Outgoing(Address(url), "/api/chat", PrivacyClass.CLOUD_OK, body=b"{}"))
        assert 0.1 < time.perf_counter() - began < 1.0
        await wire.aclose()


async def test_a_request_says_who_calls_and_asks_for_nothing_packed(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(content=b"{}")
    endpoint = replace(openrouter_at(HOME), headers=(("X-Title", Secret("Amalfa Sonar")),))
    wire = wire_to(endpoint)
    assert await exchange(wire, to_openrouter()) == (200, b"{}")
    sent = httpx_mock.get_requests()[0]
    assert str(sent.url) == f"{HOME}/chat/completions"
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert sent.headers["Accept-Encoding"] == "identity"
    assert sent.headers["User-Agent"].startswith("amalfa/")
    assert sent.headers["X-Title"] == "Amalfa Sonar"
    assert not {"origin", "cookie", "referer"} & {name.lower() for name in sent.headers}
    await wire.aclose()


async def test_cookies_of_a_provider_are_never_sent_back(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(headers={"Set-Cookie": "__cf_bm=1; Path=/"}, is_reusable=True)
    wire = wire_to(openrouter_at(HOME))
    await exchange(wire, to_openrouter())
    await exchange(wire, to_openrouter())
    assert "cookie" not in httpx_mock.get_requests()[1].headers
    await wire.aclose()


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with OllamaSimulator() as sim:
        wire = wire_to(ollama_at(sim.url))
        status, _ = await exchange(wire, Outgoing(Address(sim.url), "/api/version", PrivacyClass.CLOUD_OK))
        assert status == 200
        await wire.aclose()


@pytest.mark.parametrize(
    ("endpoint", "outgoing"),
    [
        pytest.param(openrouter_at(HOME), to_openrouter(PrivacyClass.LOCAL_ONLY), id="local-only to a cloud"),
        pytest.param(
            ollama_at("http://gpu.lan:11434", is_local=False),
            Outgoing(Address("http://gpu.lan:11434"), "/api/chat", PrivacyClass.LOCAL_ONLY, body=b"{}"),
            id="local-only to a host nobody verified",
        ),
        pytest.param(
            ollama_at(HERE.url),
            Outgoing(HERE, "/api/chat", PrivacyClass.LOCAL_ONLY, body=b"{}", is_forwarded=True),
            id="local-only to a model that is forwarded",
        ),
        pytest.param(
            replace(openrouter_at(HOME), type="openai"),
            to_openrouter(PrivacyClass.CLOUD_ZDR),
            id="zero retention where nobody promises it",
        ),
        pytest.param(openrouter_at(HOME, off_reason="it is off"), to_openrouter(), id="any text with the cloud off"),
        pytest.param(
            replace(openrouter_at(HOME, off_reason="it is off")),
            Outgoing(Address(HOME), "/models", PrivacyClass.CLOUD_OK),
            id="not even a look with the cloud off",
        ),
        pytest.param(
            ollama_at(HERE.url, off_reason="it is off"),
            Outgoing(HERE, "/api/chat", PrivacyClass.CLOUD_OK, body=b"{}", is_forwarded=True),
            id="a forwarded model with the cloud off",
        ),
    ],
)
async def test_what_must_not_leave_is_stopped_before_a_connection(endpoint: Endpoint, outgoing: Outgoing) -> None:
    transport = Raises(AssertionError("something was sent"))
    with pytest.raises(errors.Forbidden):
        await exchange(wire_to(endpoint, transport), outgoing)


async def test_local_only_text_reaches_a_verified_host(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(content=b"{}")
    wire = wire_to(ollama_at(HERE.url))
    assert (await exchange(wire, Outgoing(HERE, "/api/chat", PrivacyClass.LOCAL_ONLY, body=b"{}")))[0] == 200
    await wire.aclose()


async def test_the_size_of_a_reply_is_bounded(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(content=b" " * (REPLY_MAX_BYTES + 1))
    wire = wire_to(openrouter_at(HOME))
    with pytest.raises(errors.UpstreamBroken, match="8 MiB"):
        await exchange(wire, to_openrouter())
    await wire.aclose()


async def test_a_key_no_header_can_carry_is_a_clear_error(httpx_mock: HTTPXMock) -> None:
    endpoint = openrouter_at(HOME, key="sk-or-v1-“curly-quotes”")
    with pytest.raises(errors.BadRequestUpstream) as caught:
        await exchange(wire_to(endpoint), to_openrouter())
    assert "curly" not in str(caught.value)


async def test_a_wire_is_not_used_after_it_was_closed() -> None:
    wire = wire_to(openrouter_at(HOME), Raises(AssertionError("something was sent")))
    await wire.aclose()
    with pytest.raises(errors.UpstreamBroken, match="change of configuration"):
        await exchange(wire, to_openrouter())


async def test_the_callers_own_cancellation_is_not_taken_for_a_clock() -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError

    wire = wire_to(openrouter_at(HOME), httpx.MockTransport(never))
    with anyio.move_on_after(0.05) as scope:
        await exchange(wire, to_openrouter())
    assert scope.cancelled_caught
    await wire.aclose()


def test_a_local_provider_needs_no_bundle_of_authorities_and_a_cloud_does() -> None:
    assert ollama_at(HERE.url).tier is Tier.LOCAL
    began = time.perf_counter()
    wire_to(ollama_at(HERE.url))
    assert time.perf_counter() - began < 0.05
