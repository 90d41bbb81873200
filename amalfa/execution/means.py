"""What a Generation lends to its executor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from amalfa.calls import Call, Route, Usage
from amalfa.clock import Clock
from amalfa.errors import AmalfaError
from amalfa.execution.kept import Keeps
from amalfa.execution.ledger import Ledger, Limit
from amalfa.execution.redaction import Redactor
from amalfa.execution.reuse import Reuse
from amalfa.execution.signals import Signals
from amalfa.execution.spans import Tracer
from amalfa.providers.provider import Provider
from amalfa.routing.plan import Plan


class Planner(Protocol):
    async def plan(self, call: Call) -> Plan: ...

    def limits(self, team: str | None) -> tuple[Limit, ...]: ...


class Witness(Protocol):
    """Who is told of every call that has ended, well or not, with the time that sonar itself took for it."""

    def ended(self, call: Call, route: Route, usage: Usage, error: AmalfaError | None, *, own_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Means:
    """What a Generation lends to its executor. `ledger`, `signals` and `witness` outlive it and are shared."""

    providers: Mapping[str, Provider]
    planner: Planner
    ledger: Ledger
    signals: Signals
    redactor: Redactor
    witness: Witness
    tracer: Tracer
    kept: Keeps
    reuse: Reuse
    clock: Clock
    generation: int
