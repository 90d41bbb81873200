"""Errors of chat-completion APIs, whatever shape they come in, become one thing with one meaning."""

import json
from datetime import UTC, datetime

import pytest

from amalfa import errors
from amalfa.calls import Tier
from amalfa.config.secret import Secret
from amalfa.errors import CallError
from amalfa.providers.asked import Asked
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.refusals import failure_by_status, refusal_inside, refusal_of_status

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ENDPOINT = Endpoint("lab", "openai", Tier.CLOUD, (Address("https://lab.example/v1"),), key=Secret("sk-lab-0123456789"))
ASKED = Asked(ENDPOINT, ENDPOINT.addresses[0], "llama3-8b")


def failure(status: int, body: object, headers: dict[str, str] | None = None) -> CallError:
    text = body if isinstance(body, str) else json.dumps(body)
    return failure_by_status(refusal_of_status(status, headers or {}, text), ASKED, NOW)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "no", "type": "invalid_request_error", "code": None}}, "no"),
        ({"error": "no"}, "no"),
        ({"object": "error", "message": "no", "code": 400}, "no"),
        ({"detail": "no"}, "no"),
        ({"message": "no"}, "no"),
        ({"success": False, "error": {"name": "ZodError", "message": "[ {…} ]"}}, "[ {…} ]"),
        ("no", "no"),
        ("", ""),
    ],
)
def test_every_known_envelope_is_read(body: object, message: str) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    assert refusal_of_status(400, {}, text).message == message


def test_input_that_an_api_quotes_back_is_not_repeated() -> None:
    body = {"detail": [{"loc": ["body", "messages"], "msg": "Field required", "input": "a note's text"}]}
    assert "note" not in str(failure(422, body))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "bad"}, errors.BadRequestUpstream),
        (401, {"error": "bad key"}, errors.Unauthorized),
        (402, {"error": "pay"}, errors.PaymentRequired),
        (403, {"error": "no"}, errors.Unauthorized),
        (404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}, errors.ModelMissing),
        (404, "404 page not found", errors.UpstreamBroken),
        (404, {"detail": "Not Found"}, errors.UpstreamBroken),
        (405, {"detail": "Method Not Allowed"}, errors.UpstreamBroken),
        (408, {"error": "slow"}, errors.UpstreamBroken),
        (413, {"error": "big"}, errors.BadRequestUpstream),
        (422, {"detail": []}, errors.BadRequestUpstream),
        (429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, errors.PaymentRequired),
        (429, {"error": "slow down"}, errors.RateLimited),
        (500, {"error": "oops"}, errors.UpstreamBroken),
        (502, "<html>", errors.UpstreamBroken),
        (503, {"error": "busy"}, errors.Overloaded),
        (504, "", errors.UpstreamBroken),
        (522, "<html>", errors.UpstreamBroken),
        (529, {"error": {"type": "overloaded_error", "message": "Overloaded"}}, errors.Overloaded),
    ],
)
def test_a_status_by_itself_means_this(status: int, body: object, kind: type[CallError]) -> None:
    assert type(failure(status, body)) is kind


@pytest.mark.parametrize(
    ("text", "needed", "limit"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the "
            "messages, 1000 in the completion).",
            9000,
            8192,
        ),
        ("request (477 tokens) exceeds the available context size (256 tokens), try increasing it", 477, 256),
        ("prompt is too long: 210000 tokens > 200000 maximum", 210000, 200000),
        ("context_length_exceeded", None, None),
    ],
)
def test_a_prompt_that_does_not_fit_is_told_with_its_counts(text: str, needed: int | None, limit: int | None) -> None:
    error = failure(400, {"error": {"message": text}})
    assert isinstance(error, errors.ContextTooLong)
    assert (error.needed_tokens, error.limit_tokens) == (needed, limit)


@pytest.mark.parametrize(
    ("headers", "metadata", "wait_s"),
    [
        ({"retry-after": "3"}, {"retry_after_seconds": 1}, 3.0),
        ({"retry-after": "soon"}, {"retry_after_seconds": 1}, 1.0),
        ({}, {"retry_after_seconds": 1, "headers": {"Retry-After": "9"}}, 1.0),
        ({}, {"headers": {"Retry-After": "9", "X-RateLimit-Reset": "1"}}, 9.0),
        ({"x-ratelimit-reset": str(int(NOW.timestamp() * 1000) + 5000)}, {}, 5.0),
        ({}, {"headers": {"X-RateLimit-Reset": str(int(NOW.timestamp() * 1000) + 7000)}}, 7.0),
        ({}, {}, None),
        ({}, {"retry_after_seconds": True, "headers": "x"}, None),
    ],
)
def test_the_wait_is_taken_from_the_most_direct_place(
    headers: dict[str, str], metadata: dict[str, object], wait_s: float | None
) -> None:
    error = failure(429, {"error": {"message": "slow", "metadata": metadata}}, headers)
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after_s == wait_s


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 429, "message": "x"}, 429),
        ({"code": "429", "message": "x"}, 429),
        ({"code": "rate_limit_exceeded", "message": "x"}, 429),
        ({"message": "x", "metadata": {"error_type": "provider_overloaded"}}, 503),
        ({"message": "x", "type": "authentication"}, 401),
        ({"code": "server_error", "message": "x"}, 502),
        ({"code": 200, "message": "x"}, 502),
        ({"code": True, "message": "x"}, 502),
        ({"message": "x"}, 502),
    ],
)
def test_an_error_inside_a_200_has_the_status_its_code_stands_for(error: dict[str, object], status: int) -> None:
    refusal = refusal_inside({"error": error, "choices": []}, {})
    assert refusal is not None
    assert refusal.status == status


def test_an_error_beside_a_choice_is_found_and_its_absence_too() -> None:
    assert refusal_inside({"choices": [{"error": {"code": 502, "message": "x"}}]}, {}) is not None
    assert refusal_inside({"error": None, "choices": [{"delta": {"content": "error"}}]}, {}) is None
    assert refusal_inside({"choices": None}, {}) is None


def test_what_the_provider_behind_a_router_said_is_told_unwrapped() -> None:
    raw = json.dumps({"error": {"message": "temperature must be between 0 and 2"}})
    body = {"error": {"message": "Provider returned error", "metadata": {"raw": raw, "provider_name": "Azure"}}}
    assert "Provider returned error — Azure: temperature must be between 0 and 2" in failure(400, body).message


def test_an_account_id_is_never_repeated() -> None:
    assert "user_2x" not in str(failure(400, {"error": {"message": "bad"}, "user_id": "user_2x"}))
