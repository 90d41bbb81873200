"""`POST /api/chat`, as the official client of Ollama uses it and as bytes on the wire."""

import json
from typing import Any

import pytest
from ollama import ChatResponse, Client, ResponseError

from amalfa.server.ollama.shown import OllamaChatReply
from tests.server.ollama.conftest import MODEL, QUESTION, Served
from tests.system.harness import wait_until

HI = [{"role": "user", "content": "hi"}]
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a town.",
        "parameters": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
    },
}


def pieces_of(client: Client, model: str, *, is_streamed: bool, **more: Any) -> list[ChatResponse]:
    """All records of a reply to "hi", however it comes."""
    if is_streamed:
        return list(client.chat(model, HI, stream=True, **more))
    return [client.chat(model, HI, **more)]


def text_of(pieces: list[ChatResponse]) -> str:
    return "".join(piece.message.content or "" for piece in pieces)


def sent(served: Served) -> Any:
    """What the model server was asked last."""
    return [one.json for one in served.upstream.requests if one.path == "/api/chat"][-1]


def test_a_conversation_is_answered_over_the_socket_and_over_the_port(client: Client, port_client: Client) -> None:
    for one in (client, port_client):
        said = one.chat("amalfa", HI)
        assert said.message.role == "assistant"
        assert said.message.content == "This is a simulated reply."
        assert (said.model, said.done, said.done_reason) == ("amalfa", True, "stop")
        assert said.prompt_eval_count == 3
        assert said.eval_count == 5
        assert said.total_duration
        assert said.load_duration is None, "what nobody knows is left out"


def test_the_port_wants_its_token(served: Served) -> None:
    with Client(f"http://127.0.0.1:{served.port}") as stranger, pytest.raises(ResponseError) as caught:
        stranger.chat("amalfa", HI)
    assert caught.value.status_code == 401
    assert "token" in str(caught.value)


def test_pieces_come_one_by_one_and_the_last_says_that_it_is_the_last(client: Client) -> None:
    pieces = list(client.chat("amalfa", HI, stream=True))
    assert len(pieces) > 3
    assert text_of(pieces) == "This is a simulated reply."
    assert [piece.done for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert pieces[-1].done_reason == "stop"
    assert pieces[-1].eval_count == 5


async def test_the_asynchronous_client_streams_too(served: Served) -> None:
    async with served.async_client() as client:
        pieces = [piece async for piece in await client.chat("amalfa", HI, stream=True)]
    assert text_of(pieces) == "This is a simulated reply."


def test_streaming_is_what_happens_unless_it_is_declined(served: Served) -> None:
    with served.raw() as raw:
        reply = raw.post("/api/chat", json={"model": "amalfa", "messages": HI})
        assert reply.headers["content-type"] == "application/x-ndjson"
        records = [json.loads(line) for line in reply.text.splitlines()]
        whole = raw.post("/api/chat", json={"model": "amalfa", "messages": HI, "stream": False})
    assert len(records) > 1
    for record in [*records, whole.json()]:
        OllamaChatReply.model_validate(record)
    assert whole.headers["content-type"] == "application/json"


def test_the_headers_tell_who_answered(served: Served) -> None:
    with served.raw() as raw:
        whole = raw.post("/api/chat", json={"model": "amalfa", "messages": HI, "stream": False}).headers
        begun = raw.post("/api/chat", json={"model": "amalfa", "messages": HI}).headers
    for headers in (whole, begun):
        assert headers["x-amalfa-model"] == f"ollama:{MODEL}"
        assert headers["x-amalfa-tier"] == "local"
        assert headers["x-amalfa-request-id"].startswith("req_")
    assert whole["x-amalfa-cost-usd"] == "0"
    assert whole["x-amalfa-left-machine"] == "none"


def test_a_model_asked_for_by_name_is_the_one_that_is_asked(client: Client, served: Served) -> None:
    assert client.chat("llama3", HI).model == "llama3"
    assert sent(served)["model"] == "llama3"


def test_options_are_followed_but_for_those_that_reload_a_model(client: Client, served: Served) -> None:
    options = {"temperature": 0.1, "num_predict": 3, "top_p": 0.5, "seed": 4, "stop": ["x"], "num_ctx": 99, "top_k": 2}
    said = client.chat(MODEL, HI, options=options)
    assert (said.message.content, said.done_reason) == ("This is a", "length")
    followed = sent(served)["options"]
    assert {name: followed[name] for name in ("temperature", "num_predict", "top_p", "seed", "stop")} == {
        name: options[name] for name in ("temperature", "num_predict", "top_p", "seed", "stop")
    }
    assert followed["num_ctx"] != 99
    assert "top_k" not in followed


def test_ollamas_words_for_no_limit_and_for_any_seed_are_understood(client: Client, served: Served) -> None:
    said = client.chat(MODEL, HI, options={"num_predict": -1, "seed": -1})
    assert said.done_reason == "stop"
    assert sent(served)["options"]["num_predict"] > 100
    assert "seed" not in sent(served)["options"]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_reply_is_held_to_the_schema_in_format(client: Client, *, is_streamed: bool) -> None:
    pieces = pieces_of(client, "amalfa", format=PERSON, is_streamed=is_streamed)
    assert set(json.loads(text_of(pieces))) == {"name"}


def test_format_json_gives_an_object(client: Client, served: Served) -> None:
    served.upstream.script(MODEL, '{"a": 1}')
    assert json.loads(client.chat(MODEL, HI, format="json").message.content or "") == {"a": 1}


def test_a_reply_that_is_fenced_is_unwrapped(client: Client, served: Served) -> None:
    served.upstream.script(MODEL, '```json\n{"name": "Ada"}\n```')
    assert json.loads(client.chat(MODEL, HI, format=PERSON).message.content or "") == {"name": "Ada"}


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_tool_call_arrives_whole_with_its_arguments_as_an_object(
    client: Client, served: Served, *, is_streamed: bool
) -> None:
    served.upstream.script(
        "llama3", {"text": "Let me see.", "tool_calls": [{"name": "weather", "arguments": {"town": "Amalfi"}}]}
    )
    pieces = pieces_of(client, "llama3", tools=[WEATHER], is_streamed=is_streamed)
    calls = [call for piece in pieces for call in piece.message.tool_calls or ()]
    assert [(call.function.name, call.function.arguments) for call in calls] == [("weather", {"town": "Amalfi"})]
    assert text_of(pieces) == "Let me see."
    assert pieces[-1].done_reason == "stop"
    assert sent(served)["tools"] == [WEATHER]


def test_the_result_of_a_tool_goes_back_to_the_model_that_called_it(client: Client, served: Served) -> None:
    served.upstream.script("llama3", {"text": "", "tool_calls": [{"name": "weather", "arguments": {"town": "Amalfi"}}]})
    first = client.chat("llama3", HI, tools=[WEATHER])
    turns: list[Any] = [*HI, first.message, {"role": "tool", "tool_name": "weather", "content": "sunny"}]
    assert client.chat("llama3", turns, tools=[WEATHER]).message.content
    call, result = sent(served)["messages"][1:]
    assert call["tool_calls"][0]["function"]["arguments"] == {"town": "Amalfi"}
    assert (result["role"], result["content"]) == ("tool", "sunny")


def test_a_task_over_the_notes_answers_with_its_sources(client: Client) -> None:
    said = client.chat("amalfa/synthesize", [{"role": "user", "content": QUESTION}])
    assert "vinegar" in (said.message.content or "")
    assert (said.message.content or "").endswith("\n\nSources:\n[1] guide.md:3-3  Guide\n")


def test_a_streamed_task_says_the_same_piece_by_piece(client: Client) -> None:
    asked = [{"role": "user", "content": QUESTION}]
    pieces = list(client.chat("amalfa/synthesize", asked, stream=True))
    assert len(pieces) > 3
    whole = client.chat("amalfa/synthesize", asked).message.content
    assert text_of(pieces) == whole


def test_extract_fills_the_schema_in_format(client: Client) -> None:
    said = client.chat("amalfa/extract", [{"role": "user", "content": "Ada Lovelace"}], format=PERSON)
    assert set(json.loads(said.message.content or "")) == {"name"}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        pytest.param({"model": ""}, 400, "model is required", id="no model"),
        pytest.param({"model": "amalfa/nope"}, 404, "model 'amalfa/nope' not found", id="no such task"),
        pytest.param({"model": "pipeline:nope"}, 404, "not found", id="no such pipeline"),
        pytest.param({"messages": [{**HI[0], "images": ["aGk="]}]}, 400, "images", id="an image"),
        pytest.param({"messages": [{**HI[0], "role": "robot"}]}, 400, "messages.0.role", id="a strange role"),
        pytest.param({"messages": [{**HI[0], "role": "tool"}]}, 400, "tool", id="a result without a call"),
        pytest.param({"tools": [{"type": "function"}]}, 400, "tool", id="a tool without a name"),
        pytest.param({"format": "xml"}, 400, "format", id="a strange format"),
        pytest.param({"format": {"type": "strange"}}, 400, "schema", id="no schema"),
        pytest.param({"format": {"type": "array"}}, 400, "root", id="a schema of a list"),
        pytest.param({"options": {"temperature": "hot"}}, 400, "temperature", id="a wrong option"),
        pytest.param({"model": "amalfa/chat", "tools": [WEATHER]}, 400, "takes no tools", id="tools for a task"),
        pytest.param({"model": "amalfa/chat", "format": "json"}, 400, "takes no format", id="a format for an answer"),
        pytest.param({"messages": [], "keep_alive": 0}, 400, "amalfa models unload", id="unloading"),
        pytest.param({"messages": []}, 400, "no single model", id="loading the policy"),
        pytest.param({"messages": [], "model": "nope"}, 404, "model 'nope' not found", id="loading what is not there"),
    ],
)
def test_what_cannot_be_done_is_refused_in_ollamas_shape(
    served: Served, body: dict[str, object], status: int, words: str
) -> None:
    with served.raw() as raw:
        reply = raw.post("/api/chat", json={"model": "amalfa", "messages": HI, **body})
    assert reply.status_code == status, reply.text
    assert set(reply.json()) == {"error"}
    assert words in reply.json()["error"]


def test_a_request_that_is_not_json_is_refused_in_ollamas_shape(served: Served) -> None:
    with served.raw() as raw:
        broken = raw.post("/api/chat", content=b'{"model":', headers={"content-type": "application/json"})
        absent = raw.post("/api/chat")
    assert broken.status_code == absent.status_code == 400
    assert "is not JSON" in broken.text
    assert "missing request body" in absent.json()["error"]


def test_the_client_raises_its_own_error_with_our_status_and_words(client: Client) -> None:
    for is_streamed in (False, True):
        with pytest.raises(ResponseError) as caught:
            pieces_of(client, "amalfa/nope", is_streamed=is_streamed)
        assert caught.value.status_code == 404
        assert "use one of amalfa, amalfa/analyze" in caught.value.error


def test_a_failure_before_the_first_piece_has_a_status_though_it_is_streamed(served: Served) -> None:
    served.upstream.script("*", then={"status": 500, "body": "broken"})
    schema = {"model": "amalfa", "messages": HI, "format": PERSON}
    with served.raw() as raw:
        reply = raw.post("/api/chat", json=schema)
    assert reply.status_code == 502
    assert reply.headers["content-type"] == "application/json"
    assert "No model could serve" in reply.json()["error"]
    assert reply.headers["x-amalfa-request-id"] == reply.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/chat", {"model": "amalfa/extract", "messages": HI, "stream": False}, 400),
        ("/api/chat", {"model": "amalfa/extract", "messages": HI, "stream": True}, 400),
        ("/api/embed", {"model": "nope", "input": "x"}, 404),
    ],
)
def test_a_failed_call_has_a_name_to_ask_about(served: Served, path: str, body: Any, status: int) -> None:
    with served.raw() as raw:
        reply = raw.post(path, json=body)
    assert reply.status_code == status
    assert reply.headers["x-amalfa-request-id"].startswith("req_")


def test_a_stream_that_breaks_off_ends_in_an_error_and_not_as_if_it_were_whole(client: Client, served: Served) -> None:
    served.upstream.script(MODEL, {"chunks": ["a", "b", "c"], "fault": "cut_after:2"})
    said = client.chat("amalfa", HI, stream=True)
    heard = [next(iter(said)), next(iter(said))]
    with pytest.raises(ResponseError, match="broke off"):
        next(iter(said))
    assert [piece.message.content for piece in heard] == ["a", "b"]
    assert not any(piece.done for piece in heard)


def test_headers_narrow_the_call(served: Served) -> None:
    body = {"model": "openrouter:qwen/qwen-2.5-72b-instruct", "messages": HI, "stream": False}
    with served.raw() as raw:
        local = raw.post("/api/chat", json=body, headers={"x-amalfa-prefer": "local"})
        wrong = raw.post("/api/chat", json=body, headers={"x-amalfa-privacy": "never"})
        misspelt = raw.post("/api/chat", json=body, headers={"x-amalfa-max-cost": "1"})
    assert local.headers["x-amalfa-tier"] == "local"
    assert wrong.status_code == misspelt.status_code == 400
    assert "x-amalfa-privacy" in wrong.json()["error"]
    assert "x-amalfa-max-cost" in misspelt.json()["error"]


def test_saying_nothing_loads_the_model(client: Client, served: Served) -> None:
    assert not any(name.startswith("phi3") for name in served.upstream.loaded)
    said = client.chat("phi3", [])
    assert (said.done, said.done_reason) == (True, "load")
    assert any(name.startswith("phi3") for name in served.upstream.loaded)


def test_the_upstream_hears_when_the_client_leaves(served: Served) -> None:
    served.upstream.script(MODEL, {"chunks": ["x "] * 400, "token_ms": 50})
    before = len(served.upstream.disconnects)
    with served.raw() as raw, raw.stream("POST", "/api/chat", json={"model": MODEL, "messages": HI}) as reply:
        assert next(reply.iter_lines())
    wait_until(lambda: len(served.upstream.disconnects) > before, patience_s=5)
