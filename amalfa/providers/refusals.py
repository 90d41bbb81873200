"""Reads the errors of chat-completion APIs into one shape, and says what each status means by itself.

Errors come with an error status, or inside a 200: as the only content, beside it, or in an event of a stream.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from amalfa.errors import (
    BadRequestUpstream,
    CallError,
    ContextTooLong,
    ModelMissing,
    Overloaded,
    PaymentRequired,
    RateLimited,
    Unauthorized,
    UpstreamBroken,
)
from amalfa.providers.asked import Asked
from amalfa.providers.retry_after import wait_of, wait_until_reset
from amalfa.providers.untrusted_json import JsonObject, object_at, objects_at, parse_object, text_at

# What a code stands for when it is a word; anything else inside a 200 is taken for the provider's own failure.
_STATUS_OF_WORD = {
    "context_length_exceeded": 400,
    "invalid_request_error": 400,
    "authentication": 401,
    "invalid_api_key": 401,
    "payment_required": 402,
    "insufficient_quota": 402,
    "permission_denied": 403,
    "not_found": 404,
    "model_not_found": 404,
    "not_found_error": 404,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "provider_overloaded": 503,
    "overloaded_error": 529,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "request_too_large": 413,
    "api_error": 500,
    "timeout_error": 504,
}
_BROKEN_STATUS = 502
_CONTEXT = re.compile(
    r"maximum context length|context_length_exceeded|exceed_context_size|exceeds the (?:available )?context|"
    r"context (?:length|window|size) (?:exceeded|of)|prompt is too long",
    re.IGNORECASE,
)
_CONTEXT_COUNTS = (
    re.compile(r"context length is (?P<limit>\d+) tokens.*?(?:requested(?: about)?|resulted in) (?P<needed>\d+)"),
    re.compile(r"\((?P<needed>\d+) tokens\).*?\((?P<limit>\d+) tokens\)"),
    re.compile(r"(?P<needed>\d+) tokens > (?P<limit>\d+)"),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a provider said instead of answering.

    `status` is the HTTP status, or inside a 200 the one its error code stands for. `word` is the error's
    type where it has one. `is_json` False means a web page or other text. `headers` have lower-case names.
    """

    status: int
    message: str
    word: str = ""
    metadata: JsonObject = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    is_json: bool = True

    @property
    def upstream(self) -> str:
        """What the provider behind a router said itself, unwrapped from its JSON; "" when there is none."""
        raw = text_at(self.metadata, "raw")
        inner = parse_object(raw)
        if inner is None:
            return raw
        error = object_at(inner, "error")
        return text_at(error, "message") or text_at(inner, "message") or text_at(inner, "error") or raw

    @property
    def everything(self) -> str:
        """All the text that patterns may look for."""
        return f"{self.message} {self.upstream} {self.word}"

    def retry_after_s(self, now: datetime) -> float | None:
        """How long to wait, from the most to the least direct of the places where it is said; None = not said."""
        nested = object_at(self.metadata, "headers")
        seconds = self.metadata.get("retry_after_seconds")
        waits = (
            wait_of(self.headers.get("retry-after", ""), now),
            wait_of(str(seconds), now) if isinstance(seconds, int | float | str) else None,
            wait_of(text_at(nested, "Retry-After"), now),
            wait_until_reset(self.headers.get("x-ratelimit-reset", ""), now),
            wait_until_reset(text_at(nested, "X-RateLimit-Reset"), now),
        )
        return next((wait for wait in waits if wait is not None), None)


def refusal_of_status(status: int, headers: Mapping[str, str], body: str) -> Refusal:
    """The refusal in a reply with an error status. Its body may be anything."""
    holder = parse_object(body)
    if holder is None:
        return Refusal(status, body.strip(), headers=headers, is_json=False)
    return _read(_error_of(holder) or holder, status, headers)


def refusal_inside(holder: JsonObject, headers: Mapping[str, str]) -> Refusal | None:
    """The refusal in the body or an event of a 200; None when it holds none."""
    error = _error_of(holder)
    if error is None:
        return None
    return _read(error, _status_of(error), headers)


def _error_of(holder: JsonObject) -> JsonObject | None:
    for place in (holder, *objects_at(holder, "choices")[:1]):
        error = place.get("error")
        if isinstance(error, dict) and error:
            return error
        if isinstance(error, str) and error:
            return {"message": error}
    return holder if holder.get("object") == "error" else None


def _read(error: JsonObject, status: int, headers: Mapping[str, str]) -> Refusal:
    metadata = object_at(error, "metadata")
    code = error.get("code")
    word = text_at(metadata, "error_type") or (code if isinstance(code, str) else "") or text_at(error, "type")
    message = text_at(error, "message") or text_at(error, "detail")
    return Refusal(status, message, word, metadata, headers)


def _status_of(error: JsonObject) -> int:
    """The status an error inside a 200 would have had. Its code may be a number, digits, a word or missing."""
    code = error.get("code")
    words = (code, text_at(object_at(error, "metadata"), "error_type"), text_at(error, "type"))
    for word in words:
        if isinstance(word, int) and not isinstance(word, bool) and 400 <= word <= 599:
            return word
        if isinstance(word, str) and re.fullmatch(r"[45]\d\d", word):
            return int(word)
        if isinstance(word, str) and word in _STATUS_OF_WORD:
            return _STATUS_OF_WORD[word]
    return _BROKEN_STATUS


def failure_by_status(refusal: Refusal, asked: Asked, now: datetime) -> CallError:
    """The error for a refusal that nothing more specific explains."""
    status, said = refusal.status, described(refusal, asked)
    if status in (400, 413, 422) and _CONTEXT.search(refusal.everything):
        return context_too_long(refusal, asked)
    if status == 402 or refusal.word == "insufficient_quota":
        return PaymentRequired(f"{asked.where} asks for payment: {said}", hint="add credit, or choose another provider")
    if status in (401, 403):
        hint = f"put a valid key into {asked.endpoint.key_origin or 'the configuration'}"
        return Unauthorized(f"{asked.where} did not accept {asked.shown_credential}: {said}", hint=hint)
    if status in (404, 405):
        return _not_found(refusal, asked)
    if status == 429:
        retry_after_s = refusal.retry_after_s(now)
        return RateLimited(f"{asked.where} asks to slow down: {said}", retry_after_s=retry_after_s)
    if status in (503, 529):
        return Overloaded(f"{asked.where} is overloaded ({status}): {said}", hint="try again shortly")
    if 400 <= status < 500 and status != 408:
        return BadRequestUpstream(f"{asked.where} does not accept the request ({status}): {said}")
    return UpstreamBroken(f"{asked.where} failed ({status}): {said}", hint="try again shortly")


def context_too_long(refusal: Refusal, asked: Asked) -> ContextTooLong:
    """The prompt does not fit; with the counts where the text names them."""
    matches = (pattern.search(refusal.everything) for pattern in _CONTEXT_COUNTS)
    found = next((match for match in matches if match), None)
    needed, limit = (int(found["needed"]), int(found["limit"])) if found else (None, None)
    size = f"needs about {needed} tokens" if needed else "is too long"
    room = f" and it takes {limit}" if limit else ""
    message = f"The prompt {size} for {asked.model}{room}."
    return ContextTooLong(message, hint="use a model with a longer context", needed=needed, limit=limit)


def described(refusal: Refusal, asked: Asked) -> str:
    """One clause for people, with what the provider behind a router said, if any."""
    if not refusal.is_json:
        return f"a page that is not JSON: {asked.shown(refusal.message)}" if refusal.message else "an empty reply"
    parts = [refusal.message.strip() or refusal.word or "no reason given"]
    if upstream := refusal.upstream.strip():
        name = text_at(refusal.metadata, "provider_name")
        parts.append(f"{name}: {upstream}" if name else upstream)
    return asked.shown(" — ".join(parts))


def _not_found(refusal: Refusal, asked: Asked) -> CallError:
    is_about_model = refusal.is_json and ("model" in refusal.everything.lower() or refusal.word in _STATUS_OF_WORD)
    if is_about_model:
        hint = f"check the name against {asked.address.url}/models"
        return ModelMissing(f"{asked.where} has no model {asked.model}: {described(refusal, asked)}", hint=hint)
    message = f"{asked.where} has no such route ({refusal.status}): {described(refusal, asked)}"
    return UpstreamBroken(message, hint=f"check the base URL of {asked.endpoint.name}")
