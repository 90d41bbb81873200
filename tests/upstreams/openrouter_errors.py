"""OpenRouter's refusals: envelope, exact texts, metadata, and the names by which a script asks for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

USER_ID = "user_2simulated0000000000000000"

_KEYS_PAGE = "https://openrouter.ai/settings/keys"
_PRIVACY_PAGE = "https://openrouter.ai/settings/privacy"
_FUNNEL = [{"step": "Initial Endpoints", "endpoint_count": 1}]


@dataclass(eq=False)
class ApiError(Exception):
    """`{"error": {"message", "code", "metadata"?}, "user_id"?}` with HTTP status == code.

    `metadata` None leaves the key out.
    """

    status: int
    message: str
    metadata: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    has_user: bool = False

    def content(self) -> dict[str, Any]:
        error: dict[str, Any] = {"message": self.message, "code": self.status}
        if self.metadata is not None:
            error["metadata"] = dict(self.metadata)
        return {"error": error, **({"user_id": USER_ID} if self.has_user else {})}


def refused_by(step: str, status: int, message: str, **metadata: Any) -> ApiError:
    """A deterministic refusal of this request by one step of the routing funnel."""
    funnel = [*_FUNNEL, {"step": step, "endpoint_count": 0}]
    return ApiError(status, message, {**metadata, "routing_funnel": funnel, "failed_routing_step": step})


def not_a_model(name: str) -> ApiError:
    return ApiError(400, f"{name} is not a valid model ID", has_user=True)


def input_required() -> ApiError:
    return ApiError(400, 'Input required: specify "prompt" or "messages"', has_user=True)


def not_json() -> ApiError:
    return ApiError(400, "Input must have at least 1 token.", {"provider_name": None})


def context_too_long(limit: int, prompt: int, output: int) -> ApiError:
    return ApiError(
        400,
        f"This endpoint's maximum context length is {limit} tokens. However, you requested about {prompt + output} "
        f"tokens ({prompt} of text input, {output} in the output). Please reduce the length of either one, or use the "
        "context-compression plugin to compress your prompt automatically.",
    )


def only_afford(wanted: int, affordable: int) -> ApiError:
    return ApiError(
        402,
        f"This request requires more credits, or fewer max_tokens. You requested up to {wanted} tokens, but can only "
        f"afford {affordable}. To increase, visit https://openrouter.ai/settings/credits and upgrade to a paid account",
        {"provider_name": None},
    )


def in_flight_budget() -> ApiError:
    return ApiError(
        402,
        "This request would exceed your available credits given your current in-flight requests. Retry after in-flight "
        "requests settle, or add credits.",
        {
            "error_type": "payment_required",
            "reason": "in_flight_budget_exhausted",
            "limit_source": "openrouter_in_flight_budget",
            "remedy_hint": "Wait for in-flight requests to finish, or add credits",
        },
        {"Retry-After": "2"},
    )


def insufficient_credits() -> ApiError:
    return ApiError(402, "Insufficient credits. Add more using https://openrouter.ai/credits")


def key_limit(style: str) -> ApiError:
    """The three forms in which a used-up key has been reported: "403", "402" and "budget"."""
    if style == "402":
        metadata = {"error_type": "payment_required", "limit_source": "openrouter_key_limit"}
        return ApiError(402, f"Key limit exceeded (total limit). Manage it using {_KEYS_PAGE}", metadata)
    if style == "budget":
        scope = {"scope": "key", "limit_usd": 1, "spend_usd": 1.02, "resets_at": None}
        return ApiError(403, "Budget limit exceeded", scope)
    return ApiError(403, f"Key limit exceeded (total limit). Manage it using {_KEYS_PAGE}")


def unavailable_parameters() -> ApiError:
    return refused_by("Filter by Parameters", 404, "No endpoints found that can handle the requested parameters.")


def guardrail_new(endpoints: int = 1) -> ApiError:
    configure = "https://openrouter.ai/settings/guardrails"
    message = (
        f"0 endpoints out of {endpoints} requested are available matching your guardrail restrictions and data policy. "
        "We removed them for the following reasons (an endpoint may have matched multiple reasons):\n"
        f"Free model training violation (guardrail): {endpoints} endpoint excluded; configurable at {configure}"
    )
    reason = "free-model-training-violation-by-guardrail"
    reasons = [{"reason": reason, "endpoint_count": endpoints, "configure_url": configure}]
    return refused_by(
        "Filter by Guardrails", 404, message, input_endpoint_count=endpoints, ineligibility_reasons=reasons
    )


def guardrail_old() -> ApiError:
    return ApiError(
        404,
        "No endpoints available matching your guardrail restrictions and data policy. Configure: " + _PRIVACY_PAGE,
    )


def data_policy(which: str = "Free model training") -> ApiError:
    message = f"No endpoints found matching your data policy ({which}). Configure: {_PRIVACY_PAGE}"
    return refused_by("Filter by Data Policy", 404, message)


def no_allowed_provider(model: str, serving: list[str], wanted: list[str]) -> ApiError:
    message = (
        f"No allowed providers are available for the selected model. Providers serving {model}: {', '.join(serving)}, "
        f"but your request's provider.only preference permits only: {', '.join(wanted)}."
    )
    step = "Filter by Allowed Providers"
    return refused_by(step, 404, message, requested_providers=wanted, available_providers=serving)


def max_price() -> ApiError:
    return refused_by("Filter by Max Price", 404, "No endpoints found that satisfy the max price for this request")


def no_tools() -> ApiError:
    message = (
        "No endpoints found that support tool use. To learn more about provider routing, visit: "
        "https://openrouter.ai/docs/guides/routing/provider-selection"
    )
    return refused_by("Filter by Tool Compatibility", 404, message)


def ended(model: str) -> ApiError:
    return ApiError(404, f"No endpoints found for {model}.", has_user=True)


def ended_with_paid_twin(model: str) -> ApiError:
    paid = model.removesuffix(":free")
    return ApiError(
        404, f"This model is unavailable for free. The paid version is available now - use this slug instead: {paid}"
    )


def batch_only() -> ApiError:
    return ApiError(
        404, "This model is only available through the Batch API. Use the /api/v1/batches endpoint instead."
    )


def harness_only(model: str) -> ApiError:
    message = (
        f"{model} is only available on agentic harnesses. Try plugging it into a coding agent or productivity app "
        "listed on https://openrouter.ai/apps"
    )
    step = "Gate Free Endpoints by Agentic Harness"
    return ApiError(403, message, {"routing_funnel": _FUNNEL, "failed_routing_step": step})


def not_in_region() -> ApiError:
    return refused_by("Gate Endpoints with Geo Restrictions", 403, "This model is not available in your region.")


def attestation() -> ApiError:
    message = (
        "This model requires you to complete the following before use: 18+ age confirmation. Confirm at "
        "https://openrouter.ai/settings/preferences"
    )
    step = "Gate Endpoints with Attestations"
    return refused_by(step, 403, message, missing_attestation_types=["age_18plus"])


def upstream_429(model: str = "this model", provider: str = "DeepInfra", *, has_hint: bool = True) -> ApiError:
    raw = (
        f"{model} is temporarily rate-limited upstream. Please retry shortly, or add your own key to accumulate your "
        "rate limits: https://openrouter.ai/settings/integrations"
    )
    metadata: dict[str, Any] = {"raw": raw, "provider_name": provider}
    if not has_hint:
        return ApiError(429, "Provider returned error", metadata)
    metadata |= {
        "is_byok": False,
        "provider_error_code": "429",
        "limit_source": "upstream_provider_shared_pool",
        "remedy_hint": "Retry shortly, or use another provider",
        "retry_after_seconds": 1,
    }
    return ApiError(429, "Provider returned error", metadata, {"Retry-After": "1"}, has_user=True)


def upstream_400(provider: str, raw: str) -> ApiError:
    return ApiError(400, "Provider returned error", {"raw": raw, "provider_name": provider, "is_byok": False})


def _typed(status: int, message: str, error_type: str, **headers: str) -> ApiError:
    return ApiError(status, message, {"error_type": error_type}, {n.replace("_", "-"): v for n, v in headers.items()})


NAMED: dict[str, ApiError] = {
    "no_key": ApiError(401, "No cookie auth credentials found"),
    "no_key_header": ApiError(401, "Missing Authentication header"),
    "bad_key": ApiError(401, "User not found."),
    "insufficient_credits": insufficient_credits(),
    "only_afford": only_afford(65536, 3919),
    "prompt_too_dear": ApiError(
        402,
        "Prompt tokens limit exceeded: 230799 > 91442. To increase, visit "
        "https://openrouter.ai/settings/credits and upgrade to a paid account",
    ),
    "in_flight_budget": in_flight_budget(),
    "weight_exceeds_budget": replace(
        in_flight_budget(),
        metadata={
            "error_type": "payment_required",
            "reason": "weight_exceeds_budget",
            "limit_source": "openrouter_credits",
        },
        headers={},
    ),
    "key_limit": key_limit("403"),
    "key_limit_402": key_limit("402"),
    "budget_limit": key_limit("budget"),
    "moderation": ApiError(
        403,
        'openai/gpt-4o-mini requires moderation on OpenAI. Your input was flagged for "violence". '
        "No credits were charged.",
        {
            "reasons": ["violence"],
            "flagged_input": "how do I … it",
            "provider_name": "OpenAI",
            "model_slug": "openai/gpt-4o-mini",
        },
    ),
    "injection": ApiError(
        403, "Request blocked: prompt injection patterns detected", {"patterns": ["ignore previous instructions"]}
    ),
    "workspace_budget": ApiError(403, "Workspace monthly budget of $500.00 exceeded. Contact your org admin."),
    "management_key": ApiError(403, "Only management keys can perform this operation"),
    "upstream_403": ApiError(403, "Provider returned error", {"provider_name": "Azure"}),
    "harness": harness_only("thinkingmachines/inkling:free"),
    "region": not_in_region(),
    "attestation": attestation(),
    "no_parameters": unavailable_parameters(),
    "no_tools": no_tools(),
    "max_price": max_price(),
    "data_policy": data_policy(),
    "zdr": data_policy("Zero data retention"),
    "guardrail": guardrail_new(),
    "guardrail_old": guardrail_old(),
    "no_match": ApiError(404, "No models match your request and model restrictions"),
    "batch_only": batch_only(),
    "timeout_408": ApiError(408, "Operation timed out. Please try again later."),
    "precondition": _typed(412, "Precondition failed", "precondition_failed"),
    "too_large": _typed(413, "Request payload too large", "payload_too_large"),
    "invalid_argument": _typed(422, "Invalid argument", "unprocessable"),
    "upstream_429": upstream_429(),
    "upstream_429_bare": upstream_429(has_hint=False),
    "internal": ApiError(500, "Internal Server Error"),
    "provider_502": ApiError(
        502,
        "Provider returned error",
        {"error_type": "provider_unavailable", "provider_name": "Together", "raw": "upstream connect error"},
    ),
    "overloaded_503": _typed(
        503, "No provider is available to serve this request now", "provider_overloaded", Retry_After="3"
    ),
    "timeout_504": _typed(504, "The provider did not answer in time", "timeout"),
    "timeout_524": ApiError(524, "Request timed out. Please try again later."),
    "overloaded_529": ApiError(
        529, "Provider returned error", {"provider_name": "Anthropic", "error_type": "provider_overloaded"}
    ),
    "not_found": ApiError(404, "Not Found"),
}
"""What `{"error": NAME}` in a script stands for."""
