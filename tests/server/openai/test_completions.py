"""Chat completions, as the official client asks for them and reads them."""

import json
from typing import Any

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from tests.server.openai.house import MODEL, House, heard_until_error
from tests.upstreams.ollama import OllamaSimulator

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]


def sent(ollama: OllamaSimulator) -> Any:
    """The last request for text."""
    return json.loads(ollama.requests_to("/api/chat")[-1].body)


def test_a_question_is_answered_with_real_usage_and_the_route_in_headers(client: OpenAI, ollama: Any) -> None:
    ollama.script(MODEL, {"text": "forty-two", "usage": {"tokens_in": 11, "tokens_out": 3}})
    raw = client.chat.completions.with_raw_response.create(model="amalfa", messages=HELLO)
    reply = raw.parse()
    assert reply.choices[0].message.content == "forty-two"
    assert (reply.choices[0].finish_reason, reply.model, reply.object) == ("stop", f"ollama:{MODEL}", "chat.completion")
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (11, 3, 14)
    told = {name: raw.headers[f"x-amalfa-{name}"] for name in ("model", "provider", "tier", "left-machine")}
    assert told == {"model": f"ollama:{MODEL}", "provider": "ollama", "tier": "local", "left-machine": "none"}
    assert raw.headers["x-amalfa-reason"].isascii()
    assert float(raw.headers["x-amalfa-cost-usd"]) == 0
    assert raw.headers["x-amalfa-generation"] == "1"
    assert raw.headers["x-amalfa-request-id"] == raw.request_id
    assert sent(ollama)["messages"] == HELLO, "nothing of the notes, and no instructions of our own"


def test_a_stream_comes_in_pieces_and_ends_with_its_usage(client: OpenAI, ollama: Any) -> None:
    ollama.script(MODEL, {"chunks": ["forty", "-", "two"], "usage": {"tokens_in": 11, "tokens_out": 3}})
    with client.chat.completions.create(
        model="amalfa", messages=HELLO, stream=True, stream_options={"include_usage": True}
    ) as stream:
        assert stream.response.headers["x-amalfa-model"] == f"ollama:{MODEL}"
        assert stream.response.headers["x-amalfa-request-id"].startswith("req_")
        chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert {chunk.model for chunk in chunks} == {f"ollama:{MODEL}"}
    assert len({chunk.id for chunk in chunks}) == 1
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert [text for text in texts if text] == ["forty", "-", "two"]
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert not chunks[-1].choices
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 14


async def test_the_asynchronous_client_works_as_well(sonar: House, ollama: Any) -> None:
    ollama.script(MODEL, {"text": "one"}, {"chunks": ["t", "wo"]})
    async with sonar.async_client() as client:
        reply = await client.chat.completions.create(model=MODEL, messages=HELLO)
        assert reply.choices[0].message.content == "one"
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "two"


def test_every_setting_that_is_understood_reaches_the_model(client: OpenAI, ollama: Any) -> None:
    client.chat.completions.create(
        model=f"ollama:{MODEL}",
        messages=HELLO,
        stop=["END", "STOP"],
        seed=7,
        top_p=0.5,
        temperature=0.25,
        frequency_penalty=0.5,
        presence_penalty=-0.5,
        max_completion_tokens=77,
        max_tokens=99,
    )
    options = sent(ollama)["options"]
    wanted = {"stop": ["END", "STOP"], "seed": 7, "top_p": 0.5, "temperature": 0.25, "num_predict": 77}
    assert {**options, **wanted, "frequency_penalty": 0.5, "presence_penalty": -0.5} == options


def test_turns_keep_their_order_and_instructions_at_the_start_become_one(client: OpenAI, ollama: Any) -> None:
    messages: list[Any] = [
        {"role": "developer", "content": "Be short."},
        {"role": "system", "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": "kind."}]},
        {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}], "name": "Ada"},
        {"role": "assistant", "content": "Three"},
        {"role": "system", "content": "Be brave."},
        {"role": "user", "content": "Four?"},
    ]
    client.chat.completions.create(model="amalfa", messages=messages)
    assert [(one["role"], one["content"]) for one in sent(ollama)["messages"]] == [
        ("system", "Be short.\n\nBe\nkind."),
        ("user", "One\ntwo"),
        ("assistant", "Three"),
        ("system", "Be brave."),
        ("user", "Four?"),
    ]


def test_what_has_no_effect_here_is_taken_and_left(client: OpenAI) -> None:
    reply = client.chat.completions.create(
        model="amalfa",
        messages=HELLO,
        n=1,
        user="me",
        metadata={"a": "b"},
        store=False,
        service_tier="auto",
        logprobs=False,
        reasoning_effort="low",
        extra_body={"some_future_field": 1},
    )
    assert reply.choices[0].message.content


@pytest.mark.parametrize(
    ("param", "options"),
    [
        ("n", {"n": 2}),
        ("logprobs", {"logprobs": True}),
        ("top_logprobs", {"top_logprobs": 3}),
        ("logit_bias", {"logit_bias": {"50": 5}}),
        ("modalities", {"modalities": ["text", "audio"]}),
        ("audio", {"audio": {"voice": "alloy", "format": "mp3"}}),
        ("functions", {"functions": [{"name": "f", "parameters": {}}]}),
        ("temperature", {"temperature": 3}),
        ("max_tokens", {"max_tokens": 0}),
        ("stop", {"stop": [""]}),
        ("tool_choice", {"tool_choice": "required"}),
        ("response_format.json_schema", {"response_format": {"type": "json_schema"}}),
        ("response_format", {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": 5}}}}),
        ("messages[0].role", {"messages": [{"role": "function", "content": "x"}]}),
        ("messages[0].content", {"messages": [{"role": "user"}]}),
        ("messages[0].tool_call_id", {"messages": [{"role": "tool", "content": "x"}]}),
        (
            "tool_choice",
            {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": {"type": "x"}},
        ),
        ("messages", {"messages": []}),
        (
            "messages[0].content[0]",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
        ),
    ],
)
def test_what_would_silently_mean_something_else_is_refused_by_name(
    client: OpenAI, ollama: Any, param: str, options: Any
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**{"model": "amalfa", "messages": HELLO, **options})
    assert (caught.value.param, caught.value.type) == (param, "invalid_request_error")
    assert not ollama.requests_to("/api/chat")


def only_call(choice: Any) -> Any:
    (call,) = choice.message.tool_calls
    return call


class Person(BaseModel):
    name: str
    born: int


ADA = {"name": "Ada Lovelace", "born": 1815}


def test_a_reply_is_parsed_into_a_type(client: OpenAI, ollama: Any) -> None:
    ollama.script(MODEL, {"json": ADA})
    parsed = client.chat.completions.parse(model="amalfa", messages=HELLO, response_format=Person)
    assert parsed.choices[0].message.parsed == Person(name="Ada Lovelace", born=1815)
    assert sent(ollama)["format"]["properties"].keys() == {"name", "born"}


class Family(BaseModel):
    head: Person
    children: list[Person]


def test_types_within_types_are_parsed(client: OpenAI, ollama: Any) -> None:
    ollama.script(MODEL, {"json": {"head": ADA, "children": [ADA]}})
    parsed = client.chat.completions.parse(model="amalfa", messages=HELLO, response_format=Family)
    found = parsed.choices[0].message.parsed
    assert found is not None
    assert found.children == [found.head]


def test_broken_json_is_mended_where_nobody_has_seen_it_yet(client: OpenAI, ollama: Any) -> None:
    ollama.script(MODEL, {"text": '```json\n{"name": "Ada Lovelace", "born": 1815,}\n```'})
    parsed = client.chat.completions.parse(model="amalfa", messages=HELLO, response_format=Person)
    assert parsed.choices[0].message.parsed == Person.model_validate(ADA)


def test_broken_json_that_was_streamed_ends_in_an_error(client: OpenAI, ollama: Any) -> None:
    ollama.script(MODEL, {"text": '{"name": "Ada Lovelace", "born": 1815,}'})
    chunks = client.chat.completions.create(
        model="amalfa", messages=HELLO, stream=True, response_format={"type": "json_object"}
    )
    heard, error = heard_until_error(chunks)
    assert heard.startswith('{"name"')
    assert error.code == "broken_off"


def test_whole_json_streams_to_its_end(client: OpenAI, ollama: Any) -> None:
    ollama.script(MODEL, {"json": ADA})
    with client.chat.completions.stream(model="amalfa", messages=HELLO, response_format=Person) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.parsed == Person.model_validate(ADA)


def test_a_reply_at_its_limit_of_tokens_says_so(client: OpenAI, ollama: Any) -> None:
    ollama.script(MODEL, {"text": "and so on and", "finish": "length"})
    reply = client.chat.completions.create(model="amalfa", messages=HELLO, max_tokens=16)
    assert reply.choices[0].finish_reason == "length"
    assert reply.choices[0].message.content == "and so on and"


WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a town.",
        "parameters": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
    },
}
CALL = {"tool_calls": [{"name": "weather", "arguments": {"town": "Amalfi"}}]}


def test_a_tool_is_called_and_its_result_brought_back(client: OpenAI, ollama: Any) -> None:
    ollama.script(MODEL, CALL, {"text": "It is sunny."})
    reply = client.chat.completions.create(model="amalfa", messages=HELLO, tools=[WEATHER])
    (choice,) = reply.choices
    assert choice.finish_reason == "tool_calls"
    call = only_call(choice)
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"town": "Amalfi"})
    assert call.id
    assert sent(ollama)["tools"][0]["function"]["parameters"]["required"] == ["town"]

    said: Any = choice.message.model_dump(exclude_none=True)
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    reply = client.chat.completions.create(model="amalfa", messages=[*HELLO, said, result], tools=[WEATHER])
    assert reply.choices[0].message.content == "It is sunny."
    assert [one["role"] for one in sent(ollama)["messages"]] == ["user", "assistant", "tool"]


def test_tool_calls_are_streamed(client: OpenAI, ollama: Any) -> None:
    ollama.script(MODEL, CALL)
    with client.chat.completions.stream(model="amalfa", messages=HELLO, tools=[WEATHER]) as stream:
        for _ in stream:
            pass
        (choice,) = stream.get_final_completion().choices
    assert choice.finish_reason == "tool_calls"
    call = only_call(choice)
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"town": "Amalfi"})
    assert call.id
