"""Anthropic's refusals: envelope, texts, and the names by which a script asks for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class ApiError(Exception):
    """`{"type": "error", "error": {"type", "message"}, "request_id"}` with an HTTP status; also sent mid-stream."""

    status: int
    kind: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self, request_id: str | None = None) -> dict[str, Any]:
        error = {"type": self.kind, "message": self.message}
        return {"type": "error", "error": error, **({"request_id": request_id} if request_id else {})}


def invalid(message: str) -> ApiError:
    return ApiError(400, "invalid_request_error", message)


def not_a_model(name: str) -> ApiError:
    return ApiError(404, "not_found_error", f"model: {name}")


def too_long(tokens: int, limit: int) -> ApiError:
    return invalid(f"prompt is too long: {tokens} tokens > {limit} maximum")


def over_the_window(tokens: int, output: int, limit: int) -> ApiError:
    return invalid(
        f"input length and `max_tokens` exceed context limit: {tokens} + {output} > {limit}, decrease input length or "
        "`max_tokens` and try again"
    )


NAMED: dict[str, ApiError] = {
    "no_key": ApiError(401, "authentication_error", "x-api-key header is required"),
    "bad_key": ApiError(401, "authentication_error", "invalid x-api-key"),
    "no_credit": invalid(
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
        "purchase credits."
    ),
    "billing": ApiError(402, "billing_error", "There is an issue with your billing."),
    "permission": ApiError(
        403, "permission_error", "Your API key does not have permission to use the specified resource."
    ),
    "not_found": ApiError(404, "not_found_error", "Not Found"),
    "too_large": ApiError(413, "request_too_large", "Request exceeds the maximum size"),
    "too_long": too_long(208310, 200000),
    "no_tools": invalid("tools: this model does not support tool use"),
    "bad_schema": invalid("tools.0.custom.input_schema: input_schema does not support oneOf at the top level"),
    "no_temperature": invalid("`temperature` is deprecated for this model."),
    "rate_limit": ApiError(
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit of 50,000 input tokens per minute.",
        {"retry-after": "7"},
    ),
    "internal": ApiError(500, "api_error", "Internal server error"),
    "timeout": ApiError(504, "timeout_error", "The request timed out"),
    "overloaded": ApiError(529, "overloaded_error", "Overloaded"),
}
"""What `{"error": NAME}` in a script stands for; as `late_error`, what an error event in a stream says."""
