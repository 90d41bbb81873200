"""A stand-in for sonar's engine and routes, for tests of everything around them. Behaves as `STAND_IN` says.

`STAND_IN` in the environment is a JSON object: `open_s` (time to open), `fail` (an error code to refuse with),
`crash` (raise something unforeseen), `hang_on_close` (never finish closing), `port` (listen there as well).
"""

import json
import os
import sys
import types
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from amalfa import __version__
from amalfa.daemon.state import PROTOCOL
from amalfa.errors import InvalidConfig, Problem, UntrustedConfig
from amalfa.paths import Places, Project


class StandInEngine:
    """Counts what it is asked to do."""

    def __init__(self, nonce: str) -> None:
        self.nonce = nonce
        self.stop_requested = anyio.Event()
        self.running_calls = 0
        self.reloads = 0
        self.is_draining = False

    async def reload(self) -> None:
        self.reloads += 1

    def begin_drain(self) -> None:
        self.is_draining = True

    def use_port(self) -> tuple[str, int] | None:
        port = json.loads(os.environ.get("STAND_IN", "{}")).get("port")
        return ("127.0.0.1", port) if port else None


def make_stand_in_app(engine: StandInEngine) -> ASGIApp:
    """Routes: the control ones; POST /work {"s"} works that long; GET /big sends {"bytes"} bytes; POST /echo."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive()).get("body", b"")
        asked = json.loads(body) if body else {}
        match scope["method"], scope["path"]:
            case "GET", "/sonar/health":
                told = {"ok": True, "pid": os.getpid(), "version": _version(), "protocol": PROTOCOL}
                await _answer(send, {**told, "nonce": engine.nonce})
            case "GET", "/sonar/status":
                await _answer(send, {"running": True, "pid": os.getpid(), "reloads": engine.reloads})
            case "POST", "/sonar/reload":
                await engine.reload()
                await _answer(send, {"generation": engine.reloads, "problems": []})
            case "POST", "/sonar/shutdown":
                if asked.get("ifIdle") and engine.running_calls:
                    await _answer(send, {"error": {"code": "busy", "message": "busy", "hint": ""}}, status=409)
                else:
                    if not asked.get("only_look"):
                        engine.stop_requested.set()
                    await _answer(send, {"stopping": True}, status=202)
            case "POST", "/work":
                await _work(engine, asked["s"], send)
            case _:
                await _answer(send, {"error": {"code": "not_found", "message": "no", "hint": ""}}, status=404)

    return app


async def _work(engine: StandInEngine, seconds: float, send: Send) -> None:
    engine.running_calls += 1
    try:
        await anyio.sleep(seconds)
        await _answer(send, {"worked_s": seconds})
    finally:
        engine.running_calls -= 1


async def _answer(send: Send, document: object, *, status: int = 200) -> None:
    body = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def _version() -> str:
    return os.environ.get("STAND_IN_VERSION", __version__)


@asynccontextmanager
async def open_stand_in(
    project: Project, places: Places, environ: Mapping[str, str], *, nonce: str
) -> AsyncIterator[StandInEngine]:
    wanted = json.loads(environ.get("STAND_IN", "{}"))
    await anyio.sleep(wanted.get("open_s", 0))
    match wanted.get("fail"):
        case "invalid_config":
            problems = tuple(Problem("amalfa.config.json", line, "unknown key") for line in (3, 7))
            raise InvalidConfig("The configuration has 2 problems.", hint="amalfa config check", problems=problems)
        case "untrusted_config":
            raise UntrustedConfig("The project names a foreign host.", hint="amalfa trust")
    if wanted.get("crash"):
        raise RuntimeError("the stand-in crashed with key sk-or-v1-0123456789abcdef0123456789abcdef")
    if wanted.get("die"):
        os._exit(42)
    yield StandInEngine(nonce)
    if wanted.get("hang_on_close"):
        await anyio.sleep_forever()


def install() -> None:
    """Take the places of the real engine and routes in this process."""
    for name, member, value in (
        ("amalfa.daemon.engine", "open_engine", open_stand_in),
        ("amalfa.server.app", "make_app", make_stand_in_app),
    ):
        module = types.ModuleType(name)
        setattr(module, member, value)
        sys.modules[name] = module
