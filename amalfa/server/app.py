"""The ASGI app: the routes over one engine. The guard stands in front of it and is put there by the daemon."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from amalfa.errors import AmalfaError, NotFound, UsageProblem
from amalfa.server.engine import Engine
from amalfa.server.routes import ROUTES
from amalfa.server.shapes import failure_reply


def make_app(engine: Engine) -> Starlette:
    """The app that serves `engine`. It holds nothing of its own."""
    rows: dict[str, list[Route]] = {}
    for row in ROUTES:
        rows.setdefault(row.path, []).append(Route(row.path, row.handler, methods=[row.method]))
    routes = [route for group in rows.values() for route in group]
    routes.append(Route("/openapi.json", _show_openapi, methods=["GET"]))
    app = Starlette(
        routes=routes,
        middleware=[Middleware(ProblemHeader, engine=engine)],
        exception_handlers={AmalfaError: _on_failure, HTTPException: _on_http_failure},
    )
    # A redirect for a missing slash would be a reply without JSON, to an address made from the caller's own words.
    app.router.redirect_slashes = False
    app.state.engine = engine
    return app


class ProblemHeader:
    """Tells every client how many problems keep a newer configuration out, so that any command can say so."""

    def __init__(self, app: ASGIApp, engine: Engine) -> None:
        self._app = app
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_header(message: Message) -> None:
            count = len(self._engine.problems)
            if message["type"] == "http.response.start" and count:
                message["headers"] = [*message["headers"], (b"x-amalfa-config-problems", str(count).encode())]
            await send(message)

        await self._app(scope, receive, send_with_header)


async def _show_openapi(request: Request) -> Response:
    from amalfa.server.openapi import openapi_document  # rarely asked for

    return JSONResponse(openapi_document())


async def _on_failure(request: Request, error: Exception) -> Response:
    if not isinstance(error, AmalfaError):
        raise error
    return failure_reply(request.url.path, error)


async def _on_http_failure(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses (no such path, another method), in the shape of our errors."""
    if not isinstance(error, HTTPException):
        raise error
    path, method = request.url.path, request.method
    if error.status_code == 405:
        reply = failure_reply(path, UsageProblem(f"{path} does not take {method}.", hint="see GET /openapi.json"))
    elif error.status_code == 404:
        reply = failure_reply(path, NotFound(f"There is no {path}.", hint="see GET /openapi.json"))
    else:
        reply = failure_reply(path, UsageProblem(error.detail))
    reply.status_code = error.status_code
    reply.headers.update(error.headers or {})
    return reply
