"""The one door to the providers: every connection is opened here, after asking once more whether it may be.

Nothing else imports httpx. This module sends requests and turns what httpx raises into the project's own
errors; it knows no API and never retries, follows a redirect or unpacks a reply.
"""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

import anyio
import httpx

from amalfa import __version__
from amalfa.calls import PrivacyClass
from amalfa.clock import Clock
from amalfa.errors import (
    BadRequestUpstream,
    CallError,
    ConnectFailed,
    Forbidden,
    Overloaded,
    Stalled,
    Truncated,
    UpstreamBroken,
)
from amalfa.providers.endpoint import Address, Credentials, Destination, Endpoint, refusal
from amalfa.providers.patience import Patience, ReplyClock
from amalfa.providers.reply import REPLY_MAX_BYTES, Exchange, Reply

Transport = httpx.AsyncBaseTransport
"""What carries the bytes; tests hand in their own."""

CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request on its way out. Without a `method`, `body` None makes it a GET and anything else a POST.

    `privacy` is the class of the text inside; a request without any of the user's text is CLOUD_OK.
    `is_forwarded`: the host passes this model on to a cloud. `headers` are those the API itself demands.
    """

    address: Address
    path: str
    privacy: PrivacyClass
    body: bytes | None = None
    is_forwarded: bool = False
    max_reply_bytes: int = REPLY_MAX_BYTES
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = ""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an exception of httpx amounts to: before the reply has begun, within it, and whether all was sent."""

    before: type[CallError]
    within: type[CallError]
    sentence: str
    was_sent: bool


_NOT_CONNECTED = Meaning(ConnectFailed, ConnectFailed, "could not be reached", was_sent=False)
_NOT_SPOKEN = Meaning(BadRequestUpstream, UpstreamBroken, "cannot be sent this request", was_sent=False)
_CUT = Meaning(UpstreamBroken, Truncated, "broke the connection", was_sent=True)

MEANINGS: dict[type[Exception], Meaning] = {
    httpx.ConnectTimeout: Meaning(ConnectFailed, ConnectFailed, "did not accept a connection in time", was_sent=False),
    httpx.ConnectError: _NOT_CONNECTED,
    httpx.ProxyError: _NOT_CONNECTED,
    httpx.UnsupportedProtocol: _NOT_CONNECTED,
    httpx.InvalidURL: _NOT_CONNECTED,
    httpx.PoolTimeout: Meaning(Overloaded, Overloaded, "has all its connections in use", was_sent=False),
    httpx.WriteTimeout: Meaning(Stalled, Stalled, "did not take the request in time", was_sent=False),
    httpx.ReadTimeout: Meaning(Stalled, Stalled, "did not answer in time", was_sent=True),
    httpx.LocalProtocolError: _NOT_SPOKEN,
    httpx.CookieConflict: _NOT_SPOKEN,
    httpx.DecodingError: Meaning(UpstreamBroken, UpstreamBroken, "sent what cannot be decoded", was_sent=True),
    httpx.HTTPError: _CUT,
    httpx.StreamError: _CUT,
    anyio.ClosedResourceError: _CUT,
    anyio.BrokenResourceError: _CUT,
    OSError: _CUT,
    # A key with characters that no header can carry, or a host that is no host name.
    UnicodeError: _NOT_SPOKEN,
}
"""Every exception that can come out of httpx, by its nearest class here."""

_FOREIGN = tuple(MEANINGS)


def meaning_of(kind: type[BaseException]) -> Meaning:
    """The row of `MEANINGS` for an exception class: its own, or that of the nearest class it derives from."""
    return next(MEANINGS[base] for base in kind.__mro__ if base in MEANINGS)


class Wire:
    """The connections to one provider; lives as long as its Generation."""

    def __init__(
        self, endpoint: Endpoint, *, clock: Clock, patience: Patience | None = None, transport: Transport | None = None
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._patience = patience or Patience()
        self._transport = transport
        self._is_closed = False

    def now(self) -> datetime:
        """The wall clock, for what providers say in dates."""
        return self._clock.now()

    def reply_clock(self, deadline_s: float, *, first_byte_s: float | None = None) -> ReplyClock:
        """A clock that starts now, for a request that is about to be opened."""
        now_s = self._clock.monotonic_s()
        return ReplyClock(self._patience, now_s=now_s, deadline_s=deadline_s, first_byte_s=first_byte_s)

    @asynccontextmanager
    async def open(self, outgoing: Outgoing, reply_clock: ReplyClock) -> AsyncIterator[Reply]:
        """Send a request and wait for the head of its reply; leaving the block closes the connection.

        Raises Forbidden when this text must not go there; then nothing was sent, not even a connection
        attempt. Redirects and packed replies are UpstreamBroken; any other status is the caller's to judge.
        """
        self.check(outgoing)
        exchange = Exchange(self._endpoint, outgoing.address, reply_clock=reply_clock, clock=self._clock)
        response = await self._send(outgoing, exchange)
        try:
            reply = Reply(
                response.status_code,
                response.headers,
                read=_reader(response, exchange),
                exchange=exchange,
                max_bytes=outgoing.max_reply_bytes,
            )
            reply.refuse_disguise()
            yield reply
        finally:
            # Closing stops the provider's work and its bill, so a cancelled caller must not skip it.
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_S):
                await response.aclose()

    async def aclose(self) -> None:
        """Close every connection; replies under way end in an error."""
        self._is_closed = True
        if self._transport is not None:
            await self._transport.aclose()

    def check(self, outgoing: Outgoing) -> None:
        """Raise Forbidden when this request must not leave; `open` asks the same again."""
        endpoint = self._endpoint
        destination = Destination(
            name=f"{endpoint.name} at {outgoing.address.url}",
            tier=endpoint.tier,
            is_verified_local=outgoing.address.is_verified_local,
            is_forwarded=outgoing.is_forwarded,
            promises_zdr=endpoint.promises_zdr,
            off_reason=endpoint.off_reason,
        )
        if reason := refusal(outgoing.privacy, destination):
            raise Forbidden(reason)

    async def _send(self, outgoing: Outgoing, exchange: Exchange) -> httpx.Response:
        if self._is_closed:
            # Not a failed connection: that would be held against the host, which has done nothing.
            raise UpstreamBroken(f"{exchange.who} was closed by a change of configuration.", hint="ask again")
        try:
            transport = self._transport = self._transport or _make_transport(self._endpoint)
            request = self._request(outgoing)
            return await exchange.within_limits(lambda: transport.handle_async_request(request))
        except _FOREIGN as error:
            meaning = meaning_of(type(error))
            raise _failed(exchange, meaning.before, meaning, error) from None

    def _request(self, outgoing: Outgoing) -> httpx.Request:
        patience = self._patience
        return httpx.Request(
            outgoing.method or ("GET" if outgoing.body is None else "POST"),
            outgoing.address.url + outgoing.path,
            headers=_headers(self._endpoint.credentials_at(outgoing.address), outgoing.headers),
            content=outgoing.body,
            # Reading has no limit here: the reply's own clocks set one for every read.
            extensions={
                "timeout": {
                    "connect": patience.connect_s,
                    "pool": patience.connect_s,
                    "write": patience.idle_s,
                    "read": None,
                }
            },
        )


def _headers(shown: Credentials, demanded: Mapping[str, str]) -> dict[str, str]:
    """What every request carries. Origin, cookies and anything from the environment are not among it."""
    return {
        "User-Agent": f"amalfa/{__version__}",
        "Accept": "*/*",
        # A packed reply can grow a thousandfold while it is unpacked; plain bytes are counted as they come.
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        **demanded,
        **shown.sent,
    }


def _make_transport(endpoint: Endpoint) -> Transport:
    # The bare transport, not httpx's client: it has no redirects, cookies, proxies or retries to switch off.
    return httpx.AsyncHTTPTransport(
        verify=_trust(endpoint),
        trust_env=False,
        retries=0,
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=30.0),
    )


def _reader(response: httpx.Response, exchange: Exchange) -> Callable[[], Awaitable[bytes | None]]:
    chunks = response.aiter_raw()

    async def read() -> bytes | None:
        try:
            return await chunks.__anext__()
        except StopAsyncIteration:
            return None
        except _FOREIGN as error:
            meaning = meaning_of(type(error))
            raise _failed(exchange, meaning.within, meaning, error) from None

    return read


def _failed(exchange: Exchange, kind: type[CallError], meaning: Meaning, error: Exception) -> CallError:
    return exchange.failed(kind, meaning.sentence, detail=str(error), was_sent=meaning.was_sent)


def _trust(endpoint: Endpoint) -> ssl.SSLContext:
    # Reading the bundle of authorities takes 15 ms; with no https address, a context that trusts nobody will do.
    uses_tls = any(address.url.startswith("https:") for address in endpoint.addresses)
    return _authorities() if uses_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@cache
def _authorities() -> ssl.SSLContext:
    """Read once for the process, not again after every change of configuration."""
    return httpx.create_ssl_context(trust_env=False)
