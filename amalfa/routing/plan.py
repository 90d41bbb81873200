"""A plan: which models may serve a call, in order, and why every other one may not."""

from dataclasses import dataclass
from typing import Literal

from amalfa.calls import NO_STEERING, Judged, ModelName, Price, Steering, Tier


@dataclass(frozen=True, slots=True)
class Size:
    """How big a call is: tokens of the prompt as they likely are and at most, and of the reply at most."""

    likely_in: int
    most_in: int
    most_out: int


NO_SIZE = Size(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of a plan, with the reason for its place.

    `leaves_machine`: what is asked of it goes to a cloud or to a host that is not verified to be the user's.
    `temperature` replaces the task's; None keeps that. `ceiling` is the most it may charge, which a
    reservation is made for; None when nobody can say, and then no limit on money is in force.
    """

    model: ModelName
    tier: Tier
    reason: str
    leaves_machine: bool = False
    temperature: float | None = None
    price: Price | None = None
    ceiling: Price | None = None
    context_tokens: int | None = None
    steering: Steering = NO_STEERING

    def because(self, reason: str) -> "Entry":
        """The same with another reason; written out, as it happens in every decision of a strategy for speed."""
        return Entry(
            self.model,
            self.tier,
            reason,
            self.leaves_machine,
            self.temperature,
            self.price,
            self.ceiling,
            self.context_tokens,
            self.steering,
        )

    def most_usd(self, size: Size) -> float | None:
        """What asking it once may cost at most; None when nobody can say."""
        return self.ceiling.cost_usd(size.most_in, size.most_out) if self.ceiling else None


@dataclass(frozen=True, slots=True)
class Cap:
    """The least of the limits on what one call may cost: how much, and the name of who set it."""

    usd: float
    name: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered models that may serve a call. `judged` names every candidate once, planned ones first.

    `over_budget` is a sentence when money is the reason that nothing may serve, else "".
    """

    entries: tuple[Entry, ...]
    judged: tuple[Judged, ...]
    strategy: str
    size: Size = NO_SIZE
    cap: Cap | None = None
    on_limit: Literal["local", "refuse"] = "local"
    over_budget: str = ""
