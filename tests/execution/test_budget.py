"""Limits from the configuration, and what a call may cost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.calls import Material, Prompt
from amalfa.config.settings import Settings
from amalfa.execution.budget import limits_for, on_limit, tokens_at_most
from amalfa.execution.tally import Limit
from amalfa.messages import Message

TEAM = "ads"


def settings(everybody: dict[str, object], team: dict[str, object] | None = None) -> Settings:
    teams = {} if team is None else {TEAM: {"budget": team}}
    return Settings.model_validate({"sonar": {"budget": everybody, "teams": teams}})


def prompt(text: str, schema: dict[str, object] | None = None) -> Prompt:
    return Prompt((Message("user", text),), Material(), max_tokens=100, temperature=0.0, schema=schema)


def test_without_a_budget_there_is_no_limit() -> None:
    assert limits_for(settings({}), TEAM) == ()


def test_limits_are_named_as_in_the_configuration() -> None:
    found = settings({"dailyUsd": 1, "monthlyUsd": 20}, {"monthlyUsd": 0})
    everybody = (
        Limit("sonar.budget.dailyUsd", "day", 1, None),
        Limit("sonar.budget.monthlyUsd", "month", 20, None),
    )
    own = Limit("sonar.teams.ads.budget.monthlyUsd", "month", 0, TEAM)
    assert limits_for(found, TEAM) == (*everybody, own)
    assert limits_for(found, None) == everybody
    assert limits_for(found, "unheard-of") == everybody


@pytest.mark.parametrize(
    ("everybody", "team", "rule"),
    [("local", "local", "local"), ("refuse", "local", "refuse"), ("local", "refuse", "refuse")],
)
def test_the_stricter_rule_holds_at_a_limit(everybody: str, team: str, rule: str) -> None:
    found = settings({"onLimit": everybody}, {"onLimit": team})
    assert on_limit(found, TEAM) == rule
    assert on_limit(found, None) == everybody


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("abcdef", 2), ("abcdefg", 3), ("日本語", 5), ("é", 1), ("0123456789", 10), ('{"a":1}', 5)],
)
def test_tokens_are_judged_by_kinds_of_bytes(text: str, tokens: int) -> None:
    assert tokens_at_most(prompt(text)) == tokens + 8


def test_the_schema_is_sent_and_so_it_is_counted() -> None:
    schema: dict[str, object] = {"type": "object", "properties": {"title": {"type": "string"}}}
    assert tokens_at_most(prompt("x", schema)) >= tokens_at_most(prompt("x")) + len(json.dumps(schema)) // 3


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(text: str, more: str) -> None:
    assert 8 <= tokens_at_most(prompt(text)) <= tokens_at_most(prompt(text + more))


def test_half_a_surrogate_pair_is_counted_too() -> None:
    assert tokens_at_most(prompt("\ud800")) == 2 + 8
