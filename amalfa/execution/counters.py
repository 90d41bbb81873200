"""Counts what happened since sonar started, for whoever scrapes it. Lives in memory, and never counts down.

Every series is named by a few labels whose values come from models, teams and providers; past `SERIES_MAX` different
ones of a kind, the rest are counted together as "other", so that nobody's names can fill the memory.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

from amalfa.calls import Tier
from amalfa.execution.attempts import Ended
from amalfa.execution.decisions import Decision

SERIES_MAX = 200
OTHER = "other"

Labels = tuple[str, ...]

LATENCY_BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 300.0)
OVERHEAD_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Counter:
    """One number for each set of labels."""

    def __init__(self) -> None:
        self._counts: dict[Labels, float] = {}

    def add(self, labels: Labels, amount: float = 1.0) -> None:
        """Count up; what is below nothing is left out."""
        if amount >= 0:
            key = bounded(labels, self._counts)
            self._counts[key] = self._counts.get(key, 0.0) + amount

    @property
    def counts(self) -> Mapping[Labels, float]:
        return self._counts

    @property
    def total(self) -> float:
        return sum(self._counts.values())


@dataclass(slots=True)
class Times:
    """Durations sorted into buckets: `counts` has one more than there are bounds, for what is longer than all."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    sum_s: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum_s += max(seconds, 0.0)


class Histogram:
    """Durations for each set of labels."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._times: dict[Labels, Times] = {}

    def add(self, labels: Labels, seconds: float) -> None:
        key = bounded(labels, self._times)
        self._times.setdefault(key, Times(self._bounds)).add(seconds)

    @property
    def times(self) -> Mapping[Labels, Times]:
        return self._times


class Overheads:
    """The time that sonar itself takes for a call: all of it without what providers took."""

    def __init__(self) -> None:
        self.times = Times(OVERHEAD_BUCKETS_S)

    def add(self, seconds: float) -> None:
        self.times.add(seconds)


def bounded(labels: Labels, known: Mapping[Labels, object]) -> Labels:
    """The labels to count under: their own, or "other" for each once there are too many different ones."""
    return labels if labels in known or len(known) < SERIES_MAX else (OTHER,) * len(labels)


class Counters:
    """Everything that is counted. The ledger tells of attempts and costs, the witness of decisions and overheads."""

    def __init__(self) -> None:
        self.selections = Counter()
        self.attempts = Counter()
        self.cost_usd = Counter()
        self.tokens = Counter()
        self.json_replies = Counter()
        self.served = Counter()
        self.cache_hits = Counter()
        self.cache_stale = Counter()
        self.cache_misses = Counter()
        self.latency = Histogram(LATENCY_BUCKETS_S)
        self.overheads = Overheads()

    def decided(self, decision: Decision) -> None:
        """A call has ended."""
        counter = {"hit": self.cache_hits, "stale": self.cache_stale, "miss": self.cache_misses}.get(decision.cache)
        if counter is not None:
            counter.add(())
        if decision.model and decision.tier:
            self.selections.add((decision.model, str(decision.tier), decision.reason_code or OTHER))
            self.served.add((str(decision.tier),))

    def ended(self, ended: Ended) -> None:
        """An attempt has ended and is written down."""
        usage, model = ended.usage, ended.model
        self.attempts.add((model, ended.outcome))
        self.tokens.add((model, "in"), usage.tokens_in or 0)
        self.tokens.add((model, "out"), usage.tokens_out or 0)
        if usage.cost_usd is not None:
            self.cost_usd.add((ended.team, model), usage.cost_usd)
        if ended.outcome == "ok":
            self.latency.add((model, ended.provider), usage.ms / 1000)
        if ended.json_gate:
            self.json_replies.add((ended.task, model, ended.json_gate))

    def settled(self, *, team: str, model: str, cost_usd: float) -> None:
        """A cost became known after the end of its attempt."""
        self.cost_usd.add((team, model), cost_usd)

    @property
    def local_ratio(self) -> float | None:
        """The share of the served calls that left nobody's own hardware; None before the first."""
        counts = self.served.counts
        total = sum(counts.values())
        return None if total == 0 else 1 - counts.get((str(Tier.CLOUD),), 0.0) / total
