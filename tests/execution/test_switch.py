"""The switch over time: what is learnt changes the next plan, and what does not change is not worked out again.

Which plan follows from which configuration is in `tests/routing/test_decisions.py`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
from typing_extensions import override

from amalfa.calls import Handling, Judged, ModelName, Price, PrivacyClass
from amalfa.errors import ConnectFailed, RateLimited, UsageProblem
from amalfa.execution.switch import SURVEYS_MAX
from amalfa.providers.catalogue import Catalogue
from amalfa.providers.model_facts import Facts
from amalfa.providers.provider import Presence
from tests.routing.decisions import (
    BIG,
    ENGINE,
    GPT4O,
    QWEN,
    Ask,
    Json,
    Now,
    Row,
    facts,
    merged,
    on,
    prefer,
    routing,
    team,
)
from tests.routing.decisions_stage import Stage, call_of, installed_at, set_up

PRICED = merged(on(), facts(BIG, input=1, output=1), {"budget": {"dailyUsd": 5}})
Staged = Callable[..., Stage]


@pytest.fixture
def staged(tmp_path: Path) -> Staged:
    def stage(sonar: Json, now: Now | None = None) -> Stage:
        return set_up(Row("", sonar, (), now=now or Now()), tmp_path)

    return stage


@dataclass
class CountingCatalogue:
    """A catalogue that counts how often it is asked: once for each candidate of each kind of call."""

    behind: Catalogue
    asked: int = 0

    def facts(self, model: ModelName) -> Facts:
        self.asked += 1
        return self.behind.facts(model)

    def known(self) -> Iterable[ModelName]:
        return self.behind.known()


def counting(stage: Stage) -> CountingCatalogue:
    counter = CountingCatalogue(stage.catalogue)
    stage.catalogue = cast("Catalogue", counter)
    return counter


async def test_a_plan_looks_at_the_providers_first_and_a_plan_for_now_does_not(staged: Staged) -> None:
    stage = staged(on())
    stage.switch.plan_now(call_of(Ask()))
    assert stage.board.refreshed == 0
    await stage.switch.plan(call_of(Ask()))
    assert stage.board.refreshed == 1


def test_a_host_that_comes_up_is_in_the_next_plan(staged: Staged) -> None:
    stage = staged(on(), Now(down=("ollama",)))
    assert stage.order() == [BIG, ENGINE]
    stage.board.presences["ollama"] = installed_at("qwen2.5:1.5b")
    assert stage.order() == [BIG, QWEN, ENGINE]
    stage.board.presences["openrouter"] = Presence("parked", "refused")
    assert stage.order() == [QWEN, ENGINE]


def test_a_key_that_appears_switches_auto_on(staged: Staged) -> None:
    stage = staged({"cloud": {"enabled": "auto"}}, Now(keys=()))
    assert stage.order() == [QWEN, ENGINE]
    stage.board.presences["openrouter"] = Presence("up")
    assert stage.order() == [BIG, QWEN, ENGINE]
    assert stage.switch.rules().cloud_reason == "sonar.cloud.enabled is auto, there is a key for openrouter"


def test_a_model_in_memory_is_known_to_be_fast(staged: Staged) -> None:
    stage = staged(on(routing(strategy="speed_first")), Now(took={QWEN: 3000, BIG: 5000}))
    assert stage.order() == [BIG, QWEN, ENGINE]
    stage.board.presences["ollama"] = installed_at("qwen2.5:1.5b", loaded=("qwen2.5:1.5b",))
    assert stage.order() == [QWEN, BIG, ENGINE]


def test_a_measurement_changes_the_next_plan(staged: Staged) -> None:
    stage = staged(on(routing(strategy="speed_first")), Now(took={QWEN: 100, BIG: 5000}, in_memory=("qwen2.5:1.5b",)))
    assert stage.order() == [QWEN, BIG, ENGINE]
    for _ in range(3):
        stage.signals.latencies.add(BIG, tokens_in=758, ms=10)
    assert stage.order() == [BIG, QWEN, ENGINE]


def test_a_measurement_of_long_prompts_says_nothing_of_short_ones(staged: Staged) -> None:
    stage = staged(on(routing(strategy="speed_first")), Now(took={QWEN: 100, BIG: 5000}, in_memory=("qwen2.5:1.5b",)))
    stage.signals.latencies.add(QWEN, tokens_in=50_000, ms=90_000)
    assert stage.order() == [QWEN, BIG, ENGINE]
    assert stage.order(Ask(prompt_bytes=100_000)) == [BIG, QWEN, ENGINE]


def test_a_new_list_of_prices_is_in_the_next_plan(staged: Staged) -> None:
    stage = staged(on(prefer(maxCostPer1kTokens=0.01)))
    assert stage.order() == [BIG, QWEN, ENGINE]

    class Dear(CountingCatalogue):
        @override
        def facts(self, model: ModelName) -> Facts:
            return Facts(price=Price(90, 90)) if str(model) == BIG else super().facts(model)

    stage.catalogue = cast("Catalogue", Dear(stage.catalogue))
    assert stage.order() == [QWEN, ENGINE]


def test_a_breaker_opens_and_closes_from_plan_to_plan(staged: Staged) -> None:
    stage = staged(on())
    for failures in range(5):
        assert stage.order()[0] == BIG, f"after {failures} failures"
        stage.signals.failed(*stage.route(BIG), ConnectFailed("nobody answers"))
    assert stage.order() == [QWEN, ENGINE]
    stage.clock.seconds += 20
    assert stage.order()[0] == BIG


def test_a_route_that_asked_for_rest_comes_back_when_it_has_rested(staged: Staged) -> None:
    stage = staged(on())
    stage.signals.failed(*stage.route(BIG), RateLimited("slow down", retry_after_s=90))
    assert stage.order() == [QWEN, ENGINE]
    stage.clock.seconds += 91
    assert stage.order()[0] == BIG


def test_money_that_is_spent_changes_the_next_plan(staged: Staged) -> None:
    stage = staged(PRICED)
    assert stage.order() == [BIG, QWEN, ENGINE]
    stage.purse.left["sonar.budget.dailyUsd"] = 0.001
    assert stage.order() == [QWEN, ENGINE]
    stage.purse.left["sonar.budget.dailyUsd"] = 0.01
    assert stage.order() == [BIG, QWEN, ENGINE]


def test_calls_of_one_kind_are_surveyed_once(staged: Staged) -> None:
    stage = staged(on())
    counter = counting(stage)
    stage.plan()
    first = counter.asked
    assert first > 0
    stage.plan()
    stage.plan(Ask(prompt_bytes=9, max_tokens=5))
    assert counter.asked == first, "the size of a prompt makes no other kind of call"
    stage.plan(Ask(task="chat"))
    assert counter.asked == 2 * first


@pytest.mark.parametrize(
    "ask",
    [
        Ask(model=QWEN),
        Ask(task="rerank"),
        Ask(prefer="local"),
        Ask(team="a"),
        Ask(hint="prefer_fast"),
        Ask(privacy=PrivacyClass.LOCAL_ONLY),
        Ask(max_cost=1.0),
        Ask(wants_json=True),
    ],
    ids=["model", "task", "prefer", "team", "hint", "privacy", "max cost", "JSON"],
)
def test_whatever_matters_makes_another_kind_of_call(staged: Staged, ask: Ask) -> None:
    stage = staged(on(team("a")))
    counter = counting(stage)
    stage.plan()
    first = counter.asked
    stage.plan(ask)
    assert counter.asked > first


def test_a_team_gets_no_plan_of_another(staged: Staged) -> None:
    stage = staged(on(team("a", chain=[GPT4O]), team("b", strategy="local_first")))
    assert stage.order(Ask(team="a")) == [GPT4O, ENGINE]
    assert stage.order(Ask(team="b")) == [QWEN, BIG, ENGINE]
    assert stage.order() == [BIG, QWEN, ENGINE]
    assert stage.order(Ask(team="a")) == [GPT4O, ENGINE]


def test_only_so_many_kinds_of_calls_are_remembered(staged: Staged) -> None:
    stage = staged(on())
    counter = counting(stage)
    assert SURVEYS_MAX == 256
    for number in range(SURVEYS_MAX):
        stage.plan(Ask(max_cost=float(number)))
    known = counter.asked
    stage.plan(Ask(max_cost=0.0))
    assert counter.asked == known, "all of them are still known"
    stage.plan(Ask(max_cost=1e6))
    more = counter.asked
    stage.plan(Ask(max_cost=0.0))
    assert counter.asked == more, "what was asked lately stays"
    stage.plan(Ask(max_cost=1.0))
    assert counter.asked > more, "what nobody asked for longest has gone"


def test_a_changed_presence_makes_everything_be_surveyed_again(staged: Staged) -> None:
    stage = staged(on())
    counter = counting(stage)
    stage.plan()
    first = counter.asked
    stage.board.presences["anthropic"] = Presence("up")
    stage.plan()
    assert counter.asked == 2 * first


def test_a_model_asked_for_by_name_is_marked_so_that_its_refusal_is_told(staged: Staged) -> None:
    def wanted(stage: Stage, name: str) -> list[Judged]:
        return [one for one in stage.plan(Ask(model=name)).judged if one.is_wanted]

    stage = staged({})
    (refused,) = wanted(stage, "openrouter:x/y")
    assert (refused.model, refused.verdict, refused.code) == ("openrouter:x/y", "refused", "cloud_disabled")
    (missing,) = wanted(stage, "phi3")
    assert (missing.model, missing.code) == ("ollama:phi3", "not_installed")
    assert missing.detail.endswith("Fix: ollama pull phi3")
    (planned,) = wanted(stage, QWEN)
    assert (planned.model, planned.verdict) == (QWEN, "planned")
    assert not wanted(stage, "auto")


def test_a_team_or_hint_that_is_not_configured_is_the_callers_mistake(staged: Staged) -> None:
    stage = staged(on(team("marketing"), routing(hints={"debugging": "prefer_fast"})))
    with pytest.raises(UsageProblem, match=r"no team marketting.*marketing"):
        stage.plan(Ask(team="marketting"))
    with pytest.raises(UsageProblem, match=r"no hint debuging.*debugging"):
        stage.plan(Ask(hint="debuging"))


def test_limits_and_rules_can_be_read_without_a_call(staged: Staged) -> None:
    stage = staged(merged(PRICED, team("a", budget={"monthlyUsd": 9}, strategy="quality_first")))
    assert [limit.name for limit in stage.switch.limits(None)] == ["sonar.budget.dailyUsd"]
    assert [limit.name for limit in stage.switch.limits("a")] == [
        "sonar.budget.dailyUsd",
        "sonar.teams.a.budget.monthlyUsd",
    ]
    rules = stage.switch.rules("a")
    assert (rules.is_cloud_enabled, rules.cloud_reason) == (True, "sonar.cloud.enabled is true")
    assert (rules.team, rules.strategy, rules.has_limits) == ("a", "quality_first", True)
    assert stage.switch.rules().strategy == "local_first"


def test_a_plan_carries_what_the_executor_settles_by(staged: Staged) -> None:
    stage = staged(merged(PRICED, {"budget": {"perRequestUsd": 2, "onLimit": "refuse"}}))
    plan = stage.plan(Ask(prompt_bytes=3000, max_tokens=1000))
    assert (plan.size.likely_in, plan.size.most_in, plan.size.most_out) == (758, 1008, 1000)
    assert (plan.on_limit, plan.strategy) == ("refuse", "local_first")
    assert plan.cap is not None
    assert (plan.cap.usd, plan.cap.name) == (2, "sonar.budget.perRequestUsd")
    head, local, engine = plan.entries
    assert head.leaves_machine
    assert not local.leaves_machine
    assert not engine.leaves_machine
    assert head.most_usd(plan.size) == pytest.approx(2008 * 1.5 / 1e6)
    assert local.most_usd(plan.size) == 0


def test_text_for_a_host_nobody_vouched_for_leaves_the_machine(staged: Staged, tmp_path: Path) -> None:
    assert staged({}, Now(env={"OLLAMA_HOST": "gpu.lan"})).plan().entries[0].leaves_machine


def test_text_for_a_forwarded_model_leaves_the_machine(staged: Staged) -> None:
    forwarding = staged(
        on(prefer(preferLocal=True)), Now(up={"ollama": ("qwen2.5:1.5b",)}, forwarded=("qwen2.5:1.5b",))
    )
    assert {str(entry.model): entry.leaves_machine for entry in forwarding.plan().entries}[QWEN]


def test_a_plan_says_what_it_went_by(staged: Staged) -> None:
    stage = staged(on(routing(strategy="speed_first"), team("a", chain=[GPT4O])))
    assert stage.plan().strategy == "speed_first"
    assert stage.plan(Ask(team="a")).strategy == "chain"
    assert stage.plan(Ask(hint="prefer_quality")).strategy == "quality_first"
    assert stage.plan(Ask(model=QWEN)).entries[0].reason == "asked for by name"


def test_a_job_keeps_a_route_in_its_plan_that_is_only_asked_too_fast(staged: Staged) -> None:
    stage = staged(on())
    call = call_of(Ask())
    job = replace(call, handling=Handling("background"))
    head = stage.switch.plan_now(job).entries[0].model
    provider = stage.providers[head.provider]

    stage.signals.failed(provider, head, RateLimited("slow down", retry_after_s=30))
    assert head in [entry.model for entry in stage.switch.plan_now(job).entries]
    assert head not in [entry.model for entry in stage.switch.plan_now(call).entries]

    stage.signals.failed(provider, head, RateLimited("used up", retry_after_s=7200))
    assert head not in [entry.model for entry in stage.switch.plan_now(job).entries]
