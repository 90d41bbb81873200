"""The accounts of one run of sonar, in one hand: the report over its ledger, its counters, its last decisions."""

from dataclasses import dataclass

from amalfa.clock import Clock
from amalfa.execution.counters import Counters
from amalfa.execution.decisions import Decisions
from amalfa.execution.usage import UsageBook


@dataclass(frozen=True, slots=True)
class Accounts:
    """Outlives every Generation. `counters` is also the listener of the ledger that `usage` reads."""

    usage: UsageBook
    counters: Counters
    decisions: Decisions
    clock: Clock
