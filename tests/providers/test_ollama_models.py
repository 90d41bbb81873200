"""Models at an Ollama host: downloads, facts, vectors."""

import math
import time

import pytest

from amalfa import errors
from amalfa.calls import PrivacyClass
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.ollama_models import TEXTS_PER_REQUEST, PullProgress
from tests.providers.asking import QWEN
from tests.upstreams.ollama import OllamaSimulator

EMBED = "nomic-embed-text"


def soon() -> float:
    return time.monotonic() + 5


async def test_a_download_tells_how_far_it_is_and_ends_in_success(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    steps = [step async for step in ollama.pull("phi3:mini", deadline_s=soon())]
    assert steps[0] == PullProgress("pulling manifest")
    counted = [step for step in steps if step.total is not None]
    assert counted[0].completed == 0
    assert all(step.completed is not None and step.completed <= (step.total or 0) for step in counted)
    assert steps[-1].status == "success"
    assert ollama_sim.library.find("phi3:mini") is not None


async def test_a_download_of_an_unknown_model_is_a_missing_model(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    ollama_sim.registry.names = set()
    with pytest.raises(errors.ModelMissing):
        _ = [step async for step in ollama.pull("nope:7b", deadline_s=soon())]


async def test_a_download_without_a_network_says_what_failed(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    ollama_sim.registry.is_offline = True
    with pytest.raises(errors.UpstreamBroken, match="no such host"):
        _ = [step async for step in ollama.pull("phi3:mini", deadline_s=soon())]


async def test_facts_of_a_model_are_read(ollama: OllamaProvider) -> None:
    facts = await ollama.show(QWEN, deadline_s=soon())
    assert (facts.parameter_size, facts.quantization, facts.context_tokens) == ("1.5B", "Q4_K_M", 32768)
    assert "completion" in facts.capabilities
    assert not facts.is_forwarded
    with pytest.raises(errors.ModelMissing):
        await ollama.show("nope", deadline_s=soon())


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
