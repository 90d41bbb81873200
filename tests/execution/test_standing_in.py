"""When the engine without a model may do what is kept for good."""

import pytest

from amalfa.calls import EXTRACTIVE, Judged, ModelName, Tier
from amalfa.execution.standing_in import without_stand_in
from amalfa.routing.plan import Entry, Plan

ENGINE = Entry(EXTRACTIVE, Tier.EMBEDDED, "last")
MODEL = Entry(ModelName("ollama", "m"), Tier.LOCAL, "first")


def plan(*entries: Entry, refused: str = "") -> Plan:
    judged = (Judged("ollama:m", "refused", refused),) if refused else ()
    return Plan(entries, judged, "local_first")


def test_behind_a_model_that_serves_no_engine_stands_in() -> None:
    assert without_stand_in(plan(MODEL, ENGINE)).entries == (MODEL,)


@pytest.mark.parametrize("code", ["unreachable", "not_installed", "over_budget", "breaker_open", "parked"])
def test_a_model_that_may_come_back_is_waited_for(code: str) -> None:
    assert without_stand_in(plan(ENGINE, refused=code)).entries == ()


@pytest.mark.parametrize("code", ["privacy", "cloud_disabled", "sonar_disabled", "context_too_short", ""])
def test_where_no_model_may_ever_serve_the_engine_does(code: str) -> None:
    assert without_stand_in(plan(ENGINE, refused=code)).entries == (ENGINE,)
