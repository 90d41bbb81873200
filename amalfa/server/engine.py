"""What the routes need of the daemon behind them. The daemon implements it; tests use a fake."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from amalfa.calls import ModelName, Passage
from amalfa.errors import Problem
from amalfa.execution.accounts import Accounts
from amalfa.execution.embedding_calls import EmbeddingCalls
from amalfa.jobs.office import Jobs
from amalfa.knowledge.listing import ListedNote
from amalfa.pipelines.loading import PipelineReport
from amalfa.providers.provider import Provider
from amalfa.server.dryrun import DryRun
from amalfa.server.known import Known
from amalfa.server.once import Once
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

    @property
    def once(self) -> Once:
        """Sees to it that work under an idempotency key is done once."""
        ...

    @property
    def jobs(self) -> Jobs:
        """The durable jobs of the project."""
        ...

    def providers(self) -> Mapping[str, Provider]:
        """The providers of the Generation in force."""
        ...

    def catalogue(self) -> Known: ...

    def named_models(self) -> Iterable[ModelName]:
        """Every model that the configuration names."""
        ...

    def dry_run(self) -> DryRun: ...

    def embeddings(self) -> EmbeddingCalls:
        """The embedding of the Generation in force; to be used under a lease."""
        ...

    def pipeline_names(self) -> Iterable[str]:
        """The pipelines that the configuration names, in its order."""
        ...

    def pipelines(self) -> Iterable[PipelineReport]:
        """The pipelines in force, each with its problems."""
        ...

    def lease_with_pipeline(self, path: str) -> AbstractAsyncContextManager[tuple[Desk, str]]:
        """A desk that knows the pipeline in a file as well, and the pipeline's name.

        Raises InvalidConfig or UntrustedConfig for what is wrong with the file.
        """
        ...

    async def search(
        self, query: str, *, k: int, within: tuple[str, ...], without_private: bool = False
    ) -> tuple[Passage, ...]: ...

    async def list_notes(self, *, after: str, limit: int, without_private: bool) -> tuple[ListedNote, ...]:
        """Up to `limit` notes of the index behind a path, in the order of their paths."""
        ...

    async def read_note(self, path: str, *, without_private: bool) -> tuple[ListedNote, str]:
        """A note of the index with its text. Raises NotFound."""
        ...

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
