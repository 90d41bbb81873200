"""Requests with tools and sampling over real sockets, at every kind of provider."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from amalfa import errors
from amalfa.calls import JsonSchema
from amalfa.clock import SystemClock
from amalfa.execution.toolcalls import ToolWishes
from amalfa.messages import Message, Sampling, ToolCall, Tools
from amalfa.providers.anthropic import AnthropicProvider
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.openai_compatible import OpenAiCompatibleProvider
from amalfa.providers.openrouter import OpenRouterProvider
from amalfa.providers.provider import Event, Provider, Request, ToolCallDelta
from tests.providers.asking import (
    CITY,
    OPUS,
    QUICK,
    QWEN,
    QWEN_72B,
    end_of,
    failure_of,
    hear,
    openrouter_at,
    request,
    text_of,
)
from tests.upstreams.anthropic import AnthropicSimulator
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.ollama_models import OllamaModel
from tests.upstreams.openrouter import OpenRouterSimulator

CLOCK = {
    "type": "function",
    "function": {
        "name": "clock",
        "description": "Tells the time.",
        "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
    },
}
ONE = {"name": "clock", "arguments": {"zone": "Europe/Rome"}}
OTHER = {"name": "clock", "arguments": {"zone": "Asia/Tokyo, the capital"}}
AFTERWARDS = (
    Message("user", "What time is it?"),
    Message("assistant", "", (ToolCall("call_1", "clock", '{"zone": "CET"}'),)),
    Message("tool", "12:00", tool_call_id="call_1"),
)


@pytest.fixture
async def compatible(openrouter_sim: OpenRouterSimulator) -> AsyncIterator[OpenAiCompatibleProvider]:
    endpoint = replace(openrouter_at(openrouter_sim.api_url), name="mine", type="openai")
    provider = OpenAiCompatibleProvider(endpoint, clock=SystemClock(), patience=QUICK)
    yield provider
    await provider.aclose()


def with_tools(model: str, *, choice: str = "auto", schema: JsonSchema | None = None, **more: Any) -> Request:
    asked = request(model, schema=schema)
    return replace(asked, prompt=replace(asked.prompt, tools=Tools((CLOCK,), choice), **more))


def calls_of(events: list[Event]) -> list[tuple[str, object]]:
    return [(call.name, json.loads(call.arguments)) for call in whole_calls(events)]


def whole_calls(events: list[Event]) -> tuple[ToolCall, ...]:
    wishes = ToolWishes()
    for event in events:
        if isinstance(event, ToolCallDelta):
            wishes.add(event)
    return wishes.whole()


BOTH = [("clock", ONE["arguments"]), ("clock", OTHER["arguments"])]


@pytest.mark.parametrize(
    "odd", [None, "whole_calls", "interleaved_calls", "repeated_ids", "blank_fragment", "json_instead_of_sse"]
)
@pytest.mark.parametrize("finish", [None, "stop"])
async def test_calls_come_however_a_router_sends_them(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider, odd: str | None, finish: str | None
) -> None:
    step: dict[str, Any] = {"tool_calls": [ONE, OTHER]} | ({"odd": odd} if odd else {})
    openrouter_sim.script("*", step | ({"finish": finish} if finish else {}))
    events = await hear(openrouter, with_tools(QWEN_72B))
    assert calls_of(events) == BOTH
    assert end_of(events).finish == "tool_calls"


@pytest.mark.parametrize("path", ["native", "rendered"])
async def test_calls_of_ollama_come_in_the_last_record_or_before_it(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider, path: Any
) -> None:
    ollama_sim.install(OllamaModel(QWEN, path=path))
    ollama_sim.script(QWEN, {"text": "Let me look.", "tool_calls": [ONE, OTHER]})
    events = await hear(ollama, with_tools(QWEN))
    assert text_of(events) == "Let me look."
    assert calls_of(events) == BOTH
    assert end_of(events).finish == "tool_calls"
    assert len({call.id for call in whole_calls(events)}) == 2


@pytest.mark.parametrize("odd", [None, "json_instead_of_sse"])
async def test_calls_of_anthropic_are_blocks(
    anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider, odd: str | None
) -> None:
    calls = [ONE, {"name": "clock", "arguments": {}}]
    anthropic_sim.script("*", {"text": "Let me look.", "tool_calls": calls} | ({"odd": odd} if odd else {}))
    events = await hear(anthropic, with_tools(OPUS))
    assert text_of(events) == "Let me look."
    assert calls_of(events) == [BOTH[0], ("clock", {})]
    assert end_of(events).finish == "tool_calls"


async def test_a_reply_of_calls_alone_is_an_answer_everywhere(
    ollama_sim: OllamaSimulator,
    ollama: OllamaProvider,
    anthropic_sim: AnthropicSimulator,
    anthropic: AnthropicProvider,
    openrouter_sim: OpenRouterSimulator,
    compatible: OpenAiCompatibleProvider,
) -> None:
    sides: list[tuple[Any, Provider, str]] = [
        (ollama_sim, ollama, QWEN),
        (anthropic_sim, anthropic, OPUS),
        (openrouter_sim, compatible, QWEN_72B),
    ]
    for sim, provider, model in sides:
        sim.script("*", {"tool_calls": [ONE]})
        events = await hear(provider, with_tools(model))
        assert (text_of(events), calls_of(events)) == ("", BOTH[:1])


@pytest.mark.parametrize("choice", ["required", "clock"])
async def test_a_call_that_must_be_made_is_demanded(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider, choice: str
) -> None:
    events = await hear(openrouter, with_tools(QWEN_72B, choice=choice))
    assert [name for name, _ in calls_of(events)] == ["clock"]
    assert text_of(events) == ""


async def test_results_of_tools_go_back_as_each_api_wants_them(
    ollama: OllamaProvider, anthropic: AnthropicProvider, openrouter: OpenRouterProvider
) -> None:
    sides: list[tuple[Provider, str]] = [(ollama, QWEN), (anthropic, OPUS), (openrouter, QWEN_72B)]
    for provider, model in sides:
        assert text_of(await hear(provider, with_tools(model, messages=AFTERWARDS)))


async def test_calls_that_nobody_asked_for_are_no_answer(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.script("*", {"tool_calls": [ONE]})
    error, _ = await failure_of(openrouter, request(QWEN_72B))
    assert isinstance(error, errors.BadReply)


async def test_a_stream_that_breaks_within_a_call_is_no_answer(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.script("*", {"tool_calls": [OTHER], "fault": "cut_after:2"})
    error, _ = await failure_of(openrouter, with_tools(QWEN_72B))
    assert isinstance(error, errors.Truncated | errors.UpstreamBroken)


async def test_a_reply_may_be_cut_where_the_prompt_says_so(
    ollama_sim: OllamaSimulator,
    ollama: OllamaProvider,
    anthropic_sim: AnthropicSimulator,
    anthropic: AnthropicProvider,
    openrouter_sim: OpenRouterSimulator,
    openrouter: OpenRouterProvider,
) -> None:
    sides: list[tuple[Any, Provider, str]] = [
        (ollama_sim, ollama, QWEN),
        (anthropic_sim, anthropic, OPUS),
        (openrouter_sim, openrouter, QWEN_72B),
    ]
    for sim, provider, model in sides:
        sim.script("*", "word " * 40, "word " * 40)
        asked = request(model, max_tokens=20)
        error, _ = await failure_of(provider, asked)
        assert isinstance(error, errors.Truncated)
        events = await hear(provider, replace(asked, prompt=replace(asked.prompt, may_be_cut=True)))
        assert end_of(events).finish == "length"
        assert text_of(events).startswith("word word")


async def test_sampling_reaches_every_api(
    ollama_sim: OllamaSimulator,
    ollama: OllamaProvider,
    anthropic_sim: AnthropicSimulator,
    anthropic: AnthropicProvider,
    openrouter_sim: OpenRouterSimulator,
    openrouter: OpenRouterProvider,
) -> None:
    sampling = Sampling(0.5, 7, ("END",), 0.25, -0.25)
    for provider, model in ((ollama, QWEN), (anthropic, OPUS), (openrouter, QWEN_72B)):
        asked = request(model)
        await hear(provider, replace(asked, prompt=replace(asked.prompt, sampling=sampling)))
    told = {"top_p": 0.5, "seed": 7, "stop": ["END"], "frequency_penalty": 0.25, "presence_penalty": -0.25}
    assert told.items() <= ollama_sim.requests[-1].json["options"].items()
    assert told.items() <= openrouter_sim.requests[-1].json.items()
    sent = anthropic_sim.requests[-1].json
    assert (sent["top_p"], sent["stop_sequences"]) == (0.5, ["END"])
    assert "seed" not in sent


async def test_beside_tools_anthropic_is_told_the_schema_in_words(
    anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    anthropic_sim.script("*", {"json": {"city": "Amalfi", "people": 5000}})
    events = await hear(anthropic, with_tools(OPUS, schema=CITY))
    assert json.loads(text_of(events))["city"] == "Amalfi"
    sent = anthropic_sim.requests[-1].json
    assert [tool["name"] for tool in sent["tools"]] == ["clock"]
    assert '"people"' in sent["system"]


async def test_a_model_without_tools_is_not_even_loaded_for_a_request_with_them(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    ollama_sim.install(OllamaModel("plain:1b", ("completion",)))
    for _ in range(2):
        error, _ = await failure_of(ollama, with_tools("plain:1b"))
        assert isinstance(error, errors.ModelRefused)
        assert "does not take tools" in error.message
    assert ollama_sim.counters.loads == 0
    paths = [one.path for one in ollama_sim.requests]
    assert "/api/chat" not in paths
    assert paths.count("/api/show") == 1
    (host,) = (await ollama.look()).hosts
    assert host.without_tools == {"plain:1b"}


async def test_a_refusal_of_tools_is_remembered_when_nothing_was_told_before(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    ollama_sim.install(OllamaModel("plain:1b", ("completion",)))
    ollama_sim.script("/api/show", {"status": 200, "body": {"details": {}}})
    error, _ = await failure_of(ollama, with_tools("plain:1b"))
    assert isinstance(error, errors.ModelRefused)
    (host,) = (await ollama.look()).hosts
    assert host.without_tools == {"plain:1b"}


async def test_what_a_list_leaves_out_is_asked_of_the_model_itself(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    ollama_sim.install(OllamaModel("shy:1b", ("completion", "tools"), listed_capabilities=("completion",)))
    (host,) = (await ollama.look()).hosts
    assert "shy:1b" not in host.with_tools | host.without_tools
    assert QWEN in host.with_tools
    ollama_sim.script("shy:1b", {"tool_calls": [ONE]})
    assert calls_of(await hear(ollama, with_tools("shy:1b"))) == BOTH[:1]
    (host,) = (await ollama.look()).hosts
    assert "shy:1b" in host.with_tools
