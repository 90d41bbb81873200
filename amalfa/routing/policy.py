"""Orders the models that may serve a call. Does no I/O, reads no clock, logs nothing.

First every rule that forbids (`_forbidden`), then what is out of reach (`_unavailable`), then the order:
the explicit model, the task's own models, then tier by tier. Same input, same plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from amalfa.calls import LIGHT_TASKS, Judged, ModelName, PrivacyClass, Tier, Wish
from amalfa.routing.candidate import Candidate
from amalfa.routing.plan import Entry, Plan


@dataclass(frozen=True, slots=True)
class Rules:
    """The part of the configuration that plans depend on.

    `is_cloud_enabled` is the settled answer: "auto" has already become yes or no, and `cloud_reason` says
    which way and why. `fallback` False means one model and no second, the extractive engine included.
    """

    is_sonar_enabled: bool = True
    is_cloud_enabled: bool = False
    cloud_reason: str = "sonar.cloud.enabled is false"
    mode: Literal["replace", "tiered"] = "replace"
    fallback: bool = True
    strategy: str = "local_first"


@dataclass(frozen=True, slots=True)
class Need:
    """What one call needs: its task, its privacy class, its caller's wish and its task's settings.

    `asked_models` is the explicit choice; more than one only where a name stands for several
    (`local:llama3-8b` at two local providers).
    """

    task: str
    privacy: PrivacyClass
    wish: Wish
    asked_models: tuple[ModelName, ...] = ()
    task_models: tuple[ModelName, ...] = ()
    task_tier: Tier | None = None
    is_task_enabled: bool = True


def make_plan(need: Need, rules: Rules, candidates: Sequence[Candidate]) -> Plan:
    """Judge every candidate and order those that may serve."""
    order = _tier_order(need, rules)
    ranked = sorted(candidates, key=lambda candidate: _rank(candidate, need, order))
    allowed: list[Candidate] = []
    refused: list[Judged] = []
    for candidate in ranked:
        judged = _forbidden(candidate, need, rules)
        if judged:
            refused.append(judged)
        else:
            allowed.append(candidate)
    if not rules.fallback:
        allowed, seconds = _only_first(allowed)
        refused += seconds
    entries: list[Entry] = []
    for candidate in allowed:
        judged = _unavailable(candidate)
        if judged:
            refused.append(judged)
        else:
            reason = _reason(candidate, need, rules)
            entries.append(Entry(candidate.model, candidate.tier, reason, leaves_machine=candidate.leaves_machine))
    planned = [Judged(str(entry.model), "planned", "planned", entry.reason) for entry in entries]
    wanted = {str(model) for model in need.asked_models}
    verdicts = (replace(one, is_wanted=one.model in wanted) for one in (*planned, *refused))
    return Plan(tuple(entries), tuple(verdicts), rules.strategy)


def _tier_order(need: Need, rules: Rules) -> tuple[Tier, ...]:
    first = need.task_tier or _default_tier(need, rules)
    return (first, *(tier for tier in _USUAL_ORDER if tier is not first))


# Both real tiers come before the extractive engine, which always works and knows least.
_USUAL_ORDER = (Tier.LOCAL, Tier.CLOUD, Tier.EMBEDDED)


def _default_tier(need: Need, rules: Rules) -> Tier:
    if not rules.is_cloud_enabled:
        return Tier.LOCAL
    stays_local = rules.mode == "tiered" and need.task in LIGHT_TASKS
    return Tier.LOCAL if stays_local else Tier.CLOUD


def _rank(candidate: Candidate, need: Need, order: tuple[Tier, ...]) -> tuple[int, int, int, str]:
    if candidate.model in need.asked_models:
        return (0, need.asked_models.index(candidate.model), 0, "")
    if candidate.model in need.task_models:
        return (1, need.task_models.index(candidate.model), 0, "")
    return (2, order.index(candidate.tier), candidate.rank, str(candidate.model))


def _refuse(candidate: Candidate, code: str, detail: str) -> Judged:
    return Judged(str(candidate.model), "refused", code, detail)


def _forbidden(candidate: Candidate, need: Need, rules: Rules) -> Judged | None:
    if not rules.is_sonar_enabled and candidate.tier is not Tier.EMBEDDED:
        return _refuse(candidate, "sonar_disabled", "sonar.enabled is false")
    if not need.is_task_enabled and candidate.tier is not Tier.EMBEDDED:
        return _refuse(candidate, "task_disabled", f"sonar.tasks.{need.task}.enabled is false")
    if candidate.is_cloud and not rules.is_cloud_enabled:
        return _refuse(candidate, "cloud_disabled", rules.cloud_reason)
    if need.wish.prefer == "local" and candidate.is_cloud:
        return _refuse(candidate, "narrowed", "the call asked for local models only")
    if need.wish.prefer == "cloud" and not candidate.is_cloud:
        return _refuse(candidate, "narrowed", "the call asked for cloud models only")
    return _breaks_privacy(candidate, need.privacy)


def _breaks_privacy(candidate: Candidate, privacy: PrivacyClass) -> Judged | None:
    if privacy is PrivacyClass.LOCAL_ONLY and not candidate.is_verified_local:
        return _refuse(
            candidate, "privacy", "the text is local-only and this host is not verified to be the user's own"
        )
    if privacy is PrivacyClass.LOCAL_ONLY and candidate.is_forwarded:
        return _refuse(candidate, "privacy", "the text is local-only and this model is forwarded to a cloud")
    if privacy is PrivacyClass.CLOUD_ZDR and candidate.is_cloud and not candidate.can_promise_zdr:
        return _refuse(candidate, "privacy", "the text needs zero retention, which this provider cannot promise")
    return None


def _only_first(allowed: list[Candidate]) -> tuple[list[Candidate], list[Judged]]:
    """Keep one model. Choosing the first *installed* one of several local models is a choice, no fallback."""
    real = [candidate for candidate in allowed if candidate.tier is not Tier.EMBEDDED]
    if not real:
        # Where the configuration allows nothing but the engine, it is the one model and no fallback.
        return allowed, []
    head = real[0]
    if head.availability == "missing":
        siblings = (c for c in real if c.tier is head.tier and c.availability in ("ready", "unknown"))
        head = next(siblings, head)
    seconds = [_refuse(c, "no_fallback", "sonar.routing.fallback is false") for c in allowed if c is not head]
    return [head], seconds


_UNAVAILABLE_CODES = {
    "missing": "not_installed",
    "down": "unreachable",
    "no_key": "no_key",
    "parked": "parked",
    "unconfigured": "unknown_provider",
}


def _unavailable(candidate: Candidate) -> Judged | None:
    code = _UNAVAILABLE_CODES.get(candidate.availability)
    return _refuse(candidate, code, candidate.detail) if code else None


def _reason(candidate: Candidate, need: Need, rules: Rules) -> str:
    if candidate.model in need.asked_models:
        return "asked for by name"
    if candidate.model in need.task_models:
        return f"set for the task {need.task}"
    if candidate.tier is Tier.EMBEDDED:
        return "needs no model and always works"
    if candidate.tier is need.task_tier:
        return f"the task {need.task} is set to the {candidate.tier} tier"
    if candidate.tier is Tier.CLOUD:
        return _cloud_reason(need, rules)
    if rules.is_cloud_enabled and rules.mode == "replace":
        return "local stands in when the cloud cannot serve"
    return "local by default"


def _cloud_reason(need: Need, rules: Rules) -> str:
    if rules.mode == "replace":
        return f"{rules.cloud_reason} and the mode is replace"
    if need.task in LIGHT_TASKS:
        return "cloud stands in when local cannot serve"
    return f"{need.task} is a heavy task and the mode is tiered"
