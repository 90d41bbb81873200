"""What is settled for one model that the rules let through: its place in a plan, why, and at what price."""

from dataclasses import dataclass, replace
from typing import Literal

from amalfa.calls import FREE, JSON_TASKS, NO_STEERING, Judged, ModelName, Price, PrivacyClass, Steering, Tier
from amalfa.routing.candidate import Candidate
from amalfa.routing.forbidden import is_money_limited
from amalfa.routing.order import CLOUD_MS, LOCAL_MS, UNKNOWN_USD, Order, place_of
from amalfa.routing.plan import Entry
from amalfa.routing.rules import Need, Rules

# The catalogue shows a model's cheapest endpoint, and a dearer one may serve. Reservations are made for this much
# more, and a provider that takes a ceiling is told it, so that the bill cannot pass the reservation.
PRICE_MARGIN = 1.5
# The ceiling for a model whose price nobody knows, at a provider that keeps to one: what the dearest usual models cost.
UNKNOWN_CEILING = Price(15.0, 75.0)


@dataclass(frozen=True, slots=True)
class Seat:
    """One model that the rules let through, with all that does not change from call to call.

    Numbers that every decision needs stand here ready: `place` of its tier, prices in USD per million tokens
    to compare (`likely`) and to reserve (`most`; 0 where no limit can apply), `ties` to tell equals apart, and
    `usual_ms` for a model that was never measured. `is_loaded_first`: it may have to be loaded.
    """

    candidate: Candidate
    entry: Entry
    planned: Judged
    name: str
    place: int
    ties: float
    likely_in: float
    likely_out: float
    most_in: float
    most_out: float
    context_tokens: float
    usual_ms: float
    is_loaded_first: bool


def seat_of(candidate: Candidate, need: Need, rules: Rules, order: Order) -> Seat:
    """The seat of a model that no rule forbids."""
    code, reason = _reason(candidate, need, rules, order)
    price, ceiling = candidate.price or Price(UNKNOWN_USD, UNKNOWN_USD), _ceiling(candidate, rules)
    return Seat(
        candidate,
        Entry(
            candidate.model,
            candidate.served_tier,
            reason,
            leaves_machine=_leaves_machine(candidate, need),
            temperature=_temperature(candidate, rules),
            price=candidate.price,
            ceiling=ceiling,
            context_tokens=candidate.context_tokens,
            steering=_steering(candidate, need, rules, order),
        ),
        planned=wanted(Judged(str(candidate.model), "planned", code, reason), need),
        name=str(candidate.model),
        place=place_of(candidate, order),
        ties=0.0 if candidate.quality is None or order.strategy != "quality_first" else -candidate.quality,
        likely_in=price.input_usd,
        likely_out=price.output_usd,
        most_in=ceiling.input_usd if ceiling else 0.0,
        most_out=ceiling.output_usd if ceiling else 0.0,
        context_tokens=candidate.context_tokens or float("inf"),
        usual_ms=CLOUD_MS if candidate.tier is Tier.CLOUD else LOCAL_MS,
        is_loaded_first=candidate.is_loaded_on_demand,
    )


def _leaves_machine(candidate: Candidate, need: Need) -> bool:
    # Text that is local-only goes to the verified hosts of a pool alone.
    stays_here = need.privacy is PrivacyClass.LOCAL_ONLY and candidate.has_verified_host
    return candidate.leaves_machine and not (stays_here and not candidate.is_cloud)


def _temperature(candidate: Candidate, rules: Rules) -> float | None:
    return next((link.temperature for link in rules.chain if link.model == candidate.model), None)


def _ceiling(candidate: Candidate, rules: Rules) -> Price | None:
    """The most the model may charge, in USD per million tokens."""
    if candidate.price is None:
        ceiling = UNKNOWN_CEILING if candidate.takes_max_price else None
    else:
        ceiling = candidate.price.times(PRICE_MARGIN if candidate.takes_max_price else 1.0)
    limit = rules.preferences.max_cost_per_1k_tokens
    if ceiling is None or limit is None:
        return ceiling
    return Price(min(ceiling.input_usd, limit * 1000), min(ceiling.output_usd, limit * 1000))


def _steering(candidate: Candidate, need: Need, rules: Rules, order: Order) -> Steering:
    if not candidate.takes_max_price:
        return NO_STEERING
    is_limited = is_money_limited(need, rules) or rules.preferences.max_cost_per_1k_tokens is not None
    is_charged = candidate.price is None or not candidate.price.is_free
    ceiling = _ceiling(candidate, rules) if is_limited and is_charged else None
    is_fast = rules.preferences.prefer_faster or order.strategy == "speed_first"
    sort: Literal["price", "throughput"] | None = "price" if order.strategy == "cost_optimized" else None
    # What OpenRouter turns to by itself no rule of ours has seen.
    is_fixed = bool(rules.preferences.acceptable_models) or not rules.fallback
    return Steering("throughput" if is_fast else sort, ceiling, is_model_fixed=is_fixed)


def _reason(candidate: Candidate, need: Need, rules: Rules, order: Order) -> tuple[str, str]:
    """What put the model where it is: a fixed code and a sentence."""
    if candidate.model in need.asked_models:
        return "asked", "asked for by name"
    if candidate.model in need.task_models:
        return "task", f"set for the task {need.task}"
    is_in_chain = order.is_chain and any(link.model == candidate.model for link in rules.chain)
    if candidate.tier is Tier.EMBEDDED and not is_in_chain:
        return "always_works", "needs no model and always works"
    if order.is_chain:
        return order.code, _chain_reason(candidate.model, rules)
    if order.says:
        return order.code, f"{order.says}{_score(candidate, order)}{_stands_in(candidate, order)}"
    return order.code, f"{_mode_reason(candidate, need, rules)}{_score(candidate, order)}"


def _chain_reason(model: ModelName, rules: Rules) -> str:
    place = next((link.place for link in rules.chain if link.model == model), 0)
    whose = f"the chain of team {rules.team}" if rules.team and rules.is_team_strategy else "sonar.routing.chain"
    return f"entry {place} of {whose}"


def _score(candidate: Candidate, order: Order) -> str:
    price = candidate.price
    match order.strategy:
        case "cost_optimized" if price is None:
            return ": its price is not known"
        case "cost_optimized" if price == FREE:
            return ": costs nothing"
        case "cost_optimized" if price is not None:
            return f": ${price.input_usd:g} in, ${price.output_usd:g} out per million tokens"
        case "quality_first":
            return f": quality {candidate.quality:g}" if candidate.quality is not None else ": its quality is not known"
        case _:
            return ""


def _mode_reason(candidate: Candidate, need: Need, rules: Rules) -> str:
    if candidate.served_tier is Tier.CLOUD:
        return _cloud_reason(need, rules)
    if rules.is_cloud_enabled and rules.mode == "replace":
        return "local stands in when the cloud cannot serve"
    return "local by default"


def _cloud_reason(need: Need, rules: Rules) -> str:
    if rules.mode == "replace":
        return f"{rules.cloud_reason} and the mode is replace"
    if need.task in JSON_TASKS:
        return "cloud stands in when local cannot serve"
    return f"{need.task} is a heavy task and the mode is tiered"


def _stands_in(candidate: Candidate, order: Order) -> str:
    if order.tiers is None or candidate.served_tier is order.tiers[0]:
        return ""
    return f"; {candidate.served_tier} stands in when {order.tiers[0]} cannot serve"


def wanted(judged: Judged, need: Need) -> Judged:
    """The verdict, marked when the call asked for this model by name."""
    is_wanted = any(judged.model == str(model) for model in need.asked_models)
    return replace(judged, is_wanted=True) if is_wanted else judged
