"""Streams of a simulated OpenRouter: events, comments, usage, late errors."""

import json
from typing import Any

import pytest

from tests.upstreams.openrouter_asking import body, content, events, once


async def test_a_stream_ends_with_finish_usage_and_done() -> None:
    answer = await once(body(stream=True), step={"text": "one two", "comments": 2})
    found = events(answer)
    assert answer.header("Content-Type") == "text/event-stream"
    assert answer.body.startswith(b": OPENROUTER PROCESSING\n\n" * 2)
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert [chunk["choices"][0]["delta"]["content"] for chunk in found] == ["one", " two", "", ""]
    assert [chunk["choices"][0]["finish_reason"] for chunk in found] == [None, None, "stop", "stop"]
    assert found[-1]["usage"]["completion_tokens"] == 2
    assert answer.chunks is not None
    assert len(answer.chunks) == 2 + len(found) + 2


@pytest.mark.parametrize(
    ("variant", "last"),
    [
        ("B", {"choices": 0, "usage": True}),
        ("C", {"choices": 1, "usage": True}),
        ("none", {"choices": 1, "usage": False}),
    ],
)
async def test_usage_comes_in_three_forms_or_not_at_all(variant: str, last: dict[str, Any]) -> None:
    found = events(await once(body(stream=True), step={"usage_variant": variant}))[-1]
    assert {"choices": len(found["choices"]), "usage": "usage" in found} == last
    if variant == "C":
        assert found["choices"][0]["finish_reason"] is None


async def test_reasoning_comes_first_and_is_counted() -> None:
    answer = await once(body("deepseek/deepseek-r1", stream=True), step={"thinking": "mull it over", "text": "yes"})
    found = events(answer)
    assert found[0]["choices"][0]["delta"]["reasoning"] == "mull"
    assert found[-1]["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3


LATE: dict[str, Any] = {
    "documented": lambda last: last["error"]["code"] == 502 and last["choices"][0]["finish_reason"] == "error",
    "observed": lambda last: (
        last["error"]["code"] == 400 and last["choices"][0]["finish_reason"] is None and last["usage"]
    ),
    "no_choices": lambda last: "choices" not in last,
    "string_code": lambda last: last["error"]["code"] == "server_error",
    "rate_limited": lambda last: last["error"]["metadata"]["error_type"] == "rate_limit_exceeded",
}


@pytest.mark.parametrize("form", LATE)
async def test_an_error_in_the_middle_of_a_stream(form: str) -> None:
    answer = await once(body(stream=True), step={"text": "a b c", "late_error": form, "after": 2})
    found = events(answer)
    assert [chunk["choices"][0]["delta"]["content"] for chunk in found[:2]] == ["a", " b"]
    assert LATE[form](found[-1])
    assert answer.body.endswith(b"data: [DONE]\n\n") is (form == "observed")


async def test_the_first_and_only_event_may_be_an_error() -> None:
    found = events(await once(body(stream=True), step={"late_error": "first"}))
    assert len(found) == 1
    assert found[0]["error"]["message"] == "Provider returned error"


@pytest.mark.parametrize(
    ("step", "check"),
    [
        ({"odd": "debug_chunk"}, lambda found: found[0]["choices"] == [] and "debug" in found[0]),
        ({"odd": "empty_delta"}, lambda found: found[0]["choices"][0]["delta"] == {}),
        ({"odd": "unknown_fields"}, lambda found: "x_new_field" in found[0]),
        ({"odd": "encrypted_reasoning"}, lambda found: found[0]["choices"][0]["delta"]["reasoning_details"][0]["data"]),
        ({"odd": "empty_details"}, lambda found: found[0]["choices"][0]["delta"]["reasoning_details"] == []),
        ({"fault": "no_finish"}, lambda found: all(c["choices"][0]["finish_reason"] is None for c in found)),
        ({"fault": "no_usage"}, lambda found: not any("usage" in chunk for chunk in found)),
    ],
)
async def test_unusual_events(step: dict[str, Any], check: Any) -> None:
    answer = await once(body(stream=True), step=step)
    assert check(events(answer))
    assert answer.body.endswith(b"data: [DONE]\n\n")


async def test_no_done_is_a_clean_end_without_the_mark() -> None:
    answer = await once(body(stream=True), step={"fault": "no_done"})
    assert answer.is_whole
    assert b"[DONE]" not in answer.body


async def test_a_stream_may_be_answered_by_a_plain_completion() -> None:
    answer = await once(body(stream=True), step={"odd": "json_instead_of_sse"})
    assert answer.header("Content-Type") == "application/json"
    assert content(answer) == "This is a simulated reply."


async def test_data_may_span_lines_and_still_be_one_event() -> None:
    answer = await once(body(stream=True), step={"fault": "multiline_data", "text": "x"})
    event = answer.body.decode().split("\n\n")[0]
    assert event.count("data: ") == 2
    assert json.loads(event.replace("data: ", ""))["object"] == "chat.completion.chunk"
