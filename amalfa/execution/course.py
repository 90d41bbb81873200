"""How far one call has come: the time and the money that it has used, and what is left of its time."""

from amalfa.calls import Call
from amalfa.clock import Clock


class Course:
    """One call from its start on. `elsewhere_s` is what others took: models, waits asked for, callers before it."""

    def __init__(self, call: Call, clock: Clock) -> None:
        self.spent_usd = 0.0
        self.elsewhere_s = 0.0
        self._clock = clock
        self._deadline_s = call.deadline_s
        self._started_s = clock.monotonic_s()

    def left_s(self) -> float:
        return self._deadline_s - self._clock.monotonic_s()

    def ms(self) -> int:
        return round((self._clock.monotonic_s() - self._started_s) * 1000)

    def own_s(self) -> float:
        """What sonar itself took."""
        return max(self._clock.monotonic_s() - self._started_s - self.elsewhere_s, 0.0)
