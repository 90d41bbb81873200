"""What is learnt from the ends of attempts: who rests, who is broken, who is fast."""

from dataclasses import dataclass
from typing import cast

import pytest

from amalfa.calls import ModelName
from amalfa.errors import CallError, ConnectFailed, ModelMissing, OutOfMemory, PaymentRequired, RateLimited, Stalled
from amalfa.execution.cooling import OUT_OF_MEMORY_S
from amalfa.execution.signals import UNSAID_REST_S, Signals, new_signals, route_key
from amalfa.providers.provider import Provider
from tests.fakes import FakeClock, FakeProvider, FakeVerdicts, NoJitter


@dataclass
class Keyed(FakeProvider):
    """A provider with a fingerprint, as real ones have."""

    fingerprint: str = "old key"


MODEL = ModelName("openrouter", "a/b")
OTHER = ModelName("openrouter", "c/d")
GIFT = ModelName("openrouter", "a/b:free")
PROVIDER = cast("Provider", Keyed("openrouter"))
ROTATED = cast("Provider", Keyed("openrouter", fingerprint="new key"))


class Bench:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.verdicts = FakeVerdicts()
        self.signals: Signals = new_signals(self.verdicts, clock=self.clock, random=NoJitter())

    def fails(self, error: CallError, times: int = 1) -> None:
        for _ in range(times):
            self.signals.failed(PROVIDER, MODEL, error)

    def rest(self, model: ModelName = MODEL, provider: Provider = PROVIDER) -> str | None:
        return self.signals.cooling.why(route_key(provider, model))

    def broken(self, model: ModelName = MODEL, provider: Provider = PROVIDER) -> str | None:
        return self.signals.breakers.why_blocked(route_key(provider, model))


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RateLimited("slow down", retry_after_s=90), 90),
        (RateLimited("slow down"), UNSAID_REST_S),
        (PaymentRequired("later", retry_after_s=30), 30),
        (OutOfMemory("too big"), OUT_OF_MEMORY_S),
    ],
    ids=["a 429 with a hint", "a 429 without one", "a 402 with a hint", "out of memory"],
)
def test_a_route_rests_as_long_as_it_should(bench: Bench, error: CallError, seconds: float) -> None:
    bench.fails(error)
    assert error.message in (bench.rest() or "")
    bench.clock.seconds += seconds - 0.1
    assert bench.rest()
    bench.clock.seconds += 0.2
    assert bench.rest() is None


@pytest.mark.parametrize("error", [ConnectFailed("gone"), ModelMissing("no such"), PaymentRequired("no credit")])
def test_other_failures_call_for_no_rest(bench: Bench, error: CallError) -> None:
    bench.fails(error)
    assert bench.rest() is None


def test_a_rest_is_for_one_model_at_one_provider(bench: Bench) -> None:
    bench.fails(RateLimited("slow down", retry_after_s=90))
    assert bench.rest(OTHER) is None


def test_a_rotated_key_begins_afresh(bench: Bench) -> None:
    bench.fails(RateLimited("slow down", retry_after_s=90))
    bench.fails(Stalled("silence"), 5)
    for _ in range(20):
        bench.signals.enter(PROVIDER, GIFT)
    assert bench.rest()
    assert bench.broken()
    assert bench.signals.free_tier.why(route_key(PROVIDER, GIFT)[0], GIFT.model)
    assert bench.rest(provider=ROTATED) is None
    assert bench.broken(provider=ROTATED) is None
    assert bench.signals.free_tier.why(route_key(ROTATED, GIFT)[0], GIFT.model) is None
    assert bench.signals.enter(ROTATED, MODEL) is None


def test_a_provider_without_a_fingerprint_is_known_by_its_name() -> None:
    assert route_key(FakeProvider("embedded"), MODEL) == ("embedded", "a/b")
    assert route_key(PROVIDER, MODEL) == ("old key", "a/b")


def test_a_broken_route_is_not_entered_and_says_why(bench: Bench) -> None:
    assert bench.signals.enter(PROVIDER, MODEL) is None
    bench.fails(ConnectFailed("gone"), 5)
    assert bench.signals.enter(PROVIDER, MODEL) == bench.broken()
    assert bench.signals.enter(PROVIDER, OTHER) is None


def test_only_one_call_tries_a_route_that_was_broken(bench: Bench) -> None:
    bench.fails(ConnectFailed("gone"), 5)
    bench.clock.seconds += 30
    assert bench.signals.enter(PROVIDER, MODEL) is None
    assert "another call is trying it right now" in (bench.signals.enter(PROVIDER, MODEL) or "")
    bench.signals.left(PROVIDER, MODEL)
    assert bench.signals.enter(PROVIDER, MODEL) is None, "who left gives the try back"
    bench.signals.succeeded(PROVIDER, MODEL, tokens_in=5, ms=5)
    assert bench.signals.enter(PROVIDER, MODEL) is None
    assert bench.signals.enter(PROVIDER, MODEL) is None


def test_an_attempt_that_is_not_made_costs_no_free_call(bench: Bench) -> None:
    for _ in range(5):
        bench.signals.failed(PROVIDER, GIFT, ConnectFailed("gone"))
    for _ in range(30):
        assert bench.signals.enter(PROVIDER, GIFT)
    assert bench.signals.free_tier.why("old key", GIFT.model) is None


def test_free_calls_are_counted_as_they_are_made(bench: Bench) -> None:
    for _ in range(20):
        assert bench.signals.free_tier.why("old key", GIFT.model) is None
        bench.signals.enter(PROVIDER, GIFT)
    assert "20 free calls" in (bench.signals.free_tier.why("old key", GIFT.model) or "")


def test_a_refusal_that_names_the_day_ends_the_free_calls(bench: Bench) -> None:
    bench.signals.failed(PROVIDER, GIFT, RateLimited("Rate limit exceeded: free-models-per-day", retry_after_s=1))
    assert "used up" in (bench.signals.free_tier.why("old key", "x/y:free") or "")


def test_a_success_is_told_to_the_board_and_measured(bench: Bench) -> None:
    bench.fails(ConnectFailed("gone"), 4)
    bench.signals.succeeded(PROVIDER, MODEL, tokens_in=700, ms=1_234)
    bench.fails(ConnectFailed("gone"), 4)
    assert bench.broken() is None, "a success ends a row of failures"
    assert bench.verdicts.good == ["openrouter"]
    assert bench.signals.latencies.of_size(700) == {"openrouter:a/b": 1_234}


def test_a_failure_is_told_to_the_board_and_not_measured(bench: Bench) -> None:
    bench.fails(ConnectFailed("gone"))
    assert bench.verdicts.bad == [("openrouter", "connect_failed")]
    assert dict(bench.signals.latencies.of_size(700)) == {}
