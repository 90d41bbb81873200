"""How turns, tools and sampling are written for the APIs that have their own ways."""

from collections.abc import Mapping
from typing import Any

import pytest

from amalfa.calls import Material, Prompt
from amalfa.messages import Message, Sampling, ToolCall, Tools
from amalfa.providers.anthropic_turns import anthropic_turns, stops_of, tools_of
from amalfa.providers.ollama_turns import ollama_sampling, ollama_tools, ollama_turns
from amalfa.providers.turns import arguments_of, chat_turn, wishes_of

CLOCK: Mapping[str, object] = {
    "type": "function",
    "function": {"name": "clock", "description": "Tells the time.", "parameters": {"type": "object", "properties": {}}},
}
BELL: Mapping[str, object] = {"type": "function", "function": {"name": "bell"}}
CALL = ToolCall("call.1", "clock", '{"zone":"CET"}')
TALK = (
    Message("system", "Be brief."),
    Message("user", "What time is it?"),
    Message("assistant", "", (CALL, ToolCall("call_2", "bell", ""))),
    Message("tool", "12:00", tool_call_id="call.1"),
    Message("tool", "", tool_call_id="call_2"),
    Message("user", "Thanks."),
)
ALL = Sampling(0.9, 7, ("END", " "), 0.5, -0.5)


def prompt(tools: Tools | None = None, sampling: Sampling = ALL) -> Prompt:
    return Prompt(TALK, Material(), 10, 0.0, sampling=sampling, tools=tools)


def test_chat_completions_take_calls_as_text_and_results_by_their_id() -> None:
    turns = [chat_turn(message) for message in TALK]
    assert turns[1] == {"role": "user", "content": "What time is it?"}
    assert turns[2]["content"] is None
    assert turns[2]["tool_calls"] == [
        {"id": "call.1", "type": "function", "function": {"name": "clock", "arguments": '{"zone":"CET"}'}},
        {"id": "call_2", "type": "function", "function": {"name": "bell", "arguments": "{}"}},
    ]
    assert turns[3] == {"role": "tool", "content": "12:00", "tool_call_id": "call.1"}


@pytest.mark.parametrize(
    ("tools", "choice"),
    [
        (Tools((CLOCK,)), {}),
        (Tools((CLOCK,), "required"), {"tool_choice": "required"}),
        (Tools((CLOCK,), "clock"), {"tool_choice": {"type": "function", "function": {"name": "clock"}}}),
        (Tools((CLOCK,), is_parallel=False), {"parallel_tool_calls": False}),
    ],
)
def test_chat_completions_are_told_which_tools_and_how(tools: Tools, choice: dict[str, object]) -> None:
    assert wishes_of(prompt(tools, Sampling())) == {"tools": [CLOCK], **choice}


def test_tools_that_must_not_be_used_are_not_sent() -> None:
    for tools in (Tools((CLOCK,), "none"), Tools(()), None):
        assert wishes_of(prompt(tools, Sampling())) == {}
        assert not ollama_tools(tools)


def test_sampling_is_told_in_full_and_what_is_not_said_is_left_out() -> None:
    told = {"top_p": 0.9, "seed": 7, "stop": ["END", " "], "frequency_penalty": 0.5, "presence_penalty": -0.5}
    assert wishes_of(prompt()) == told
    assert ollama_sampling(ALL) == told
    assert ollama_sampling(Sampling()) == {}


def test_ollama_takes_arguments_as_objects_and_results_by_the_name_of_the_tool() -> None:
    turns = ollama_turns(TALK)
    assert turns[2]["tool_calls"] == [
        {"id": "call.1", "function": {"index": 0, "name": "clock", "arguments": {"zone": "CET"}}},
        {"id": "call_2", "function": {"index": 1, "name": "bell", "arguments": {}}},
    ]
    assert turns[3] == {"role": "tool", "content": "12:00", "tool_call_id": "call.1", "tool_name": "clock"}


def test_of_a_choice_ollama_can_only_be_shown_fewer_tools() -> None:
    assert list(ollama_tools(Tools((CLOCK, BELL), "required"))) == [CLOCK, BELL]
    assert list(ollama_tools(Tools((CLOCK, BELL), "bell"))) == [BELL]


@pytest.mark.parametrize(
    ("text", "arguments"), [('{"a":1}', {"a": 1}), ("", {}), ("[1]", {"arguments": "[1]"}), ("{", {"arguments": "{"})]
)
def test_arguments_that_are_no_object_are_passed_on_as_text(text: str, arguments: object) -> None:
    assert arguments_of(ToolCall("a", "f", text)) == arguments


def test_anthropic_takes_blocks_and_all_results_in_one_turn_of_the_user() -> None:
    system, turns = anthropic_turns(TALK)
    assert system == "Be brief."
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "user"]
    assert turns[1]["content"] == [
        {"type": "tool_use", "id": "call_1", "name": "clock", "input": {"zone": "CET"}},
        {"type": "tool_use", "id": "call_2", "name": "bell", "input": {}},
    ]
    assert turns[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "call_1", "content": "12:00"},
        {"type": "tool_result", "tool_use_id": "call_2"},
    ]


def test_anthropic_is_told_the_tools_in_its_own_words() -> None:
    assert tools_of(Tools((CLOCK, BELL)))["tools"] == [
        {"name": "clock", "description": "Tells the time.", "input_schema": {"type": "object", "properties": {}}},
        {"name": "bell", "input_schema": {"type": "object"}},
    ]
    assert tools_of(None) == tools_of(Tools(())) == {}


@pytest.mark.parametrize(
    ("tools", "choice"),
    [
        (Tools((CLOCK,)), None),
        (Tools((CLOCK,), "none"), {"type": "none"}),
        (Tools((CLOCK,), "required"), {"type": "any"}),
        (
            Tools((CLOCK,), "clock", is_parallel=False),
            {"type": "tool", "name": "clock", "disable_parallel_tool_use": True},
        ),
        (Tools((CLOCK,), is_parallel=True), {"type": "auto", "disable_parallel_tool_use": False}),
    ],
)
def test_anthropic_is_told_which_tool(tools: Tools, choice: Any) -> None:
    assert tools_of(tools).get("tool_choice") == choice


def test_blank_stops_are_left_out_for_anthropic() -> None:
    assert stops_of(ALL.stop) == {"stop_sequences": ["END"]}
    assert stops_of((" ",)) == {}
