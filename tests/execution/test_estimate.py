"""What a call is expected to take and cost."""

import pytest

from amalfa.calls import FREE, ModelName, Price, Tier
from amalfa.execution.estimate import Estimate, estimate
from amalfa.routing.order import CLOUD_MS, LOAD_MS, LOCAL_MS
from amalfa.routing.plan import Entry, Size

SIZE = Size(likely_in=1_000, most_in=1_500, most_out=2_000)


def at(
    tier: Tier, *, price: Price | None = FREE, measured_ms: float | None = None, is_loaded: bool = False
) -> Estimate:
    entry = Entry(ModelName("somebody", "m"), tier, "as planned", price=price)
    return estimate(entry, SIZE, measured_ms=measured_ms, is_loaded=is_loaded)


def test_tokens_are_the_likely_ones_in_and_the_most_out() -> None:
    found = at(Tier.CLOUD)
    assert (found.tokens_in, found.tokens_out_max) == (1_000, 2_000)


def test_money_is_between_a_short_reply_and_a_full_one_at_the_listed_price() -> None:
    found = at(Tier.CLOUD, price=Price(1.0, 10.0))
    assert found.usd_low == pytest.approx(0.001 + 0.002)
    assert found.usd_high == pytest.approx(0.001 + 0.02)


def test_what_is_free_costs_nothing_and_what_nobody_knows_is_unknown() -> None:
    free, unknown = at(Tier.LOCAL), at(Tier.CLOUD, price=None)
    assert (free.usd_low, free.usd_high) == (0.0, 0.0)
    assert (unknown.usd_low, unknown.usd_high) == (None, None)


def test_what_was_measured_counts_and_says_so() -> None:
    found = at(Tier.CLOUD, measured_ms=1_234.0)
    assert (found.seconds, found.seconds_source) == (1.2, "measured")


@pytest.mark.parametrize(
    ("tier", "is_loaded", "ms"),
    [
        (Tier.CLOUD, False, CLOUD_MS),
        (Tier.LOCAL, True, LOCAL_MS),
        (Tier.LOCAL, False, LOCAL_MS + LOAD_MS),
    ],
)
def test_what_was_never_measured_is_assumed_by_its_kind(tier: Tier, is_loaded: bool, ms: float) -> None:
    found = at(tier, is_loaded=is_loaded)
    assert (found.seconds, found.seconds_source) == (ms / 1000, "assumed")


def test_a_measured_model_that_is_not_in_memory_has_to_be_loaded_as_well() -> None:
    assert at(Tier.LOCAL, measured_ms=500.0).seconds == pytest.approx((500.0 + LOAD_MS) / 1000)


def test_the_extractive_engine_loads_nothing() -> None:
    assert at(Tier.EMBEDDED).seconds < 1
    assert at(Tier.EMBEDDED, measured_ms=300.0).seconds == pytest.approx(0.3)
