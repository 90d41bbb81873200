"""A clock that moves only when a test moves it."""

from datetime import UTC, datetime, timedelta


class HandClock:
    """Starts at a fixed moment; `advance` moves the wall clock and the monotonic one together."""

    def __init__(self, now: datetime = datetime(2026, 10, 5, 12, 0, 30, tzinfo=UTC)) -> None:
        self._now = now
        self._monotonic_s = 1000.0

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic_s += seconds
