"""Vectors of a simulated Ollama."""

import math

from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.ollama_asking import error, lines, post


def _dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_embeddings_are_unit_vectors_in_order_that_follow_shared_words() -> None:
    texts = ["the daemon reloads its config", "how does a daemon reload config?", "bananas are yellow"]
    async with OllamaSimulator() as sim:
        body = {"model": "nomic-embed-text", "input": texts}
        reply = lines(await post(sim, "/api/embed", body))[0]
        single = lines(await post(sim, "/api/embed", {**body, "input": texts[0]}))[0]
        short = lines(await post(sim, "/api/embed", {**body, "dimensions": 32}))[0]
    vectors = reply["embeddings"]
    assert list(reply) == ["model", "embeddings", "total_duration", "load_duration", "prompt_eval_count"]
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-4) for vector in [*vectors, *short["embeddings"]])
    assert (len(vectors[0]), len(short["embeddings"][0])) == (768, 32)
    assert single["embeddings"][0] == vectors[0]
    assert _dot(*vectors[:2]) > 0.5 > _dot(vectors[0], vectors[2])


async def test_an_embedding_input_that_is_too_long_is_cut_or_refused() -> None:
    async with OllamaSimulator() as sim:
        body = {"model": "nomic-embed-text", "input": "w " * 3000}
        assert (await post(sim, "/api/embed", body)).status == 200
        refused = error(await post(sim, "/api/embed", {**body, "truncate": False}))
        legacy = error(
            await post(sim, "/api/embeddings", {"model": "nomic-embed-text", "prompt": "w " * 3000, "truncate": False})
        )
    assert refused == (400, "the input length exceeds the context length")
    assert legacy == (500, "the input length exceeds the context length")
