"""Tools at the simulated services: calls in each service's shape, results that must fit them."""

import json
from typing import Any

import pytest

from tests.upstreams import test_anthropic as claude
from tests.upstreams.anthropic import AnthropicSimulator
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter_asking import body, events, once
from tests.upstreams.raw_http import ask

FUNCTION = {
    "name": "clock",
    "parameters": {"type": "object", "properties": {"zone": {"enum": ["CET"]}}, "required": ["zone"]},
}
TOOLS = [{"type": "function", "function": FUNCTION}]
STEP = {"tool_calls": [{"name": "clock", "id": "a", "arguments": {"zone": "CET"}}, {"name": "clock", "id": "b"}]}


def fragments(given: dict[str, Any], *, step: dict[str, Any] | None = STEP) -> Any:
    async def asked() -> list[dict[str, Any]]:
        told = events(await once({**body(tools=TOOLS, stream=True), **given}, step=step))
        assert told[-1]["choices"][0]["finish_reason"] == "tool_calls"
        deltas = [chunk["choices"][0]["delta"] for chunk in told]
        return [fragment for delta in deltas for fragment in delta.get("tool_calls", ())]

    return asked()


async def test_openrouter_tells_the_name_first_and_the_arguments_bit_by_bit() -> None:
    found = await fragments({})
    first = {"index": 0, "id": "a", "type": "function", "function": {"name": "clock", "arguments": ""}}
    assert found[0] == first
    assert "".join(one["function"]["arguments"] for one in found if one["index"] == 0) == '{"zone":"CET"}'
    assert [one["id"] for one in found if "id" in one] == ["a", "b"]


@pytest.mark.parametrize(("odd", "indexes"), [("whole_calls", [0, 1]), ("interleaved_calls", [0, 1, 0, 1, 0])])
async def test_openrouter_mixes_fragments_when_told(odd: str, indexes: list[int]) -> None:
    found = await fragments({}, step={**STEP, "odd": odd})
    assert [one["index"] for one in found][: len(indexes)] == indexes[: len(found)]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "clock"}}])
async def test_openrouter_calls_what_has_to_be_called(choice: Any) -> None:
    found = await fragments({"tool_choice": choice}, step=None)
    assert json.loads("".join(one["function"]["arguments"] for one in found)) == {"zone": "CET"}


async def test_anthropic_gives_each_call_a_block() -> None:
    told = claude.events(await claude.once(claude.body(stream=True), {**STEP, "text": "Hm."}))
    starts = [event["content_block"] for event in told if event["type"] == "content_block_start"]
    assert [(block["type"], block.get("id")) for block in starts] == [
        ("text", None),
        ("tool_use", "a"),
        ("tool_use", "b"),
    ]
    pieces = [e["delta"]["partial_json"] for e in told if e.get("delta", {}).get("type") == "input_json_delta"]
    assert json.loads("".join(pieces)) == {"zone": "CET"}
    assert told[-2]["delta"]["stop_reason"] == "tool_use"
    whole = json.loads((await claude.once(claude.body(), STEP)).body)
    assert [block["input"] for block in whole["content"]] == [{"zone": "CET"}, {}]


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([("assistant", "tool_use", "id"), ("user", "text", "")], "without `tool_result` blocks immediately after: a"),
        ([("user", "tool_result", "tool_use_id")], "unexpected `tool_use_id` found in `tool_result` blocks: a"),
    ],
)
async def test_anthropic_wants_a_result_for_every_use(turns: list[tuple[str, str, str]], expected: str) -> None:
    messages = [{"role": "user", "content": "hi"}]
    for role, kind, key in turns:
        block = {"type": kind, "input": {}, "text": "x", **({key: "a"} if key else {})}
        messages.append({"role": role, "content": [block]})  # type: ignore[dict-item]  # blocks or text
    async with AnthropicSimulator() as sim:
        assert expected in claude.error(await claude.post(sim, claude.body(messages=messages)))[2]


async def test_ollama_takes_arguments_as_objects_alone() -> None:
    call = {"function": {"name": "clock", "arguments": '{"zone":"CET"}'}}
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    async with OllamaSimulator() as sim:
        told = await ask(sim.port, "POST", "/api/chat", body={"model": "qwen2.5:1.5b", "messages": messages})
    assert told.status == 400
    assert "cannot unmarshal string" in json.loads(told.body)["error"]
