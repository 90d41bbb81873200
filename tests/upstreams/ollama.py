"""A simulated Ollama server: its native API over real sockets, answering from a script or sensibly."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

from typing_extensions import override

from tests.upstreams.http_server import Exchange
from tests.upstreams.ollama_chat import answer_inference
from tests.upstreams.ollama_embeddings import answer_embed, answer_embeddings
from tests.upstreams.ollama_errors import OllamaError
from tests.upstreams.ollama_host import OllamaHost
from tests.upstreams.ollama_listings import ps_body, show_body, tags_body
from tests.upstreams.ollama_models import with_tag
from tests.upstreams.ollama_pull import answer_pull
from tests.upstreams.ollama_requests import read_body
from tests.upstreams.script import Step

_PLAIN = ("Content-Type", "text/plain")
_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"),
    ("Access-Control-Allow-Headers", "Authorization,Content-Type,User-Agent,Accept,X-Requested-With"),
    ("Vary", "Origin"),
)

_LOCAL_HOST = re.compile(
    r"(localhost|127(\.\d+){3}|0\.0\.0\.0|10(\.\d+){3}|192\.168(\.\d+){2}|\[?::1?\]?|.*\.(localhost|local|internal))(:\d+)?"
)
_LOCAL_ORIGIN = re.compile(
    r"https?://(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(:\d+)?|(app|file|tauri|vscode-\w+)://.*"
)


class OllamaSimulator(OllamaHost):
    """An Ollama of version 0.33 on a free loopback port; see `OllamaHost` for what can be set."""

    @override
    async def answer(self, exchange: Exchange) -> None:
        request = exchange.request
        origin = request.header("origin")
        if not _LOCAL_HOST.fullmatch(request.header("host") or "localhost") or (
            origin is not None and not _LOCAL_ORIGIN.fullmatch(origin)
        ):
            await exchange.whole(403, (), b"")
            return
        if request.method == "OPTIONS" and origin is not None:
            await exchange.whole(204, (("Access-Control-Allow-Origin", origin), *_PREFLIGHT), b"")
            return
        step = self.take_step(request.path)
        await asyncio.sleep(step.delay_ms / 1000)
        try:
            if not await self.played(exchange, step):
                await self._route(exchange, replace(step, delay_ms=0.0))
        except OllamaError as refusal:
            await self.refuse(exchange, refusal)

    async def _route(self, exchange: Exchange, step: Step) -> None:
        request = exchange.request
        methods = _ROUTES.get(request.path)
        if methods is None:
            await self._no_route(exchange)
        elif (act := methods.get(request.method)) is None:
            await exchange.whole(405, (_PLAIN,), b"405 method not allowed")
        else:
            await act(self, exchange, step)

    async def _no_route(self, exchange: Exchange) -> None:
        path = exchange.request.path
        bare = path.rstrip("/")
        if path.endswith("/") and bare in _ROUTES:
            status = 301 if exchange.request.method == "GET" else 307
            await exchange.whole(status, (("Location", bare),), b"")
        else:
            await exchange.whole(404, (_PLAIN,), b"404 page not found")


async def _root(_sim: OllamaHost, exchange: Exchange, _step: Step) -> None:
    await exchange.whole(200, (("Content-Type", "text/plain; charset=utf-8"),), b"Ollama is running")


async def _version(sim: OllamaHost, exchange: Exchange, step: Step) -> None:
    await sim.send_json(exchange, {"version": sim.version}, step)


async def _status(sim: OllamaHost, exchange: Exchange, step: Step) -> None:
    is_off = sim.cloud == "disabled"
    await sim.send_json(exchange, {"cloud": {"disabled": is_off, "source": "env" if is_off else "none"}}, step)


async def _tags(sim: OllamaHost, exchange: Exchange, step: Step) -> None:
    await sim.send_json(exchange, tags_body(sim.installed_models), step)


async def _ps(sim: OllamaHost, exchange: Exchange, step: Step) -> None:
    await sim.send_json(exchange, ps_body(sim.scheduler), step)


async def _show(sim: OllamaHost, exchange: Exchange, step: Step) -> None:
    name = _named(exchange, "ShowRequest")
    await sim.send_json(exchange, show_body(sim.find(name, f"model '{with_tag(name)}' not found")), step)


async def _delete(sim: OllamaHost, exchange: Exchange, _step: Step) -> None:
    name = _named(exchange, "DeleteRequest")
    model = sim.find(name, f"model '{name}' not found")
    sim.scheduler.unload(model)
    sim.installed_models.remove(model)
    await exchange.whole(200, (), b"")


async def _copy(sim: OllamaHost, exchange: Exchange, _step: Step) -> None:
    body = read_body(exchange.request.body, "CopyRequest")
    source = str(body.get("source") or "")
    sim.installed_models.copy(sim.find(source, f'model "{source}" not found'), str(body.get("destination") or ""))
    await exchange.whole(200, (), b"")


def _named(exchange: Exchange, struct: str) -> str:
    body = read_body(exchange.request.body, struct)
    name = body.model or str(body.get("name") or "")
    if not name:
        raise OllamaError(400, "model is required")
    return name


Act = Callable[[OllamaHost, Exchange, Step], Awaitable[None]]

_ROUTES: dict[str, dict[str, Act]] = {
    "/": {"GET": _root, "HEAD": _root},
    "/api/version": {"GET": _version, "HEAD": _version},
    "/api/status": {"GET": _status},
    "/api/tags": {"GET": _tags, "HEAD": _tags},
    "/api/ps": {"GET": _ps},
    "/api/show": {"POST": _show},
    "/api/chat": {"POST": answer_inference},
    "/api/generate": {"POST": answer_inference},
    "/api/embed": {"POST": answer_embed},
    "/api/embeddings": {"POST": answer_embeddings},
    "/api/pull": {"POST": answer_pull},
    "/api/delete": {"DELETE": _delete},
    "/api/copy": {"POST": _copy},
}
