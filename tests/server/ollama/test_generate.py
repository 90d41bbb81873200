"""`POST /api/generate`, as the official client of Ollama uses it."""

import json
from typing import Any

import pytest
from ollama import Client

from amalfa.server.ollama.shown import OllamaGenerateReply
from tests.server.ollama.conftest import MODEL, QUESTION, Served


def test_a_prompt_is_answered_over_the_socket_and_over_the_port(client: Client, port_client: Client) -> None:
    for one in (client, port_client):
        said = one.generate("amalfa", "hi")
        assert said.response == "This is a simulated reply."
        assert (said.done, said.done_reason, said.eval_count) == (True, "stop", 5)
        assert said.context is None


def test_pieces_come_one_by_one(served: Served, client: Client) -> None:
    pieces = list(client.generate("amalfa", "hi", stream=True))
    assert len(pieces) > 3
    assert "".join(piece.response or "" for piece in pieces) == "This is a simulated reply."
    with served.raw() as raw:
        lines = raw.post("/api/generate", json={"model": "amalfa", "prompt": "hi"}).text.splitlines()
    for line in lines:
        OllamaGenerateReply.model_validate(json.loads(line))


async def test_the_asynchronous_client_asks_too(served: Served) -> None:
    async with served.async_client() as client:
        assert (await client.generate("amalfa", "hi")).response == "This is a simulated reply."


def test_the_system_text_goes_before_the_prompt(client: Client, served: Served) -> None:
    client.generate(MODEL, "hi", system="Be brief.")
    asked = [one.json for one in served.upstream.requests if one.path == "/api/chat"][-1]
    assert asked["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]


def test_a_task_over_the_notes_is_asked_with_a_prompt(client: Client) -> None:
    said = client.generate("amalfa/synthesize", QUESTION)
    assert "[1] guide.md:3-3  Guide" in (said.response or "")


@pytest.mark.parametrize("is_streamed", [False, True])
def test_what_is_held_to_a_schema_is_json(client: Client, *, is_streamed: bool) -> None:
    schema: Any = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    if is_streamed:
        pieces = list(client.generate("amalfa", "hi", format=schema, stream=True))
    else:
        pieces = [client.generate("amalfa", "hi", format=schema)]
    assert isinstance(json.loads("".join(piece.response or "" for piece in pieces))["n"], int)


@pytest.mark.parametrize("field", ["suffix", "template", "raw", "context", "images"])
def test_what_sonar_cannot_do_with_a_prompt_is_refused_by_name(served: Served, field: str) -> None:
    value = {"raw": True, "context": [1, 2], "images": ["aGk="]}.get(field, "x")
    with served.raw() as raw:
        reply = raw.post("/api/generate", json={"model": "amalfa", "prompt": "hi", field: value})
    assert reply.status_code == 400
    assert field in reply.json()["error"]


def test_an_empty_prompt_loads_the_model(client: Client, served: Served) -> None:
    assert not any(name.startswith("gemma2") for name in served.upstream.loaded)
    said = client.generate("gemma2", keep_alive="5m")
    assert (said.done_reason, said.response) == ("load", "")
    assert any(name.startswith("gemma2") for name in served.upstream.loaded)


@pytest.mark.parametrize("keep_alive", [0, "0", "0s", 0.0])
def test_unloading_is_refused_with_the_command_that_does_it(served: Served, keep_alive: object) -> None:
    with served.raw() as raw:
        reply = raw.post("/api/generate", json={"model": MODEL, "keep_alive": keep_alive})
    assert reply.status_code == 400
    assert f"amalfa models unload {MODEL}" in reply.json()["error"]


@pytest.mark.parametrize("model", ["embedded:extractive", "openrouter:a/b", "pipeline:plain", "amalfa/chat"])
def test_what_is_not_loaded_is_not_said_to_be(served: Served, model: str) -> None:
    with served.raw() as raw:
        reply = raw.post("/api/generate", json={"model": model})
    assert reply.status_code == 400
    assert "send messages or a prompt" in reply.json()["error"]
