"""What is counted, and that it never counts down."""

from dataclasses import replace

import pytest

from amalfa.calls import Tier, Usage
from amalfa.execution.attempts import Ended
from amalfa.execution.counters import SERIES_MAX, Counter, Counters, Histogram
from amalfa.execution.decisions import Decision, decision_of
from tests.execution.test_decisions import NOON, ROUTE
from tests.fakes import a_call

ENDED = Ended("analyze", "openrouter:m", "openrouter", Tier.CLOUD, "ads", "ok", Usage(10, 3, 0.002, 700), "valid")
DECISION: Decision = decision_of(a_call(), ROUTE, Usage(), None, at=NOON)


def test_an_attempt_is_counted_with_its_tokens_cost_and_time() -> None:
    counters = Counters()
    counters.ended(ENDED)
    counters.ended(replace(ENDED, outcome="stalled", usage=Usage(5, None, None, 90)))
    assert counters.attempts.counts == {("openrouter:m", "ok"): 1, ("openrouter:m", "stalled"): 1}
    assert counters.tokens.counts == {("openrouter:m", "in"): 15, ("openrouter:m", "out"): 3}
    assert counters.cost_usd.counts == {("ads", "openrouter:m"): 0.002}
    (times,) = counters.latency.times.values()
    assert (sum(times.counts), times.sum_s) == (1, 0.7)


def test_a_cost_that_comes_late_is_added() -> None:
    counters = Counters()
    counters.ended(ENDED)
    counters.settled(team="ads", model="openrouter:m", cost_usd=0.5)
    assert counters.cost_usd.counts == {("ads", "openrouter:m"): 0.502}


@pytest.mark.parametrize("gate", ["valid", "repaired", "unparsed", "invalid", "unfit", "cut", None])
def test_json_replies_are_told_apart(gate: str | None) -> None:
    counters = Counters()
    counters.ended(replace(ENDED, json_gate=gate))
    assert dict(counters.json_replies.counts) == ({} if gate is None else {("analyze", "openrouter:m", gate): 1})


def test_selections_and_the_local_share_come_from_decisions() -> None:
    counters = Counters()
    assert counters.local_ratio is None
    for tier in (Tier.LOCAL, Tier.LOCAL, Tier.EMBEDDED, Tier.CLOUD):
        counters.decided(replace(DECISION, tier=tier))
    counters.decided(replace(DECISION, model="", tier=None))
    assert counters.local_ratio == 0.75
    assert counters.selections.counts[("ollama:m", "local", "first")] == 2
    assert counters.selections.total == 4


def test_a_reply_from_the_cache_is_a_hit() -> None:
    counters = Counters()
    counters.decided(DECISION)
    counters.decided(replace(DECISION, cache="hit"))
    counters.decided(replace(DECISION, cache="stale"))
    counters.decided(replace(DECISION, cache="stale"))
    counters.decided(replace(DECISION, cache="miss"))
    counters.decided(replace(DECISION, cache="off"))
    totals = (counters.cache_hits.total, counters.cache_stale.total, counters.cache_misses.total)
    assert totals == (1, 2, 1)


def test_names_of_others_cannot_fill_the_memory() -> None:
    counter, histogram = Counter(), Histogram((1.0,))
    for number in range(SERIES_MAX * 3):
        counter.add((f"m{number}", "ok"))
        histogram.add((f"m{number}", "p"), 0.5)
    assert len(counter.counts) == len(histogram.times) == SERIES_MAX + 1
    assert counter.counts[("other", "other")] == SERIES_MAX * 2
    assert counter.total == SERIES_MAX * 3


def test_nothing_counts_down() -> None:
    counter = Counter()
    counter.add((), 2)
    counter.add((), -1)
    assert counter.total == 2


def test_a_time_falls_into_the_first_bucket_that_holds_it() -> None:
    counters = Counters()
    for seconds in (0.0, 0.0005, 0.00051, 99.0):
        counters.overheads.add(seconds)
    assert counters.overheads.times.counts[:2] == [2, 1]
    assert counters.overheads.times.counts[-1] == 1
