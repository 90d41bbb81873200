"""One request under way and its reply: bytes under clocks and caps. Knows no API and no HTTP library."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import anyio

from amalfa.clock import Clock
from amalfa.errors import CallError, Stalled, UpstreamBroken
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.patience import ReplyClock
from amalfa.providers.upstream_text import shown

REPLY_MAX_BYTES = 8 << 20
ERROR_BODY_MAX_BYTES = 64 << 10
# An error's status has been read; its text is worth a short wait and no more.
ERROR_BODY_S = 2.0
# Patience after the terminal record, for a connection that can then be kept; the caller has all it needs.
DRAIN_S = 0.25

Result = TypeVar("Result")
Item_co = TypeVar("Item_co", covariant=True)


class Parser(Protocol[Item_co]):
    """Turns bytes into the pieces of a reply (`NdjsonParser`, `SseParser`)."""

    def feed(self, data: bytes) -> Sequence[Item_co]: ...

    def finish(self) -> Sequence[Item_co]: ...


class Exchange:
    """One request and its reply: whose they are, what their clocks say, and the words for their failures."""

    def __init__(self, endpoint: Endpoint, address: Address, *, reply_clock: ReplyClock, clock: Clock) -> None:
        self._endpoint = endpoint
        self._address = address
        self._reply_clock = reply_clock
        self._clock = clock

    async def within_limits(self, act: Callable[[], Awaitable[Result]]) -> Result:
        """What `act` gives, or Stalled when the reply's clocks run out first."""
        wait_s = self._reply_clock.wait_s(self._clock.monotonic_s())
        with anyio.move_on_after(max(wait_s, 0)):
            result = await act()
            self._reply_clock.saw_byte(self._clock.monotonic_s())
            return result
        raise self.stalled()

    def saw_events(self, count: int) -> None:
        self._reply_clock.saw_events(count, self._clock.monotonic_s())

    def stalled(self) -> Stalled:
        sentence = self._reply_clock.what_ran_out()
        hint = "allow more time with --timeout" if self._reply_clock.ends_at_deadline() else ""
        return Stalled(f"{self.who}: {sentence}", hint=hint, is_maybe_paid=self._endpoint.bills)

    def broken(self, what: str, *, hint: str = "", is_answered: bool = False) -> UpstreamBroken:
        """`is_answered`: the provider may have done the work, and then it bills for it."""
        is_maybe_paid = is_answered and self._endpoint.bills
        return UpstreamBroken(f"{self.who} {what}.", hint=hint, is_maybe_paid=is_maybe_paid)

    def failed(self, kind: type[CallError], sentence: str, *, detail: str, was_sent: bool) -> CallError:
        """A failure of the connection; `detail` is what the library said about it."""
        reason = shown(detail, self._endpoint.secrets)
        error = kind(f"{self.who} {sentence}{f' ({reason})' if reason else ''}.")
        if not was_sent:
            error.hint = self._endpoint.remedy(self._address)
        error.is_maybe_paid = was_sent and self._endpoint.bills
        return error

    @property
    def who(self) -> str:
        return f"{self._endpoint.name} at {self._address.url}"


class Reply:
    """One reply as it arrives: status and headers at once, the body in pieces.

    `headers` has lower-case names. `read` gives the next bytes of the body and None at its end.
    """

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        *,
        read: Callable[[], Awaitable[bytes | None]],
        exchange: Exchange,
        max_bytes: int = REPLY_MAX_BYTES,
    ) -> None:
        self.status = status
        self.headers = headers
        self._next_bytes = read
        self._exchange = exchange
        self._max_bytes = max_bytes
        self._size = 0

    @property
    def content_type(self) -> str:
        """The media type alone, in lower case; "" when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def refuse_disguise(self) -> None:
        """Raise UpstreamBroken for a redirect, which would carry key and text elsewhere, and for a packed body."""
        if 300 <= self.status < 400:
            target = shown(urlsplit(self.headers.get("location", "")).netloc) or "another path"
            message = f"answered with a redirect to {target}, and redirects are never followed"
            raise self._exchange.broken(message, hint="put the provider's final address into the configuration")
        encoding = self.headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            is_answered = self.status < 300
            what = f"sent a reply packed with {shown(encoding)}, which was not asked for"
            raise self._exchange.broken(what, is_answered=is_answered)

    async def pieces(self, parser: Parser[Item_co]) -> Sequence[Item_co] | None:
        """The next pieces of the reply as soon as there are any; None when it has ended.

        Raises Stalled when a clock runs out, Truncated when the connection breaks, UpstreamBroken past
        the size caps.
        """
        while (data := await self._read()) is not None:
            if found := parser.feed(data):
                self._exchange.saw_events(len(found))
                return found
        return parser.finish() or None

    async def body(self) -> bytes:
        """The whole body. Raises as `pieces` does."""
        collected = bytearray()
        while (data := await self._read()) is not None:
            collected += data
        return bytes(collected)

    async def error_text(self) -> str:
        """The start of an error's body, as far as it came within a short time. Raises nothing."""
        collected = bytearray()
        with anyio.move_on_after(ERROR_BODY_S):
            try:
                while len(collected) < ERROR_BODY_MAX_BYTES and (data := await self._read()) is not None:
                    collected += data
            except CallError:
                pass
        return collected[:ERROR_BODY_MAX_BYTES].decode("utf-8", "replace")

    async def drain(self) -> None:
        """Read what follows the terminal record, so that the connection can serve the next call. Raises nothing."""
        with anyio.move_on_after(DRAIN_S):
            try:
                while await self._read() is not None:
                    pass
            except CallError:
                pass

    async def _read(self) -> bytes | None:
        data = await self._exchange.within_limits(self._next_bytes)
        self._size += len(data or b"")
        if self._size > self._max_bytes:
            raise self._exchange.broken(f"sent a reply of more than {self._max_bytes >> 20} MiB", is_answered=True)
        return data
