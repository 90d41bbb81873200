"""Whether the engine without a model may stand in: for people always, for durable jobs only when it is meant. Pure."""

from dataclasses import replace

from amalfa.calls import Tier
from amalfa.routing.plan import Plan

PASSING = frozenset(
    {
        "unreachable",
        "not_installed",
        "no_key",
        "parked",
        "breaker_open",
        "cooling",
        "free_limit",
        "over_budget",
    }
)
"""Refusals of models that may serve another time: the user or time can lift them."""


def without_stand_in(plan: Plan) -> Plan:
    """The plan without the embedded engine, as long as a model serves or may serve again.

    Where no model is configured, or none may ever see the text, the engine is what there is, and stays.
    """
    models = tuple(entry for entry in plan.entries if entry.tier is not Tier.EMBEDDED)
    has_hope = bool(models) or any(one.verdict == "refused" and one.code in PASSING for one in plan.judged)
    return replace(plan, entries=models) if has_hope else plan
