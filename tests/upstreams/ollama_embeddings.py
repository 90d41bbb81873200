"""Answers /api/embed and the legacy /api/embeddings with unit vectors that follow shared words."""

import asyncio
import re
import time
from dataclasses import replace
from typing import Any

from tests.upstreams.http_server import Exchange
from tests.upstreams.ollama_context import launch_options, window_of
from tests.upstreams.ollama_errors import OllamaError
from tests.upstreams.ollama_host import OllamaHost
from tests.upstreams.ollama_models import OllamaModel
from tests.upstreams.ollama_requests import Body, check_options, read_body
from tests.upstreams.script import Step
from tests.upstreams.words import token_count, unit_vector

_NO_EMBEDDINGS = "This server does not support embeddings. Start it with `--embeddings`"


async def answer_embed(host: OllamaHost, exchange: Exchange, step: Step) -> None:
    began = time.perf_counter_ns()
    body = read_body(exchange.request.body, "EmbedRequest")
    texts = _texts(body.get("input"))
    model = host.find(
        body.model, f'model "{body.model}" not found, try pulling it first' if body.model else "model '' not found"
    )
    step = host.model_step(step, body.model, model)
    await asyncio.sleep(step.delay_ms / 1000)
    if await host.played(exchange, step):
        return
    async with _leased(host, model, body) as lease:
        if not texts:
            await host.send_json(exchange, {"model": body.model, "embeddings": []}, step)
            return
        async with lease.slot():
            await asyncio.sleep(len(texts) * host.token_ms / 1000)
            vectors = [_embedded(model, text, body, window=lease.runner.num_ctx) for text in texts]
    host.counters.served.append(model.name)
    reply = {
        "model": body.model,
        "embeddings": vectors,
        "total_duration": time.perf_counter_ns() - began,
        "load_duration": lease.load_ns,
        "prompt_eval_count": sum(map(token_count, texts)),
    }
    await host.send_json(exchange, {name: value for name, value in reply.items() if value != 0}, step)


async def answer_embeddings(host: OllamaHost, exchange: Exchange, step: Step) -> None:
    """The legacy route: one prompt, no metrics, and 500 where the newer one says 400."""
    body = read_body(exchange.request.body, "EmbeddingRequest")
    model = host.find(body.model, f'model "{body.model}" not found, try pulling it first')
    text = str(body.get("prompt") or "")
    try:
        async with _leased(host, model, body) as lease, lease.slot():
            vector = _embedded(model, text, body, window=lease.runner.num_ctx) if text else []
    except OllamaError as refusal:
        raise replace(refusal, status=500 if refusal.status == 400 else refusal.status) from None
    await host.send_json(exchange, {"embedding": vector}, step)


def _leased(host: OllamaHost, model: OllamaModel, body: Body) -> Any:
    check_options(body.options)
    if not model.is_embedding and not host.is_old:
        raise OllamaError(501, _NO_EMBEDDINGS)
    window = window_of(model, body.options, host.num_ctx)
    launch = launch_options(body.options, window, shift=True)
    return host.scheduler.lease(model, launch, num_ctx=window, keep_alive=body.keep_alive)


def _texts(given: Any) -> list[str]:
    match given:
        case None | "":
            return []
        case str():
            return [given]
        case list() if all(isinstance(one, str) for one in given):
            return list(given)
        case _:
            raise OllamaError(400, "invalid input type")


def _embedded(model: OllamaModel, text: str, body: Body, *, window: int) -> list[float]:
    if token_count(text) > min(window, model.context_length) and not body.flag("truncate", True):
        raise OllamaError(400, "the input length exceeds the context length")
    # Task prefixes such as "search_query:" steer real models; here they would only add a shared word.
    bare = re.sub(r"^(search_\w+|clustering|classification):\s*", "", text)
    wanted = body.get("dimensions") or 0
    return unit_vector(bare, wanted if 0 < wanted < model.embedding_length else model.embedding_length)
