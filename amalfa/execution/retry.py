"""What follows a failed attempt: the table of all failures, and the budget that keeps retries few. Does no I/O.

This is the only layer that repeats a call. The providers never do, as two layers with three tries make nine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from amalfa.clock import Clock
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
from amalfa.execution.window import Window

# A wait that a provider asks for is granted up to this long, and with another model at hand only below that.
WAIT_MAX_S, WAIT_WITH_PEER_S = 60.0, 5.0
BACKOFF_BASE_S, BACKOFF_MAX_S = 0.5, 8.0
# A second attempt needs some of the call's time for itself.
RESERVE_S = 2.0
# One model is asked twice at most, whatever the reasons: the second time may be paid as well.
TRIES_MAX = 2
# A job's call is not in a hurry: it waits for the same model as long as nothing but the pace is wrong.
PACED_TRIES_MAX = 10
PACE_LEAST_S, PACE_UNSAID_S = 1.0, 5.0
RETRY_SHARE, RETRY_FLOOR = 0.2, 3


@dataclass(frozen=True, slots=True)
class Again:
    """Ask the same model the same thing after `wait_s`.

    `needs_budget`: nobody asked for this repetition, so it goes ahead only if `RetryBudget.allow` says so.
    """

    wait_s: float
    needs_budget: bool


@dataclass(frozen=True, slots=True)
class Corrective:
    """Ask the same model once more, with its reply and what was wrong with it."""


@dataclass(frozen=True, slots=True)
class Longer:
    """Ask the same model the same thing once more, with twice the room for its reply."""


@dataclass(frozen=True, slots=True)
class NextModel:
    """Ask the next model of the plan, at once."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the call: somebody has heard a part of this reply, and no other may be spliced onto it."""


Step = Again | Corrective | Longer | NextModel | Stop


@dataclass(frozen=True, slots=True)
class _Moment:
    """What a rule may look at beside the error."""

    tries: int
    has_peer: bool
    left_s: float
    random: Random


def next_step(
    error: CallError, *, tries: int, has_peer: bool, left_s: float, random: Random, was_heard: bool = False
) -> Step:
    """What to do after an attempt that ended in `error`.

    `tries`: attempts made at this model, that one included. `has_peer`: another real model of the plan is
    left, not just the extractive engine. `left_s`: what remains of the call's time. `was_heard`: a live
    listener has already been given a piece of the reply.
    """
    if was_heard:
        return Stop()
    rule = next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    step = rule(error, _Moment(tries, has_peer, left_s, random))
    return NextModel() if tries >= TRIES_MAX and not isinstance(step, NextModel) else step


def pace_step(error: CallError, *, tries: int, left_s: float) -> Again | None:
    """The same model after a wait, for a job's call that only came too fast; None when `next_step` is to say."""
    if not isinstance(error, RateLimited) or tries >= PACED_TRIES_MAX:
        return None
    asked_s = PACE_UNSAID_S if error.retry_after_s is None else error.retry_after_s
    wait_s = max(asked_s, PACE_LEAST_S)
    return Again(wait_s, needs_budget=False) if wait_s <= min(WAIT_MAX_S, left_s - RESERVE_S) else None


def _next(_error: CallError, _moment: _Moment) -> Step:
    return NextModel()


def _cut(error: CallError, _moment: _Moment) -> Step:
    return Longer() if isinstance(error, Truncated) and error.is_at_limit else NextModel()


def _correct(_error: CallError, _moment: _Moment) -> Step:
    return Corrective()


def _back_off(_error: CallError, moment: _Moment) -> Step:
    """Full jitter: anything between nothing and a doubling limit, so that callers do not come back in step."""
    limit_s = min(BACKOFF_MAX_S, BACKOFF_BASE_S * 2 ** (moment.tries - 1))
    wait_s = moment.random.uniform(0.0, limit_s)
    return Again(wait_s, needs_budget=True) if wait_s + RESERVE_S <= moment.left_s else NextModel()


def _wait(error: CallError, moment: _Moment) -> Step:
    """As long as the provider asked for, when that is bearable; otherwise the caller may cool the route."""
    wait_s = error.retry_after_s if isinstance(error, RateLimited | PaymentRequired) else None
    if wait_s is None or not 0.0 <= wait_s <= WAIT_MAX_S or wait_s + RESERVE_S > moment.left_s:
        return NextModel()
    if moment.has_peer and wait_s >= WAIT_WITH_PEER_S:
        return NextModel()
    return Again(wait_s, needs_budget=False)


TABLE: dict[type[CallError], Callable[[CallError, _Moment], Step]] = {
    # Nothing was sent, and the provider has tried each of its addresses already.
    ConnectFailed: _next,
    UpstreamBroken: _back_off,
    Overloaded: _back_off,
    RateLimited: _wait,
    PaymentRequired: _wait,
    Unauthorized: _next,
    ModelMissing: _next,
    ModelRefused: _next,
    BadRequestUpstream: _next,
    ContextTooLong: _next,
    # The time it took is gone; another model makes better use of the rest.
    Stalled: _next,
    Truncated: _cut,
    OutOfMemory: _next,
    BadReply: _correct,
    Forbidden: _next,
    CallError: _next,
}
"""The rule for each class of failure; one that is not listed has that of the nearest class it derives from."""


class RetryBudget:
    """How many repetitions a minute may hold: a fifth of its calls, and three even when it is quiet."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._calls = Window()
        self._retries = Window()

    def count_call(self) -> None:
        """A call begins; however many attempts it takes, it counts once."""
        self._calls.add(self._clock.monotonic_s())

    def allow(self) -> bool:
        """Whether one more repetition fits; True takes it from the budget."""
        now_s = self._clock.monotonic_s()
        if self._retries.total(now_s) >= max(RETRY_FLOOR, RETRY_SHARE * self._calls.total(now_s)):
            return False
        self._retries.add(now_s)
        return True
