"""Time as a thing that is handed in, so that no test has to wait for it."""

import sys
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where deadlines, ages and dates come from."""

    def monotonic_s(self) -> float:
        """Seconds that never run backwards; the zero point means nothing and dies with the boot."""
        ...

    def now(self) -> datetime:
        """Wall-clock time in UTC, for people and for the ledger; never for deadlines."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic_s(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)


def boot_s() -> float:
    """Seconds since this boot, with the time that the machine slept where the system counts it: the clock of leases."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
