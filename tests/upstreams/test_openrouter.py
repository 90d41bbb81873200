"""OpenRouter's chat route: keys, validation, routing filters, fallbacks, plain replies."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.openrouter_asking import FORMAT, FREE, KEY, MODEL, SCHEMA, body, content, error, events, once, post
from tests.upstreams.openrouter_gates import Rules


async def test_a_plain_reply_has_all_fields_and_its_id_in_a_header() -> None:
    answer = await once(body())
    reply = json.loads(answer.body)
    assert answer.header("X-Generation-Id") == reply["id"]
    assert reply["id"].startswith("gen-")
    assert reply["object"] == "chat.completion"
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert set(reply["usage"]) >= {"prompt_tokens", "completion_tokens", "total_tokens", "cost", "cost_details"}


async def test_the_cost_is_tokens_times_the_price_and_is_summed_up() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        sim.script("*", {"text": "a b c d", "usage": {"tokens_in": 1000}})
        usage = json.loads((await post(sim)).body)["usage"]
        assert usage["cost"] == pytest.approx(1000 * 0.00000012 + 4 * 0.00000039)
        assert float(sim.spent_usd) == pytest.approx(usage["cost"])


@pytest.mark.parametrize(
    ("key", "message"), [(None, "No cookie auth credentials found"), ("sk-or-v1-wrong", "User not found.")]
)
async def test_a_missing_or_unknown_key_is_a_401_in_json_also_for_streams(key: str | None, message: str) -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        answer = await post(sim, body(stream=True), key=key)
    assert (answer.status, answer.header("Content-Type")) == (401, "application/json")
    assert error(answer)["message"] == message


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        ("{", 400, "Input must have at least 1 token."),
        (body("x/y"), 400, "x/y is not a valid model ID"),
        ({"model": MODEL}, 400, 'Input required: specify "prompt" or "messages"'),
        ({"model": MODEL, "messages": "hi"}, 400, 'Input required: specify "prompt" or "messages"'),
        (body(models=["a/b"] * 4), 400, "'models' array must have 3 items or fewer."),
        (body(provider={"foo": 1}), 400, "Unrecognized key(s) in object: 'foo'"),
        (body("google/gemini-2.5-flash:free"), 404, "No endpoints found for google/gemini-2.5-flash:free."),
        (body("openai/gpt-oss-20b:free"), 404, "This model is unavailable for free."),
        (body("openai/gpt-4o-mini:batch"), 404, "This model is only available through the Batch API."),
        (body("thinkingmachines/inkling:free"), 403, "thinkingmachines/inkling:free is only available on agentic"),
        (body("acme/far-away"), 403, "This model is not available in your region."),
        (body("acme/grown-ups"), 403, "This model requires you to complete the following before use"),
        (body("@preset/none"), 404, "Preset none not found"),
        (body("deepseek/deepseek-r1", reasoning={"effort": "none"}), 400, "Reasoning is mandatory"),
        (body(temperature=3), 400, "Provider returned error"),
        (body("mistralai/mistral-7b-instruct", tools=[{}]), 404, "No endpoints found that support tool use."),
        (body(FREE, provider={"data_collection": "deny"}), 404, "No endpoints found matching your data policy (Free"),
        (body(FREE, provider={"zdr": True}), 404, "No endpoints found matching your data policy (Zero"),
        (body(provider={"only": ["azure"]}), 404, "No allowed providers are available for the selected model."),
        (body(provider={"max_price": {"prompt": 0.01}}), 404, "No endpoints found that satisfy the max price"),
        (body("deepseek/deepseek-r1", provider={"require_parameters": True}, tools=None, parallel_tool_calls=True), 404,
         "No endpoints found that can handle the requested parameters."),
        (body("google/gemma-3-27b-it:free", provider={"require_parameters": True}, response_format=FORMAT), 404,
         "No endpoints available matching your guardrail restrictions and data policy."),
    ],
)  # fmt: skip
async def test_refusals_and_their_words(given: Any, status: int, message: str) -> None:
    answer = await once(given)
    assert answer.status == status
    assert error(answer)["message"].startswith(message)
    assert answer.header("X-Generation-Id") is not None


async def test_a_routing_refusal_says_which_step_failed() -> None:
    metadata = error(await once(body(FREE, provider={"data_collection": "deny"})))["metadata"]
    assert metadata["failed_routing_step"] == "Filter by Data Policy"
    assert metadata["routing_funnel"][-1] == {"step": "Filter by Data Policy", "endpoint_count": 0}


async def test_dropping_the_unsupported_parameter_lets_the_request_through() -> None:
    strict = {"require_parameters": True}
    assert (await once(body("mistralai/mistral-7b-instruct", provider=strict, temperature=0))).status == 404
    assert (await once(body("mistralai/mistral-7b-instruct", provider=strict))).status == 200


@pytest.mark.parametrize("style", ["new", "old"])
async def test_the_accounts_guardrail_bans_training_endpoints(style: str) -> None:
    answer = await once(body(FREE), rules=Rules(guardrail=style))
    assert answer.status == 404
    assert ("ineligibility_reasons" in error(answer).get("metadata", {})) is (style == "new")


async def test_the_harness_gate_opens_for_the_right_title() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        answer = await post(sim, body("thinkingmachines/inkling:free"), X_OpenRouter_Title="Coding Agent")
    assert answer.status == 200


async def test_a_prompt_beyond_the_context_is_refused_unless_compressed() -> None:
    long = body(messages=[{"role": "user", "content": "word " * 40000}])
    refused = await once(long)
    assert error(refused)["message"].startswith("This endpoint's maximum context length is 32768 tokens. However, you")
    assert (await once({**long, "plugins": [{"id": "context-compression"}]})).status == 200
    small = {**long, "model": "mistralai/mistral-7b-instruct"}
    assert (await once(small)).status == 200
    assert (await once({**small, "plugins": [{"id": "context-compression", "enabled": False}]})).status == 400


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("openrouter/auto", "openai/gpt-4o-mini-2024-07-18"),
        ("openrouter/free", FREE),
        ("~qwen/qwen-latest", MODEL),
        (f"{MODEL}:nitro", MODEL),
        ("anthropic/claude-sonnet-4.6", "anthropic/claude-4.6-sonnet-20260217"),
        ("anthropic/claude-4.6-sonnet-20260217", "anthropic/claude-4.6-sonnet-20260217"),
        ("@preset/mine", MODEL),
    ],
)
async def test_the_reply_names_the_model_that_answered(asked: str, answered: str) -> None:
    answer = await once(body(asked), presets={"mine": {"model": MODEL}})
    assert json.loads(answer.body)["model"] == answered


@pytest.mark.parametrize("failure", [{"error": "upstream_429"}, {"status": 502}])
async def test_the_next_model_of_the_list_answers_when_the_first_fails(failure: dict[str, Any]) -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        sim.script(MODEL, failure)
        reply = json.loads((await post(sim, body(models=["openai/gpt-4o-mini"]))).body)
    assert reply["model"] == "openai/gpt-4o-mini-2024-07-18"


async def test_when_all_fail_the_last_error_lists_the_earlier_ones() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        sim.script(MODEL, {"error": "upstream_429"})
        sim.script("openai/gpt-4o-mini", {"error": "provider_502"})
        answer = await post(sim, body(models=["openai/gpt-4o-mini"]))
    assert answer.status == 502
    assert error(answer)["metadata"]["previous_errors"] == [{"provider": "DeepInfra", "code": 429, "status": 429}]


async def test_order_without_fallbacks_pins_a_dearer_provider() -> None:
    usual = json.loads((await once(body())).body)
    pinned = json.loads((await once(body(provider={"order": ["together"], "allow_fallbacks": False}))).body)
    assert (usual["provider"], pinned["provider"]) == ("DeepInfra", "Together")
    assert pinned["usage"]["cost"] == pytest.approx(3 * usual["usage"]["cost"])


async def test_a_schema_is_kept_where_supported_and_ignored_elsewhere() -> None:
    kept = content(await once(body(response_format=FORMAT)))
    jsonschema.validate(json.loads(kept), SCHEMA)
    assert (
        content(await once(body("mistralai/mistral-7b-instruct", response_format=FORMAT)))
        == "This is a simulated reply."
    )
    loose = json.loads(content(await once(body("google/gemma-3-27b-it:free", response_format=FORMAT))))
    assert list(loose) == ["answer"]


async def test_the_cap_cuts_the_answer_and_says_length() -> None:
    reply = json.loads((await once(body(max_tokens=2), step={"text": "a b c d"})).body)
    assert (reply["choices"][0]["message"]["content"], reply["choices"][0]["finish_reason"]) == ("a b", "length")


async def test_a_tool_call_is_whole_in_one_delta() -> None:
    step = {"tool_calls": [{"name": "f", "arguments": {"a": 1}}]}
    plain = json.loads((await once(body(tools=[{}]), step=step)).body)["choices"][0]
    assert plain["finish_reason"] == "tool_calls"
    assert json.loads(plain["message"]["tool_calls"][0]["function"]["arguments"]) == {"a": 1}
    delta = events(await once(body(tools=[{}], stream=True), step=step))[0]["choices"][0]["delta"]
    assert delta["tool_calls"][0]["index"] == 0


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("timeout_408", 408), ("too_large", 413), ("invalid_argument", 422), ("internal", 500), ("provider_502", 502),
        ("overloaded_503", 503), ("timeout_504", 504), ("timeout_524", 524), ("overloaded_529", 529),
        ("insufficient_credits", 402), ("weight_exceeds_budget", 402), ("moderation", 403), ("injection", 403),
    ],
)  # fmt: skip
async def test_named_errors_have_their_status(name: str, status: int) -> None:
    answer = await once(body(stream=True), step={"error": name, "headers": {"X-Extra": "1"}})
    assert (answer.status, error(answer)["code"], answer.header("X-Extra")) == (status, status, "1")


async def test_retry_after_can_be_any_nonsense() -> None:
    step = {"error": "upstream_429", "headers": {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}}
    answer = await once(body(), step=step)
    assert answer.header("Retry-After") == "Wed, 21 Oct 2026 07:28:00 GMT"


async def test_an_oversized_body_is_a_413() -> None:
    assert (await once(body(), max_body_bytes=10)).status == 413


async def test_the_proxy_in_front_knows_no_json() -> None:
    answer = await once(body(), step={"fault": "cloudflare:522"})
    assert (answer.status, answer.header("Content-Type")) == (522, "text/html; charset=UTF-8")
    assert answer.header("CF-RAY")
