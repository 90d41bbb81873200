"""What a job would take: tokens, seconds, USD, before anything is asked. Adds up; the plans are made elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from amalfa.calls import PrivacyClass, Wish
from amalfa.execution.tally import exact_usd
from amalfa.jobs.gathering import Refused


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One note at the model that would describe it now. `model` "" and a reason in `waiting`: none could.

    `at_once` is how many such calls run side by side. USD None: nobody knows the price.
    """

    model: str
    tokens: int
    seconds: float
    at_once: int
    usd_low: float | None
    usd_high: float | None
    waiting: str = ""


class Foresees(Protocol):
    """Plans calls that are only thought of."""

    async def foresee(
        self, task: str, prompts: Sequence[tuple[str, PrivacyClass]], wish: Wish
    ) -> Sequence[Foreseen]: ...


@dataclass(slots=True)
class Outlook:
    """The sums over a job's notes so far."""

    notes: int = 0
    unchanged: int = 0
    left_out: int = 0
    refused: list[Refused] = field(default_factory=list)
    tokens: int = 0
    seconds: float | None = 0.0
    cost_usd_low: float | None = 0.0
    cost_usd_high: float | None = 0.0
    model: str | None = None
    waiting: str = ""

    @property
    def is_paid(self) -> bool:
        return self.cost_usd_high is None or self.cost_usd_high > 0

    def add(self, one: Foreseen) -> None:
        self.notes += 1
        self.tokens += one.tokens
        if not one.model:
            self.waiting, self.seconds = self.waiting or one.waiting, None
            return
        self.model = self.model or one.model
        self.seconds = None if self.seconds is None else self.seconds + one.seconds / max(one.at_once, 1)
        self.cost_usd_low = _sum(self.cost_usd_low, one.usd_low)
        self.cost_usd_high = _sum(self.cost_usd_high, one.usd_high)


def _sum(so_far: float | None, more: float | None) -> float | None:
    return None if so_far is None or more is None else exact_usd(so_far + more)


@dataclass(slots=True)
class Choice:
    """The notes of a job that are taken: unchanged ones do not count against the limit."""

    limit: int | None
    count: int = 0
    unchanged: int = 0
    left_out: int = 0

    def take(self, *, is_known: bool) -> bool:
        """Whether one more note is to be asked about."""
        if is_known:
            self.unchanged += 1
            return False
        if self.limit is not None and self.count >= self.limit:
            self.left_out += 1
            return False
        self.count += 1
        return True
