"""A plan: which models may serve a call, in order, and why every other one may not."""

from dataclasses import dataclass

from amalfa.calls import Judged, ModelName, Tier


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of a plan, with the reason for its place."""

    model: ModelName
    tier: Tier
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered models that may serve a call. `judged` names every candidate once, planned ones first."""

    entries: tuple[Entry, ...]
    judged: tuple[Judged, ...]
    strategy: str
