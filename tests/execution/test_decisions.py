"""The last decisions, in memory."""

from dataclasses import replace
from datetime import UTC, datetime

from amalfa.calls import Attempt, Judged, Route, Tier, Usage, Wish
from amalfa.errors import NoProvider
from amalfa.execution.decisions import KEPT, Decisions, Refusal, decision_of
from tests.fakes import a_call

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

ROUTE = Route(
    model="ollama:m",
    provider="ollama",
    tier=Tier.LOCAL,
    task="synthesize",
    strategy="local_first",
    reason="the local default",
    candidates=(
        Judged("ollama:m", "planned", "first"),
        Judged("openrouter:m", "refused", "cloud_disabled", "sonar.cloud.enabled is false"),
    ),
    attempts=(Attempt("ollama:m", "ok", 40, 10, 3, 0.0),),
    generation=1,
    request_id="req_1",
)


def test_a_decision_says_who_served_why_and_why_not_the_others() -> None:
    call = replace(a_call(), wish=Wish(team="ads", hint="draft"))
    made = decision_of(call, ROUTE, Usage(10, 3, 0.002, 40), None, at=NOON)
    assert (made.at, made.request_id, made.task, made.team, made.hint) == (NOON, "req_1", "synthesize", "ads", "draft")
    assert (made.model, made.tier, made.reason, made.reason_code) == (
        "ollama:m",
        Tier.LOCAL,
        "the local default",
        "first",
    )
    assert made.refused == (Refusal("openrouter:m", "cloud_disabled"),)
    assert (made.attempts, made.cost_usd, made.ms, made.error_code) == (1, 0.002, 40, None)


def test_a_call_that_nobody_served_keeps_its_error_and_no_words_of_a_provider() -> None:
    route = replace(ROUTE, model="", provider="", reason="openrouter:m: it said: hello there")
    made = decision_of(a_call(), route, Usage(), NoProvider("None could serve."), at=NOON)
    assert (made.model, made.tier, made.reason_code, made.error_code) == ("", None, "", "no_provider")
    assert made.cost_usd is None
    assert "hello there" not in repr(made)


def test_of_a_reason_only_why_the_model_was_chosen_is_kept() -> None:
    route = replace(ROUTE, reason="the local default; openrouter:m failed: it said: hello there")
    assert decision_of(a_call(), route, Usage(), None, at=NOON).reason == "the local default"


def test_the_newest_come_first_and_the_oldest_are_forgotten() -> None:
    kept = Decisions()
    for number in range(KEPT + 5):
        kept.add(decision_of(replace(a_call(), request_id=f"req_{number}"), ROUTE, Usage(), None, at=NOON))
    assert [one.request_id for one in kept.newest(2)] == [f"req_{KEPT + 4}", f"req_{KEPT + 3}"]
    assert len(kept.newest(10_000)) == KEPT
