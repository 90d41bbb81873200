"""What OpenRouter's refusals mean: many texts share a status, and some of them are not what their status says.

The rules stand in order; the first whose status and pattern fit decides, and `failure_by_status` what none fits.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from amalfa.errors import (
    CallError,
    ModelMissing,
    ModelRefused,
    PaymentRequired,
    RateLimited,
    UpstreamBroken,
)
from amalfa.providers.asked import Asked
from amalfa.providers.manners import Remedy
from amalfa.providers.refusals import Refusal, context_too_long, described, failure_by_status
from amalfa.providers.untrusted_json import text_at

CREDITS_HINT = "add credit at https://openrouter.ai/credits, or choose a local model"
PRIVACY_HINT = "check https://openrouter.ai/settings/privacy, or choose a model with endpoints that allow it"
IN_FLIGHT_WAIT_S = 2.0
# Below this a reply is of no use, so the balance is as good as empty.
AFFORDABLE_TOKENS_MIN = 256

_AFFORD = re.compile(r"can only afford (\d+)")
_USE_INSTEAD = re.compile(r"use this slug instead: (\S+)")


def failure(refusal: Refusal, asked: Asked, now: datetime) -> CallError:
    """The error for what OpenRouter said instead of answering."""
    for rule in _RULES:
        if refusal.status in rule.statuses and rule.fits(refusal):
            return rule.build(refusal, asked, now)
    return failure_by_status(refusal, asked, now)


def remedy(refusal: Refusal) -> Remedy | None:
    """What to leave out for the model to be served after all; None when the request itself is refused.

    Insisting on parameters counts every one of them and can leave no endpoint at all; the refusal then talks of
    parameters, or misleadingly of guardrails and data policy.
    """
    if refusal.status == 404:
        if _step(refusal) == "Filter by Parameters" or _PARAMETERS_404.search(refusal.everything):
            return "fewer"
        return "looser" if _FORMAT_404.search(refusal.everything) else None
    return "looser" if refusal.status == 400 and _FORMAT_400.search(refusal.everything) else None


_PARAMETERS_404 = re.compile(r"handle the requested parameters", re.IGNORECASE)
_FORMAT_404 = re.compile(r"guardrail restrictions and data policy", re.IGNORECASE)
_FORMAT_400 = re.compile(r"response_format|json_schema|json_object|structured output", re.IGNORECASE)


def _step(refusal: Refusal) -> str:
    return text_at(refusal.metadata, "failed_routing_step")


def _refused(refusal: Refusal, asked: Asked, _now: datetime) -> CallError:
    hint = PRIVACY_HINT if _PRIVACY.search(refusal.everything) else "choose another model"
    return ModelRefused(f"{asked.where} refuses this for {asked.model}: {described(refusal, asked)}", hint=hint)


def _missing(refusal: Refusal, asked: Asked, _now: datetime) -> CallError:
    message = f"{asked.where} does not serve {asked.model}: {described(refusal, asked)}"
    if found := _USE_INSTEAD.search(refusal.message):
        return ModelMissing(message, hint=f"use openrouter:{asked.shown(found[1])}, which costs money")
    return ModelMissing(message, hint="check the name at https://openrouter.ai/models")


def _unpaid(refusal: Refusal, asked: Asked, _now: datetime) -> CallError:
    return PaymentRequired(f"{asked.where}: {described(refusal, asked)}", hint=CREDITS_HINT)


def _in_flight(refusal: Refusal, asked: Asked, now: datetime) -> CallError:
    wait_s = refusal.retry_after_s(now)
    message = f"{asked.where} holds the credit back for calls under way: {described(refusal, asked)}"
    return PaymentRequired(message, hint=CREDITS_HINT, retry_after_s=IN_FLIGHT_WAIT_S if wait_s is None else wait_s)


def _unaffordable(refusal: Refusal, asked: Asked, _now: datetime) -> CallError:
    found = _AFFORD.search(refusal.message)
    message = f"{asked.where}: {described(refusal, asked)}"
    if found and int(found[1]) < AFFORDABLE_TOKENS_MIN:
        return PaymentRequired(message, hint=CREDITS_HINT)
    # Only this request is too dear; a smaller one still goes, so the provider must not be parked for it.
    return ModelRefused(message, hint="lower maxTokens of the task or shorten the prompt; or " + CREDITS_HINT)


def _used_up(refusal: Refusal, asked: Asked, now: datetime) -> CallError:
    message = f"The day's free calls at {asked.endpoint.name} are used up: {described(refusal, asked)}"
    hint = "wait for 00:00 UTC, or use a model without :free"
    return RateLimited(message, hint=hint, retry_after_s=refusal.retry_after_s(now))


def _too_long(refusal: Refusal, asked: Asked, _now: datetime) -> CallError:
    return context_too_long(refusal, asked)


def _broken(refusal: Refusal, asked: Asked, _now: datetime) -> CallError:
    message = f"{asked.where} has no such route: {described(refusal, asked)}"
    return UpstreamBroken(message, hint="check sonar.cloud.host; OpenRouter's is openrouter.ai/api/v1")


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a refusal of one of `statuses` means when `pattern` is found in all it says ("" always is)."""

    statuses: frozenset[int]
    pattern: str
    build: Callable[[Refusal, Asked, datetime], CallError]

    def fits(self, refusal: Refusal) -> bool:
        return re.search(self.pattern, f"{refusal.everything} {_tags(refusal)}", re.IGNORECASE) is not None


def _tags(refusal: Refusal) -> str:
    """What of the metadata says what kind of refusal it is: some values, and the mere presence of some keys."""
    values = [f"{key}={text_at(refusal.metadata, key)}" for key in _TELLING_VALUES if text_at(refusal.metadata, key)]
    return " ".join((*values, *(f"has:{key}" for key in _TELLING_KEYS if refusal.metadata.get(key))))


_TELLING_VALUES = ("reason", "limit_source", "failed_routing_step")
_TELLING_KEYS = ("reasons", "flagged_input", "patterns", "missing_attestation_types")


def _on(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


_PRIVACY = re.compile(r"data policy|guardrail|zero data retention|zdr", re.IGNORECASE)
_MONEY = r"key limit exceeded|budget limit exceeded|monthly budget|openrouter_key_limit"

_RULES = (
    _Rule(_on(400, 404), r"is not a valid model id", _missing),
    _Rule(
        _on(400, 413), r"maximum context length|context_length_exceeded|token_limit_exceeded|string_too_long", _too_long
    ),
    _Rule(_on(400, 403), r"content_policy_violation|\brefusal\b|reasoning is mandatory", _refused),
    _Rule(_on(402), r"can only afford|prompt tokens limit exceeded|weight_exceeds_budget", _unaffordable),
    _Rule(_on(402), r"in_flight_budget_exhausted|in-flight requests\. retry", _in_flight),
    _Rule(_on(402), r"", _unpaid),
    _Rule(_on(403), _MONEY, _unpaid),
    # A step of the routing failed, or a rule about content: this request is refused, the key is fine.
    _Rule(_on(403, 404), r"failed_routing_step=|no allowed providers|no models match", _refused),
    _Rule(_on(403), r"moderation|blocked|region|agentic harness|confirmation|has:", _refused),
    _Rule(_on(403), r"provider returned error", _refused),
    _Rule(_on(404), r"handle the requested|that support|max price|data policy|guardrail", _refused),
    _Rule(_on(404), r"no endpoints found for|unavailable for free|batch api", _missing),
    _Rule(_on(404), r"\Anot found\s*(?:not_found)?\s*\Z", _broken),
    _Rule(_on(429), r"free-models-per-day|openrouter_free_tier_daily", _used_up),
)
