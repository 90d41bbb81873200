"""The routes without a socket."""

from anyio.from_thread import start_blocking_portal
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from amalfa.daemon.inprocess import InProcess


async def _echo(request: Request) -> Response:
    return JSONResponse({"name": request.path_params["name"], "q": request.query_params.get("q")})


def test_a_path_is_taken_apart_as_on_the_socket() -> None:
    app = Starlette(routes=[Route("/models/{name:path}", _echo)])
    with start_blocking_portal() as portal:
        reply = InProcess(portal, app).request("GET", "/models/openrouter%3Aa%2Fb?q=two%20words&all=true")
    assert reply.body == {"name": "openrouter:a/b", "q": "two words"}
