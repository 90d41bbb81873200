"""Stands in front of the routes: who may ask, how much, and how many at once. Parses nothing for the routes."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import anyio.to_thread
from starlette.types import ASGIApp, Receive, Scope, Send

from amalfa.errors import Busy, NotAllowed, ShuttingDown, TooLarge, UsageProblem
from amalfa.server.exchange import OWN_SHAPES, ErrorShapes, Exchange
from amalfa.server.json_body import check_json
from amalfa.server.port import TokenCheck, refuse_browsers, refuse_other_names
from amalfa.server.turnstile import Turnstile, TurnstileLimits

HEALTH_PATH = "/sonar/health"
CONTROL_PATHS = frozenset({HEALTH_PATH, "/sonar/status", "/sonar/shutdown", "/sonar/reload"})
"""Never queued, and all but health still served while sonar leaves: health then says that it takes no more work."""

_OUR_NAMES = re.compile(rb"(?:(?:sonar|localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?)?", re.IGNORECASE)
_BLOCKING_CHECK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """`body_bytes` bounds one request, `held_bytes` all bodies that are in memory at one time."""

    body_bytes: int = 1_048_576
    held_bytes: int = 64 * 1_048_576
    work: TurnstileLimits = field(default_factory=TurnstileLimits)


class WrongType(UsageProblem):
    """A body that does not call itself JSON; a foreign web page could have sent it unasked."""

    http_status = 415


class Guard:
    """ASGI middleware. `token` is what a caller on the TCP port must show; None turns every such caller away.

    `end_is_near` is asked at every request: an end that was promised to one caller holds for the next one, even
    before `begin_drain`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: GuardLimits | None = None,
        token: str | None = None,
        shapes: ErrorShapes = OWN_SHAPES,
        end_is_near: Callable[[], bool] = lambda: False,
    ) -> None:
        self.limits = limits or GuardLimits()
        self._app = app
        self._tokens = TokenCheck(token)
        self._shapes = shapes
        self._turnstile = Turnstile(self.limits.work)
        self._working: set[Exchange] = set()
        self._held_bytes = 0
        self._end_is_near = end_is_near
        self._is_leaving = False

    @property
    def running_requests(self) -> int:
        """How many requests that do work are in hand; control and mere reads are left out."""
        return sum(not exchange.is_read for exchange in self._working)

    def begin_drain(self) -> None:
        """From now on refuse new work, and send away what waits in the queue."""
        self._is_leaving = True
        self._turnstile.close()

    def cancel_running(self) -> None:
        """End every request still in hand, each with an error that says why."""
        for exchange in tuple(self._working):
            exchange.end(ShuttingDown("Sonar shut down before this was done.", hint="amalfa sonar start"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, self._shapes)
        if exchange.path in CONTROL_PATHS:
            await exchange.live(partial(self._answer, exchange))
            return
        self._working.add(exchange)
        try:
            await exchange.live(partial(self._answer, exchange))
        finally:
            self._working.discard(exchange)

    async def _answer(self, exchange: Exchange) -> None:
        self._refuse_strangers(exchange)
        self._refuse_while_leaving(exchange)
        with self._holding() as held:
            body = await self._read_body(exchange, held)
            if len(body) > _BLOCKING_CHECK_BYTES:
                await anyio.to_thread.run_sync(check_json, body)
            elif body:
                check_json(body)
            await exchange.hand_to(self._in_turn(exchange), body)

    def _in_turn(self, exchange: Exchange) -> ASGIApp:
        if exchange.is_read or exchange.path in CONTROL_PATHS:
            return self._app

        async def app_in_turn(scope: Scope, receive: Receive, send: Send) -> None:
            async with self._turnstile.turn(exchange.caller):
                await self._app(scope, receive, send)

        return app_in_turn

    def _refuse_strangers(self, exchange: Exchange) -> None:
        if exchange.is_on_socket:  # the kernel has vouched for the caller, whatever token its library sends
            refuse_foreign_page(exchange)
            return
        refuse_other_names(exchange)
        refuse_browsers(exchange)
        self._tokens.refuse_without(exchange)

    def _refuse_while_leaving(self, exchange: Exchange) -> None:
        is_work = not exchange.is_read and exchange.path not in CONTROL_PATHS
        is_leaving = self._is_leaving or self._end_is_near()
        if is_leaving and (is_work or exchange.path == HEALTH_PATH):
            raise ShuttingDown("Sonar is shutting down and takes no new work.", hint="amalfa sonar start")

    async def _read_body(self, exchange: Exchange, held: "_Held") -> bytes:
        announced = exchange.header(b"content-length")
        if announced.isdigit():
            held.refuse_beyond(int(announced))
        pieces = []
        while (piece := await exchange.next_piece()) is not None:
            held.add(len(piece))
            pieces.append(piece)
        body = b"".join(pieces)
        if body and exchange.header(b"content-type").partition(b";")[0].strip().lower() != b"application/json":
            raise WrongType("The request body is not declared as JSON.", hint="send Content-Type: application/json")
        return body

    @contextmanager
    def _holding(self) -> Iterator["_Held"]:
        held = _Held(self)
        try:
            yield held
        finally:
            self._held_bytes -= held.size

    def _hold(self, size: int) -> None:
        if self._held_bytes + size > self.limits.held_bytes:
            raise Busy("Sonar holds too many large requests.", hint="try again in 1 s", retry_after_s=1)
        self._held_bytes += size


class _Held:
    """How much of the common memory one request takes up."""

    def __init__(self, guard: Guard) -> None:
        self.size = 0
        self._guard = guard

    def refuse_beyond(self, size: int) -> None:
        limit = self._guard.limits.body_bytes
        if size > limit:
            raise TooLarge(f"The request body is larger than {limit} bytes.", hint="send less text at once")

    def add(self, size: int) -> None:
        self.refuse_beyond(self.size + size)
        self._guard._hold(size)
        self.size += size


def refuse_foreign_page(exchange: Exchange) -> None:
    """Raise NotAllowed for what a page of another site, or a rebound host name, would send through a proxy."""
    for host in exchange.headers(b"host"):
        if not _OUR_NAMES.fullmatch(host.strip()):
            raise NotAllowed("This host name is not sonar's.", hint="call it http://sonar/ or http://localhost/")
    origin = exchange.header(b"origin")
    is_foreign = bool(origin) and origin.lower() != b"http://" + exchange.header(b"host").strip().lower()
    if is_foreign or exchange.header(b"sec-fetch-site") in (b"cross-site", b"same-site"):
        raise NotAllowed("Pages of other origins may not call sonar.", hint="call it from a program, without Origin")
