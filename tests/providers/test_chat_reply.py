"""When a chat completion is an answer, and when it only looks like one."""

import json
from collections import deque
from datetime import UTC, datetime

import pytest

from amalfa import errors
from amalfa.errors import CallError
from amalfa.providers.asked import Asked
from amalfa.providers.chat_reply import ChatReply
from amalfa.providers.expected import Expected
from amalfa.providers.manners import FormatRefused, Remedy
from amalfa.providers.provider import Finished
from amalfa.providers.refusals import Refusal, failure_by_status
from tests.providers.asking import openrouter_at

ENDPOINT = openrouter_at("https://openrouter.ai/api/v1")
ASKED = Asked(ENDPOINT, ENDPOINT.addresses[0], "acme/model-1")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
USAGE = {"prompt_tokens": 42, "completion_tokens": 12, "cost": 0.000036}


class Judge:
    """Takes every refusal by its status; formats are the trouble when the message says so."""

    def failure(self, refusal: Refusal, asked: Asked, now: datetime) -> CallError:
        return failure_by_status(refusal, asked, now)

    def remedy(self, refusal: Refusal) -> Remedy | None:
        return "looser" if "format" in refusal.message else None


def reply(*, max_tokens: int = 100) -> ChatReply:
    return ChatReply(ASKED, Judge(), headers={"x-generation-id": "gen-1"}, now=NOW, expected=Expected(max_tokens))


def chunk(text: str | None = "", finish: str | None = None, **more: object) -> str:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}
    return json.dumps({"id": "gen-2", "model": "acme/model-1-20260401", "choices": [choice], **more})


def whole(message: dict[str, object] | None, finish: str | None = "stop", **more: object) -> bytes:
    choices = None if message is None else [{"index": 0, "message": message, "finish_reason": finish}]
    return json.dumps({"id": "gen-2", "model": "acme/model-1", "choices": choices, "usage": USAGE, **more}).encode()


@pytest.mark.parametrize(
    "usage_chunk",
    [
        pytest.param(chunk("", "stop", usage=USAGE), id="A: beside a repeated finish_reason"),
        pytest.param(json.dumps({"choices": [], "usage": USAGE}), id="B: without a choice"),
        pytest.param(chunk("", None, usage=USAGE), id="C: beside a choice without finish_reason"),
    ],
)
def test_usage_is_read_in_all_three_variants(usage_chunk: str) -> None:
    chat = reply()
    said = "".join(map(chat.take, [chunk("Hel"), chunk("lo"), chunk("", "stop"), usage_chunk, "[DONE]"]))
    end = chat.finished(7)
    assert said == "Hello"
    assert (end.usage.tokens_in, end.usage.tokens_out, end.usage.cost_usd, end.usage.ms) == (42, 12, 0.000036, 7)
    assert (end.model, end.generation_id) == ("acme/model-1-20260401", "gen-1")


def test_a_cost_that_was_not_told_is_unknown_and_not_zero() -> None:
    chat = reply()
    for data in (chunk("Hi", "stop"), "[DONE]"):
        chat.take(data)
    assert chat.finished(1).usage.cost_usd is None


def test_chunks_without_text_or_choices_are_passed_over() -> None:
    chat = reply()
    odd = [
        json.dumps({"choices": [], "debug": {}}),
        json.dumps({"choices": [{"delta": {}}]}),
        json.dumps({"choices": [{"delta": None}]}),
        json.dumps({"choices": None}),
        json.dumps({"x": 1}),
        chunk(None),
        json.dumps({"choices": [{"delta": {"reasoning": "hm", "content": ""}}]}),
    ]
    assert [chat.take(data) for data in odd] == [""] * len(odd)


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ([chunk("Hi", "stop")], errors.Truncated),
        ([chunk("Hi"), "[DONE]"], errors.Truncated),
        ([chunk("Hi")], errors.Truncated),
        ([], errors.UpstreamBroken),
        (["[DONE]"], errors.UpstreamBroken),
        ([chunk(""), "[DONE]"], errors.UpstreamBroken),
        ([chunk("Hi", "length"), "[DONE]"], errors.Truncated),
        ([chunk("Hi", "content_filter"), "[DONE]"], errors.ModelRefused),
        ([chunk("Hi", "error"), "[DONE]"], errors.UpstreamBroken),
        ([chunk("Hi", "tool_calls"), "[DONE]"], errors.BadReply),
        ([chunk("", "stop"), "[DONE]"], errors.BadReply),
    ],
)
def test_only_stop_and_done_make_an_answer(events: list[str], kind: type[CallError]) -> None:
    chat = reply()
    for data in events:
        chat.take(data)
    with pytest.raises(kind):
        chat.finished(1)


def test_a_budget_spent_on_thinking_says_so() -> None:
    usage = {"completion_tokens": 64, "completion_tokens_details": {"reasoning_tokens": 64}}
    chat = reply()
    for data in (chunk("", "length", usage=usage), "[DONE]"):
        chat.take(data)
    with pytest.raises(errors.Truncated, match="thinking"):
        chat.finished(1)
    assert chat.is_maybe_paid


def test_an_event_that_is_no_object_breaks_the_reply() -> None:
    with pytest.raises(errors.UpstreamBroken):
        reply().take("half of {")


def read_whole(body: bytes) -> Finished:
    chat = reply()
    chat.take_whole(body)
    return chat.finished(1)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(b'{"error":{"code":402,"message":"no"},"id":"x"}', errors.PaymentRequired, id="a: only an error"),
        pytest.param(
            whole({"content": "half"}, "error").replace(b'"index"', b'"error":{"code":503,"message":"x"},"index"'),
            errors.Overloaded,
            id="b: an error beside half an answer",
        ),
        pytest.param(
            b'{"id":null,"choices":null,"model":null,"object":null,"error":{"code":429,"message":"x"}}',
            errors.RateLimited,
            id="c: nothing but nulls and an error",
        ),
        pytest.param(whole(None), errors.UpstreamBroken, id="d: no choices and no error"),
        pytest.param(b'{"choices":[]}', errors.UpstreamBroken, id="d: empty choices"),
        pytest.param(b"\n         \n" * 60, errors.UpstreamBroken, id="f: blank padding"),
        pytest.param(b"", errors.UpstreamBroken, id="f: nothing"),
        pytest.param(b'\n         \n{"choices":[', errors.UpstreamBroken, id="f: padding and half a body"),
        pytest.param(whole({"content": ""}, None), errors.UpstreamBroken, id="g: no output"),
        pytest.param(whole({"content": None}, None), errors.UpstreamBroken, id="g: no output, null"),
        pytest.param(whole({"content": ""}, "length"), errors.Truncated, id="h: the budget is gone"),
        pytest.param(whole({"content": "", "refusal": "no"}, "content_filter"), errors.ModelRefused, id="a refusal"),
        pytest.param(b"<html>", errors.UpstreamBroken, id="a page"),
    ],
)
def test_a_200_that_is_a_failure_is_one(body: bytes, kind: type[CallError]) -> None:
    with pytest.raises(CallError) as caught:
        read_whole(body)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(whole({"content": "Hello"}), id="plain"),
        pytest.param(b"\n         \n" * 3 + whole({"content": "Hello"}), id="behind padding"),
        pytest.param(
            json.dumps({"choices": None, "provider": json.loads(whole({"content": "Hello"}))}).encode(),
            id="e: inside the provider",
        ),
    ],
)
def test_an_answer_in_one_piece_is_an_answer(body: bytes) -> None:
    chat = reply()
    assert chat.take_whole(body) == "Hello"
    assert chat.finished(1).usage.tokens_out == 12


def test_an_error_after_text_may_be_billed_unless_the_provider_ended_it_so() -> None:
    error = {"code": 502, "message": "x"}
    for finish, is_maybe_paid in ((None, True), ("error", False)):
        chat = reply()
        chat.take(chunk("Hi"))
        with pytest.raises(errors.UpstreamBroken):
            chat.take(chunk("", finish, error=error))
        assert chat.is_maybe_paid is is_maybe_paid


def test_a_refused_format_is_told_apart_only_before_the_first_word() -> None:
    error = {"code": 404, "message": "no endpoint for this format"}
    with pytest.raises(FormatRefused):
        reply().take(json.dumps({"error": error}))
    chat = reply()
    chat.take(chunk("Hi"))
    with pytest.raises(CallError):
        chat.take(json.dumps({"error": error}))


def test_a_reply_that_runs_on_is_stopped() -> None:
    chat = reply(max_tokens=16)
    with pytest.raises(errors.Truncated, match="ran on"):
        deque(map(chat.take, [chunk("\n")] * 100))


@pytest.mark.parametrize("told", ["gen 1", "gen-\n1", "x" * 201, "gén-1"])
def test_an_id_that_can_be_none_is_not_taken_for_one(told: str) -> None:
    chat = ChatReply(ASKED, Judge(), headers={"x-generation-id": told}, now=NOW, expected=Expected(100))
    assert chat.generation_id == ""
    chat.take(chunk("Hello"))
    assert chat.generation_id == "gen-2"
