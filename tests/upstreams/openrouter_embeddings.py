"""Answers POST /embeddings."""

import base64
import json
import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.upstreams.http_server import Exchange
from tests.upstreams.openrouter_bodies import Said, compact
from tests.upstreams.openrouter_errors import ApiError, not_a_model, not_json
from tests.upstreams.openrouter_gates import Choice
from tests.upstreams.openrouter_host import EXPOSED, JSON, OpenRouterHost
from tests.upstreams.playing import Head, play_whole
from tests.upstreams.script import Step
from tests.upstreams.words import token_count, unit_vector

_DIMENSIONS = 1536


async def answer_embeddings(host: OpenRouterHost, exchange: Exchange, step: Step) -> None:
    """Vectors in the order asked; the step `{"odd": "shuffled"}` sends them in reverse, told apart by `index`."""
    secret = host.authenticate(exchange)
    try:
        body = json.loads(exchange.request.body)
    except ValueError:
        raise not_json() from None
    name = str(body.get("model") or "")
    model = next((one for one in host.models if one.id == name), None)
    if model is None:
        raise not_a_model(name)
    if model.output != "embeddings":
        raise ApiError(404, f"No endpoints found for {name}.", has_user=True)
    step = host.step_for(replace(step), name)
    texts = _texts(body.get("input"))
    size = body.get("dimensions") or _DIMENSIONS
    rows = [_row(index, unit_vector(text, size), body.get("encoding_format")) for index, text in enumerate(texts)]
    if step.odd_named("shuffled"):
        rows.reverse()
    tokens = sum(map(token_count, texts))
    said = Said(host.new_id(), 0, Choice(model, model.endpoints[0]), (), (), (), "stop", tokens)
    host.record(said, secret, cost_usd=said.cost(), tokens_out=0, is_streamed=False)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens, "cost": float(said.cost())}
    reply = {"object": "list", "data": rows, "model": model.slug, "id": said.id, "usage": usage}
    await play_whole(exchange, Head(200, (JSON, ("X-Generation-Id", said.id), *EXPOSED)), compact(reply), step)


def _texts(given: Any) -> list[str]:
    if isinstance(given, str):
        return [given]
    if isinstance(given, list) and given and all(isinstance(one, str) for one in given):
        return given
    raise ApiError(400, "Invalid input")


def _row(index: int, vector: Sequence[float], encoding: str | None) -> dict[str, Any]:
    packed: Any = list(vector)
    if encoding == "base64":
        packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return {"object": "embedding", "index": index, "embedding": packed}
