"""What is asked of Ollama, and when its records make an answer."""

from types import MappingProxyType

import pytest

from amalfa import errors
from amalfa.calls import JsonSchema, Material, Prompt
from amalfa.errors import CallError
from amalfa.messages import Message, Sampling, Tools
from amalfa.providers.asked import Asked
from amalfa.providers.expected import Expected
from amalfa.providers.ollama_chat import ChatRecords, chat_body
from amalfa.providers.provider import Finished, TextDelta, ToolCallDelta
from tests.providers.asking import CITY, QWEN, ollama_at

ENDPOINT = ollama_at("http://localhost:11434")
DONE = {"done": True, "done_reason": "stop", "prompt_eval_count": 10, "eval_count": 3}


def records(*, is_forwarded: bool = False) -> ChatRecords:
    return ChatRecords(Asked(ENDPOINT, ENDPOINT.addresses[0], QWEN, is_forwarded), Expected(100))


def said(text: str, **more: object) -> dict[str, object]:
    return {"model": QWEN, "message": {"role": "assistant", "content": text}, "done": False, **more}


def test_a_request_says_everything_that_must_not_be_left_to_chance() -> None:
    prompt = Prompt((Message("system", "Write JSON."), Message("user", "Hi")), Material(), 128, 0.3, CITY)
    assert chat_body(QWEN, prompt, launch={"num_ctx": 8192}, keep_alive="5m") == {
        "model": QWEN,
        "messages": [{"role": "system", "content": "Write JSON."}, {"role": "user", "content": "Hi"}],
        "stream": True,
        "think": False,
        "truncate": False,
        "keep_alive": "5m",
        "format": CITY,
        "options": {"num_ctx": 8192, "temperature": 0.3, "num_predict": 128},
    }


def test_free_text_has_no_format_and_an_empty_limit_is_one_token() -> None:
    body = chat_body(QWEN, Prompt((), Material(), 0, 0.0), launch=MappingProxyType({"num_ctx": 1}), keep_alive=-1)
    assert "format" not in body
    assert body["options"] == {"num_ctx": 1, "temperature": 0.0, "num_predict": 1}


def test_a_model_whose_instructions_speak_of_no_json_gets_the_schema_in_words() -> None:
    """The grammar is not shown to the model, and a note that speaks of JSON is no instruction."""
    prompt = Prompt((Message("system", "Be brief."), Message("user", "What is JSON?")), Material(), 128, 0.3, CITY)
    messages = chat_body(QWEN, prompt, launch={}, keep_alive="5m")["messages"]
    assert isinstance(messages, list)
    system, user = messages
    assert system["content"].startswith("Be brief.\n\nReply with JSON and nothing else")
    assert '"people"' in system["content"]
    assert user == {"role": "user", "content": "What is JSON?"}


def test_free_text_is_asked_for_as_it_is() -> None:
    prompt = Prompt((Message("user", "Hi"),), Material(), 128, 0.3)
    assert chat_body(QWEN, prompt, launch={}, keep_alive="5m")["messages"] == [{"role": "user", "content": "Hi"}]


def test_a_schema_is_sent_in_the_form_that_a_grammar_can_be_made_of() -> None:
    schema: JsonSchema = {"type": "object", "properties": {"line": {"type": "string", "maxLength": 4000}}}
    body = chat_body(QWEN, Prompt((), Material(), 128, 0.3, schema), launch={}, keep_alive="5m")
    assert body["format"] == {"type": "object", "properties": {"line": {"type": "string"}}}
    assert body["think"] is False


def test_a_reply_is_whole_with_its_last_record() -> None:
    reading = records()
    events = [event for record in (said("Hel"), said("lo"), {**said(""), **DONE}) for event in reading.take(record, 7)]
    assert events[:2] == [TextDelta("Hel"), TextDelta("lo")]
    assert isinstance(events[2], Finished)
    assert (events[2].usage.tokens_in, events[2].usage.tokens_out, events[2].usage.cost_usd) == (10, 3, 0.0)
    assert reading.is_done


def test_counts_that_are_left_out_are_unknown() -> None:
    reading = records()
    *_, end = reading.take({**said("Hi"), "done": True}, 7)
    assert isinstance(end, Finished)
    assert (end.usage.tokens_in, end.usage.tokens_out) == (None, None)


def test_what_a_cloud_charges_for_a_forwarded_model_is_unknown() -> None:
    *_, end = records(is_forwarded=True).take({**said("Hi"), **DONE}, 7)
    assert isinstance(end, Finished)
    assert end.usage.cost_usd is None


def test_thinking_and_tool_calls_are_no_text() -> None:
    record = {"message": {"content": "", "thinking": "hm", "tool_calls": [{}]}, "done": False}
    assert records().take(record, 7) == []


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ({"done": True, "done_reason": "length"}, errors.Truncated),
        ({"done": True, "done_reason": "load"}, errors.UpstreamBroken),
        ({"done": True, "done_reason": "unload"}, errors.UpstreamBroken),
        ({"error": "an error was encountered while running the model: unexpected EOF"}, errors.UpstreamBroken),
        ({"error": "CUDA error: out of memory"}, errors.OutOfMemory),
        ({"error": {"message": "odd"}}, errors.UpstreamBroken),
    ],
)
def test_every_other_ending_is_a_failure(ending: dict[str, object], kind: type[CallError]) -> None:
    reading = records()
    reading.take(said("Hi"), 1)
    with pytest.raises(kind):
        reading.take(ending, 2)


def test_an_answer_without_a_word_is_none() -> None:
    with pytest.raises(errors.BadReply):
        records().take({**said(""), **DONE}, 1)


def test_an_end_without_a_last_record_is_told_from_an_empty_reply() -> None:
    reading = records()
    assert isinstance(reading.cut_off(), errors.UpstreamBroken)
    reading.take(said("Hi"), 1)
    assert isinstance(reading.cut_off(), errors.Truncated)


def called(*calls: dict[str, object], **more: object) -> dict[str, object]:
    return {"model": QWEN, "message": {"role": "assistant", "content": "", "tool_calls": list(calls)}, **more}


def test_calls_are_whole_and_may_stand_in_the_last_record() -> None:
    reading = ChatRecords(Asked(ENDPOINT, ENDPOINT.addresses[0], QWEN), Expected(100, has_tools=True))
    first = reading.take(
        called({"function": {"index": 0, "name": "f", "arguments": {"b": 1, "a": "ä"}}}, done=False), 1
    )
    second, end = reading.take(called({"id": "x", "function": {"name": "g", "arguments": {}}}, **DONE), 2)
    assert isinstance(first[0], ToolCallDelta)
    assert (first[0].index, first[0].name, first[0].arguments) == (0, "f", '{"b":1,"a":"ä"}')
    assert first[0].id.startswith("call_")
    assert second == ToolCallDelta(1, "x", "g", "{}")
    assert isinstance(end, Finished)
    assert end.finish == "tool_calls"


def test_a_request_has_the_tools_and_the_sampling() -> None:
    tools = Tools(({"type": "function", "function": {"name": "f"}},), "required")
    prompt = Prompt((Message("user", "Hi"),), Material(), 9, 0.3, sampling=Sampling(seed=7, stop=("END",)), tools=tools)
    body = chat_body(QWEN, prompt, launch={}, keep_alive="5m")
    assert body["tools"] == list(tools.definitions)
    assert body["options"] == {"temperature": 0.3, "num_predict": 9, "seed": 7, "stop": ["END"]}
    assert "tool_choice" not in body


def test_a_reply_that_may_be_cut_says_that_it_was() -> None:
    reading = ChatRecords(Asked(ENDPOINT, ENDPOINT.addresses[0], QWEN), Expected(100, may_be_cut=True))
    *_, end = reading.take({**said("Hi"), **DONE, "done_reason": "length"}, 1)
    assert isinstance(end, Finished)
    assert end.finish == "length"
