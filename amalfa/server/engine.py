"""What the routes need of the daemon behind them. The daemon implements it; tests use a fake."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from amalfa.calls import ModelName, Passage
from amalfa.errors import Problem
from amalfa.execution.accounts import Accounts
from amalfa.providers.provider import Provider
from amalfa.server.dryrun import DryRun
from amalfa.server.known import Known
from amalfa.server.status import IndexReport, Status
from amalfa.tasks.desk import Desk

PROTOCOL = 1
"""The version of the routes. A client of another protocol asks the daemon to make way."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The configuration in force after a reload, and what kept a newer one out (empty when it was taken)."""

    generation: int
    problems: tuple[Problem, ...]


class Engine(Protocol):
    """Sonar itself, as far as HTTP can see it."""

    @property
    def nonce(self) -> str:
        """Names this run of the daemon."""
        ...

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the configuration file as it stands; the last good one is in force."""
        ...

    @property
    def running_calls(self) -> int: ...

    def lease(self) -> AbstractAsyncContextManager[Desk]:
        """The desk of the current Generation, which lives at least as long as the block.

        Raises ShuttingDown when no new work is taken.
        """
        ...

    @property
    def generation_number(self) -> int:
        """Which configuration is in force, counted from 1."""
        ...

    @property
    def accounts(self) -> Accounts: ...

    def providers(self) -> Mapping[str, Provider]:
        """The providers of the Generation in force."""
        ...

    def catalogue(self) -> Known: ...

    def named_models(self) -> Iterable[ModelName]:
        """Every model that the configuration names."""
        ...

    def dry_run(self) -> DryRun: ...

    async def search(self, query: str, *, k: int, within: tuple[str, ...]) -> tuple[Passage, ...]: ...

    async def status(self) -> Status: ...

    async def index_report(self) -> IndexReport: ...

    async def rebuild_index(self) -> IndexReport: ...

    async def reload(self) -> Reloaded: ...

    def request_stop(self) -> None:
        """Begin the orderly end of the process; returns at once."""
        ...


def engine_of(request: Request) -> Engine:
    """The engine behind the app that serves this request."""
    engine: Engine = request.app.state.engine
    return engine
