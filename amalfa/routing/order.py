"""In which order the models that may serve are tried: what speaks first, and how models are compared."""

from dataclasses import dataclass

from amalfa.calls import JSON_TASKS, ModelName, Tier
from amalfa.config.routing_settings import Hint, Strategy
from amalfa.routing.candidate import Candidate
from amalfa.routing.rules import Moment, Need, Rules

# Both real tiers come before the extractive engine, which always works and knows least.
_LOCAL_FIRST = (Tier.LOCAL, Tier.CLOUD, Tier.EMBEDDED)
_CLOUD_FIRST = (Tier.CLOUD, Tier.LOCAL, Tier.EMBEDDED)
_STARTING_WITH = {
    Tier.LOCAL: _LOCAL_FIRST,
    Tier.CLOUD: _CLOUD_FIRST,
    Tier.EMBEDDED: (Tier.EMBEDDED, Tier.LOCAL, Tier.CLOUD),
}

STRATEGY_OF_HINT: dict[Hint, Strategy] = {
    "prefer_local": "local_first",
    "prefer_quality": "quality_first",
    "prefer_fast": "speed_first",
    "prefer_cheap": "cost_optimized",
}

# What a call takes where nobody has measured it: a warm small model, a big one over the network, and what
# loading adds. Only the order of these three matters, until there are measurements.
LOCAL_MS, CLOUD_MS, LOAD_MS = 2_000.0, 4_000.0, 6_000.0


@dataclass(frozen=True, slots=True)
class Order:
    """The order of one kind of call.

    `tiers` is the order of tiers; None means that tiers do not matter. `strategy` compares models within
    that. `says` begins the reason of each model. `is_chain`: the configuration's own order, nothing compared.
    """

    tiers: tuple[Tier, ...] | None
    strategy: Strategy
    says: str
    code: str = "mode"
    is_chain: bool = False
    is_faster_first: bool = False

    @property
    def depends_on_moment(self) -> bool:
        """Whether the same models may come in another order for another call."""
        return not self.is_chain and (self.strategy in ("cost_optimized", "speed_first") or self.is_faster_first)

    @property
    def name(self) -> str:
        return "chain" if self.is_chain else self.strategy


def order_of(need: Need, rules: Rules) -> Order:
    """Task tier, hint, team or explicit chain, preferences, a strategy that was written, the mode: the first speaks."""
    strategy = STRATEGY_OF_HINT[need.hint] if need.hint else rules.strategy
    is_faster_first = rules.preferences.prefer_faster
    if need.task_tier is not None:
        says = f"the task {need.task} is set to the {need.task_tier} tier"
        return Order(_STARTING_WITH[need.task_tier], strategy, says, "task_tier", is_faster_first=is_faster_first)
    if need.hint:
        tiers_of_hint = _LOCAL_FIRST if need.hint == "prefer_local" else None
        return Order(tiers_of_hint, strategy, _hint_says(need), "hint", is_faster_first=is_faster_first)
    if rules.chain:
        return Order(None, strategy, "", "chain", is_chain=True)
    if rules.preferences.prefer_local:
        says = "preferLocal puts local models first"
        return Order(_LOCAL_FIRST, strategy, says, "prefer_local", is_faster_first=is_faster_first)
    tiers, says = _by_strategy_or_mode(need, rules)
    return Order(tiers, strategy, says, "strategy" if says else "mode", is_faster_first=is_faster_first)


def _hint_says(need: Need) -> str:
    written = need.hint_name if need.hint_name == need.hint else f"{need.hint_name} ({need.hint})"
    return f"the hint {written}"


def _by_strategy_or_mode(need: Need, rules: Rules) -> tuple[tuple[Tier, ...] | None, str]:
    is_chosen = rules.is_team_strategy or (rules.is_strategy_written and not rules.is_mode_written)
    if is_chosen or not rules.is_cloud_enabled:
        whose = f"team {rules.team}, " if rules.is_team_strategy else ""
        tiers = _LOCAL_FIRST if rules.strategy == "local_first" else None
        return tiers, f"{whose}{rules.strategy}" if is_chosen else ""
    stays_local = rules.mode == "tiered" and need.task in JSON_TASKS
    return (_LOCAL_FIRST if stays_local else _CLOUD_FIRST), ""


def place_of(candidate: Candidate, order: Order) -> int:
    """Where the candidate's tier comes among the tiers."""
    if order.tiers is not None:
        return order.tiers.index(candidate.served_tier)
    # In a chain the engine may have a place of its own; elsewhere it comes last.
    return 1 if candidate.tier is Tier.EMBEDDED and not order.is_chain else 0


def usual_key(candidate: Candidate, order: Order) -> tuple[int, float, float, int, str]:
    """The order of models that nothing of the moment tells apart: tier, strategy, rank, name."""
    price, quality = candidate.price, candidate.quality
    usd = UNKNOWN_USD if price is None else price.input_usd + price.output_usd
    best_first = 1.0 if quality is None else -quality
    if order.is_chain or order.strategy in ("local_first", "speed_first"):
        first = second = 0.0
    elif order.strategy == "cost_optimized":
        first, second = usd, best_first
    else:
        first, second = best_first, usd
    return (place_of(candidate, order), first, second, candidate.rank, str(candidate.model))


UNKNOWN_USD = 1e9
"""Stands for a price nobody knows: dearer than anything known."""


def expected_ms(candidate: Candidate, moment: Moment) -> float:
    """What the call likely takes there: as measured for its size, else as such models usually do, and the loading."""
    name = str(candidate.model)
    ms = moment.latency_ms.get(name, CLOUD_MS if candidate.tier is Tier.CLOUD else LOCAL_MS)
    return ms + LOAD_MS if candidate.is_loaded_on_demand and name not in moment.loaded else ms


def ranks_of(models: tuple[ModelName, ...]) -> dict[ModelName, int]:
    return {model: rank for rank, model in reversed(list(enumerate(models)))}
