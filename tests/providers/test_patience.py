"""Each clock of a reply runs by itself, and the one that runs out is named."""

import pytest

from amalfa.providers.patience import Patience, ReplyClock

PATIENCE = Patience(first_byte_s=10, first_event_s=60, idle_s=30, per_token_s=10)


def clock(*, deadline_s: float = 1000, first_byte_s: float | None = None) -> ReplyClock:
    return ReplyClock(PATIENCE, now_s=0, deadline_s=deadline_s, first_byte_s=first_byte_s)


def test_the_first_byte_has_its_own_limit_which_a_cold_model_widens() -> None:
    assert clock().wait_s(4) == 6
    assert clock(first_byte_s=300).wait_s(4) == 296
    assert "no byte" in clock().what_ran_out()


def test_signs_of_life_buy_time_for_the_first_words_once() -> None:
    reply = clock()
    reply.saw_byte(5)
    reply.saw_byte(50)
    assert reply.wait_s(50) == 15
    assert "first words" in reply.what_ran_out()


def test_an_idle_gap_is_measured_between_whole_events() -> None:
    reply = clock()
    reply.saw_byte(1)
    reply.saw_events(20, 2)
    reply.saw_byte(25)
    assert reply.wait_s(25) == 7
    assert "stopped coming" in reply.what_ran_out()


def test_the_progress_floor_ends_what_is_never_idle() -> None:
    reply = clock()
    now_s = 1.0
    reply.saw_byte(now_s)
    while reply.wait_s(now_s) > 0:
        reply.saw_events(1, now_s)
        now_s += 29
    assert now_s < 100
    assert "slower than" in reply.what_ran_out()


def test_one_event_in_ten_seconds_is_fast_enough() -> None:
    reply = clock(deadline_s=1e9)
    reply.saw_byte(0)
    for second in range(0, 10_000, 10):
        assert reply.wait_s(second) > 0
        reply.saw_events(1, second)


@pytest.mark.parametrize("deadline_s", [3, 0, -5])
def test_the_deadline_cuts_every_limit_short(deadline_s: float) -> None:
    reply = clock(deadline_s=deadline_s)
    assert reply.wait_s(1) == deadline_s - 1
    assert reply.ends_at_deadline()
    assert "time for this attempt" in reply.what_ran_out()
