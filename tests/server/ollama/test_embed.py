"""`POST /api/embed`, as the official client of Ollama uses it."""

import pytest
from ollama import Client, ResponseError

from tests.server.ollama.conftest import MODEL, Served

EMBEDDER = "nomic-embed-text"


def test_each_text_gets_its_vector_in_order(client: Client, port_client: Client) -> None:
    both = client.embed(EMBEDDER, ["a kettle", "a car"]).embeddings
    assert len(both) == 2
    assert list(both[0]) == list(port_client.embed(EMBEDDER, "a kettle").embeddings[0])
    assert list(both[0]) != list(both[1])


async def test_the_asynchronous_client_embeds_too(served: Served) -> None:
    async with served.async_client() as client:
        assert len((await client.embed(EMBEDDER, "a kettle")).embeddings) == 1


def test_the_headers_tell_which_model_it_was(served: Served) -> None:
    with served.raw() as raw:
        reply = raw.post("/api/embed", json={"model": EMBEDDER, "input": "a kettle"})
    assert reply.headers["x-amalfa-model"] == f"ollama:{EMBEDDER}"
    assert reply.headers["x-amalfa-left-machine"] == "none"


def test_no_text_has_no_vectors(client: Client) -> None:
    assert list(client.embed(EMBEDDER, "").embeddings) == []
    assert list(client.embed(EMBEDDER, []).embeddings) == []


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        pytest.param({"model": "amalfa/chat", "input": "x"}, 400, "makes no vectors", id="a task"),
        pytest.param({"model": "amalfa", "input": "x"}, 404, "No embedding model is configured", id="none configured"),
        pytest.param({"model": "nope", "input": "x"}, 404, "nope", id="not installed"),
        pytest.param({"model": EMBEDDER, "input": ["a", ""]}, 400, "none of them empty", id="an empty text"),
        pytest.param({"model": EMBEDDER, "input": 3}, 400, "input", id="no text"),
        pytest.param({"model": EMBEDDER, "input": "a", "dimensions": 3}, 400, "dimensions", id="another length"),
    ],
)
def test_what_cannot_be_embedded_is_refused(served: Served, body: dict[str, object], status: int, words: str) -> None:
    with served.raw() as raw:
        reply = raw.post("/api/embed", json=body)
    assert reply.status_code == status, reply.text
    assert words in reply.json()["error"]


def test_a_model_that_only_writes_is_an_error(client: Client) -> None:
    with pytest.raises(ResponseError):
        client.embed(MODEL, "a kettle")
