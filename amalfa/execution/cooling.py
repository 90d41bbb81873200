"""Routes that asked for a rest, and until when: a 429 longer than anybody waits, a host out of memory. Does no I/O."""

import math
from dataclasses import dataclass

from amalfa.clock import Clock
from amalfa.execution.breaker import RouteKey

# Some providers write nonsense into Retry-After; nothing is taken out of service for longer than a day.
COOL_MAX_S = 86_400.0
OUT_OF_MEMORY_S = 60.0
KEYS_MAX = 512


class Cooling:
    """Lives as long as the process. Counts monotonic time, so a corrected wall clock changes nothing."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._rests: dict[RouteKey, _Rest] = {}

    def cool(self, key: RouteKey, seconds: float, reason: str, *, is_pace: bool = False) -> None:
        """Leave a route alone for `seconds`, because of `reason` (a sentence for people).

        Less than nothing and NaN cool nothing; more than a day is a day. A rest that lasts longer stays. `is_pace`:
        nothing is wrong but that calls came too fast.
        """
        rest_s = 0.0 if math.isnan(seconds) else min(max(seconds, 0.0), COOL_MAX_S)
        until_s = self._clock.monotonic_s() + rest_s
        held = self._rests.get(key)
        if rest_s > 0 and (held is None or held.until_s < until_s):
            self._make_room()
            self._rests[key] = _Rest(until_s, reason, is_pace)

    @property
    def is_empty(self) -> bool:
        """Whether nothing rests, so that nobody needs to be asked about."""
        return not self._rests

    def why(self, key: RouteKey) -> str | None:
        """Why this route rests, with the time left; None when it may be asked."""
        rest = self._rests.get(key)
        if rest is None:
            return None
        left_s = rest.until_s - self._clock.monotonic_s()
        if left_s <= 0:
            del self._rests[key]
            return None
        return f"{rest.reason.rstrip('.')}; it may be asked again in {_spoken(left_s)}"

    def pace_wait_s(self, key: RouteKey) -> float:
        """Until when a route rests only because calls came too fast; 0 for any other that rests or does not."""
        rest = self._rests.get(key)
        return max(rest.until_s - self._clock.monotonic_s(), 0.0) if rest is not None and rest.is_pace else 0.0

    def _make_room(self) -> None:
        if len(self._rests) < KEYS_MAX:
            return
        now_s = self._clock.monotonic_s()
        self._rests = {key: rest for key, rest in self._rests.items() if rest.until_s > now_s}
        if len(self._rests) >= KEYS_MAX:
            self._rests.pop(min(self._rests, key=lambda key: self._rests[key].until_s))


@dataclass(frozen=True, slots=True)
class _Rest:
    until_s: float
    reason: str
    is_pace: bool


def _spoken(seconds: float) -> str:
    """Rounded up, so that whoever comes back then is not early."""
    if seconds <= 120:
        return f"{math.ceil(seconds)} s"
    if seconds <= 7200:
        return f"{math.ceil(seconds / 60)} min"
    return f"{math.ceil(seconds / 3600)} h"
