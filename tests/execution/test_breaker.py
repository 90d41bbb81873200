"""Breakers: what opens one, who may try again, and what never counts against a route."""

from random import Random

import pytest
from typing_extensions import override

from amalfa.errors import (
    BadReply,
    BadRequestUpstream,
    CallError,
    ConnectFailed,
    ContextTooLong,
    Forbidden,
    ModelMissing,
    ModelRefused,
    OutOfMemory,
    Overloaded,
    PaymentRequired,
    RateLimited,
    Stalled,
    Truncated,
    Unauthorized,
    UpstreamBroken,
)
from amalfa.execution.breaker import FAILURES_IN_A_ROW, KEYS_MAX, PROBE_MAX_S, Breakers
from tests.fakes import FakeClock

KEY = ("print-1", "qwen2.5:1.5b")
OTHER = ("print-1", "llama3.2:1b")
BROKEN = UpstreamBroken("500")
COUNTS = [ConnectFailed("x"), BROKEN, Stalled("x"), Truncated("x"), Overloaded("x")]
DOES_NOT_COUNT = [
    RateLimited("x"),
    Unauthorized("x"),
    PaymentRequired("x"),
    ModelMissing("x"),
    ModelRefused("x"),
    ContextTooLong("x"),
    BadRequestUpstream("x"),
    BadReply("x"),
    Forbidden("x"),
    OutOfMemory("x"),
]


class Even(Random):
    """Draws the middle of every range."""

    @override
    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


class Bench:
    """Breakers with a clock that is moved by hand and no jitter."""

    def __init__(self, random: Random | None = None) -> None:
        self.clock = FakeClock()
        self.breakers = Breakers(clock=self.clock, random=random or Even())

    def fail(self, times: int = 1, error: CallError = BROKEN) -> None:
        for _ in range(times):
            self.breakers.failed(KEY, error)

    def opened(self) -> "Bench":
        self.fail(FAILURES_IN_A_ROW)
        return self

    @property
    def why(self) -> str | None:
        return self.breakers.why_blocked(KEY)

    def blocked_s(self) -> float:
        """How long the breaker stays open from now, to a tenth of a second."""
        started_s = self.clock.seconds
        while self.why is not None:
            self.clock.seconds += 0.1
        took_s = self.clock.seconds - started_s
        return round(took_s, 1)


def test_a_route_nobody_asked_yet_is_open_to_all() -> None:
    bench = Bench()
    assert bench.why is None
    assert bench.breakers.enter(KEY)
    assert bench.breakers._breakers == {}, "asking about a route does not make it known"


def test_five_failures_in_a_row_open_it() -> None:
    bench = Bench()
    bench.fail(4)
    assert bench.why is None
    bench.fail()
    assert bench.why == "it failed 5 times in a row; it is left alone for another 15 s"
    assert not bench.breakers.enter(KEY)


def test_the_failures_in_a_row_can_be_told() -> None:
    bench = Bench()
    assert bench.breakers.strikes(KEY) == 0
    bench.fail(3)
    assert bench.breakers.strikes(KEY) == 3
    bench.breakers.succeeded(KEY)
    assert bench.breakers.strikes(KEY) == 0


def test_a_success_in_between_starts_the_row_over() -> None:
    bench = Bench()
    bench.fail(4)
    bench.breakers.succeeded(KEY)
    bench.fail(4)
    assert bench.why is None
    bench.fail(1)
    assert bench.why is not None


def test_more_than_half_of_ten_calls_opens_it() -> None:
    bench = Bench()
    for _ in range(4):
        bench.breakers.succeeded(KEY)
        bench.fail()
    bench.breakers.succeeded(KEY)
    bench.fail()
    assert bench.why is None, "five of ten are not more than half"
    bench.fail()
    assert bench.why == "6 of its 11 calls within a minute failed; it is left alone for another 15 s"


def test_fewer_than_ten_calls_prove_nothing() -> None:
    bench = Bench()
    for _ in range(2):
        bench.fail(3)
        bench.breakers.succeeded(KEY)
    assert bench.why is None


def test_failures_of_more_than_a_minute_ago_do_not_count_for_the_share() -> None:
    bench = Bench()
    for _ in range(5):
        bench.fail()
        bench.breakers.succeeded(KEY)
    bench.clock.seconds += 61
    bench.fail(4)
    assert bench.why is None


@pytest.mark.parametrize("error", COUNTS, ids=lambda error: f"{type(error).__name__} counts")
def test_what_says_that_a_route_does_not_work_counts(error: CallError) -> None:
    bench = Bench()
    bench.fail(5, error)
    assert bench.why is not None


@pytest.mark.parametrize("error", DOES_NOT_COUNT, ids=lambda error: f"{type(error).__name__} never counts")
def test_what_a_working_route_may_answer_never_counts(error: CallError) -> None:
    bench = Bench()
    bench.fail(50, error)
    assert bench.why is None


def test_every_failure_there_is_has_its_place() -> None:
    assert {type(error) for error in (*COUNTS, *DOES_NOT_COUNT)} == set(CallError.__subclasses__())


def test_a_refusal_between_failures_does_not_start_the_row_over() -> None:
    bench = Bench()
    bench.fail(4)
    bench.fail(1, RateLimited("x"))
    bench.fail(1)
    assert bench.why is not None


def test_one_caller_alone_tries_again() -> None:
    bench = Bench().opened()
    bench.clock.seconds += 16
    assert bench.why is None
    assert bench.breakers.enter(KEY)
    assert not bench.breakers.enter(KEY)
    assert bench.why == "it failed 5 times in a row; another call is trying it right now"


def test_a_try_that_succeeds_closes_it_and_forgets() -> None:
    bench = Bench().opened()
    bench.clock.seconds += 16
    bench.breakers.enter(KEY)
    bench.breakers.succeeded(KEY)
    assert bench.breakers.enter(KEY)
    assert bench.breakers.enter(KEY)
    bench.fail(4)
    assert bench.why is None


def test_each_try_that_fails_doubles_the_wait_up_to_five_minutes() -> None:
    bench = Bench().opened()
    waits = [bench.blocked_s()]
    for _ in range(7):
        assert bench.breakers.enter(KEY)
        bench.fail()
        waits.append(bench.blocked_s())
    assert waits == pytest.approx([15, 30, 60, 120, 240, 300, 300, 300], abs=0.15)


def test_after_a_recovery_the_waits_begin_at_the_shortest_again() -> None:
    bench = Bench().opened()
    bench.clock.seconds += 16
    bench.breakers.enter(KEY)
    bench.fail()
    bench.clock.seconds += 31
    bench.breakers.enter(KEY)
    bench.breakers.succeeded(KEY)
    bench.opened()
    assert bench.blocked_s() == pytest.approx(15, abs=0.15)


def test_the_wait_is_spread_by_a_fifth() -> None:
    waits = [Bench(Random(seed)).opened().blocked_s() for seed in range(40)]
    assert min(waits) >= 12.0
    assert max(waits) <= 18.1
    assert max(waits) - min(waits) > 3.0


def test_a_caller_who_leaves_gives_the_token_back() -> None:
    bench = Bench().opened()
    bench.clock.seconds += 16
    bench.breakers.enter(KEY)
    bench.breakers.left(KEY)
    assert bench.why is None
    assert bench.breakers.enter(KEY)


def test_a_refusal_gives_the_token_back_without_a_verdict() -> None:
    bench = Bench().opened()
    bench.clock.seconds += 16
    bench.breakers.enter(KEY)
    bench.fail(1, RateLimited("x"))
    assert bench.breakers.enter(KEY)
    assert not bench.breakers.enter(KEY), "it has not proved itself yet"


def test_a_whole_reply_of_nonsense_proves_that_the_route_works() -> None:
    bench = Bench().opened()
    bench.clock.seconds += 16
    bench.breakers.enter(KEY)
    bench.fail(1, BadReply("x"))
    assert bench.breakers.enter(KEY)
    assert bench.breakers.enter(KEY)


def test_a_token_that_was_lost_is_given_out_again() -> None:
    bench = Bench().opened()
    bench.clock.seconds += 16
    bench.breakers.enter(KEY)
    bench.clock.seconds += PROBE_MAX_S + 1
    assert bench.breakers.enter(KEY)


def test_calls_from_before_the_opening_change_nothing() -> None:
    bench = Bench().opened()
    bench.fail(10)
    bench.breakers.succeeded(KEY)
    assert bench.blocked_s() == pytest.approx(15, abs=0.15)


def test_one_route_says_nothing_of_another() -> None:
    bench = Bench().opened()
    assert bench.breakers.why_blocked(OTHER) is None
    assert bench.breakers.why_blocked(("print-2", KEY[1])) is None, "another key or address starts afresh"


def test_leaving_a_route_that_never_failed_is_nothing() -> None:
    bench = Bench()
    bench.breakers.left(KEY)
    assert bench.why is None


def test_no_more_routes_are_remembered_than_there_is_room_for() -> None:
    bench = Bench().opened()
    for number in range(KEYS_MAX - 1):
        bench.breakers.succeeded(("print", f"model-{number}"))
    assert bench.why is not None, "there is still room"
    bench.breakers.succeeded(("print", "one more"))
    assert bench.why is None, "the one used longest ago made room"
    assert len(bench.breakers._breakers) == KEYS_MAX
