"""The policy as a table: what is configured and up, what is asked → the plan."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.calls import EXTRACTIVE, LIGHT_TASKS, TASKS, ModelName, PrivacyClass, Tier, Wish
from amalfa.routing.candidate import Availability, Candidate
from amalfa.routing.policy import Need, Rules, make_plan

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


def planned(wanted: Need, rules: Rules, candidates: tuple[Candidate, ...] = ALL) -> list[str]:
    return [str(entry.model) for entry in make_plan(wanted, rules, candidates).entries]


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
    ],
)
def test_a_model_out_of_reach_is_passed_over_and_named(availability: Availability, code: str) -> None:
    away = replace(CLOUD, availability=availability, detail="because of this")
    plan = make_plan(need(), ON, (LOCAL, away, ENGINE))
    assert [entry.model for entry in plan.entries] == [QWEN, EXTRACTIVE]
    refused = next(one for one in plan.judged if one.model == str(BIG))
    assert (refused.verdict, refused.code, refused.detail) == ("refused", code, "because of this")


def test_a_model_nobody_has_looked_for_may_be_tried() -> None:
    assert planned(need(), ON, (LOCAL, replace(CLOUD, availability="unknown"), ENGINE))[0] == str(BIG)


def test_the_first_installed_local_model_is_used() -> None:
    candidates = (replace(LOCAL, availability="missing"), SPARE, ENGINE)
    assert planned(need(), OFF, candidates) == [str(PHI), str(EXTRACTIVE)]


def test_choosing_an_installed_sibling_is_no_fallback() -> None:
    candidates = (replace(LOCAL, availability="missing"), SPARE, CLOUD, ENGINE)
    assert planned(need(), replace(OFF, fallback=False), candidates) == [str(PHI)]


def test_without_fallback_a_model_that_is_down_has_no_second() -> None:
    candidates = (replace(LOCAL, availability="down"), SPARE, ENGINE)
    assert planned(need(), replace(OFF, fallback=False), candidates) == []


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


AVAILABILITIES: tuple[Availability, ...] = ("ready", "unknown", "missing", "down", "no_key", "parked", "unconfigured")
candidates_strategy = st.lists(
    st.builds(
        Candidate,
        model=st.builds(ModelName, st.sampled_from(["ollama", "openrouter", "lan"]), st.sampled_from("abcd")),
        tier=st.sampled_from([Tier.LOCAL, Tier.CLOUD]),
        is_verified_local=st.booleans(),
        rank=st.integers(0, 3),
        availability=st.sampled_from(AVAILABILITIES),
        is_forwarded=st.booleans(),
        can_promise_zdr=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda candidate: candidate.model,
).map(lambda some: (*some, ENGINE))
needs_strategy = st.builds(
    Need,
    task=st.sampled_from(TASKS),
    privacy=st.sampled_from(PrivacyClass),
    wish=st.builds(Wish, prefer=st.sampled_from([None, "local", "cloud"])),
    asked_models=st.just(()) | st.just((ModelName("openrouter", "a"),)),
    task_models=st.just(()) | st.just((ModelName("ollama", "b"),)),
    task_tier=st.sampled_from([None, *Tier]),
    is_task_enabled=st.booleans(),
)
rules_strategy = st.builds(
    Rules,
    is_sonar_enabled=st.booleans(),
    is_cloud_enabled=st.booleans(),
    mode=st.sampled_from(["replace", "tiered"]),
    fallback=st.booleans(),
)


@given(needs_strategy, rules_strategy, candidates_strategy)
def test_no_plan_ever_holds_what_a_rule_forbids(wanted: Need, rules: Rules, candidates: tuple[Candidate, ...]) -> None:
    by_model = {candidate.model: candidate for candidate in candidates}
    for entry in make_plan(wanted, rules, candidates).entries:
        candidate = by_model[entry.model]
        assert not (candidate.is_cloud and not rules.is_cloud_enabled)
        assert not (wanted.privacy is PrivacyClass.LOCAL_ONLY and not candidate.is_verified_local)
        assert not (wanted.privacy is PrivacyClass.LOCAL_ONLY and candidate.is_forwarded)
        assert not (wanted.wish.prefer == "local" and candidate.is_cloud)
        assert candidate.availability in ("ready", "unknown")


@given(needs_strategy, rules_strategy, candidates_strategy)
def test_every_candidate_is_judged_exactly_once(wanted: Need, rules: Rules, candidates: tuple[Candidate, ...]) -> None:
    judged = [one.model for one in make_plan(wanted, rules, candidates).judged]
    assert sorted(judged) == sorted(str(candidate.model) for candidate in candidates)


@given(needs_strategy, rules_strategy, candidates_strategy, st.randoms(use_true_random=False))
def test_the_order_in_which_candidates_come_changes_nothing(wanted, rules, candidates, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(candidates)
    random.shuffle(shuffled)
    assert make_plan(wanted, rules, candidates) == make_plan(wanted, rules, shuffled)


@given(needs_strategy, rules_strategy, candidates_strategy)
def test_a_forbidden_candidate_changes_nothing(wanted: Need, rules: Rules, candidates: tuple[Candidate, ...]) -> None:
    intruder = Candidate(ModelName("intruder", "x"), Tier.CLOUD, False, 0)
    hushed = replace(wanted, privacy=PrivacyClass.LOCAL_ONLY)
    without = make_plan(hushed, rules, candidates).entries
    assert make_plan(hushed, rules, (*candidates, intruder)).entries == without


def test_light_tasks_are_the_four_small_ones() -> None:
    assert set(LIGHT_TASKS) == {"analyze", "metadata", "snippet", "rerank"}
