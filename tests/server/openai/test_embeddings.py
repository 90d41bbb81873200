"""Vectors, as the official client asks for them and reads them."""

import math
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.server.openai.house import EMBEDDER, MODEL, House, house
from tests.upstreams.ollama import OllamaSimulator


def embedded_texts(ollama: OllamaSimulator) -> list[str]:
    return [text for one in ollama.requests_to("/api/embed") for text in one.json["input"]]


@pytest.mark.parametrize("model", ["amalfa", "nomic-embed-text", f"ollama:{EMBEDDER}"])
def test_texts_become_vectors_in_their_order(client: OpenAI, ollama: Any, model: str) -> None:
    reply = client.embeddings.create(model=model, input=["a red kettle", "a blue boat"])
    assert [one.index for one in reply.data] == [0, 1]
    assert all(math.isclose(math.hypot(*one.embedding), 1, abs_tol=1e-4) for one in reply.data)
    assert {"a red kettle", "a blue boat"} <= {*embedded_texts(ollama)}
    assert reply.model.startswith("ollama:nomic-embed-text")


def test_packed_and_plain_vectors_are_the_same(client: OpenAI) -> None:
    packed = client.embeddings.create(model="amalfa", input="kettle").data[0].embedding
    plain = client.embeddings.create(model="amalfa", input="kettle", encoding_format="float").data[0].embedding
    assert all(math.isclose(one, other, abs_tol=1e-6) for one, other in zip(packed, plain, strict=True))


async def test_the_asynchronous_client_embeds_too(sonar: House, ollama: Any) -> None:
    async with sonar.async_client() as client:
        assert (await client.embeddings.create(model="amalfa", input="kettle")).data[0].embedding


def test_every_call_has_a_row_in_the_ledger(sonar: House, client: OpenAI) -> None:
    raw = client.embeddings.with_raw_response.create(model="amalfa", input="kettle")
    assert (raw.headers["x-amalfa-tier"], raw.headers["x-amalfa-left-machine"]) == ("local", "none")
    import apsw

    connection = apsw.Connection(str(sonar.home.places.database), flags=apsw.SQLITE_OPEN_READONLY)
    name = raw.headers["x-amalfa-request-id"]
    rows = connection.execute("SELECT task, state, cost_usd FROM attempt WHERE request_id = ?", (name,)).fetchall()
    connection.close()
    assert rows == [("embed", "ok", 0.0)]


@pytest.mark.parametrize(
    ("param", "options"),
    [
        ("input", {"input": [1, 2, 3]}),
        ("input", {"input": [[1, 2], [3]]}),
        ("input", {"input": []}),
        ("input", {"input": ["kettle", ""]}),
        ("dimensions", {"dimensions": 8}),
        ("encoding_format", {"encoding_format": "int8"}),
    ],
)
def test_what_would_be_embedded_otherwise_is_refused(client: OpenAI, param: str, options: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(**{"model": "amalfa", "input": "kettle", **options})
    assert caught.value.param == param


@pytest.mark.parametrize("model", ["amalfa/chat", "pipeline:nobody", "ollama:nobody-has-this"])
def test_a_model_that_is_not_there_is_not_found(client: OpenAI, model: str) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.embeddings.create(model=model, input="kettle")
    assert caught.value.code == "model_not_found"


def test_a_model_that_only_writes_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="embedded:extractive", input="kettle")
    with pytest.raises(openai.APIStatusError):
        client.embeddings.create(model=MODEL, input="kettle")


def test_without_a_configured_model_the_house_name_embeds_nothing() -> None:
    with house({"sonar": {"host": "127.0.0.1:1"}}) as sonar, sonar.client() as client:
        with pytest.raises(openai.NotFoundError) as caught:
            client.embeddings.create(model="amalfa", input="kettle")
        assert "docs.embeddings" in caught.value.message
        with pytest.raises(openai.InternalServerError) as down:
            client.embeddings.create(model="nomic-embed-text", input="kettle")
        assert down.value.status_code == 503
