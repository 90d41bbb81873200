"""Routes that rest: how long, why, and what nonsense does."""

import math

import pytest

from amalfa.execution.cooling import COOL_MAX_S, KEYS_MAX, Cooling
from tests.fakes import FakeClock

KEY = ("print-1", "m")


def resting(seconds: float, reason: str = "OpenRouter asks to slow down.") -> tuple[FakeClock, Cooling]:
    clock = FakeClock()
    cooling = Cooling(clock=clock)
    cooling.cool(KEY, seconds, reason)
    return clock, cooling


def test_a_route_nobody_cooled_may_be_asked() -> None:
    assert Cooling(clock=FakeClock()).why(KEY) is None


def test_the_reason_tells_the_time_left() -> None:
    clock, cooling = resting(90)
    assert cooling.why(KEY) == "OpenRouter asks to slow down; it may be asked again in 90 s"
    clock.seconds += 60
    assert cooling.why(KEY) == "OpenRouter asks to slow down; it may be asked again in 30 s"


def test_a_rest_ends_by_itself() -> None:
    clock, cooling = resting(90)
    clock.seconds += 90
    assert cooling.why(KEY) is None
    assert cooling._rests == {}


@pytest.mark.parametrize(
    ("seconds", "spoken"),
    [(0.2, "1 s"), (120, "120 s"), (121, "3 min"), (3600, "60 min"), (7201, "3 h"), (86_400, "24 h")],
)
def test_the_time_left_is_told_in_units_people_use(seconds: float, spoken: str) -> None:
    _, cooling = resting(seconds)
    assert str(cooling.why(KEY)).endswith(f" in {spoken}")


@pytest.mark.parametrize("seconds", [0.0, -5.0, -math.inf, math.nan], ids=str)
def test_less_than_nothing_and_nonsense_cool_nothing(seconds: float) -> None:
    _, cooling = resting(seconds)
    assert cooling.why(KEY) is None


@pytest.mark.parametrize("seconds", [1e9, math.inf, COOL_MAX_S + 1], ids=str)
def test_nothing_rests_longer_than_a_day(seconds: float) -> None:
    clock, cooling = resting(seconds)
    assert cooling.why(KEY) is not None
    clock.seconds += COOL_MAX_S
    assert cooling.why(KEY) is None


def test_the_longer_of_two_rests_stays() -> None:
    _, cooling = resting(300, "the long one")
    cooling.cool(KEY, 10, "the short one")
    assert str(cooling.why(KEY)).startswith("the long one")
    cooling.cool(KEY, 600, "the longest one")
    assert str(cooling.why(KEY)).startswith("the longest one")


def test_one_route_says_nothing_of_another() -> None:
    _, cooling = resting(300)
    assert cooling.why(("print-1", "other")) is None
    assert cooling.why(("print-2", "m")) is None


def test_no_more_rests_are_kept_than_there_is_room_for() -> None:
    clock = FakeClock()
    cooling = Cooling(clock=clock)
    cooling.cool(("p", "over soon"), 1, "short")
    for number in range(KEYS_MAX):
        cooling.cool(("p", str(number)), 100 + number, "long")
    assert len(cooling._rests) == KEYS_MAX
    assert cooling.why(("p", "over soon")) is None, "the one that would have ended first made room"
    clock.seconds += 110
    cooling.cool(("p", "new"), 100, "new")
    assert len(cooling._rests) < KEYS_MAX, "what is over makes room first"


def test_a_rest_for_the_pace_alone_tells_how_long_and_any_other_does_not() -> None:
    clock = FakeClock()
    cooling = Cooling(clock=clock)
    cooling.cool(KEY, 20, "too fast", is_pace=True)
    assert cooling.pace_wait_s(KEY) == 20
    clock.seconds += 21
    assert cooling.pace_wait_s(KEY) == 0
    cooling.cool(KEY, 30, "out of memory")
    assert cooling.pace_wait_s(KEY) == 0
    assert cooling.pace_wait_s(("p", "never heard of")) == 0
