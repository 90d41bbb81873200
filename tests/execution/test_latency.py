"""Medians of what calls took, by how long their prompts were."""

import pytest

from amalfa.execution.latency import BANDS, MODELS_MAX, SAMPLES, Latencies

SHORT, LONG = 100, 5_000


def measured(*samples: int, tokens_in: int = SHORT) -> Latencies:
    latencies = Latencies()
    for ms in samples:
        latencies.add("m", tokens_in=tokens_in, ms=ms)
    return latencies


@pytest.mark.parametrize(
    ("samples", "median"), [((700,), 700), ((100, 900), 500), ((900, 100, 200), 200), ((10, 20, 30, 9000), 25)]
)
def test_the_median_counts_and_not_the_outlier(samples: tuple[int, ...], median: float) -> None:
    assert measured(*samples).of_size(SHORT)["m"] == median


def test_a_model_nobody_measured_is_not_there() -> None:
    assert dict(Latencies().of_size(SHORT)) == {}
    assert "other" not in measured(5).of_size(SHORT)


def test_only_the_last_calls_count() -> None:
    assert measured(*[9_000] * SAMPLES, *[10] * SAMPLES).of_size(SHORT)["m"] == 10


def test_calls_of_another_size_are_told_apart() -> None:
    latencies = measured(100)
    latencies.add("m", tokens_in=LONG, ms=8_000)
    assert latencies.of_size(SHORT)["m"] == 100
    assert latencies.of_size(LONG)["m"] == 8_000


@pytest.mark.parametrize("edge", BANDS)
def test_a_band_ends_where_the_next_begins(edge: int) -> None:
    latencies = Latencies()
    latencies.add("m", tokens_in=edge - 1, ms=1)
    latencies.add("m", tokens_in=edge, ms=1_000)
    assert latencies.of_size(edge - 1)["m"] == 1
    assert latencies.of_size(edge)["m"] == 1_000


def test_a_size_never_measured_borrows_from_the_nearest_and_of_two_from_the_smaller() -> None:
    latencies = measured(100, tokens_in=0)
    assert latencies.of_size(100_000)["m"] == 100
    latencies.add("m", tokens_in=100_000, ms=9_000)
    assert latencies.of_size(600)["m"] == 100
    assert latencies.of_size(3_000)["m"] == 9_000
    middle = measured(100, tokens_in=0)
    middle.add("m", tokens_in=3_000, ms=9_000)
    assert middle.of_size(600)["m"] == 100


def test_what_is_measured_replaces_what_was_borrowed() -> None:
    latencies = measured(100)
    assert latencies.of_size(LONG)["m"] == 100
    latencies.add("m", tokens_in=LONG, ms=7_000)
    latencies.add("m", tokens_in=SHORT, ms=300)
    assert latencies.of_size(LONG)["m"] == 7_000
    assert latencies.of_size(SHORT)["m"] == 200


def test_names_that_callers_make_up_do_not_pile_up() -> None:
    latencies = Latencies()
    for number in range(MODELS_MAX + 5):
        latencies.add(f"m{number}", tokens_in=SHORT, ms=1)
    assert len(latencies.of_size(SHORT)) == MODELS_MAX
    latencies.add("m0", tokens_in=SHORT, ms=99)
    assert latencies.of_size(SHORT)["m0"] == 50, "who is known is still measured"
