"""The decision table: configuration, moment and call → the plan, with reasons and codes."""

from pathlib import Path

import pytest

from tests.routing import (
    decisions_chains,
    decisions_filters,
    decisions_health,
    decisions_hints,
    decisions_money,
    decisions_names,
    decisions_preferences,
    decisions_privacy,
    decisions_strategies,
    decisions_teams,
    decisions_tiers,
    decisions_tools,
)
from tests.routing.decisions import Row
from tests.routing.decisions_stage import call_of, described, set_up

THEMES = {
    "tiers": decisions_tiers.ROWS,
    "strategies": decisions_strategies.ROWS,
    "hints": decisions_hints.ROWS,
    "teams": decisions_teams.ROWS,
    "chains": decisions_chains.ROWS,
    "preferences": decisions_preferences.ROWS,
    "filters": decisions_filters.ROWS,
    "money": decisions_money.ROWS,
    "privacy": decisions_privacy.ROWS,
    "health": decisions_health.ROWS,
    "names": decisions_names.ROWS,
    "tools": decisions_tools.ROWS,
}
TABLE = [pytest.param(row, id=f"{theme}: {row.id}") for theme, rows in THEMES.items() for row in rows]


@pytest.mark.parametrize("row", TABLE)
async def test_the_plan_is_as_the_contract_says(row: Row, tmp_path: Path) -> None:
    plan = await set_up(row, tmp_path).switch.plan(call_of(row.ask))
    whole = described(plan)
    assert tuple(str(entry.model) for entry in plan.entries) == row.plan, whole
    assert {one.model: one.code for one in plan.judged if one.verdict == "refused"} == row.refused, whole
    assert row.why in (plan.entries[0].reason if plan.entries else ""), whole
    assert bool(plan.over_budget) == bool(row.over_budget), whole
    assert row.over_budget in plan.over_budget, whole
    if row.steering is not None:
        assert plan.entries[0].steering == row.steering, whole
    if row.temperatures is not None:
        assert tuple(entry.temperature for entry in plan.entries) == row.temperatures, whole


def test_no_two_rows_have_one_name() -> None:
    names = [param.id for param in TABLE]
    assert len(names) == len(set(names))
