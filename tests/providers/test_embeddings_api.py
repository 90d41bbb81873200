"""Vectors of cloud APIs: in order, counted, and no farther than the text may travel."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from amalfa import errors
from amalfa.calls import PrivacyClass, Tier
from amalfa.clock import SystemClock
from amalfa.errors import CallError
from amalfa.execution.embedder import EmbeddingProvider
from amalfa.providers.embeddings_api import TEXTS_PER_REQUEST
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.openai_compatible import OpenAiCompatibleProvider
from amalfa.providers.openrouter import OpenRouterProvider
from tests.providers.asking import QUICK, QWEN_72B, openrouter_at
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator

SMALL = "openai/text-embedding-3-small"
TEXTS = ("notes reload", "a quite different matter")
WHOLE = {"data": [{"embedding": [1.0, 0]}, {"embedding": [0, 1]}]}


def soon() -> float:
    return time.monotonic() + 5


@pytest.fixture
async def mine(openrouter_sim: OpenRouterSimulator) -> AsyncIterator[OpenAiCompatibleProvider]:
    """A server of one's own, which tells no cost because it has none."""
    endpoint = Endpoint("mine", "openai", Tier.LOCAL, (Address(openrouter_sim.api_url, is_verified_local=True),))
    provider = OpenAiCompatibleProvider(endpoint, clock=SystemClock(), patience=QUICK)
    yield provider
    await provider.aclose()


async def refused(
    provider: EmbeddingProvider, model: str = SMALL, privacy: PrivacyClass = PrivacyClass.CLOUD_OK
) -> CallError:
    with pytest.raises(CallError) as raised:
        await provider.embed(model, TEXTS, privacy=privacy, deadline_s=soon())
    return raised.value


async def test_a_router_tells_vectors_tokens_and_cost(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    vectors, usage = await openrouter.embed_counted(SMALL, TEXTS, privacy=PrivacyClass.CLOUD_OK, deadline_s=soon())
    assert len(vectors) == 2
    assert usage.tokens_in
    assert usage.cost_usd == pytest.approx(float(openrouter_sim.spent_usd))
    assert usage.cost_usd
    openrouter_sim.script(SMALL, {"odd": "shuffled"})
    assert await openrouter.embed(SMALL, TEXTS, privacy=PrivacyClass.CLOUD_OK, deadline_s=soon()) == vectors


async def test_many_texts_go_in_several_requests_and_are_summed(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    texts = [f"text {number}" for number in range(TEXTS_PER_REQUEST + 3)]
    vectors, usage = await openrouter.embed_counted(SMALL, texts, privacy=PrivacyClass.CLOUD_OK, deadline_s=soon())
    alone = await openrouter.embed(SMALL, texts[-1:], privacy=PrivacyClass.CLOUD_OK, deadline_s=soon())
    assert len(vectors) == len(texts)
    assert vectors[-1:] == alone
    assert [len(one.json["input"]) for one in openrouter_sim.requests] == [TEXTS_PER_REQUEST, 3, 1]
    assert usage.tokens_in is not None
    assert usage.tokens_in >= len(texts)


async def test_no_texts_ask_nobody(openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider) -> None:
    assert await openrouter.embed(SMALL, (), privacy=PrivacyClass.CLOUD_OK, deadline_s=soon()) == ()
    assert openrouter_sim.requests == []


async def test_local_only_text_never_leaves(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    assert isinstance(await refused(openrouter, privacy=PrivacyClass.LOCAL_ONLY), errors.Forbidden)
    assert openrouter_sim.requests == []


async def test_zero_retention_is_demanded(openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider) -> None:
    await openrouter.embed(SMALL, TEXTS, privacy=PrivacyClass.CLOUD_ZDR, deadline_s=soon())
    assert openrouter_sim.requests[-1].json["provider"] == {"zdr": True, "data_collection": "deny"}


async def test_a_server_of_ones_own_costs_nothing(
    openrouter_sim: OpenRouterSimulator, mine: OpenAiCompatibleProvider
) -> None:
    openrouter_sim.script("/embeddings", {"status": 200, "body": {**WHOLE, "usage": {"prompt_tokens": 9}}})
    vectors, usage = await mine.embed_counted("m", TEXTS, privacy=PrivacyClass.LOCAL_ONLY, deadline_s=soon())
    assert vectors == ((1.0, 0.0), (0.0, 1.0))
    assert (usage.tokens_in, usage.cost_usd) == (9, 0.0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": None},
        {"data": WHOLE["data"][:1]},
        {"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]},
        {"data": [{"index": 0, "embedding": [1]}, {"index": 7, "embedding": [1]}]},
        {"data": [{"embedding": "AAAA"}, {"embedding": [1]}]},
        {"data": [{"embedding": []}, {"embedding": [1]}]},
        {"data": [{"embedding": ["1"]}, {"embedding": [1]}]},
        [],
        "no JSON",
    ],
)
async def test_what_is_no_vector_for_each_text_is_a_failure(
    openrouter_sim: OpenRouterSimulator, mine: OpenAiCompatibleProvider, body: Any
) -> None:
    openrouter_sim.script("/embeddings", {"status": 200, "body": body if isinstance(body, str) else json.dumps(body)})
    assert isinstance(await refused(mine, "m"), errors.UpstreamBroken)


async def test_refusals_mean_what_they_mean_for_a_chat(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    assert isinstance(await refused(openrouter, QWEN_72B), errors.ModelMissing)
    openrouter_sim.script("/embeddings", {"status": 200, "body": {"error": {"code": 429, "message": "slow down"}}})
    assert isinstance(await refused(openrouter), errors.RateLimited)
    keyless = OpenRouterProvider(openrouter_at(openrouter_sim.api_url, key=None), clock=SystemClock(), patience=QUICK)
    assert isinstance(await refused(keyless), errors.Unauthorized)
    await keyless.aclose()


async def test_a_cost_that_was_not_told_is_unknown(openrouter_sim: OpenRouterSimulator) -> None:
    endpoint = replace(openrouter_at(openrouter_sim.api_url), name="openai", type="openai")
    provider = OpenAiCompatibleProvider(endpoint, clock=SystemClock(), patience=QUICK)
    openrouter_sim.script("/embeddings", {"status": 200, "body": WHOLE})
    _, usage = await provider.embed_counted("m", TEXTS, privacy=PrivacyClass.CLOUD_OK, deadline_s=soon())
    assert (usage.tokens_in, usage.cost_usd) == (None, None)
    await provider.aclose()


async def test_ollama_counts_as_well(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    ollama_sim.install("nomic-embed-text")
    vectors, usage = await ollama.embed_counted(
        "nomic-embed-text", TEXTS, privacy=PrivacyClass.LOCAL_ONLY, deadline_s=soon()
    )
    assert len(vectors) == 2
    assert usage.tokens_in
    assert usage.cost_usd == 0.0


async def test_all_three_can_embed(
    openrouter: OpenRouterProvider, mine: OpenAiCompatibleProvider, ollama: OllamaProvider
) -> None:
    assert all(isinstance(one, EmbeddingProvider) for one in (openrouter, mine, ollama))
