"""The table of failures, row by row, and the budget for repetitions."""

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
from amalfa.execution.retry import (
    PACED_TRIES_MAX,
    TABLE,
    Again,
    Corrective,
    Longer,
    NextModel,
    RetryBudget,
    Step,
    Stop,
    next_step,
    pace_step,
)
from tests.fakes import FakeClock


class Middle(Random):
    """Draws the middle of every range."""

    @override
    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def step(
    error: CallError, *, tries: int = 1, has_peer: bool = False, left_s: float = 120.0, was_heard: bool = False
) -> Step:
    return next_step(error, tries=tries, has_peer=has_peer, left_s=left_s, random=Middle(), was_heard=was_heard)


def limited(retry_after_s: float | None) -> RateLimited:
    return RateLimited("x", retry_after_s=retry_after_s)


def unpaid(retry_after_s: float | None) -> PaymentRequired:
    return PaymentRequired("x", retry_after_s=retry_after_s)


def at_the_cap() -> Truncated:
    return Truncated("cut at its limit", is_at_limit=True)


MOVES_ON = NextModel()
BACKS_OFF = Again(0.25, needs_budget=True)

ROWS: list[tuple[str, CallError, dict[str, object], Step]] = [
    ("a refused connection moves on at once", ConnectFailed("x"), {}, MOVES_ON),
    ("a refused connection moves on though nobody else is there", ConnectFailed("x"), {"has_peer": False}, MOVES_ON),
    ("a broken upstream is asked once more after a short wait", UpstreamBroken("x"), {}, BACKS_OFF),
    ("a broken upstream is asked once more though a peer is there", UpstreamBroken("x"), {"has_peer": True}, BACKS_OFF),
    ("a broken upstream is not asked a third time", UpstreamBroken("x"), {"tries": 2}, MOVES_ON),
    ("a broken upstream is left when time is short", UpstreamBroken("x"), {"left_s": 2.1}, MOVES_ON),
    ("a full queue is asked once more after a short wait", Overloaded("x"), {}, BACKS_OFF),
    ("a full queue is not asked a third time", Overloaded("x"), {"tries": 2}, MOVES_ON),
    (
        "an attempt that may be paid is repeated once",
        UpstreamBroken("x", is_maybe_paid=True),
        {},
        BACKS_OFF,
    ),
    (
        "an attempt that may be paid is not repeated twice",
        UpstreamBroken("x", is_maybe_paid=True),
        {"tries": 2},
        MOVES_ON,
    ),
    ("a Retry-After is obeyed", limited(2.0), {}, Again(2.0, needs_budget=False)),
    ("a Retry-After of nothing is obeyed", limited(0.0), {}, Again(0.0, needs_budget=False)),
    (
        "a Retry-After of a minute is obeyed when nobody else is there",
        limited(60.0),
        {},
        Again(60.0, needs_budget=False),
    ),
    ("a Retry-After of more than a minute moves on", limited(60.1), {}, MOVES_ON),
    ("a Retry-After beyond reason moves on", limited(1e9), {}, MOVES_ON),
    ("a Retry-After of less than nothing moves on", limited(-5.0), {}, MOVES_ON),
    ("a Retry-After that is no number moves on", limited(float("nan")), {}, MOVES_ON),
    ("a 429 without Retry-After moves on", limited(None), {}, MOVES_ON),
    ("a short Retry-After is obeyed though a peer is there", limited(4.9), {"has_peer": True}, Again(4.9, False)),
    ("a longer Retry-After moves on to a peer", limited(5.0), {"has_peer": True}, MOVES_ON),
    ("a Retry-After that the deadline forbids moves on", limited(30.0), {"left_s": 31.0}, MOVES_ON),
    ("a Retry-After is obeyed once", limited(2.0), {"tries": 2}, MOVES_ON),
    ("a 402 that asks to wait is waited for", unpaid(2.0), {}, Again(2.0, needs_budget=False)),
    ("a 402 that asks for long moves on to a peer", unpaid(20.0), {"has_peer": True}, MOVES_ON),
    ("a 402 without Retry-After moves on", unpaid(None), {}, MOVES_ON),
    ("a refused key moves on", Unauthorized("x"), {}, MOVES_ON),
    ("a missing model moves on", ModelMissing("x"), {}, MOVES_ON),
    ("a refused model moves on", ModelRefused("x"), {}, MOVES_ON),
    ("a refused request moves on", BadRequestUpstream("x"), {}, MOVES_ON),
    ("a prompt that does not fit is left to the next model", ContextTooLong("x"), {}, NextModel()),
    (
        "a prompt that does not fit is never sent again as it is",
        ContextTooLong("x"),
        {"tries": 2},
        NextModel(),
    ),
    ("a stalled reply moves on", Stalled("x"), {}, MOVES_ON),
    ("a reply cut in mid-air moves on", Truncated("x"), {}, MOVES_ON),
    ("a reply cut at its limit wants a longer reply", at_the_cap(), {}, Longer()),
    ("a host out of memory moves on", OutOfMemory("x"), {}, MOVES_ON),
    ("a bad reply is corrected", BadReply("x"), {}, Corrective()),
    ("a bad reply is corrected once", BadReply("x"), {"tries": 2}, MOVES_ON),
    ("a forbidden destination moves on", Forbidden("x"), {}, MOVES_ON),
    ("an unlisted failure moves on", CallError("x"), {}, MOVES_ON),
    ("a listener who heard a word gets no other model", ConnectFailed("x"), {"was_heard": True}, Stop()),
    ("a listener who heard a word gets no repetition", limited(0.0), {"was_heard": True}, Stop()),
    ("a listener who heard a word gets no correction", BadReply("x"), {"was_heard": True}, Stop()),
]


@pytest.mark.parametrize(("error", "situation", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_each_failure_has_its_next_step(error: CallError, situation: dict[str, object], expected: Step) -> None:
    assert step(error, **situation) == expected  # type: ignore[arg-type]  # the table is read as keywords


def test_every_failure_there_is_stands_in_the_table() -> None:
    assert set(TABLE) == {CallError, *CallError.__subclasses__()}
    assert {type(error) for _, error, _, _ in ROWS} == set(TABLE)


def test_a_kind_of_failure_nobody_listed_has_the_rule_of_its_family() -> None:
    class Odd(UpstreamBroken):
        pass

    assert step(Odd("x")) == BACKS_OFF


def test_the_wait_before_a_repetition_is_anything_up_to_half_a_second() -> None:
    random = Random(7)
    waits = []
    for _ in range(200):
        found = next_step(UpstreamBroken("x"), tries=1, has_peer=False, left_s=60, random=random)
        assert isinstance(found, Again)
        waits.append(found.wait_s)
    assert 0 <= min(waits) < 0.05
    assert 0.45 < max(waits) <= 0.5


def test_a_quiet_minute_allows_three_repetitions() -> None:
    budget = RetryBudget(clock=FakeClock())
    assert [budget.allow() for _ in range(5)] == [True, True, True, False, False]


def test_a_busy_minute_allows_a_fifth_of_its_calls() -> None:
    budget = RetryBudget(clock=FakeClock())
    for _ in range(100):
        budget.count_call()
    assert sum(budget.allow() for _ in range(100)) == 20


def test_the_budget_comes_back_after_a_minute() -> None:
    clock = FakeClock()
    budget = RetryBudget(clock=clock)
    assert sum(budget.allow() for _ in range(9)) == 3
    clock.seconds += 61
    assert sum(budget.allow() for _ in range(9)) == 3


@pytest.mark.parametrize(
    ("error", "tries", "left_s", "wait_s"),
    [
        pytest.param(limited(20), 1, 3600, 20, id="as long as was asked"),
        pytest.param(limited(0), 1, 3600, 1, id="a moment at least"),
        pytest.param(limited(None), 1, 3600, 5, id="a while where nothing was said"),
        pytest.param(limited(20), PACED_TRIES_MAX - 1, 3600, 20, id="again and again"),
        pytest.param(limited(20), PACED_TRIES_MAX, 3600, None, id="not for ever"),
        pytest.param(limited(61), 1, 3600, None, id="no longer than a minute"),
        pytest.param(limited(20), 1, 21, None, id="not past its time"),
        pytest.param(Overloaded("x"), 1, 3600, None, id="any other failure is no matter of pace"),
    ],
)
def test_a_job_waits_for_the_model_that_only_wants_it_slower(
    error: CallError, tries: int, left_s: float, wait_s: float | None
) -> None:
    expected = None if wait_s is None else Again(wait_s, needs_budget=False)
    assert pace_step(error, tries=tries, left_s=left_s) == expected
