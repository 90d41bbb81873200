"""OpenRouter's texts, word for word, and what each of them means."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from amalfa import errors
from amalfa.errors import CallError
from amalfa.providers.asked import Asked
from amalfa.providers.openrouter_errors import failure, remedy
from amalfa.providers.refusals import Refusal, refusal_of_status
from tests.providers.asking import openrouter_at
from tests.upstreams.openrouter_errors import NAMED, ApiError, ended, ended_with_paid_twin, not_a_model, refused_by

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ENDPOINT = openrouter_at("https://openrouter.ai/api/v1", key="sk-or-v1-0123456789abcdef")
ASKED = Asked(ENDPOINT, ENDPOINT.addresses[0], "acme/model-1")
MIDNIGHT_MS = str(int(datetime(2026, 11, 21, tzinfo=UTC).timestamp() * 1000))

WHAT_NAMES_MEAN: Mapping[str, type[CallError]] = {
    "no_key": errors.Unauthorized,
    "no_key_header": errors.Unauthorized,
    "bad_key": errors.Unauthorized,
    "insufficient_credits": errors.PaymentRequired,
    "only_afford": errors.ModelRefused,
    "prompt_too_dear": errors.ModelRefused,
    "in_flight_budget": errors.PaymentRequired,
    "weight_exceeds_budget": errors.ModelRefused,
    "key_limit": errors.PaymentRequired,
    "key_limit_402": errors.PaymentRequired,
    "budget_limit": errors.PaymentRequired,
    "moderation": errors.ModelRefused,
    "injection": errors.ModelRefused,
    "workspace_budget": errors.PaymentRequired,
    "management_key": errors.Unauthorized,
    "upstream_403": errors.ModelRefused,
    "harness": errors.ModelRefused,
    "region": errors.ModelRefused,
    "attestation": errors.ModelRefused,
    "no_parameters": errors.ModelRefused,
    "no_tools": errors.ModelRefused,
    "max_price": errors.ModelRefused,
    "data_policy": errors.ModelRefused,
    "zdr": errors.ModelRefused,
    "guardrail": errors.ModelRefused,
    "guardrail_old": errors.ModelRefused,
    "no_match": errors.ModelRefused,
    "batch_only": errors.ModelMissing,
    "timeout_408": errors.UpstreamBroken,
    "precondition": errors.BadRequestUpstream,
    "too_large": errors.BadRequestUpstream,
    "invalid_argument": errors.BadRequestUpstream,
    "upstream_429": errors.RateLimited,
    "upstream_429_bare": errors.RateLimited,
    "internal": errors.UpstreamBroken,
    "provider_502": errors.UpstreamBroken,
    "overloaded_503": errors.Overloaded,
    "timeout_504": errors.UpstreamBroken,
    "timeout_524": errors.UpstreamBroken,
    "overloaded_529": errors.Overloaded,
    "not_found": errors.UpstreamBroken,
}


def as_refusal(said: ApiError) -> Refusal:
    headers = {name.lower(): value for name, value in said.headers.items()}
    return refusal_of_status(said.status, headers, json.dumps(said.content()))


def meaning(said: ApiError) -> CallError:
    return failure(as_refusal(said), ASKED, NOW)


def test_no_text_the_simulator_knows_is_left_out() -> None:
    assert set(WHAT_NAMES_MEAN) == set(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_a_documented_text_means_this(name: str) -> None:
    error = meaning(NAMED[name])
    assert type(error) is WHAT_NAMES_MEAN[name]
    assert not error.is_maybe_paid


@pytest.mark.parametrize(
    ("said", "kind", "hint"),
    [
        (not_a_model("acme/model-1"), errors.ModelMissing, "openrouter.ai/models"),
        (ended("google/gemini-2.5-flash:free"), errors.ModelMissing, "openrouter.ai/models"),
        (ended_with_paid_twin("openai/gpt-oss-20b:free"), errors.ModelMissing, "openrouter:openai/gpt-oss-20b"),
        (
            ApiError(400, "Reasoning is mandatory for this endpoint and cannot be disabled.", {"provider_name": None}),
            errors.ModelRefused,
            "another model",
        ),
        (ApiError(400, "Input must have at least 1 token.", {"provider_name": None}), errors.BadRequestUpstream, ""),
        (ApiError(400, "Unrecognized key(s) in object: 'x'"), errors.BadRequestUpstream, ""),
        (
            ApiError(404, "No endpoints found that support the requested output modalities: text, image"),
            errors.ModelRefused,
            "another model",
        ),
        (
            refused_by("Filter by Regional Surcharge", 404, "Something new"),
            errors.ModelRefused,
            "another model",
        ),
        (
            ApiError(403, "The request violates our terms", {"error_type": "content_policy_violation"}),
            errors.ModelRefused,
            "another model",
        ),
        (ApiError(404, "Not Found", {"error_type": "not_found"}), errors.UpstreamBroken, "sonar.cloud.host"),
    ],
)
def test_further_texts_mean_this_and_say_what_to_do(said: ApiError, kind: type[CallError], hint: str) -> None:
    error = meaning(said)
    assert type(error) is kind
    assert hint in error.hint


def test_an_empty_balance_and_one_that_is_only_too_small_for_this_request_differ() -> None:
    text = (
        "This request requires more credits, or fewer max_tokens. You requested up to 2000 tokens, but can only afford "
    )
    assert isinstance(meaning(ApiError(402, text + "12.")), errors.PaymentRequired)
    assert isinstance(meaning(ApiError(402, text + "1500.")), errors.ModelRefused)


def test_a_budget_in_flight_is_waited_for_even_without_a_header() -> None:
    error = meaning(ApiError(402, "…", {"reason": "in_flight_budget_exhausted"}))
    assert isinstance(error, errors.PaymentRequired)
    assert error.retry_after_s == 2.0


def test_free_calls_are_waited_for_within_a_minute_and_until_midnight_for_a_day() -> None:
    minute = {
        "headers": {"X-RateLimit-Reset": str(int(NOW.timestamp() * 1000) + 40_000)},
        "limit_source": "openrouter_free_tier_per_minute",
    }
    day = {"headers": {"X-RateLimit-Reset": MIDNIGHT_MS}, "limit_source": "openrouter_free_tier_daily"}
    first = meaning(ApiError(429, "Rate limit exceeded: free-models-per-min. ", minute))
    second = meaning(ApiError(429, "Rate limit exceeded: free-models-per-day-high-balance. ", day))
    assert isinstance(first, errors.RateLimited)
    assert first.retry_after_s == 40.0
    assert isinstance(second, errors.RateLimited)
    assert second.retry_after_s == 12 * 3600
    assert "00:00 UTC" in second.hint


@pytest.mark.parametrize(
    ("name", "what_helps"),
    [
        ("no_parameters", "fewer"),
        ("guardrail_old", "looser"),
        ("guardrail", "looser"),
        ("data_policy", None),
        ("no_tools", None),
        ("max_price", None),
        ("bad_key", None),
        ("provider_502", None),
    ],
)
def test_only_these_refusals_may_be_about_the_way_it_was_asked(name: str, what_helps: str | None) -> None:
    assert remedy(as_refusal(NAMED[name])) == what_helps


def test_a_bad_key_says_which_key_and_from_where() -> None:
    error = meaning(NAMED["bad_key"])
    assert "sk-…def from /home/ada/notes/.env:3 OPENROUTER_API_KEY" in error.message
    assert ".env:3" in error.hint
