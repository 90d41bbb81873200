"""OPENROUTER_PREFERENCES: names of now and of before, OpenRouter's own fields, and what is none of them."""

import pytest

from amalfa.config.jsonc import Json
from amalfa.config.openrouter_settings import OpenRouterRouting
from amalfa.config.preferences import PREFERENCES, ROUTING, read_preferences
from amalfa.config.routing_settings import Preferences
from tests.config.world import World


@pytest.mark.parametrize(
    ("key", "value", "setting", "means"),
    [
        ("prefer_local", True, "preferLocal", True),
        ("preferLocal", True, "preferLocal", True),
        ("prefer_faster", True, "preferFaster", True),
        ("prefer_fast", True, "preferFaster", True),
        ("preferFast", True, "preferFaster", True),
        ("quality_threshold", 0.7, "qualityThreshold", 0.7),
        ("min_quality", 0.7, "qualityThreshold", 0.7),
        ("max_cost_per_1k_tokens", 0.01, "maxCostPer1kTokens", 0.01),
        ("max_cost_per_1k", 0.01, "maxCostPer1kTokens", 0.01),
        ("max_cost_per_token", 0.00002, "maxCostPer1kTokens", 0.02),
        ("max_cost", 0.5, "maxCost", 0.5),
        ("fallback_to_cloud", False, "fallbackToCloud", False),
        ("allow_fallback", False, "fallbackToCloud", False),
        ("acceptable_models", ["local:*"], "acceptableModels", ["local:*"]),
        ("models", ["local:*"], "acceptableModels", ["local:*"]),
    ],
)
def test_a_preference_goes_by_its_names_of_now_and_of_before(key: str, value: Json, setting: str, means: Json) -> None:
    read = read_preferences({key: value})
    assert read.complaints == ()
    assert dict(read.settings) == {(*PREFERENCES, setting): means}


@pytest.mark.parametrize(
    ("key", "value", "setting", "means"),
    [
        ("order", ["azure"], "order", ["azure"]),
        ("only", ["azure"], "only", ["azure"]),
        ("ignore", ["azure"], "ignore", ["azure"]),
        ("allow_fallbacks", False, "allowFallbacks", False),
        ("quantizations", ["fp8"], "quantizations", ["fp8"]),
        ("sort", "price", "sort", "price"),
        ("preferred_min_throughput", {"p90": 50}, "preferredMinThroughput", {"p90": 50}),
        ("preferred_max_latency", 3, "preferredMaxLatency", 3),
        ("max_price", {"prompt": 1, "completion": 2}, "maxPrice", {"prompt": 1, "completion": 2}),
        ("data_collection", "deny", "dataCollection", "deny"),
        ("zdr", True, "zdr", True),
        ("require_parameters", True, "requireParameters", True),
        ("requireParameters", True, "requireParameters", True),
    ],
)
def test_openrouters_own_fields_go_to_its_routing_and_fit_there(
    key: str, value: Json, setting: str, means: Json
) -> None:
    assert dict(read_preferences({key: value}).settings) == {(*ROUTING, setting): means}
    OpenRouterRouting.model_validate({setting: means})


def test_every_preference_there_is_can_be_said() -> None:
    for name in (*Preferences.model_fields, *OpenRouterRouting.model_fields):
        assert read_preferences({name: None}).complaints == (), name


def test_what_nobody_knows_is_a_problem_that_says_what_was_meant_and_takes_nothing_else_away(world: World) -> None:
    world.writes({}).sets(OPENROUTER_PREFERENCES='{"prefer_locl": true, "colour": 1, "max_cost": 0.5}')
    told = [str(problem) for problem in world.examine().problems]
    assert told == [
        'environment: OPENROUTER_PREFERENCES: unknown key "prefer_locl"; did you mean "prefer_local"?',
        'environment: OPENROUTER_PREFERENCES: unknown key "colour"',
    ]


def test_two_names_of_one_thing_are_one_too_many() -> None:
    read = read_preferences({"min_quality": 0.5, "quality_threshold": 0.7})
    assert read.complaints == ('"min_quality" and "quality_threshold" mean the same; keep one of them',)


def test_a_value_that_does_not_fit_is_found_by_the_settings(world: World) -> None:
    world.writes({}).sets(OPENROUTER_PREFERENCES='{"max_cost_per_token": "canary", "sort": "canary"}')
    told = " ".join(str(problem) for problem in world.examine().problems)
    assert "sonar.routing.preferences.maxCostPer1kTokens must be a number" in told
    assert "sonar.providers.openrouter.routing.sort.by must be one of price, throughput, latency, exacto" in told
    assert "canary" not in told


def test_what_was_said_reaches_the_settings_with_its_origin(world: World) -> None:
    world.writes({"sonar": {"routing": {"preferences": {"preferLocal": True, "maxCost": 9}}}})
    world.dotenv('OPENROUTER_PREFERENCES={"max_cost": 0.5, "zdr": true, "max_price": {"prompt": 1}}\n')
    loaded = world.load()
    assert (
        loaded.settings.sonar.routing.preferences.prefer_local,
        loaded.settings.sonar.routing.preferences.max_cost,
    ) == (
        True,
        0.5,
    )
    routing = loaded.settings.sonar.providers["openrouter"].routing
    assert routing is not None
    assert routing.zdr is True
    assert routing.max_price is not None
    assert routing.max_price.prompt == 1
    for key in ("sonar.routing.preferences.maxCost", "sonar.providers.openrouter.routing.zdr"):
        assert loaded.origins[key].name == "OPENROUTER_PREFERENCES"
