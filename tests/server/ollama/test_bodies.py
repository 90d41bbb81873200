"""What clients of Ollama send, and what of it a call is made of."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from amalfa.errors import UsageProblem
from amalfa.messages import ToolCall
from amalfa.server.ollama.bodies import OllamaChat, OllamaOptions, said_in_chat

CALL = {"function": {"name": "weather", "arguments": {"town": "Amalfi"}}}


def chat(*messages: dict[str, Any], **fields: Any) -> OllamaChat:
    return OllamaChat.model_validate({"model": "m", "messages": messages, **fields})


async def test_results_without_ids_go_to_the_calls_of_their_tools() -> None:
    clock = {"function": {"name": "clock", "arguments": {}}}
    said = await said_in_chat(
        chat(
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "", "tool_calls": [CALL, clock]},
            {"role": "tool", "tool_name": "clock", "content": "noon"},
            {"role": "tool", "tool_name": "weather", "content": "sunny"},
        )
    )
    calls = said.messages[1].tool_calls
    assert [call.name for call in calls] == ["weather", "clock"]
    assert len({call.id for call in calls}) == 2
    assert [one.tool_call_id for one in said.messages[2:]] == [calls[1].id, calls[0].id]


async def test_results_without_any_name_go_to_the_calls_in_turn() -> None:
    said = await said_in_chat(
        chat({"role": "assistant", "tool_calls": [CALL, CALL]}, *({"role": "tool", "content": "x"},) * 2)
    )
    assert [one.tool_call_id for one in said.messages[1:]] == [call.id for call in said.messages[0].tool_calls]


async def test_ids_are_kept_where_there_are_some() -> None:
    said = await said_in_chat(
        chat(
            {"role": "assistant", "tool_calls": [{"id": "abc", **CALL}]},
            {"role": "tool", "content": "sunny", "tool_call_id": "abc"},
        )
    )
    assert said.messages[0].tool_calls == (ToolCall("abc", "weather", '{"town": "Amalfi"}'),)
    assert said.messages[1].tool_call_id == "abc"


async def test_one_result_too_many_is_refused() -> None:
    results = ({"role": "tool", "content": "x"},) * 2
    with pytest.raises(UsageProblem, match="answers no tool call"):
        await said_in_chat(chat({"role": "assistant", "tool_calls": [CALL]}, *results))


async def test_roles_in_capitals_and_absent_contents_are_understood() -> None:
    said = await said_in_chat(chat({"role": "USER"}))
    assert (said.messages[0].role, said.messages[0].content) == ("user", "")


@pytest.mark.parametrize("field", ["think", "keep_alive", "logprobs", "anything"])
def test_unknown_fields_and_those_that_are_not_followed_are_accepted(field: str) -> None:
    chat(**{field: "5m" if field == "keep_alive" else True})


@pytest.mark.parametrize(("given_stop", "stop"), [("x", ("x",)), (["x", "y"], ("x", "y")), (None, ()), ([], ())])
def test_stop_is_one_text_or_several(given_stop: object, stop: tuple[str, ...]) -> None:
    assert OllamaOptions.model_validate({"stop": given_stop}).sampling.stop == stop


@pytest.mark.parametrize(
    "options", [{"temperature": -1}, {"temperature": float("nan")}, {"top_p": 2}, {"num_predict": "many"}, {"stop": 3}]
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OllamaOptions.model_validate(options)


@given(st.integers(-(2**40), 2**40))
def test_a_limit_is_a_positive_number_or_none(limit: int) -> None:
    told = OllamaOptions.model_validate({"num_predict": limit}).max_tokens
    assert told == (limit if limit > 0 else None)
