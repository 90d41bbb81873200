"""How results leave: one JSON body, or server-sent events while the work goes on."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import assert_never

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from amalfa.errors import AmalfaError, Busy, Unserved
from amalfa.execution.steps import Chosen, Delta, Emit, Phase, Progress, Step, ToolDelta, unheard
from amalfa.server.bodies import route_json
from amalfa.server.error_body import error_document

log = logging.getLogger("amalfa.server")

PING_EVERY_S = 15.0

Document = dict[str, object]
Work = Callable[[Emit], Awaitable[Document]]


def wants_events(request: Request, *, is_asked: bool) -> bool:
    return is_asked or "text/event-stream" in request.headers.get("accept", "")


async def reply_to(work: Work, *, as_events: bool) -> Response:
    """The reply to a piece of work: done now as JSON, or while it is sent, as events."""
    return Events(work) if as_events else JSONResponse(await work(unheard))


def error_reply(error: AmalfaError) -> JSONResponse:
    headers = {}
    if isinstance(error, Busy) and error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    return JSONResponse({"error": described(error)}, status_code=error.http_status, headers=headers)


def described(error: AmalfaError) -> Document:
    """The error with its route, where one was planned."""
    document = error_document(error)
    if isinstance(error, Unserved) and error.route:
        document["route"] = route_json(error.route)
    return document


class Events(Response):
    """A reply that is sent while its work runs. The work ends with the connection."""

    media_type = "text/event-stream"

    def __init__(self, work: Work) -> None:
        super().__init__(headers={"Cache-Control": "no-store"})
        self._work = work
        del self.headers["content-length"]

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        stream = EventStream(send)
        async with anyio.create_task_group() as group:
            group.start_soon(stream.ping)
            await self._run_safely(stream)
            group.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _run_safely(self, stream: "EventStream") -> None:
        try:
            await self.run(stream)
        except AmalfaError as error:
            await stream.fail(error)
        except Exception:
            # The status line is out, so nothing above can turn this into a 500 any more.
            log.exception("a streamed call failed unexpectedly")
            failure = AmalfaError("Sonar failed unexpectedly.", hint="amalfa sonar logs")
            await stream.fail(failure)

    async def run(self, stream: "EventStream") -> None:
        """Send the events, the last one being `done`."""
        await stream.event("output", await self._work(stream.emit))
        await stream.event("done", {})


class EventStream:
    """Events on one connection, one at a time."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._turn = anyio.Lock()
        self.has_text = False

    async def emit(self, step: Step) -> None:
        match step:
            case Phase(text):
                await self.event("phase", {"text": text})
            case Chosen(model, tier, reason):
                await self.event("route", {"model": str(model), "tier": str(tier), "reason": reason})
            case Delta(text):
                self.has_text = True
                await self.event("delta", {"text": text})
            case ToolDelta():
                pass  # the routes of sonar's own offer no tools
            case Progress(status, completed, total, where):
                told = {"status": status, "completed": completed, "total": total, "host": where}
                await self.event("progress", told)
            case _:
                assert_never(step)

    async def fail(self, error: AmalfaError) -> None:
        """End with an error that says whether text went out before it."""
        await self.event("error", {**described(error), "partial": self.has_text})
        await self.event("done", {})

    async def event(self, name: str, data: Mapping[str, object]) -> None:
        body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        await self._write(f"event: {name}\ndata: {body}\n\n".encode("utf-8", "replace"))

    async def ping(self) -> None:
        while True:
            await anyio.sleep(PING_EVERY_S)
            await self._write(b": ping\n\n")

    async def _write(self, body: bytes) -> None:
        async with self._turn:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
