"""A plan: which models may serve a call, in order, and why every other one may not."""

from dataclasses import dataclass

from amalfa.calls import Judged, ModelName, Tier


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of a plan, with the reason for its place.

    `leaves_machine`: what is asked of it goes to a cloud or to a host that is not verified to be the user's.
    """

    model: ModelName
    tier: Tier
    reason: str
    leaves_machine: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered models that may serve a call. `judged` names every candidate once, planned ones first."""

    entries: tuple[Entry, ...]
    judged: tuple[Judged, ...]
    strategy: str
