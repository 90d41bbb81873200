"""The rules of everybody and of a team, put together: field by field, limit by limit."""

from collections.abc import Mapping

import pytest

from amalfa.calls import ModelName
from amalfa.config.origins import Origin
from amalfa.config.settings import Settings
from amalfa.errors import UsageProblem
from amalfa.execution.ledger import Limit
from amalfa.execution.teams import TeamRules, settle, settle_hint
from amalfa.routing.plan import Cap
from amalfa.routing.rules import Link, Rules

PROJECT = Origin("project", "/p/amalfa.config.json", 3)


def spelled(name: str) -> tuple[ModelName, ...]:
    provider, _, model = name.partition(":")
    return tuple(ModelName(key, model) for key in (("ollama", "shed") if provider == "local" else (provider,)))


def settled(team: str | None = "a", **sonar: object) -> TeamRules:
    return settled_from({}, team, **sonar)


def settled_from(written: Mapping[str, Origin], team: str | None, **sonar: object) -> TeamRules:
    return settle(Settings.model_validate({"sonar": sonar}), written, team, spelled)


def test_an_empty_configuration_gives_the_rules_nobody_wrote() -> None:
    found = settled(None)
    assert found.rules == Rules()
    assert (dict(found.hints), found.limits) == ({}, ())


def test_preferences_are_merged_field_by_field() -> None:
    common = {"preferLocal": True, "qualityThreshold": 0.5, "maxCost": 0.1, "acceptableModels": ["local:*"]}
    own = {"preferLocal": False, "qualityThreshold": None, "maxCostPer1kTokens": 0.002}
    merged = settled(routing={"preferences": common}, teams={"a": {"preferences": own}}).rules.preferences
    assert merged.prefer_local is False, "what a team writes counts, its default value too"
    assert merged.quality_threshold is None, "and so does taking a limit back"
    assert (merged.max_cost, merged.acceptable_models) == (0.1, ("local:*",))
    assert merged.max_cost_per_1k_tokens == 0.002
    assert merged.fallback_to_cloud is True


def test_a_team_without_preferences_has_everybodys() -> None:
    found = settled(routing={"preferences": {"preferFaster": True}}, teams={"a": {}})
    assert found.rules.preferences.prefer_faster


def test_everybodys_preferences_are_untouched_by_a_teams() -> None:
    found = settled(None, teams={"a": {"preferences": {"preferLocal": True}}})
    assert not found.rules.preferences.prefer_local


@pytest.mark.parametrize(
    ("common", "own", "expected"),
    [
        (None, None, None),
        (2.0, None, Cap(2.0, "sonar.budget.perRequestUsd")),
        (None, 3.0, Cap(3.0, "sonar.teams.a.budget.perRequestUsd")),
        (2.0, 3.0, Cap(2.0, "sonar.budget.perRequestUsd")),
        (3.0, 2.0, Cap(2.0, "sonar.teams.a.budget.perRequestUsd")),
        (3.0, 0.0, Cap(0.0, "sonar.teams.a.budget.perRequestUsd")),
    ],
)
def test_one_call_may_cost_the_least_that_anybody_says(
    common: float | None, own: float | None, expected: Cap | None
) -> None:
    found = settled(budget={"perRequestUsd": common}, teams={"a": {"budget": {"perRequestUsd": own}}})
    assert found.rules.cap == expected


def test_a_cap_for_a_team_is_none_for_everybody() -> None:
    assert settled(None, teams={"a": {"budget": {"perRequestUsd": 1}}}).rules.cap is None


def test_limits_are_everybodys_and_the_teams() -> None:
    sonar: dict[str, object] = {
        "budget": {"dailyUsd": 5},
        "teams": {"a": {"budget": {"dailyUsd": 1, "monthlyUsd": 9}}, "b": {}},
    }
    everybody = Limit("sonar.budget.dailyUsd", "day", 5, None)
    assert settled(None, **sonar).limits == (everybody,)
    assert settled("b", **sonar).limits == (everybody,)
    assert settled("a", **sonar).limits == (
        everybody,
        Limit("sonar.teams.a.budget.dailyUsd", "day", 1, "a"),
        Limit("sonar.teams.a.budget.monthlyUsd", "month", 9, "a"),
    )
    assert settled("a", **sonar).rules.has_limits


def test_without_limits_there_are_none() -> None:
    assert not settled(teams={"a": {"budget": {"perRequestUsd": 1}}}).rules.has_limits


@pytest.mark.parametrize(
    ("common", "own", "expected"),
    [("local", "local", "local"), ("refuse", "local", "refuse"), ("local", "refuse", "refuse")],
)
def test_the_stricter_of_two_rules_holds_at_a_limit(common: str, own: str, expected: str) -> None:
    found = settled(budget={"onLimit": common}, teams={"a": {"budget": {"onLimit": own}}})
    assert found.rules.on_limit == expected


def test_what_is_written_is_told_from_a_default() -> None:
    nothing = settled(None).rules
    assert (nothing.is_mode_written, nothing.is_strategy_written) == (False, False)
    both = {"sonar.cloud.mode": PROJECT, "sonar.routing.strategy": PROJECT}
    rules = settled_from(both, None).rules
    assert (rules.is_mode_written, rules.is_strategy_written) == (True, True)
    defaults = dict.fromkeys(both, Origin("default"))
    assert not settled_from(defaults, None).rules.is_mode_written
    assert not settled_from(defaults, None).rules.is_strategy_written


def test_a_teams_strategy_is_written_and_its_own() -> None:
    rules = settled(routing={"strategy": "speed_first"}, teams={"a": {"strategy": "quality_first"}}).rules
    assert (rules.strategy, rules.is_strategy_written, rules.is_team_strategy) == ("quality_first", True, True)
    assert rules.team == "a"


def test_a_team_that_chose_no_order_has_everybodys() -> None:
    rules = settled(routing={"strategy": "speed_first", "chain": ["ollama:m"]}, teams={"a": {"fallback": False}}).rules
    assert (rules.strategy, rules.is_team_strategy, rules.fallback) == ("speed_first", False, False)
    assert rules.chain == (Link(ModelName("ollama", "m"), 1),)


def test_a_teams_strategy_hides_everybodys_chain() -> None:
    rules = settled(routing={"chain": ["ollama:m"]}, teams={"a": {"strategy": "quality_first"}}).rules
    assert rules.chain == ()


def test_a_chain_keeps_its_numbers_when_a_name_stands_for_several() -> None:
    chain = ["ollama:x", {"model": "local:m", "temperature": 0.7}, "openrouter:y"]
    rules = settled(teams={"a": {"chain": chain}}).rules
    assert rules.chain == (
        Link(ModelName("ollama", "x"), 1),
        Link(ModelName("ollama", "m"), 2, 0.7),
        Link(ModelName("shed", "m"), 2, 0.7),
        Link(ModelName("openrouter", "y"), 3),
    )


@pytest.mark.parametrize(("common", "own", "expected"), [(True, None, True), (False, None, False), (False, True, True)])
def test_a_team_may_say_for_itself_whether_another_model_takes_over(
    common: bool, own: bool | None, expected: bool
) -> None:
    assert settled(routing={"fallback": common}, teams={"a": {"fallback": own}}).rules.fallback is expected


def test_a_teams_hints_are_laid_over_everybodys() -> None:
    found = settled(
        routing={"hints": {"documentation": "prefer_quality", "debugging": "prefer_fast"}},
        teams={"a": {"hints": {"documentation": "prefer_cheap", "copy": "prefer_local"}}},
    )
    assert dict(found.hints) == {"documentation": "prefer_cheap", "debugging": "prefer_fast", "copy": "prefer_local"}


def test_a_mistyped_team_is_told_the_nearest() -> None:
    with pytest.raises(UsageProblem) as caught:
        settled("marketting", teams={"marketing": {}, "sales": {}})
    assert "There is no team marketting" in caught.value.message
    assert "did you mean" in caught.value.message
    assert caught.value.hint == "use one of marketing, sales"


def test_a_team_where_there_are_none_is_told_where_to_write_it() -> None:
    with pytest.raises(UsageProblem) as caught:
        settled("sales")
    assert caught.value.hint == "describe it under sonar.teams"


def test_no_hint_is_none_and_a_written_one_counts_before_a_preference() -> None:
    assert settle_hint(None, {"debugging": "prefer_fast"}) is None
    assert settle_hint("debugging", {"debugging": "prefer_fast"}) == "prefer_fast"
    assert settle_hint("prefer_quality", {}) == "prefer_quality"
    assert settle_hint("prefer_fast", {"prefer_fast": "prefer_cheap"}) == "prefer_cheap"


def test_a_mistyped_hint_is_told_the_nearest_and_all_there_are() -> None:
    with pytest.raises(UsageProblem) as caught:
        settle_hint("debuging", {"debugging": "prefer_fast"})
    assert "There is no hint debuging" in caught.value.message
    assert "debugging" in caught.value.message
    assert caught.value.hint is not None
    for name in ("debugging", "prefer_local", "prefer_quality", "prefer_fast", "prefer_cheap"):
        assert name in caught.value.hint
