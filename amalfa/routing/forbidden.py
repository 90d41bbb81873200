"""The rules that forbid a model whatever the moment: one function for each, asked in a fixed order."""

from amalfa.calls import Judged, PrivacyClass, Tier
from amalfa.routing.acceptable import is_acceptable
from amalfa.routing.candidate import Candidate
from amalfa.routing.rules import Need, Rules


def forbidden(candidate: Candidate, need: Need, rules: Rules) -> Judged | None:
    """The first rule that forbids the candidate, as a verdict; None when all of them let it through."""
    for rule in _RULES:
        if found := rule(candidate, need, rules):
            return refuse(candidate, *found)
    return None


def refuse(candidate: Candidate, code: str, detail: str) -> Judged:
    return Judged(str(candidate.model), "refused", code, detail)


_Found = tuple[str, str] | None
"""The code of a refusal and a sentence for people."""


def _is_off(candidate: Candidate, need: Need, rules: Rules) -> _Found:
    if candidate.tier is Tier.EMBEDDED:
        return None
    if not rules.is_sonar_enabled:
        return "sonar_disabled", "sonar.enabled is false"
    if not need.is_task_enabled:
        return "task_disabled", f"sonar.tasks.{need.task}.enabled is false"
    if candidate.is_cloud and not rules.is_cloud_enabled:
        return "cloud_disabled", rules.cloud_reason
    return None


def _is_second(candidate: Candidate, need: Need, rules: Rules) -> _Found:
    if rules.fallback or not need.asked_models or candidate.model in need.asked_models:
        return None
    return "no_fallback", "another model was asked for by name, and sonar.routing.fallback is false"


def _is_narrowed(candidate: Candidate, need: Need, _rules: Rules) -> _Found:
    if need.wish.prefer == "local" and candidate.is_cloud:
        return "narrowed", "the call asked for local models only"
    if need.wish.prefer == "local" and not (candidate.is_verified_local or candidate.has_verified_host):
        return "narrowed", "the call asked for local models only, and this host is not verified to be the user's own"
    if need.wish.prefer == "cloud" and not candidate.is_cloud:
        return "narrowed", "the call asked for cloud models only"
    return None


def _breaks_privacy(candidate: Candidate, need: Need, _rules: Rules) -> _Found:
    if need.privacy is PrivacyClass.LOCAL_ONLY and not (candidate.is_verified_local or candidate.has_verified_host):
        return "privacy", "the text is local-only and this host is not verified to be the user's own"
    if need.privacy is PrivacyClass.LOCAL_ONLY and candidate.is_forwarded:
        return "privacy", "the text is local-only and this model is forwarded to a cloud"
    if need.privacy is PrivacyClass.CLOUD_ZDR and candidate.is_cloud and not candidate.can_promise_zdr:
        return "privacy", "the text needs zero retention, which this provider cannot promise"
    return None


def _is_unacceptable(candidate: Candidate, _need: Need, rules: Rules) -> _Found:
    # The extractive engine is no model: it costs nothing, sends nothing, and says what it is.
    if candidate.tier is Tier.EMBEDDED:
        return None
    wanted = rules.preferences
    if not is_acceptable(candidate.model, candidate.served_tier, wanted.acceptable_models):
        return "not_acceptable", f"it is not among acceptableModels ({', '.join(wanted.acceptable_models)})"
    if wanted.quality_threshold is None:
        return None
    if candidate.quality is None:
        detail = f"its quality is not known; set sonar.catalog.{candidate.model}.quality"
        return "quality_unknown", detail
    if candidate.quality < wanted.quality_threshold:
        return "quality", f"its quality {candidate.quality:g} is below qualityThreshold {wanted.quality_threshold:g}"
    return None


def _is_too_dear(candidate: Candidate, need: Need, rules: Rules) -> _Found:
    limit = rules.preferences.max_cost_per_1k_tokens
    is_limited = limit is not None or is_money_limited(need, rules)
    if not is_limited or (candidate.price is None and candidate.takes_max_price):
        # The provider keeps to a ceiling of ours, so an unknown price cannot pass the limit.
        return None
    if candidate.price is None:
        return "price_unknown", f"its price is not known; set sonar.catalog.{candidate.model}.price"
    dearest = max(candidate.price.input_usd, candidate.price.output_usd) / 1000
    if limit is not None and dearest > limit:
        return "too_expensive", f"it costs ${dearest:g} per 1,000 tokens, above maxCostPer1kTokens ${limit:g}"
    return None


def is_money_limited(need: Need, rules: Rules) -> bool:
    """Whether any limit on money applies to the call."""
    caps = (rules.cap, rules.preferences.max_cost, need.wish.max_cost_usd)
    return rules.has_limits or any(cap is not None for cap in caps)


def _lacks_json(candidate: Candidate, need: Need, _rules: Rules) -> _Found:
    if candidate.tier is Tier.EMBEDDED and need.task == "extract":
        remedy = "start Ollama, or enable the cloud in amalfa.config.json"
        return "no_json", f"extract needs a model, and this engine has none. Fix: {remedy}"
    if need.needs_json and candidate.has_json is False and candidate.tier is not Tier.EMBEDDED:
        return "no_json", f"{need.task} needs JSON, and the model cannot be held to a schema"
    return None


def _lacks_tools(candidate: Candidate, need: Need, _rules: Rules) -> _Found:
    # Of a model nobody has told anything of, it is found out by asking it.
    if need.needs_tools and (candidate.tier is Tier.EMBEDDED or candidate.has_tools is False):
        return "no_tools", "the call offers tools, and the model takes none"
    return None


_RULES = (_is_off, _is_second, _is_narrowed, _breaks_privacy, _is_unacceptable, _is_too_dear, _lacks_json, _lacks_tools)
