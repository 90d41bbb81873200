"""A minute's count in fixed memory."""

from hypothesis import given
from hypothesis import strategies as st

from amalfa.execution.window import BUCKET_S, BUCKETS, WINDOW_S, Window


def test_what_happened_within_the_minute_is_counted() -> None:
    window = Window()
    for at_s in (1000.0, 1010.0, 1054.9):
        window.add(at_s)
    assert window.total(1054.9) == 3


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    window = Window()
    window.add(1000.0)
    window.add(1030.0)
    assert window.total(1060.0) == 1
    assert window.total(5000.0) == 0


def test_memory_does_not_grow_with_the_count() -> None:
    window = Window()
    for number in range(10_000):
        window.add(1000.0 + number / 100)
    assert len(window._counts) == BUCKETS


@given(st.lists(st.floats(min_value=0, max_value=30), max_size=60))
def test_the_count_is_exact_to_within_one_step(gaps: list[float]) -> None:
    window, now_s, times = Window(), 1000.0, []
    for gap in gaps:
        now_s += gap
        window.add(now_s)
        times.append(now_s)
    surely = sum(1 for at_s in times if at_s > now_s - WINDOW_S + BUCKET_S)
    maybe = sum(1 for at_s in times if at_s > now_s - WINDOW_S)
    assert surely <= window.total(now_s) <= maybe
