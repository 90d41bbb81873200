"""What holds of every plan, whatever is configured, whoever is up and whatever is asked."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from amalfa.calls import EXTRACTIVE, FREE, TASKS, ModelName, Price, PrivacyClass, Tier, Wish
from amalfa.config.routing_settings import Preferences
from amalfa.routing.acceptable import is_acceptable
from amalfa.routing.candidate import Availability, Candidate, Standing
from amalfa.routing.plan import Cap, Size
from amalfa.routing.policy import make_plan
from amalfa.routing.rules import Link, Moment, Need, Rules

PROVIDERS = {"ollama": Tier.LOCAL, "lan": Tier.LOCAL, "openrouter": Tier.CLOUD, "openai": Tier.CLOUD}
MODELS = [ModelName(provider, model) for provider in PROVIDERS for model in "abcd"]
ENGINE = Candidate(EXTRACTIVE, Tier.EMBEDDED, True, 0, price=FREE)
AVAILABILITIES: tuple[Availability, ...] = (
    "ready",
    "unknown",
    "missing",
    "down",
    "no_key",
    "parked",
    "unconfigured",
    "broken",
    "cooling",
    "free_limit",
)

prices = st.none() | st.just(FREE) | st.builds(Price, st.floats(0.01, 90), st.floats(0.01, 90))
models = st.sampled_from(MODELS)


@st.composite
def candidate(draw: st.DrawFn) -> Candidate:
    model = draw(models)
    tier = PROVIDERS[model.provider]
    return Candidate(
        model=model,
        tier=tier,
        is_verified_local=tier is Tier.LOCAL and draw(st.booleans()),
        rank=draw(st.integers(0, 3)),
        is_forwarded=draw(st.booleans()),
        can_promise_zdr=model.provider == "openrouter",
        takes_max_price=model.provider == "openrouter",
        price=draw(prices),
        quality=draw(st.none() | st.floats(0, 1)),
        context_tokens=draw(st.none() | st.integers(100, 100_000)),
        has_json=draw(st.none() | st.booleans()),
        has_tools=draw(st.none() | st.booleans()),
    )


candidate_lists = st.lists(candidate(), max_size=9, unique_by=lambda one: one.model).map(lambda some: (*some, ENGINE))
needs = st.builds(
    Need,
    task=st.sampled_from(TASKS),
    privacy=st.sampled_from(PrivacyClass),
    wish=st.builds(Wish, prefer=st.sampled_from([None, "local", "cloud"]), max_cost_usd=st.none() | st.floats(0, 0.5)),
    asked_models=st.just(()) | st.tuples(models),
    task_models=st.lists(models, max_size=3, unique=True).map(tuple),
    task_tier=st.sampled_from([None, *Tier]),
    is_task_enabled=st.booleans(),
    hint=st.sampled_from([None, "prefer_local", "prefer_quality", "prefer_fast", "prefer_cheap"]),
    needs_json=st.booleans(),
    needs_tools=st.booleans(),
)
preferences = st.builds(
    Preferences,
    preferLocal=st.booleans(),
    preferFaster=st.booleans(),
    fallbackToCloud=st.booleans(),
    maxCostPer1kTokens=st.none() | st.floats(0, 0.1),
    maxCost=st.none() | st.floats(0, 0.5),
    qualityThreshold=st.none() | st.floats(0, 1),
    acceptableModels=st.just(()) | st.just(("local:*",)) | st.just(("openrouter:*", "ollama:a")),
)
rule_sets = st.builds(
    Rules,
    is_sonar_enabled=st.booleans(),
    is_cloud_enabled=st.booleans(),
    mode=st.sampled_from(["replace", "tiered"]),
    is_mode_written=st.booleans(),
    fallback=st.booleans(),
    strategy=st.sampled_from(["local_first", "cost_optimized", "quality_first", "speed_first"]),
    is_strategy_written=st.booleans(),
    chain=st.lists(st.builds(Link, models, st.integers(1, 9)), max_size=3).map(tuple),
    preferences=preferences,
    has_limits=st.booleans(),
    on_limit=st.sampled_from(["local", "refuse"]),
    cap=st.none() | st.builds(Cap, st.floats(0, 0.5), st.just("sonar.budget.perRequestUsd")),
)
moments = st.builds(
    Moment,
    size=st.builds(Size, st.integers(0, 5_000), st.integers(5_000, 9_000), st.integers(1, 4_000)),
    standings=st.dictionaries(models.map(str), st.builds(Standing, st.sampled_from(AVAILABILITIES), st.just("so"))),
    loaded=st.frozensets(models.map(str)),
    latency_ms=st.dictionaries(models.map(str), st.floats(1, 60_000)),
    spendable=st.none() | st.builds(Cap, st.floats(-1, 1), st.just("sonar.budget.dailyUsd")),
)
everything = (needs, rule_sets, candidate_lists, moments)


@given(*everything)
def test_no_plan_ever_holds_what_a_rule_forbids(
    need: Need, rules: Rules, candidates: tuple[Candidate, ...], moment: Moment
) -> None:
    by_model = {one.model: one for one in candidates}
    for entry in make_plan(need, rules, candidates, moment).entries:
        one = by_model[entry.model]
        assert not (one.is_cloud and not rules.is_cloud_enabled)
        assert not (need.privacy is PrivacyClass.LOCAL_ONLY and one.leaves_machine)
        assert not (need.privacy is PrivacyClass.CLOUD_ZDR and one.is_cloud and not one.can_promise_zdr)
        assert not (need.wish.prefer == "local" and one.is_cloud)
        assert not (need.wish.prefer == "cloud" and not one.is_cloud)
        standing = moment.standings.get(str(one.model))
        assert standing is None or standing.availability in ("ready", "unknown")
        assert not (need.needs_tools and (one.has_tools is False or one.tier is Tier.EMBEDDED))
        if one.tier is Tier.EMBEDDED:
            continue
        assert rules.is_sonar_enabled
        assert need.is_task_enabled
        wanted = rules.preferences
        assert is_acceptable(one.model, one.tier, wanted.acceptable_models)
        assert wanted.quality_threshold is None or (one.quality or 0) >= wanted.quality_threshold
        assert not (need.needs_json and one.has_json is False)
        likely = moment.size.likely_in + moment.size.most_out
        assert one.context_tokens is None or likely <= one.context_tokens


@given(*everything)
def test_no_planned_model_may_cost_more_than_any_limit_leaves(
    need: Need, rules: Rules, candidates: tuple[Candidate, ...], moment: Moment
) -> None:
    plan = make_plan(need, rules, candidates, moment)
    caps = [rules.preferences.max_cost, need.wish.max_cost_usd]
    caps += [cap.usd for cap in (rules.cap, moment.spendable) if cap]
    least = min((cap for cap in caps if cap is not None), default=None)
    for entry in plan.entries:
        if least is None:
            continue
        most = entry.most_usd(moment.size)
        is_counted = rules.has_limits or rules.cap or rules.preferences.max_cost is not None or need.wish.max_cost_usd
        assert most is None or most <= max(least, 0) + 1e-9 or most == 0
        assert most is not None or not is_counted or entry.tier is Tier.EMBEDDED or moment.spendable is not None


@given(*everything)
def test_a_ceiling_that_is_told_to_a_provider_is_what_was_reserved_for(
    need: Need, rules: Rules, candidates: tuple[Candidate, ...], moment: Moment
) -> None:
    for entry in make_plan(need, rules, candidates, moment).entries:
        assert entry.steering.max_price is None or entry.steering.max_price == entry.ceiling


@given(*everything)
def test_every_candidate_is_judged_exactly_once(
    need: Need, rules: Rules, candidates: tuple[Candidate, ...], moment: Moment
) -> None:
    plan = make_plan(need, rules, candidates, moment)
    assert sorted(one.model for one in plan.judged) == sorted(str(one.model) for one in candidates)
    planned = [one.model for one in plan.judged if one.verdict == "planned"]
    assert planned == [str(entry.model) for entry in plan.entries]
    assert all(one.detail for one in plan.judged)


@given(*everything, st.integers())
def test_the_order_in_which_candidates_come_changes_nothing(
    need: Need, rules: Rules, candidates: tuple[Candidate, ...], moment: Moment, seed: int
) -> None:
    shuffled = list(candidates)
    random.Random(seed).shuffle(shuffled)
    assert make_plan(need, rules, candidates, moment) == make_plan(need, rules, shuffled, moment)


@given(*everything)
def test_adding_a_forbidden_candidate_changes_nothing(
    need: Need, rules: Rules, candidates: tuple[Candidate, ...], moment: Moment
) -> None:
    intruder = Candidate(ModelName("intruder", "x"), Tier.CLOUD, False, 0)
    hushed = replace(need, privacy=PrivacyClass.LOCAL_ONLY)
    without = make_plan(hushed, rules, candidates, moment).entries
    assert make_plan(hushed, rules, (*candidates, intruder), moment).entries == without


@given(needs, rule_sets, candidate_lists)
def test_the_engine_is_left_whenever_fallback_is_allowed(
    need: Need, rules: Rules, candidates: tuple[Candidate, ...]
) -> None:
    allowed = replace(rules, fallback=True, on_limit="local")
    served = make_plan(replace(need, wish=Wish()), allowed, candidates).entries
    needs_model = need.task == "extract" or need.needs_tools
    assert (EXTRACTIVE in [entry.model for entry in served]) == (not needs_model)
