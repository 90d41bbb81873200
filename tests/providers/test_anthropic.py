"""Anthropic over real sockets: what is sent, how JSON is got, what its errors mean."""

import json
from dataclasses import replace

import pytest

from amalfa import errors
from amalfa.calls import Material, PrivacyClass, Prompt, Tier
from amalfa.clock import SystemClock
from amalfa.config.secret import Secret
from amalfa.messages import Message
from amalfa.providers.anthropic import AnthropicProvider
from amalfa.providers.provider import Accepted, Request
from tests.providers.asking import (
    ANTHROPIC_KEY,
    CITY,
    OPUS,
    QUICK,
    anthropic_at,
    end_of,
    failure_of,
    hear,
    phases_of,
    request,
    text_of,
)
from tests.upstreams.anthropic import AnthropicSimulator

MESSAGES = "/v1/messages"


def with_messages(*messages: Message, asked: Request | None = None) -> Request:
    asked = asked or request(OPUS)
    return replace(asked, prompt=replace(asked.prompt, messages=messages))


async def test_a_reply_ends_with_its_tokens_model_and_id_and_no_cost(
    anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    anthropic_sim.script(OPUS, {"text": "Hello there.", "usage": {"tokens_in": 42, "tokens_out": 7}})
    events = await hear(anthropic, request(OPUS))
    end = end_of(events)
    assert text_of(events) == "Hello there."
    assert (end.usage.tokens_in, end.usage.tokens_out, end.usage.cost_usd) == (42, 7, None)
    assert end.model == OPUS
    assert events[0] == Accepted(end.generation_id or "")
    assert (end.generation_id or "").startswith("msg_")


async def test_a_request_is_signed_in_anthropics_own_way(
    anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    system, again = Message("system", "Be brief."), Message("system", "Be kind.")
    await hear(anthropic, with_messages(system, again, Message("user", "Hi"), Message("assistant", "  ")))
    sent = anthropic_sim.requests_to(MESSAGES)[0]
    assert sent.headers["x-api-key"] == ANTHROPIC_KEY
    assert sent.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in sent.headers
    assert sent.json == {
        "model": OPUS,
        "max_tokens": 200,
        "system": "Be brief.\n\nBe kind.",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "temperature": 0.3,
    }


async def test_a_password_of_a_proxy_goes_beside_the_key(anthropic_sim: AnthropicSimulator) -> None:
    endpoint = replace(anthropic_at(anthropic_sim.url), basic_auth=("ada", Secret("canary")))
    provider = AnthropicProvider(endpoint, clock=SystemClock(), patience=QUICK)
    await hear(provider, request(OPUS))
    await provider.aclose()
    sent = anthropic_sim.requests[0].headers
    assert sent["x-api-key"] == ANTHROPIC_KEY
    assert sent["authorization"].startswith("Basic ")


async def test_a_prompt_of_system_text_alone_is_said_by_the_user(
    anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    await hear(anthropic, with_messages(Message("system", "Say something.")))
    sent = anthropic_sim.requests[0].json
    assert sent["messages"] == [{"role": "user", "content": "Say something."}]
    assert "system" not in sent


async def test_the_temperature_is_kept_on_this_apis_scale(
    anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    prompt = Prompt((Message("user", "Hi"),), Material(), 50, 1.7)
    await hear(anthropic, replace(request(OPUS), prompt=prompt))
    assert anthropic_sim.requests[0].json["temperature"] == 1.0


async def test_json_is_the_input_of_a_tool_that_has_to_be_called(
    anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    anthropic_sim.script(OPUS, {"json": {"city": "Amalfi", "people": 5000}, "thinking": "Let me see"})
    events = await hear(anthropic, request(OPUS, schema=CITY))
    assert json.loads(text_of(events)) == {"city": "Amalfi", "people": 5000}
    sent = anthropic_sim.requests[0].json
    assert sent["tools"][0]["input_schema"] == CITY
    assert sent["tool_choice"] == {"type": "tool", "name": "reply", "disable_parallel_tool_use": True}


@pytest.mark.parametrize("refused", ["no_tools", "bad_schema"])
async def test_a_model_without_tools_is_asked_in_words_and_that_is_remembered(
    refused: str, anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    anthropic_sim.script(OPUS, {"error": refused}, {"text": '{"city":"Amalfi","people":5000}', "times": 2})
    events = await hear(anthropic, request(OPUS, schema=CITY))
    assert phases_of(events) == [f"{OPUS} is not served with this format, asking for JSON in words"]
    assert text_of(events) == '{"city":"Amalfi","people":5000}'
    await hear(anthropic, request(OPUS, schema=CITY))
    assert ["tools" in sent.json for sent in anthropic_sim.requests] == [True, False, False]
    assert "JSON Schema" in anthropic_sim.requests[-1].json["system"]


async def test_a_list_is_asked_for_in_words_as_no_tool_takes_one(
    anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    anthropic_sim.script(OPUS, {"text": "[1, 2]"})
    events = await hear(anthropic, request(OPUS, schema={"type": "array", "items": {"type": "integer"}}))
    assert text_of(events) == "[1, 2]"
    assert "tools" not in anthropic_sim.requests[0].json


async def test_a_model_with_a_temperature_of_its_own_is_asked_without_one(
    anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    anthropic_sim.script(OPUS, {"error": "no_temperature"})
    await hear(anthropic, request(OPUS))
    await hear(anthropic, request(OPUS))
    assert ["temperature" in sent.json for sent in anthropic_sim.requests] == [True, False, False]


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ("bad_key", errors.Unauthorized),
        ("permission", errors.Unauthorized),
        ("billing", errors.PaymentRequired),
        ("no_credit", errors.PaymentRequired),
        ("too_large", errors.ContextTooLong),
        ("too_long", errors.ContextTooLong),
        ("rate_limit", errors.RateLimited),
        ("internal", errors.UpstreamBroken),
        ("timeout", errors.UpstreamBroken),
        ("overloaded", errors.Overloaded),
    ],
)
async def test_a_refusal_means_what_it_says_before_and_within_a_reply(
    named: str, kind: type[errors.CallError], anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    anthropic_sim.script(OPUS, {"error": named}, {"chunks": ["Half"], "late_error": named, "after": 1})
    before, heard = await failure_of(anthropic, request(OPUS))
    assert (type(before), heard, before.is_maybe_paid) == (kind, "", False)
    if named not in ("billing", "no_credit", "too_large", "too_long"):
        within, heard = await failure_of(anthropic, request(OPUS))
        assert (type(within), heard, within.is_maybe_paid) == (kind, "Half", True)
        assert within.usage is not None


async def test_a_rate_limit_is_waited_for_as_long_as_it_says(
    anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    anthropic_sim.script(OPUS, {"error": "rate_limit"})
    error, _ = await failure_of(anthropic, request(OPUS))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after_s == 7


async def test_what_does_not_fit_says_how_much_it_is(anthropic_sim: AnthropicSimulator) -> None:
    anthropic_sim.models[OPUS] = 150
    provider = AnthropicProvider(anthropic_at(anthropic_sim.url), clock=SystemClock(), patience=QUICK)
    long, _ = await failure_of(provider, request(OPUS, text="word " * 200))
    near, _ = await failure_of(provider, request(OPUS, max_tokens=149))
    await provider.aclose()
    assert isinstance(long, errors.ContextTooLong)
    assert isinstance(near, errors.ContextTooLong)
    assert (long.limit_tokens, near.limit_tokens) == (150, 150)
    assert long.needed_tokens is not None
    assert near.needed_tokens is not None
    assert min(long.needed_tokens, near.needed_tokens) > 150


async def test_an_unknown_model_comes_with_the_nearest_names(anthropic: AnthropicProvider) -> None:
    error, _ = await failure_of(anthropic, request("claude-3-opus-latest"))
    assert isinstance(error, errors.ModelMissing)
    assert f"nearest: anthropic:{OPUS}" in error.hint


async def test_a_refused_key_is_told_with_its_origin_and_never_in_full(
    anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    anthropic_sim.keys.clear()
    error, _ = await failure_of(anthropic, request(OPUS))
    presence = await anthropic.look()
    assert ".env:4 ANTHROPIC_API_KEY" in error.message
    assert ANTHROPIC_KEY not in f"{error} {presence}"
    assert presence.state == "parked"


async def test_looking_tells_who_is_there(anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider) -> None:
    assert (await anthropic.look()).state == "up"
    assert anthropic_sim.requests[0].headers["anthropic-version"] == "2023-06-01"
    await anthropic_sim.stop()
    assert (await anthropic.look()).state == "down"


@pytest.mark.parametrize("privacy", [PrivacyClass.LOCAL_ONLY, PrivacyClass.CLOUD_ZDR])
async def test_text_that_needs_a_promise_is_not_sent(
    privacy: PrivacyClass, anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    error, _ = await failure_of(anthropic, request(OPUS, privacy=privacy))
    assert isinstance(error, errors.Forbidden)
    assert anthropic_sim.connections == 0


async def test_without_a_key_or_with_the_cloud_off_nobody_is_asked(anthropic_sim: AnthropicSimulator) -> None:
    keyless = AnthropicProvider(anthropic_at(anthropic_sim.url, key=None), clock=SystemClock())
    off = AnthropicProvider(anthropic_at(anthropic_sim.url, off_reason="the cloud is off"), clock=SystemClock())
    assert isinstance((await failure_of(keyless, request(OPUS)))[0], errors.Unauthorized)
    assert isinstance((await failure_of(off, request(OPUS)))[0], errors.Forbidden)
    assert [(await one.look()).state for one in (keyless, off)] == ["no_key", "parked"]
    assert anthropic_sim.connections == 0


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ({"fault": "cut_after:1"}, errors.Truncated),
        ({"fault": "no_done"}, errors.Truncated),
        ({"fault": "no_finish"}, errors.Truncated),
        ({"fault": "stall_after:1"}, errors.Stalled),
        ({"fault": "cut_before_first"}, errors.Truncated),
        ({"fault": "endless"}, errors.Truncated),
        ({"fault": "html"}, errors.UpstreamBroken),
        ({"fault": "wrong_type"}, errors.UpstreamBroken),
        ({"fault": "reset"}, errors.UpstreamBroken),
        ({"finish": "max_tokens"}, errors.Truncated),
        ({"finish": "refusal"}, errors.ModelRefused),
        ({"finish": "model_context_window_exceeded"}, errors.ContextTooLong),
        ({"finish": "pause_turn"}, errors.BadReply),
        ({"chunks": []}, errors.BadReply),
    ],
)
async def test_what_is_no_whole_answer_is_a_failure(
    step: dict[str, object],
    kind: type[errors.CallError],
    anthropic_sim: AnthropicSimulator,
    anthropic: AnthropicProvider,
) -> None:
    anthropic_sim.script(OPUS, {"text": "Half an answer.", **step})
    error, _ = await failure_of(anthropic, request(OPUS))
    assert type(error) is kind


@pytest.mark.parametrize("fault", ["split:1", "merge", "crlf", "drip:0"])
async def test_however_the_network_cuts_it_a_reply_is_read(
    fault: str, anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    anthropic_sim.script(OPUS, {"text": "Grüße aus Amalfi.", "fault": fault, "comments_between": 1})
    assert text_of(await hear(anthropic, request(OPUS))) == "Grüße aus Amalfi."


@pytest.mark.parametrize("schema", [None, CITY])
async def test_a_whole_reply_where_a_stream_was_asked_for_is_read_all_the_same(
    schema: dict[str, object] | None, anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider
) -> None:
    anthropic_sim.script(OPUS, {"text": '{"city":"Amalfi","people":1}', "odd": "json_instead_of_sse"})
    events = await hear(anthropic, request(OPUS, schema=schema))
    assert json.loads(text_of(events)) == {"city": "Amalfi", "people": 1}
    assert end_of(events).usage.tokens_in is not None


async def test_a_server_of_ones_own_is_free(anthropic_sim: AnthropicSimulator) -> None:
    endpoint = replace(anthropic_at(anthropic_sim.url), tier=Tier.LOCAL)
    provider = AnthropicProvider(endpoint, clock=SystemClock(), patience=QUICK)
    assert end_of(await hear(provider, request(OPUS))).usage.cost_usd == 0.0
    await provider.aclose()
