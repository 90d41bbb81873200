"""When a reply of the Messages API is an answer; nothing that comes can crash the reader."""

import json
from collections import deque
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa import errors
from amalfa.errors import CallError
from amalfa.providers.anthropic import failure
from amalfa.providers.anthropic_messages import MessagesReply
from amalfa.providers.asked import Asked
from amalfa.providers.expected import Expected
from tests.providers.asking import OPUS, anthropic_at

ENDPOINT = anthropic_at("https://api.anthropic.com")
ASKED = Asked(ENDPOINT, ENDPOINT.addresses[0], OPUS)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def reply(*, is_tool: bool = False, max_tokens: int = 100) -> MessagesReply:
    return MessagesReply(ASKED, failure, headers={}, now=NOW, expected=Expected(max_tokens), is_tool=is_tool)


def start(**usage: int) -> str:
    return json.dumps({"type": "message_start", "message": {"id": "msg_1", "model": OPUS, "usage": usage}})


def block(kind: str, index: int = 0, **more: object) -> str:
    return json.dumps({"type": "content_block_start", "index": index, "content_block": {"type": kind, **more}})


def delta(kind: str, index: int = 0, **more: object) -> str:
    return json.dumps({"type": "content_block_delta", "index": index, "delta": {"type": kind, **more}})


def stop(reason: str, index: int = 0, **usage: int) -> tuple[str, ...]:
    ending = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}
    return (
        json.dumps({"type": "content_block_stop", "index": index}),
        json.dumps(ending),
        json.dumps({"type": "message_stop"}),
    )


def test_the_last_counts_are_the_ones_that_hold_and_cached_tokens_were_read_too() -> None:
    message = reply()
    counted = start(input_tokens=10, cache_read_input_tokens=5, cache_creation_input_tokens=3, output_tokens=1)
    for data in (counted, block("text", text=""), delta("text_delta", text="Hi"), *stop("end_turn", output_tokens=9)):
        message.take(data)
    end = message.finished(7)
    assert (end.usage.tokens_in, end.usage.tokens_out, end.usage.ms) == (18, 9, 7)
    assert message.is_maybe_paid


def test_a_reply_that_broke_off_says_what_was_read_and_not_what_was_written() -> None:
    message = reply()
    for data in (
        start(input_tokens=10, output_tokens=1),
        delta("text_delta", text="Hi"),
        delta("text_delta", text="!"),
    ):
        message.take(data)
    so_far = message.counted_so_far
    assert so_far is not None
    assert (so_far.tokens_in, so_far.tokens_out) == (10, None)


def test_thoughts_pings_and_what_nobody_knows_yet_are_no_text() -> None:
    message = reply()
    told = (
        start(),
        json.dumps({"type": "ping"}),
        block("thinking", 0, thinking=""),
        delta("thinking_delta", 0, thinking="Hm"),
        delta("signature_delta", 0, signature="abc"),
        json.dumps({"type": "brand_new", "text": "no"}),
        delta("text_delta", 1, text="Yes"),
        *stop("stop_sequence", 1),
    )
    assert "".join(map(message.take, told)) == "Yes"
    assert message.finished(1).model == OPUS


def test_only_the_input_of_the_first_tool_is_the_reply() -> None:
    message = reply(is_tool=True)
    told = (
        start(),
        block("text", 0, text="Sure: "),
        delta("text_delta", 0, text="here"),
        block("tool_use", 1, id="t", name="reply", input={}),
        delta("input_json_delta", 1, partial_json=""),
        delta("input_json_delta", 1, partial_json='{"a":'),
        delta("input_json_delta", 1, partial_json="1}"),
        block("tool_use", 2, id="u", name="reply", input={}),
        delta("input_json_delta", 2, partial_json='{"b":2}'),
        *stop("tool_use", 2),
    )
    assert "".join(map(message.take, told)) == '{"a":1}'
    message.finished(1)


def test_a_tool_called_with_nothing_is_an_empty_object() -> None:
    message = reply(is_tool=True)
    told = (start(), block("tool_use", 0, id="t", name="reply", input={}), *stop("tool_use"))
    assert "".join(map(message.take, told)) == "{}"
    message.finished(1)


def test_a_reply_that_runs_on_is_stopped() -> None:
    message = reply(max_tokens=16)
    with pytest.raises(errors.Truncated, match="ran on"):
        deque(map(message.take, [delta("text_delta", text="x")] * 100))


def test_nothing_at_all_is_no_reply_and_costs_nothing() -> None:
    message = reply()
    with pytest.raises(errors.UpstreamBroken, match="empty reply"):
        message.finished(1)
    assert not message.is_maybe_paid
    assert message.counted_so_far is None


KEYS = ("type", "message", "delta", "content_block", "usage", "index", "error", "text", "input_tokens", "stop_reason")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
TYPES = ("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "error")


@given(
    st.lists(
        st.builds(
            lambda kind, rest: {**rest, "type": kind},
            st.sampled_from(TYPES),
            st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4),
        )
    ),
    st.booleans(),
)
def test_whatever_comes_it_is_text_or_a_failure(told: list[dict[str, object]], is_tool: bool) -> None:
    message = reply(is_tool=is_tool)
    try:
        for event in told:
            assert isinstance(message.take(json.dumps(event)), str)
        message.finished(1)
    except CallError:
        pass


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_whole_body_is_text_or_a_failure(body: bytes) -> None:
    message = reply()
    try:
        assert isinstance(message.take_whole(body), str)
        message.finished(1)
    except CallError:
        pass
