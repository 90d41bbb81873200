"""A simulated OpenRouter: its HTTP API over real sockets, answering from a script or sensibly."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cached_property

from typing_extensions import override

from tests.upstreams.http_server import Exchange
from tests.upstreams.openrouter_batches import PATH as BATCHES
from tests.upstreams.openrouter_batches import Batches
from tests.upstreams.openrouter_chat import answer_chat
from tests.upstreams.openrouter_embeddings import answer_embeddings
from tests.upstreams.openrouter_errors import NAMED, ApiError
from tests.upstreams.openrouter_host import BASE, OpenRouterHost
from tests.upstreams.openrouter_listings import (
    answer_credits,
    answer_endpoints,
    answer_generation,
    answer_key,
    answer_models,
)
from tests.upstreams.script import Step

Act = Callable[[OpenRouterHost, Exchange, Step], Awaitable[None]]

_ROUTES: dict[tuple[str, str], Act] = {
    ("POST", "/chat/completions"): answer_chat,
    ("POST", "/embeddings"): answer_embeddings,
    ("GET", "/models"): answer_models,
    ("GET", "/key"): answer_key,
    ("GET", "/auth/key"): answer_key,
    ("GET", "/credits"): answer_credits,
    ("GET", "/generation"): answer_generation,
}
_ENDPOINTS = re.compile(r"/models/(?P<id>[^/]+/[^/]+)/endpoints")
_INFERENCE = ("/chat/completions", "/embeddings")


class OpenRouterSimulator(OpenRouterHost):
    """OpenRouter as of October 2026 on a free loopback port; see `OpenRouterHost` for what can be set."""

    @cached_property
    def batches(self) -> Batches:
        """The batches that were handed in, and how they are treated."""
        return Batches()

    @override
    async def answer(self, exchange: Exchange) -> None:
        path = exchange.request.path.removeprefix(BASE)
        step = self.take_step(path, exchange.request.path)
        await asyncio.sleep(step.delay_ms / 1000)
        try:
            if step.error is not None:
                named = NAMED[step.error]
                raise replace(named, headers={**named.headers, **step.headers})
            if await self.played(exchange, step):
                return
            if len(exchange.request.body) > self.max_body_bytes:
                raise NAMED["too_large"]
            await self._route(path, exchange)(self, exchange, replace(step, delay_ms=0.0))
        except ApiError as refusal:
            await self.refuse(exchange, refusal, is_inference=path in _INFERENCE)

    def _route(self, path: str, exchange: Exchange) -> Act:
        method = exchange.request.method
        if not exchange.request.path.startswith(f"{BASE}/"):
            raise NAMED["not_found"]
        if method == "GET" and _ENDPOINTS.fullmatch(path):
            return answer_endpoints
        if BATCHES.fullmatch(path):
            return self.batches.act
        if (act := _ROUTES.get((method, path))) is None:
            raise NAMED["not_found"]
        return act
