"""Leaves routes alone that keep failing: one breaker for each model at each provider. Does no I/O.

A breaker opens after five failures in a row, or when more than half of ten or more calls of a minute failed.
While it is open nobody asks; then a single call may try, and what becomes of it decides for everybody.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Literal

from amalfa.clock import Clock
from amalfa.errors import BadReply, CallError, ConnectFailed, Overloaded, Stalled, Truncated, UpstreamBroken
from amalfa.execution.window import Window

RouteKey = tuple[str, str]
"""The fingerprint of a provider and the name of a model, so that a changed key or address starts afresh."""

FAILURES_IN_A_ROW = 5
# More than this share of at least so many calls of the last minute.
FAILED_SHARE, FAILED_SHARE_CALLS = 0.5, 10
OPEN_S, OPEN_MAX_S, OPEN_JITTER = 15.0, 300.0, 0.2
# The longest call there is takes a cold load and its answer; a token that is out longer was lost.
PROBE_MAX_S = 600.0
KEYS_MAX = 512

# What says that a route does not work. A wrong key, an unknown model or a limit says nothing of the kind.
COUNTED = (ConnectFailed, UpstreamBroken, Stalled, Truncated, Overloaded)


class Breakers:
    """The breakers of all routes; lives as long as the process. At most `KEYS_MAX` routes are remembered."""

    def __init__(self, *, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._breakers: dict[RouteKey, _Breaker] = {}
        self._opened: set[RouteKey] = set()

    @property
    def are_all_closed(self) -> bool:
        """Whether nothing is blocked, so that nobody needs to be asked about."""
        return not self._opened

    def why_blocked(self, key: RouteKey) -> str | None:
        """Why nobody may ask this route now, with the time left; None when one may."""
        breaker = self._breakers.get(key)
        if breaker is None or breaker.state == "closed":
            return None
        now_s = self._clock.monotonic_s()
        if now_s < breaker.until_s:
            return f"{breaker.cause}; it is left alone for another {breaker.until_s - now_s:.0f} s"
        if breaker.has_probe_out(now_s):
            return f"{breaker.cause}; another call is trying it right now"
        return None

    def enter(self, key: RouteKey) -> bool:
        """Whether a call may ask this route now. True obliges the caller to one of the three calls below.

        After an opening the first to enter holds the only token, and everybody else gets False until it is back.
        """
        if self.why_blocked(key) is not None:
            return False
        breaker = self._breakers.get(key)
        if breaker is not None and breaker.state == "open":
            breaker.probe_since_s = self._clock.monotonic_s()
        return True

    def succeeded(self, key: RouteKey) -> None:
        """A whole reply came."""
        breaker, now_s = self._breaker(key), self._clock.monotonic_s()
        if breaker.state == "closed":
            breaker.failures_in_a_row = 0
            breaker.good.add(now_s)
        elif breaker.has_probe_out(now_s):
            self._breakers[key] = _Breaker()
            self._opened.discard(key)

    def failed(self, key: RouteKey, error: CallError) -> None:
        """An attempt ended in `error`; whether that counts against the route depends on its class alone."""
        if isinstance(error, BadReply):
            # The model wrote nonsense, but the route brought a whole reply.
            self.succeeded(key)
        elif isinstance(error, COUNTED):
            self._count_failure(key)
        else:
            self.left(key)

    def left(self, key: RouteKey) -> None:
        """The attempt ended without a verdict: its caller went away. A token goes back to whoever comes next."""
        breaker = self._breakers.get(key)
        if breaker is not None:
            breaker.probe_since_s = None

    def strikes(self, key: RouteKey) -> int:
        """How many failures in a row stand against a route; 0 for one that works and for one nobody asked."""
        breaker = self._breakers.get(key)
        return breaker.failures_in_a_row if breaker else 0

    def _count_failure(self, key: RouteKey) -> None:
        breaker, now_s = self._breaker(key), self._clock.monotonic_s()
        if breaker.state == "open":
            # Without a token out this was a call from before the opening, which is no news.
            if breaker.has_probe_out(now_s):
                self._open(key, breaker, "the last try failed again")
            return
        breaker.failures_in_a_row += 1
        breaker.bad.add(now_s)
        if breaker.failures_in_a_row >= FAILURES_IN_A_ROW:
            self._open(key, breaker, f"it failed {breaker.failures_in_a_row} times in a row")
            return
        bad = breaker.bad.total(now_s)
        calls = bad + breaker.good.total(now_s)
        if calls >= FAILED_SHARE_CALLS and bad > FAILED_SHARE * calls:
            self._open(key, breaker, f"{bad} of its {calls} calls within a minute failed")

    def _open(self, key: RouteKey, breaker: "_Breaker", cause: str) -> None:
        open_s = min(OPEN_S * 2**breaker.openings, OPEN_MAX_S)
        jitter = self._random.uniform(1 - OPEN_JITTER, 1 + OPEN_JITTER)
        self._opened.add(key)
        breaker.state = "open"
        breaker.cause = cause
        # Ten doublings pass the longest time by far; an unbounded power would grow into a number without end.
        breaker.openings = min(breaker.openings + 1, 10)
        breaker.until_s = self._clock.monotonic_s() + open_s * jitter
        breaker.probe_since_s = None

    def _breaker(self, key: RouteKey) -> "_Breaker":
        breaker = self._breakers.pop(key, None) or _Breaker()
        if len(self._breakers) >= KEYS_MAX:
            # The one used longest ago: every use moves a route to the end.
            oldest = next(iter(self._breakers))
            self._breakers.pop(oldest)
            self._opened.discard(oldest)
        self._breakers[key] = breaker
        return breaker


@dataclass(slots=True)
class _Breaker:
    """One route. `state` "open" covers the time after `until_s` as well, when a single token may be out."""

    state: Literal["closed", "open"] = "closed"
    failures_in_a_row: int = 0
    good: Window = field(default_factory=Window)
    bad: Window = field(default_factory=Window)
    cause: str = ""
    openings: int = 0
    until_s: float = 0.0
    probe_since_s: float | None = None

    def has_probe_out(self, now_s: float) -> bool:
        return self.probe_since_s is not None and now_s - self.probe_since_s < PROBE_MAX_S
