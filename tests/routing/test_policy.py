"""The policy as a table: what is configured and up, what is asked → the plan."""

from dataclasses import replace

import pytest

from amalfa.calls import EXTRACTIVE, LIGHT_TASKS, ModelName, PrivacyClass, Tier, Wish
from amalfa.routing.candidate import Availability, Candidate, Standing
from amalfa.routing.policy import make_plan
from amalfa.routing.rules import Moment, Need, Rules

QWEN = ModelName("ollama", "qwen2.5:1.5b")
PHI = ModelName("ollama", "phi3:latest")
BIG = ModelName("openrouter", "qwen/qwen-2.5-72b-instruct")
LAN = ModelName("ollama-cloud", "qwen2.5:72b")

LOCAL = Candidate(QWEN, Tier.LOCAL, True, 0)
SPARE = Candidate(PHI, Tier.LOCAL, True, 1)
CLOUD = Candidate(BIG, Tier.CLOUD, False, 0, can_promise_zdr=True)
ENGINE = Candidate(EXTRACTIVE, Tier.EMBEDDED, True, 0)
ALL = (LOCAL, CLOUD, ENGINE)

OFF = Rules()
ON = Rules(is_cloud_enabled=True, cloud_reason="sonar.cloud.enabled is true")
TIERED = replace(ON, mode="tiered")


def need(task: str = "synthesize", privacy: PrivacyClass = PrivacyClass.CLOUD_OK, **more: object) -> Need:
    return replace(Need(task, privacy, Wish()), **more)  # type: ignore[arg-type]  # a table of keyword changes


def moment(**standings: Availability) -> Moment:
    """How the local, the spare and the cloud model stand; what is not named is ready."""
    names = {"local": QWEN, "spare": PHI, "cloud": BIG}
    found = {str(names[name]): Standing(availability, "because of this") for name, availability in standings.items()}
    return Moment(standings=found)


def planned(
    wanted: Need, rules: Rules, candidates: tuple[Candidate, ...] = ALL, now: Moment | None = None
) -> list[str]:
    return [str(entry.model) for entry in make_plan(wanted, rules, candidates, now).entries]


def refusals(wanted: Need, rules: Rules, candidates: tuple[Candidate, ...] = ALL) -> dict[str, str]:
    judged = make_plan(wanted, rules, candidates).judged
    return {one.model: one.code for one in judged if one.verdict == "refused"}


@pytest.mark.parametrize(
    ("wanted", "rules", "expected"),
    [
        pytest.param(need(), OFF, [QWEN, EXTRACTIVE], id="with the cloud off, local then the engine"),
        pytest.param(need(), ON, [BIG, QWEN, EXTRACTIVE], id="replace sends everything to the cloud first"),
        pytest.param(need("analyze"), ON, [BIG, QWEN, EXTRACTIVE], id="replace sends light tasks to the cloud as well"),
        pytest.param(need("analyze"), TIERED, [QWEN, BIG, EXTRACTIVE], id="tiered keeps light tasks local"),
        pytest.param(need(), TIERED, [BIG, QWEN, EXTRACTIVE], id="tiered sends heavy tasks out"),
        pytest.param(
            need("analyze", task_tier=Tier.CLOUD), TIERED, [BIG, QWEN, EXTRACTIVE], id="a task's tier beats the mode"
        ),
        pytest.param(need(task_tier=Tier.EMBEDDED), ON, [EXTRACTIVE, QWEN, BIG], id="a task may prefer the engine"),
        pytest.param(need(task_models=(QWEN,)), ON, [QWEN, BIG, EXTRACTIVE], id="a task's model beats the mode"),
        pytest.param(
            need(task_models=(QWEN,), asked_models=(BIG,)), ON, [BIG, QWEN, EXTRACTIVE], id="-m beats the task's model"
        ),
        pytest.param(need(wish=Wish(prefer="local")), ON, [QWEN, EXTRACTIVE], id="--local leaves the cloud out"),
        pytest.param(need(wish=Wish(prefer="cloud")), ON, [BIG], id="--cloud leaves everything else out"),
        pytest.param(need(wish=Wish(prefer="cloud")), OFF, [], id="--cloud cannot switch the cloud on"),
        pytest.param(need(asked_models=(BIG,)), OFF, [QWEN, EXTRACTIVE], id="-m cannot switch the cloud on"),
        pytest.param(
            need(privacy=PrivacyClass.LOCAL_ONLY), ON, [QWEN, EXTRACTIVE], id="local-only text never meets the cloud"
        ),
        pytest.param(
            need(privacy=PrivacyClass.LOCAL_ONLY, asked_models=(BIG,)),
            ON,
            [QWEN, EXTRACTIVE],
            id="-m cannot widen what privacy forbids",
        ),
        pytest.param(need(privacy=PrivacyClass.CLOUD_ZDR), ON, [BIG, QWEN, EXTRACTIVE], id="zdr where it is promised"),
        pytest.param(need(), replace(ON, is_sonar_enabled=False), [EXTRACTIVE], id="sonar off means the engine alone"),
        pytest.param(need(is_task_enabled=False), ON, [EXTRACTIVE], id="a task switched off goes to the engine"),
        pytest.param(need(), replace(ON, fallback=False), [BIG], id="no fallback means one model"),
        pytest.param(need(), replace(OFF, fallback=False), [QWEN], id="no fallback leaves the engine out too"),
        pytest.param(
            need(),
            replace(ON, fallback=False, is_sonar_enabled=False),
            [EXTRACTIVE],
            id="the engine serves when it is all there is",
        ),
    ],
)
def test_the_plan_follows_the_rules(wanted: Need, rules: Rules, expected: list[ModelName]) -> None:
    assert planned(wanted, rules) == [str(model) for model in expected]


@pytest.mark.parametrize(
    ("availability", "code"),
    [
        ("missing", "not_installed"),
        ("down", "unreachable"),
        ("no_key", "no_key"),
        ("parked", "parked"),
        ("unconfigured", "unknown_provider"),
        ("broken", "breaker_open"),
        ("cooling", "cooling"),
        ("free_limit", "free_limit"),
    ],
)
def test_a_model_out_of_reach_is_passed_over_and_named(availability: Availability, code: str) -> None:
    plan = make_plan(need(), ON, ALL, moment(cloud=availability))
    assert [entry.model for entry in plan.entries] == [QWEN, EXTRACTIVE]
    refused = next(one for one in plan.judged if one.model == str(BIG))
    assert (refused.verdict, refused.code, refused.detail) == ("refused", code, "because of this")


def test_a_model_nobody_has_looked_for_may_be_tried() -> None:
    assert planned(need(), ON, ALL, moment(cloud="unknown"))[0] == str(BIG)


def test_the_first_installed_local_model_is_used() -> None:
    candidates = (LOCAL, SPARE, ENGINE)
    assert planned(need(), OFF, candidates, moment(local="missing")) == [str(PHI), str(EXTRACTIVE)]


def test_choosing_an_installed_sibling_is_no_fallback() -> None:
    candidates = (LOCAL, SPARE, CLOUD, ENGINE)
    assert planned(need(), replace(OFF, fallback=False), candidates, moment(local="missing")) == [str(PHI)]


def test_without_fallback_a_model_that_is_down_has_no_second() -> None:
    candidates = (LOCAL, SPARE, ENGINE)
    assert planned(need(), replace(OFF, fallback=False), candidates, moment(local="down")) == []


def test_a_forwarded_local_model_counts_as_cloud() -> None:
    forwarded = replace(LOCAL, is_forwarded=True)
    assert refusals(need(), OFF, (forwarded, ENGINE)) == {str(QWEN): "cloud_disabled"}
    private = need(privacy=PrivacyClass.LOCAL_ONLY)
    assert refusals(private, ON, (forwarded, ENGINE)) == {str(QWEN): "privacy"}


def test_an_unverified_local_host_gets_no_private_text() -> None:
    lan = replace(LOCAL, is_verified_local=False)
    assert planned(need(privacy=PrivacyClass.LOCAL_ONLY), OFF, (lan, ENGINE)) == [str(EXTRACTIVE)]
    assert planned(need(), OFF, (lan, ENGINE)) == [str(QWEN), str(EXTRACTIVE)]


def test_zero_retention_is_refused_where_it_cannot_be_promised() -> None:
    own_server = Candidate(LAN, Tier.CLOUD, False, 0)
    wanted = need(privacy=PrivacyClass.CLOUD_ZDR)
    assert refusals(wanted, ON, (LOCAL, own_server, ENGINE)) == {str(LAN): "privacy"}


def test_the_reason_says_which_rule_chose() -> None:
    first = make_plan(need(), ON, ALL).entries[0]
    assert first.reason == "sonar.cloud.enabled is true and the mode is replace"


def test_light_tasks_are_the_four_small_ones() -> None:
    assert set(LIGHT_TASKS) == {"analyze", "metadata", "snippet", "rerank"}
