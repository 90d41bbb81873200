"""Vectors of a simulated OpenRouter."""

import base64
import json
import math
import struct
from typing import Any

import pytest

from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.openrouter_asking import KEY, MODEL
from tests.upstreams.raw_http import ask


async def _embedded(sim: OpenRouterSimulator, **more: Any) -> dict[str, Any]:
    body = {
        "model": "openai/text-embedding-3-small",
        "input": ["notes reload", "reload a note"],
        "dimensions": 16,
        **more,
    }
    answer = await ask(sim.port, "POST", "/api/v1/embeddings", headers={"Authorization": f"Bearer {KEY}"}, body=body)
    found: dict[str, Any] = json.loads(answer.body)
    return found


async def test_embeddings_come_as_numbers_or_packed_in_any_order_and_cost() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        plain = await _embedded(sim)
        packed = await _embedded(sim, encoding_format="base64")
        sim.script("openai/text-embedding-3-small", {"odd": "shuffled"})
        shuffled = await _embedded(sim)
        wrong = await _embedded(sim, model=MODEL)
        assert sim.spent_usd > 0
    first = plain["data"][0]["embedding"]
    assert math.isclose(math.hypot(*first), 1, abs_tol=1e-4)
    assert struct.unpack("<16f", base64.b64decode(packed["data"][0]["embedding"])) == pytest.approx(first)
    assert [row["index"] for row in shuffled["data"]] == [1, 0]
    assert shuffled["data"][1]["embedding"] == first
    assert wrong["error"]["code"] == 404
