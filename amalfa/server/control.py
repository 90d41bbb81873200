"""The routes that steer: health, status, reload, shutdown, the index."""

import os

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amalfa import __version__
from amalfa.errors import Busy
from amalfa.server.bodies import HealthShown, ReloadShown, ShutdownBody
from amalfa.server.engine import PROTOCOL, engine_of
from amalfa.server.work import read_body


async def health(request: Request) -> Response:
    """Whether anybody is there; answers at once, whatever else goes on."""
    shown = HealthShown(
        ok=True, pid=os.getpid(), version=__version__, protocol=PROTOCOL, nonce=engine_of(request).nonce
    )
    return JSONResponse(shown.model_dump())


async def status(request: Request) -> Response:
    return JSONResponse((await engine_of(request).status()).model_dump(mode="json"))


async def reload(request: Request) -> Response:
    reloaded = await engine_of(request).reload()
    shown = ReloadShown.model_validate(reloaded, from_attributes=True)
    return JSONResponse(shown.model_dump(mode="json"))


async def shut_down(request: Request) -> Response:
    engine = engine_of(request)
    raw = await request.body()
    body = read_body(ShutdownBody, await request.json() if raw else {})
    if body.ifIdle and engine.running_calls:
        raise StillWorking(f"Sonar is busy with {engine.running_calls} calls.", hint="try again when it is idle")
    engine.request_stop()
    return JSONResponse({"stopping": True}, status_code=202)


class StillWorking(Busy):
    """A stop was asked for only if idle, and sonar is not."""

    http_status = 409


async def index_report(request: Request) -> Response:
    return JSONResponse((await engine_of(request).index_report()).model_dump(mode="json"))


async def rebuild_index(request: Request) -> Response:
    return JSONResponse((await engine_of(request).rebuild_index()).model_dump(mode="json"))
