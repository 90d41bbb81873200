"""Hears how every call ended, and passes it on to what keeps it: the last decisions, and the counts."""

from amalfa.calls import Call, Route, Usage
from amalfa.errors import AmalfaError
from amalfa.execution.accounts import Accounts
from amalfa.execution.decisions import decision_of


class Bookkeeper:
    """One for the process; see `amalfa.execution.means.Witness`."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts

    def ended(self, call: Call, route: Route, usage: Usage, error: AmalfaError | None, *, own_s: float) -> None:
        decision = decision_of(call, route, usage, error, at=self.accounts.clock.now())
        self.accounts.decisions.add(decision)
        self.accounts.counters.decided(decision)
        self.accounts.counters.overheads.add(own_s)
