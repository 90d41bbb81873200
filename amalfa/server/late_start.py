"""A streamed reply that begins with its first piece, so that what fails before has a status of its own.

A caller who would wait long for that piece, as while a model is loaded, hears meanwhile that the connection is alive.
Knows no API: a `Manner` says how pieces, ends and errors look on the wire.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar, assert_never

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from amalfa.errors import AmalfaError
from amalfa.execution.steps import Chosen, Delta, Emit, Phase, Progress, Step, ToolDelta
from amalfa.server.route_headers import chosen_headers

log = logging.getLogger("amalfa.server")

PING_EVERY_S = 15.0
QUIET_START_S = 10.0
"""How long a reply may wait for its first piece; programs and proxies give up on silence from 30 s on."""

T = TypeVar("T")
ResultT = TypeVar("ResultT", contravariant=True)

LateWork = Callable[[Emit], Awaitable[T]]


class Manner(Protocol[ResultT]):
    """How one reply to one request is written in some API. Each part is whole bytes of the stream, b"" for nothing.

    `media_type` is that of the stream. A manner may remember what went out: it serves one reply.
    """

    @property
    def media_type(self) -> str: ...

    def first(self, chosen: Chosen | None) -> bytes:
        """What stands before the first piece; `chosen` is the model being asked, None without any."""
        ...

    def piece(self, step: Delta | ToolDelta) -> bytes:
        """One piece as it comes; a reply does not begin with one that is written as nothing."""
        ...

    def end(self, result: ResultT) -> bytes:
        """What follows the last piece of a good reply: all of it that was not sent as pieces.

        May raise an AmalfaError, which then ends the stream instead.
        """
        ...

    def error(self, error: AmalfaError) -> bytes:
        """The end of a stream that broke off after it began."""
        ...

    def refusal(self, error: AmalfaError) -> Response:
        """The whole reply when nothing was sent before the failure."""
        ...

    def ping(self) -> bytes:
        """What keeps the connection alive and means nothing."""
        ...


class LateStart(Response, Generic[T]):
    """A reply that is sent while its work runs, from the first piece on. The work ends with the connection."""

    def __init__(self, work: LateWork[T], manner: Manner[T], *, request_id: str) -> None:
        super().__init__(headers={"Cache-Control": "no-store"}, media_type=manner.media_type)
        self._work = work
        self._manner = manner
        self._request_id = request_id
        del self.headers["content-length"]

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = _Stream(self, self._manner, self._request_id, send)
        refusal: Response | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(stream.keep_alive)
            try:
                result = await self._work(stream.emit)
                await stream.end(result)
            except AmalfaError as error:
                refusal = await stream.fail(error)
            except Exception:
                # A status line that is out cannot be turned into a 500 any more.
                log.exception("a streamed call failed unexpectedly")
                refusal = await stream.fail(AmalfaError("Sonar failed unexpectedly.", hint="amalfa sonar logs"))
            group.cancel_scope.cancel()
        if refusal is not None:
            await refusal(scope, receive, send)


class _Stream(Generic[T]):
    """One reply on its way out, one part at a time."""

    def __init__(self, response: Response, manner: Manner[T], request_id: str, send: Send) -> None:
        self._response = response
        self._manner = manner
        self._request_id = request_id
        self._send = send
        self._turn = anyio.Lock(fast_acquire=True)
        self._chosen: Chosen | None = None
        self._begun = anyio.Event()
        self._has_said_first = False
        self._is_over = False

    async def emit(self, step: Step) -> None:
        match step:
            case Chosen():
                self._chosen = step
            case Delta() | ToolDelta():
                piece = self._manner.piece(step)
                if piece:
                    await self._say(piece)
            case Phase() | Progress():
                pass  # the APIs of the open doors have no words for these
            case _:
                assert_never(step)

    async def end(self, result: T) -> None:
        await self._say(self._manner.end(result), is_last=True)

    async def fail(self, error: AmalfaError) -> Response | None:
        """End what has begun with an error; what has not begun gets the reply that is returned."""
        if not self._begun.is_set():
            return self._manner.refusal(error)
        await self._write(self._manner.error(error), self._chosen, is_last=True)
        return None

    async def keep_alive(self) -> None:
        """Break the silence, for as long as this runs: of a late first piece, and between pieces."""
        with anyio.move_on_after(QUIET_START_S) as patience:
            await self._begun.wait()
        if patience.cancelled_caught:
            # Another model may still answer than the one that is asked now, so that none is named.
            await self._write(self._manner.ping(), None)
        while True:
            await anyio.sleep(PING_EVERY_S)
            await self._write(self._manner.ping(), None)

    async def _say(self, body: bytes, *, is_last: bool = False) -> None:
        if not self._has_said_first:
            self._has_said_first = True
            body = self._manner.first(self._chosen) + body
        await self._write(body, self._chosen, is_last=is_last)

    async def _write(self, body: bytes, named: Chosen | None, *, is_last: bool = False) -> None:
        """Send bytes; the first ones after the head, which tells of the model `named`."""
        async with self._turn:
            # A ping may have waited for its turn while the end went out.
            if self._is_over:
                return
            self._is_over = is_last
            if not self._begun.is_set():
                self._begun.set()  # before anything is awaited: from here on a failure is the stream's
                self._response.headers.update(chosen_headers(named, self._request_id))
                await self._send({"type": "http.response.start", "status": 200, "headers": self._response.raw_headers})
            await self._send({"type": "http.response.body", "body": body, "more_body": not is_last})
