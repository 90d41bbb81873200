"""Sonar in a thread of its own on a real socket, in front of simulated upstreams, and the official client to it."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
from anyio.from_thread import start_blocking_portal
from openai import APIError, AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk
from starlette.types import ASGIApp

from amalfa.daemon.engine import Engine, open_engine
from amalfa.daemon.front import Front
from amalfa.daemon.listener import bind_private
from amalfa.paths import make_private_folder
from amalfa.server.app import make_app
from amalfa.server.door import Door
from amalfa.server.guard import Guard
from amalfa.server.shapes import SHAPES
from tests.system.harness import Home, new_home

MODEL = "qwen2.5:1.5b"
EMBEDDER = "nomic-embed-text:latest"


@dataclass(frozen=True, slots=True)
class House:
    """A running sonar: its engine, and where it listens."""

    home: Home
    engine: Engine
    path: Path

    @contextmanager
    def client(self, **options: Any) -> Iterator[OpenAI]:
        """The official client; it tries once, so that a refusal is seen at once."""
        transport = httpx2.HTTPTransport(uds=str(self.path))
        with OpenAI(
            base_url="http://sonar/v1",
            api_key="unused",
            http_client=httpx2.Client(transport=transport),
            **{"max_retries": 0, **options},
        ) as client:
            yield client

    def async_client(self) -> AsyncOpenAI:
        transport = httpx2.AsyncHTTPTransport(uds=str(self.path))
        http_client = httpx2.AsyncClient(transport=transport)
        return AsyncOpenAI(base_url="http://sonar/v1", api_key="unused", http_client=http_client, max_retries=0)

    def raw(self) -> httpx2.Client:
        return httpx2.Client(base_url="http://sonar", transport=httpx2.HTTPTransport(uds=str(self.path)))


@contextmanager
def house(config: Mapping[str, Any], *, secrets: str = "") -> Iterator[House]:
    """Sonar under this configuration, with these lines in the project's `.env`; each question is asked."""
    with new_home() as home:
        home.write_config({**config, "sonar": {"cache": False, **config.get("sonar", {})}})
        (home.root / ".env").write_text(secrets)
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(_open(home)) as opened:
            yield opened


@asynccontextmanager
async def _open(home: Home) -> AsyncIterator[House]:
    make_private_folder(home.places.folder)
    async with (
        open_engine(home.project, home.places, home.environ, nonce="openai", is_watching=False) as engine,
        _served(make_app(engine), home.folder / "s" / "s.sock") as path,
    ):
        yield House(home, engine, path)


@asynccontextmanager
async def _served(app: ASGIApp, path: Path) -> AsyncIterator[Path]:
    front = Front(Guard(app, shapes=SHAPES), Door())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(front.serve, [bind_private(path).socket])
        await front.wait_until_listening()
        try:
            yield path
        finally:
            front.force_exit = True
            front.leave()


def heard_until_error(chunks: Iterable[ChatCompletionChunk]) -> tuple[str, APIError]:
    """The text of a stream that breaks off, and the error in which it ends."""
    heard = ""
    try:
        for chunk in chunks:
            heard += chunk.choices[0].delta.content or ""
    except APIError as error:
        return heard, error
    raise AssertionError("the stream ended well")
