"""The simulated Anthropic: keys, validation, plain and streamed replies, refusals by name."""

import json
from typing import Any

import pytest

from tests.upstreams.anthropic import KEY, AnthropicSimulator
from tests.upstreams.raw_http import RawAnswer, ask

MODEL = "claude-3-opus-20240229"
PATH = "/v1/messages"


def body(**more: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], **more}


async def post(sim: AnthropicSimulator, given: Any, *, key: str = KEY, version: str = "2023-06-01") -> RawAnswer:
    headers = {"x-api-key": key, "anthropic-version": version}
    return await ask(sim.port, "POST", PATH, headers={k: v for k, v in headers.items() if v}, body=given)


async def once(given: Any, *steps: Any, **options: Any) -> RawAnswer:
    async with AnthropicSimulator() as sim:
        sim.script("*", *steps)
        return await post(sim, given, **options)


def error(answer: RawAnswer) -> tuple[int, str, str]:
    told = json.loads(answer.body)
    assert told["type"] == "error"
    assert told["request_id"].startswith("req_")
    return answer.status, told["error"]["type"], told["error"]["message"]


def events(answer: RawAnswer) -> list[dict[str, Any]]:
    found = []
    for block in answer.body.decode().strip().split("\n\n"):
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


async def test_a_plain_reply_has_its_text_its_reason_and_its_usage() -> None:
    told = json.loads((await once(body(), {"text": "Hello there."})).body)
    assert told["content"] == [{"type": "text", "text": "Hello there."}]
    assert (told["stop_reason"], told["model"]) == ("end_turn", MODEL)
    assert told["usage"]["output_tokens"] == 2


async def test_a_stream_has_every_kind_of_event_in_order() -> None:
    told = events(await once(body(stream=True), {"chunks": ["Hel", "lo"], "thinking": "Hm", "comments_between": 1}))
    kinds = [event["type"] for event in told]
    assert kinds[0] == "message_start"
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert kinds.count("ping") == 3
    deltas = [event["delta"] for event in told if event["type"] == "content_block_delta"]
    assert [delta.get("text") for delta in deltas] == [None, "Hel", "lo"]


async def test_a_tool_that_has_to_be_called_gets_a_valid_input() -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    tool = {"tools": [{"name": "t", "input_schema": schema}], "tool_choice": {"type": "tool", "name": "t"}}
    told = events(await once(body(stream=True, **tool)))
    pieces = [event["delta"]["partial_json"] for event in told if event["type"] == "content_block_delta"]
    assert isinstance(json.loads("".join(pieces))["ok"], bool)
    assert told[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    ("given", "options", "expected"),
    [
        (body(), {"key": ""}, (401, "authentication_error", "x-api-key header is required")),
        (body(), {"key": "sk-ant-other"}, (401, "authentication_error", "invalid x-api-key")),
        (body(), {"version": ""}, (400, "invalid_request_error", "anthropic-version: header is required")),
        ("{", {}, (400, "invalid_request_error", "The request body is not valid JSON")),
        ({"model": MODEL, "messages": []}, {}, (400, "invalid_request_error", "max_tokens: Field required")),
        (body(foo=1), {}, (400, "invalid_request_error", "foo: Extra inputs are not permitted")),
        (body(temperature=1.5), {}, (400, "invalid_request_error", "temperature: range: 0..1")),
        (body(messages=[]), {}, (400, "invalid_request_error", "messages: at least one message is required")),
        (
            body(messages=[{"role": "system", "content": "x"}]),
            {},
            (400, "invalid_request_error", 'messages.0.role: Unexpected role "system"'),
        ),
        (body(model="claude-9"), {}, (404, "not_found_error", "model: claude-9")),
    ],
)
async def test_a_wrong_request_is_refused_in_anthropics_words(
    given: Any, options: dict[str, str], expected: tuple[int, str, str]
) -> None:
    assert error(await once(given, **options)) == expected


async def test_a_prompt_must_fit_the_window() -> None:
    async with AnthropicSimulator(models={MODEL: 50}) as sim:
        long = [{"role": "user", "content": "word " * 60}]
        assert error(await post(sim, body(messages=long)))[2] == "prompt is too long: 65 tokens > 50 maximum"
        assert "exceed context limit: 5 + 100 > 50" in error(await post(sim, body()))[2]


async def test_refusals_and_late_errors_have_names() -> None:
    assert error(await once(body(), {"error": "overloaded"})) == (529, "overloaded_error", "Overloaded")
    told = events(await once(body(stream=True), {"chunks": ["a", "b"], "late_error": "overloaded", "after": 1}))
    assert told[-1] == {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


async def test_the_models_are_listed() -> None:
    async with AnthropicSimulator() as sim:
        headers = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
        told = json.loads((await ask(sim.port, "GET", "/v1/models", headers=headers)).body)
        assert error(await ask(sim.port, "GET", "/v1/other", headers=headers))[0] == 404
    assert MODEL in [model["id"] for model in told["data"]]
