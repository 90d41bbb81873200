"""Any chat-completion API: real streams from a simulator, and the fields that differ on canned replies."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pytest_httpx import HTTPXMock

from amalfa import errors
from amalfa.calls import PrivacyClass, Tier
from amalfa.clock import SystemClock
from amalfa.config.secret import Secret
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.openai_compatible import OpenAiCompatibleProvider
from amalfa.providers.provider import Accepted
from tests.providers.asking import CITY, KEY, QUICK, QWEN_72B, end_of, failure_of, hear, phases_of, request, text_of
from tests.upstreams.openrouter import OpenRouterSimulator

ANSWER = (
    'data: {"id":"chatcmpl-1","model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"{}"}}]}'
    '\n\ndata: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
    '\n\ndata: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}}\n\ndata: [DONE]\n\n'
)
SSE = {"Content-Type": "text/event-stream; charset=utf-8"}


def endpoint(url: str, **changes: object) -> Endpoint:
    plain = Endpoint("lab", "openai", Tier.CLOUD, (Address(url),), key=Secret(KEY), key_origin="LAB_KEY")
    return replace(plain, **changes)  # type: ignore[arg-type]  # fields by name


def provider_at(url: str, **changes: object) -> OpenAiCompatibleProvider:
    return OpenAiCompatibleProvider(endpoint(url, **changes), clock=SystemClock(), patience=QUICK)


@pytest.fixture
async def lab(openrouter_sim: OpenRouterSimulator) -> AsyncIterator[OpenAiCompatibleProvider]:
    provider = provider_at(openrouter_sim.api_url)
    yield provider
    await provider.aclose()


def sent_body(httpx_mock: HTTPXMock, position: int = -1) -> dict[str, object]:
    body = json.loads(httpx_mock.get_requests()[position].content)
    assert isinstance(body, dict)
    return body


async def test_a_real_stream_is_heard_to_its_end(lab: OpenAiCompatibleProvider) -> None:
    events = await hear(lab, request(QWEN_72B))
    assert text_of(events) == "This is a simulated reply."
    assert end_of(events).usage.tokens_out == 5


async def test_usage_is_asked_for_and_an_untold_price_is_unknown(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(text=ANSWER, headers=SSE)
    provider = provider_at("https://lab.example/v1")
    end = end_of(await hear(provider, request("gpt-4o-mini")))
    assert (end.usage.tokens_in, end.usage.tokens_out, end.usage.cost_usd) == (9, 1, None)
    assert end.generation_id == "chatcmpl-1"
    body = sent_body(httpx_mock)
    assert body["stream_options"] == {"include_usage": True}
    assert body["max_tokens"] == 200
    await provider.aclose()


async def test_openai_itself_is_sent_the_limit_under_its_new_name(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(text=ANSWER, headers=SSE)
    provider = provider_at("https://api.openai.com/v1")
    await hear(provider, request("gpt-4o-mini"))
    body = sent_body(httpx_mock)
    assert body["max_completion_tokens"] == 200
    assert "max_tokens" not in body
    await provider.aclose()


async def test_a_server_that_knows_no_formats_is_asked_in_words(httpx_mock: HTTPXMock) -> None:
    for kind in ("json_schema", "json_object"):
        said = {"error": {"message": f"response_format {kind} is not supported", "type": "invalid_request_error"}}
        httpx_mock.add_response(status_code=400, json=said)
    httpx_mock.add_response(text=ANSWER, headers=SSE)
    provider = provider_at("http://localhost:1234/v1")
    events = await hear(provider, request("llama3-8b", schema=CITY))
    assert len(phases_of(events)) == 2
    assert "response_format" not in sent_body(httpx_mock)
    await provider.aclose()


async def test_a_model_with_a_temperature_of_its_own_is_asked_without_one(httpx_mock: HTTPXMock) -> None:
    said = "Unsupported value: 'temperature' does not support 0.3 with this model. Only the default (1) is supported."
    httpx_mock.add_response(status_code=400, json={"error": {"message": said, "code": "unsupported_value"}})
    httpx_mock.add_response(text=ANSWER, headers=SSE)
    provider = provider_at("https://api.openai.com/v1")
    assert text_of(await hear(provider, request("gpt-next"))) == "{}"
    assert "temperature" in sent_body(httpx_mock, 0)
    assert "temperature" not in sent_body(httpx_mock)
    await provider.aclose()


async def test_an_unknown_model_comes_with_the_nearest_names(httpx_mock: HTTPXMock) -> None:
    said = {"error": {"message": "The model `gpt-4o-mni` does not exist", "code": "model_not_found"}}
    httpx_mock.add_response(status_code=404, json=said, is_reusable=True, method="POST")
    httpx_mock.add_response(json={"data": [{"id": "gpt-4o-mini"}, {"id": 7}, {"id": "gpt-4o-m\u0007i"}]}, method="GET")
    provider = provider_at("https://lab.example/v1")
    for _ in range(2):
        error, _ = await failure_of(provider, request("gpt-4o-mni"))
        assert isinstance(error, errors.ModelMissing)
        assert error.hint.endswith("nearest: lab:gpt-4o-mini")
    await provider.aclose()


async def test_without_a_header_the_first_event_names_the_reply(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(text=ANSWER, headers=SSE)
    provider = provider_at("https://lab.example/v1")
    assert (await hear(provider, request("gpt-4o-mini")))[0] == Accepted("chatcmpl-1")
    await provider.aclose()


async def test_a_local_server_is_free_and_may_load_as_long_as_a_cold_one(openrouter_sim: OpenRouterSimulator) -> None:
    provider = provider_at(openrouter_sim.api_url, tier=Tier.LOCAL)
    openrouter_sim.script(QWEN_72B, {"delay_ms": 600, "fault": "no_usage"})
    end = end_of(await hear(provider, request(QWEN_72B)))
    assert end.usage.cost_usd == 0.0
    await provider.aclose()


@pytest.mark.parametrize("privacy", [PrivacyClass.LOCAL_ONLY, PrivacyClass.CLOUD_ZDR])
async def test_text_that_needs_a_promise_is_not_sent_to_who_gives_none(
    privacy: PrivacyClass, openrouter_sim: OpenRouterSimulator, lab: OpenAiCompatibleProvider
) -> None:
    error, _ = await failure_of(lab, request(QWEN_72B, privacy=privacy))
    assert isinstance(error, errors.Forbidden)
    assert openrouter_sim.connections == 0


async def test_a_refused_key_is_told_with_its_origin(
    openrouter_sim: OpenRouterSimulator, lab: OpenAiCompatibleProvider
) -> None:
    openrouter_sim.account.keys[KEY].is_disabled = True
    error, _ = await failure_of(lab, request(QWEN_72B))
    assert isinstance(error, errors.Unauthorized)
    assert "LAB_KEY" in error.message
    assert "LAB_KEY" in error.hint


@pytest.mark.parametrize(("status", "state"), [(200, "up"), (404, "up"), (401, "parked"), (403, "parked")])
async def test_looking_tells_who_is_there_and_whether_the_key_is_good(
    status: int, state: str, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(status_code=status, json={})
    provider = provider_at("https://lab.example/v1")
    assert (await provider.look()).state == state
    await provider.aclose()


async def test_looking_at_nobody_says_so(openrouter_sim: OpenRouterSimulator, lab: OpenAiCompatibleProvider) -> None:
    await openrouter_sim.stop()
    presence = await lab.look()
    assert presence.state == "down"
    assert openrouter_sim.api_url in presence.reason
