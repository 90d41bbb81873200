"""Models at an Ollama host: downloads, facts, vectors."""

import math
import time
from collections.abc import AsyncIterator

import pytest

from amalfa import errors
from amalfa.calls import PrivacyClass
from amalfa.clock import SystemClock
from amalfa.providers.asked import Asked
from amalfa.providers.downloading import PullProgress
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.ollama_api import OllamaApi
from amalfa.providers.ollama_models import TEXTS_PER_REQUEST, OllamaModels
from amalfa.providers.wire import Wire
from tests.providers.asking import QWEN, hear, ollama_at, request
from tests.upstreams.ollama import OllamaSimulator

EMBED = "nomic-embed-text"


def soon() -> float:
    return time.monotonic() + 5


@pytest.fixture
async def models(ollama_sim: OllamaSimulator) -> AsyncIterator[OllamaModels]:
    endpoint = ollama_at(ollama_sim.url)
    wire = Wire(endpoint, clock=SystemClock())
    yield OllamaModels(endpoint, OllamaApi(endpoint, wire), clock=SystemClock())
    await wire.aclose()


def asked(sim: OllamaSimulator, model: str) -> Asked:
    endpoint = ollama_at(sim.url)
    return Asked(endpoint, endpoint.addresses[0], model)


def no_idea() -> None:
    """Nothing is known of the disk."""


async def test_a_download_tells_how_far_it_is_in_all_and_ends_in_success(
    ollama_sim: OllamaSimulator, models: OllamaModels
) -> None:
    pulling = models.pull(asked(ollama_sim, "phi3:mini"), deadline_s=soon(), free_disk=no_idea)
    steps = [step async for step in pulling]
    assert steps[0] == PullProgress("pulling manifest")
    counted = [step for step in steps if step.total is not None]
    assert counted[0].completed == 0
    done = [step.completed or 0 for step in counted]
    assert done == sorted(done)
    assert counted[-1].completed == counted[-1].total
    assert counted[-1].percent == 100
    assert steps[-1].status == "success"
    assert ollama_sim.installed_models.find("phi3:mini") is not None


async def test_a_download_that_cannot_fit_is_refused_before_it_fills_the_disk(
    ollama_sim: OllamaSimulator, models: OllamaModels
) -> None:
    pulling = models.pull(asked(ollama_sim, "phi3:mini"), deadline_s=soon(), free_disk=lambda: 3_000_000)
    with pytest.raises(errors.ModelRefused, match=r"phi3:mini does not fit: 4\.6 GB are still to come and 3 MB"):
        _ = [step async for step in pulling]
    await ollama_sim.idle()
    assert ollama_sim.installed_models.find("phi3:mini") is None


async def test_what_came_in_an_earlier_download_needs_no_room_again(
    ollama_sim: OllamaSimulator, models: OllamaModels
) -> None:
    (weights, *_) = ollama_sim.registry.layers("phi3:mini", 4_599_000_000)
    ollama_sim.registry.done[weights.digest] = weights.total
    pulling = models.pull(asked(ollama_sim, "phi3:mini"), deadline_s=soon(), free_disk=lambda: 3_000_000)
    assert [step async for step in pulling][-1].status == "success"


async def test_a_download_of_an_unknown_model_is_a_missing_model(
    ollama_sim: OllamaSimulator, models: OllamaModels
) -> None:
    ollama_sim.registry.names = set()
    with pytest.raises(errors.ModelMissing):
        _ = [step async for step in models.pull(asked(ollama_sim, "nope:7b"), deadline_s=soon(), free_disk=no_idea)]


async def test_a_download_without_a_network_says_what_failed(ollama_sim: OllamaSimulator, models: OllamaModels) -> None:
    ollama_sim.registry.is_offline = True
    with pytest.raises(errors.UpstreamBroken, match="no such host"):
        _ = [step async for step in models.pull(asked(ollama_sim, "phi3:mini"), deadline_s=soon(), free_disk=no_idea)]


async def test_facts_of_a_model_are_read(ollama_sim: OllamaSimulator, models: OllamaModels) -> None:
    facts = await models.show(asked(ollama_sim, QWEN), deadline_s=soon())
    assert (facts.parameter_size, facts.quantization, facts.context_tokens) == ("1.5B", "Q4_K_M", 32768)
    assert "completion" in facts.capabilities
    assert not facts.is_forwarded
    with pytest.raises(errors.ModelMissing):
        await models.show(asked(ollama_sim, "nope"), deadline_s=soon())


async def test_what_is_installed_and_in_memory_is_told_with_all_that_the_host_says(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider, models: OllamaModels
) -> None:
    ollama_sim.install("gpt-oss:120b-cloud")
    await hear(ollama, request(QWEN))
    address = ollama.endpoint.addresses[0]
    listed = {one.model: one for one in await models.installed(address, deadline_s=soon())}
    assert (listed[QWEN].size_bytes, listed[QWEN].context_tokens, listed[QWEN].family) == (985_500_000, 32768, "qwen2")
    assert listed["nomic-embed-text:latest"].capabilities == ("embedding",)
    assert listed["gpt-oss:120b-cloud"].is_forwarded
    (memory,) = await models.in_memory(address, deadline_s=soon())
    assert (memory.model, memory.window_tokens, memory.vram_bytes) == (QWEN, 8192, 0)
    assert memory.expires_at is not None


@pytest.mark.parametrize("said", ["", "soon", "2026-01-01T00:00:00", 3])
async def test_a_moment_that_is_none_is_not_told(
    said: object, ollama_sim: OllamaSimulator, models: OllamaModels
) -> None:
    ollama_sim.script("/api/ps", {"status": 200, "body": {"models": [{"name": "a", "expires_at": said}]}})
    (memory,) = await models.in_memory(ollama_at(ollama_sim.url).addresses[0], deadline_s=soon())
    assert (memory.model, memory.expires_at, memory.size_bytes) == ("a:latest", None, None)


async def test_texts_become_vectors_in_order_and_in_batches(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    texts = [f"text {number}" for number in range(TEXTS_PER_REQUEST + 3)]
    vectors = await ollama.embed(EMBED, texts, privacy=PrivacyClass.LOCAL_ONLY, deadline_s=soon())
    alone = await ollama.embed(EMBED, texts[-1:], privacy=PrivacyClass.LOCAL_ONLY, deadline_s=soon())
    assert len(vectors) == len(texts)
    assert vectors[-1] == alone[0]
    assert math.isclose(math.hypot(*vectors[0]), 1.0, abs_tol=1e-3)
    assert len(ollama_sim.requests_to("/api/embed")) == 3
    assert ollama_sim.requests_to("/api/embed")[0].json["truncate"] is False


async def test_no_texts_ask_nobody(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    assert await ollama.embed(EMBED, [], privacy=PrivacyClass.CLOUD_OK, deadline_s=soon()) == ()
    assert ollama_sim.requests_to("/api/embed") == []


async def test_a_text_that_does_not_fit_is_not_cut_in_silence(ollama: OllamaProvider) -> None:
    with pytest.raises(errors.ContextTooLong):
        await ollama.embed(EMBED, ["word " * 9000], privacy=PrivacyClass.CLOUD_OK, deadline_s=soon())


async def test_a_chat_model_makes_no_vectors(ollama: OllamaProvider) -> None:
    with pytest.raises(errors.ModelRefused):
        await ollama.embed(QWEN, ["x"], privacy=PrivacyClass.CLOUD_OK, deadline_s=soon())


@pytest.mark.parametrize("body", [{"embeddings": []}, {"embeddings": ["x"]}, {"embeddings": [["x"]]}, {}])
async def test_vectors_that_are_none_are_a_broken_upstream(
    body: object, ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    ollama_sim.script("/api/embed", {"status": 200, "body": body})
    with pytest.raises(errors.UpstreamBroken):
        await ollama.embed(EMBED, ["x"], privacy=PrivacyClass.CLOUD_OK, deadline_s=soon())
