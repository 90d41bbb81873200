"""OpenRouter over real sockets: what is sent, what it costs, formats and privacy, nearest names."""

from dataclasses import replace
from decimal import Decimal

import pytest
from pytest_httpx import HTTPXMock

from amalfa import errors
from amalfa.calls import Price, PrivacyClass, Steering
from amalfa.clock import SystemClock
from amalfa.config.openrouter_settings import OpenRouterRouting
from amalfa.config.secret import Secret
from amalfa.providers.model_facts import Facts
from amalfa.providers.openrouter import OpenRouterProvider
from amalfa.providers.provider import Accepted, TextDelta
from tests.providers.asking import (
    CITY,
    KEY,
    QUICK,
    QWEN_72B,
    end_of,
    failure_of,
    hear,
    openrouter_at,
    phases_of,
    request,
    text_of,
)
from tests.upstreams.hand_clock import HandClock
from tests.upstreams.openrouter import OpenRouterSimulator

CHAT = "/api/v1/chat/completions"
NO_FORMATS = "acme/zero-preview"


async def test_a_reply_ends_with_its_real_cost_model_and_id(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    events = await hear(openrouter, request("openai/gpt-4o-mini"))
    end = end_of(events)
    assert text_of(events) == "This is a simulated reply."
    assert end.model == "openai/gpt-4o-mini-2024-07-18"
    assert end.usage.cost_usd == pytest.approx(float(openrouter_sim.spent_usd))
    assert end.usage.cost_usd is not None
    assert end.usage.cost_usd > 0
    assert (end.generation_id or "").startswith("gen-")


async def test_a_request_is_streamed_capped_and_signed(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    await hear(openrouter, request(QWEN_72B, max_tokens=5))
    sent = openrouter_sim.requests_to(CHAT)[0]
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.json == {
        "model": QWEN_72B,
        "messages": [{"role": "user", "content": "What is Amalfa?"}],
        "temperature": 0.3,
        "max_tokens": 16,
        "stream": True,
    }


async def test_attribution_headers_go_along(openrouter_sim: OpenRouterSimulator) -> None:
    headers = (("HTTP-Referer", Secret("https://ada.example")), ("X-Title", Secret("Amalfa Sonar")))
    endpoint = replace(openrouter_at(openrouter_sim.api_url), headers=headers)
    provider = OpenRouterProvider(endpoint, clock=SystemClock(), patience=QUICK)
    await hear(provider, request(QWEN_72B))
    await provider.aclose()
    sent = openrouter_sim.requests[0].headers
    assert (sent["http-referer"], sent["x-title"]) == ("https://ada.example", "Amalfa Sonar")


async def test_a_strict_schema_is_insisted_on(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    await hear(openrouter, request(QWEN_72B, schema=CITY))
    sent = openrouter_sim.requests_to(CHAT)[0].json
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert sent["provider"] == {"require_parameters": True}


@pytest.mark.parametrize(
    "refusals", [pytest.param(["no_parameters"] * 2, id="parameters"), pytest.param(["guardrail_old"], id="guardrail")]
)
async def test_a_format_nobody_serves_is_loosened_once_said_and_remembered(
    refusals: list[str], openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    steps = [{"error": error} for error in refusals]
    openrouter_sim.script(QWEN_72B, *steps, {"json": {"city": "Amalfi", "people": 5000}})
    events = await hear(openrouter, request(QWEN_72B, schema=CITY))
    assert phases_of(events)[-1] == f"{QWEN_72B} is not served with this format, asking for any JSON object"
    await hear(openrouter, request(QWEN_72B, schema=CITY))
    formats = [r.json["response_format"]["type"] for r in openrouter_sim.requests_to(CHAT)]
    assert formats == ["json_schema"] * len(refusals) + ["json_object", "json_object"]
    loosened = openrouter_sim.requests_to(CHAT)[-2].json
    assert loosened["temperature"] == 0.3
    assert "provider" not in loosened
    assert "JSON" in loosened["messages"][0]["content"]


async def test_a_parameter_nobody_serves_is_left_out_before_the_format_is_given_up(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    plain = "mistralai/mistral-7b-instruct"
    endpoint = replace(openrouter_sim.models[6].endpoints[0], parameters=("max_tokens", "structured_outputs"))
    assert openrouter_sim.models[6].id == plain
    openrouter_sim.models[6] = replace(openrouter_sim.models[6], endpoints=(endpoint,))
    events = await hear(openrouter, request(plain, schema=CITY))
    assert phases_of(events) == [f"{plain} is not served with this temperature, asking without one"]
    await hear(openrouter, request(plain, schema=CITY))
    sent = [r.json for r in openrouter_sim.requests_to(CHAT)]
    assert ["temperature" in body for body in sent] == [True, False, False]
    assert {body["response_format"]["type"] for body in sent} == {"json_schema"}


async def test_a_model_without_formats_is_served_in_the_end(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.script(NO_FORMATS, {"text": '{"city":"Amalfi","people":5000}', "times": 9})
    events = await hear(openrouter, request(NO_FORMATS, schema=CITY))
    assert text_of(events) == '{"city":"Amalfi","people":5000}'


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        (Facts(has_json=True), "json_schema"),
        (Facts(has_json=False, has_json_object=True), "json_object"),
        (Facts(has_json=False, has_json_object=False), None),
        (Facts(), "json_schema"),
    ],
)
async def test_the_format_is_the_best_that_the_list_has_for_the_model(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider, facts: Facts, kind: str | None
) -> None:
    openrouter.inform(lambda model: facts if model == QWEN_72B else Facts())
    await hear(openrouter, request(QWEN_72B, schema=CITY))
    (sent,) = openrouter_sim.requests_to(CHAT)
    assert sent.json.get("response_format", {}).get("type") == kind
    assert ("JSON Schema" in str(sent.json["messages"])) is (kind != "json_schema")


async def test_a_refusal_that_is_not_about_the_format_is_not_asked_again(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.script(QWEN_72B, {"error": "data_policy"})
    error, _ = await failure_of(openrouter, request(QWEN_72B, schema=CITY))
    assert isinstance(error, errors.ModelRefused)
    assert len(openrouter_sim.requests_to(CHAT)) == 1


async def test_zero_retention_is_demanded_with_every_format(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.script(QWEN_72B, {"error": "no_parameters"})
    await hear(openrouter, request(QWEN_72B, schema=CITY, privacy=PrivacyClass.CLOUD_ZDR))
    demands = [r.json["provider"] for r in openrouter_sim.requests_to(CHAT)]
    assert [(demand["zdr"], demand["data_collection"]) for demand in demands] == [(True, "deny")] * 2
    assert openrouter_sim.counters.served == [QWEN_72B]


async def test_local_only_text_never_leaves(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    error, _ = await failure_of(openrouter, request(QWEN_72B, privacy=PrivacyClass.LOCAL_ONLY))
    assert isinstance(error, errors.Forbidden)
    assert openrouter_sim.connections == 0


async def test_with_the_cloud_off_no_byte_goes_out_not_even_to_look(openrouter_sim: OpenRouterSimulator) -> None:
    endpoint = openrouter_at(openrouter_sim.api_url, off_reason="sonar.cloud.enabled is false")
    provider = OpenRouterProvider(endpoint, clock=SystemClock(), patience=QUICK)
    presence = await provider.look()
    error, _ = await failure_of(provider, request(QWEN_72B))
    await provider.aclose()
    assert (presence.state, presence.reason) == ("parked", "sonar.cloud.enabled is false")
    assert isinstance(error, errors.Forbidden)
    assert openrouter_sim.connections == 0


async def test_without_a_key_nobody_is_asked(openrouter_sim: OpenRouterSimulator) -> None:
    provider = OpenRouterProvider(openrouter_at(openrouter_sim.api_url, key=None), clock=SystemClock())
    assert (await provider.look()).state == "no_key"
    error, _ = await failure_of(provider, request(QWEN_72B))
    assert isinstance(error, errors.Unauthorized)
    assert "OPENROUTER_API_KEY" in error.hint
    assert openrouter_sim.connections == 0


async def test_an_unknown_model_comes_with_the_nearest_names(openrouter: OpenRouterProvider) -> None:
    error, _ = await failure_of(openrouter, request("qwen/qwen-2.5-72b-instrct"))
    assert isinstance(error, errors.ModelMissing)
    assert f"nearest: openrouter:{QWEN_72B}" in error.hint


async def test_the_nearest_names_are_asked_for_once_and_never_hold_up_the_failure(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.script("/models", {"status": 500, "body": "oops"})
    for _ in range(3):
        error, _ = await failure_of(openrouter, request("qwen/qwen-2.5-72b-instrct"))
        assert isinstance(error, errors.ModelMissing)
    assert len(openrouter_sim.requests_to("/api/v1/models")) == 2


async def test_looking_checks_the_key(openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider) -> None:
    assert (await openrouter.look()).state == "up"
    openrouter_sim.account.keys[KEY].is_disabled = True
    presence = await openrouter.look()
    assert presence.state == "parked"
    assert "from /home/ada/notes/.env:3 OPENROUTER_API_KEY" in presence.reason
    await openrouter_sim.stop()
    assert (await openrouter.look()).state == "down"


@pytest.mark.parametrize("variant", ["A", "B", "C"])
async def test_usage_is_read_in_every_variant(
    variant: str, openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.script(QWEN_72B, {"usage_variant": variant, "usage": {"cost": 0.25}})
    assert end_of(await hear(openrouter, request(QWEN_72B))).usage.cost_usd == 0.25


async def test_a_cost_that_is_not_told_is_unknown(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.script(QWEN_72B, {"fault": "no_usage"})
    assert end_of(await hear(openrouter, request(QWEN_72B))).usage.cost_usd is None


@pytest.mark.parametrize("odd", ["debug_chunk", "empty_delta", "unknown_fields", "encrypted_reasoning", "bare_comment"])
async def test_odd_events_do_not_disturb(
    odd: str, openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.script(QWEN_72B, {"text": "Fine.", "odd": odd, "comments": 2, "thinking": "Let me see."})
    assert text_of(await hear(openrouter, request(QWEN_72B))) == "Fine."


@pytest.mark.parametrize("odd", ["padding", "no_details", "native_null", "unknown_fields", "nested"])
async def test_a_whole_reply_where_a_stream_was_asked_for_is_read_all_the_same(
    odd: str, openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.script(QWEN_72B, {"text": "Fine.", "odd": ["json_instead_of_sse", odd]})
    events = await hear(openrouter, request(QWEN_72B))
    assert text_of(events) == "Fine."
    assert end_of(events).usage.cost_usd is not None


FAILURES_INSIDE_A_200 = (
    *("error_only", "string_code", "all_null", "choices_null", "choices_empty", "choice_error", "empty_content"),
    *("null_content", "blank", "padding_cut", "reasoned_away", "cut_json", "refusal"),
)


@pytest.mark.parametrize("odd", FAILURES_INSIDE_A_200)
async def test_a_200_that_is_a_failure_gives_no_text(
    odd: str, openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.script(QWEN_72B, {"text": "Half an answer.", "odd": ["json_instead_of_sse", odd]})
    await failure_of(openrouter, request(QWEN_72B))


async def test_a_free_models_minute_is_waited_for_until_its_reset(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.account.free_per_minute = 1
    free = "meta-llama/llama-3.3-70b-instruct:free"
    await hear(openrouter, request(free))
    error, _ = await failure_of(openrouter, request(free))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after_s is not None
    assert 0 <= error.retry_after_s <= 60


async def test_hanging_up_is_what_stops_the_bill(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    assert all(r.json["stream"] is True for r in openrouter_sim.requests_to(CHAT))
    await hear(openrouter, request(QWEN_72B, schema=CITY))
    assert [r.json["stream"] for r in openrouter_sim.requests_to(CHAT)] == [True]


async def test_the_name_of_the_reply_is_told_before_its_first_word(openrouter: OpenRouterProvider) -> None:
    events = await hear(openrouter, request(QWEN_72B))
    assert events[0] == Accepted(end_of(events).generation_id or "")
    assert isinstance(events[1], TextDelta)
    assert [type(event) for event in events].count(Accepted) == 1


async def test_auto_keeps_the_prefix_without_which_it_is_refused(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    for name in ("auto", "openrouter/auto"):
        assert text_of(await hear(openrouter, request(name)))
    assert [r.json["model"] for r in openrouter_sim.requests_to(CHAT)] == ["openrouter/auto"] * 2


@pytest.mark.parametrize("variant", [f"{QWEN_72B}:nitro", f"{QWEN_72B}:floor", f"{QWEN_72B}:free"])
async def test_variants_go_along_as_they_are_written(
    variant: str, openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    await hear(openrouter, request(variant))
    assert openrouter_sim.requests_to(CHAT)[0].json["model"] == variant


async def test_what_a_call_demands_of_the_router_goes_along(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    steering = Steering("throughput", Price(0.5, 1.5), allow_fallbacks=False)
    await hear(openrouter, replace(request(QWEN_72B), steering=steering))
    wishes = {"sort": "throughput", "max_price": {"prompt": 0.5, "completion": 1.5}, "allow_fallbacks": False}
    assert openrouter_sim.requests_to(CHAT)[0].json["provider"] == wishes


async def test_a_price_ceiling_that_nobody_meets_is_a_refusal(openrouter: OpenRouterProvider) -> None:
    steering = Steering(max_price=Price(0.01, 0.01))
    error, _ = await failure_of(openrouter, replace(request(QWEN_72B), steering=steering))
    assert isinstance(error, errors.ModelRefused)


async def test_what_the_user_wrote_about_the_router_goes_along_and_another_model_may_answer(
    openrouter_sim: OpenRouterSimulator,
) -> None:
    routing = OpenRouterRouting.model_validate({"models": ["openrouter:openai/gpt-4o-mini"], "ignore": ["novita"]})
    endpoint = openrouter_at(openrouter_sim.api_url)
    provider = OpenRouterProvider(endpoint, routing=routing, clock=SystemClock(), patience=QUICK)
    openrouter_sim.script(QWEN_72B, {"status": 502})
    events = await hear(provider, request(QWEN_72B))
    await provider.aclose()
    sent = openrouter_sim.requests_to(CHAT)[0].json
    assert sent["models"] == ["openai/gpt-4o-mini"]
    assert sent["provider"] == {"ignore": ["novita"]}
    assert end_of(events).model == "openai/gpt-4o-mini-2024-07-18"
    assert provider.fingerprint != OpenRouterProvider(endpoint, clock=SystemClock()).fingerprint


async def test_the_cost_of_a_call_is_found_by_its_id_once_the_account_knows_it() -> None:
    clock = HandClock()
    async with OpenRouterSimulator(clock=clock, generation_lag_s=30) as sim:
        provider = OpenRouterProvider(openrouter_at(sim.api_url), clock=SystemClock(), patience=QUICK)
        end = end_of(await hear(provider, request(QWEN_72B)))
        named = end.generation_id or ""
        assert await provider.generation_cost_usd(named) is None
        clock.advance(31)
        assert await provider.generation_cost_usd(named) == pytest.approx(end.usage.cost_usd)
        assert await provider.generation_cost_usd("gen-/?&x=1") is None
        sim.script("/generation", {"status": 500})
        with pytest.raises(errors.UpstreamBroken):
            await provider.generation_cost_usd(named)
        await provider.aclose()


@pytest.mark.parametrize("odd", [[], ["minimal"]])
async def test_the_limits_of_the_key_are_read_in_both_shapes(
    odd: list[str], openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.account.keys[KEY].limit_usd = Decimal(5)
    openrouter_sim.script("/key", {"odd": odd})
    limits = await openrouter.key_limits()
    assert limits.remaining_usd == 5
    assert limits.free_daily_limit == (None if odd else 50)
    assert limits.free_daily_used == (None if odd else 0)


async def test_a_bad_key_has_no_limits_but_says_so(
    openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.account.keys[KEY].is_disabled = True
    with pytest.raises(errors.Unauthorized):
        await openrouter.key_limits()


async def test_the_whole_list_is_read_page_by_page(httpx_mock: HTTPXMock) -> None:
    def page(name: str, following: str | None) -> dict[str, object]:
        model = {"id": name, "pricing": {"prompt": "0.000001", "completion": "0.000002"}, "context_length": 8192}
        return {"data": [model], "links": {"next": following}}

    base = "https://openrouter.ai/api/v1"
    httpx_mock.add_response(url=f"{base}/models", json=page("a/1", "/api/v1/models?offset=1"))
    httpx_mock.add_response(url=f"{base}/models?offset=1", json=page("a/2", "https://elsewhere.example/models"))
    provider = OpenRouterProvider(openrouter_at(base), clock=SystemClock(), patience=QUICK)
    found = await provider.model_list(deadline_s=SystemClock().monotonic_s() + 5)
    await provider.aclose()
    assert {name: listed.facts.price for name, listed in found.items()} == {
        "a/1": Price(1.0, 2.0),
        "a/2": Price(1.0, 2.0),
    }


@pytest.mark.parametrize("body", [{"data": []}, {"error": {"code": 500}}, [], "<html>"])
async def test_what_is_no_list_is_a_failure_and_not_an_empty_one(
    body: object, openrouter_sim: OpenRouterSimulator, openrouter: OpenRouterProvider
) -> None:
    openrouter_sim.script("/models", {"status": 200, "body": body})
    with pytest.raises(errors.UpstreamBroken):
        await openrouter.model_list(deadline_s=SystemClock().monotonic_s() + 5)
