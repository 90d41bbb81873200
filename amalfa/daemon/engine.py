"""Sonar itself: the Generation in force over the stores that last. The routes and the process stand on it."""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import anyio
from anyio.abc import TaskGroup

from amalfa.calls import ModelName, Passage, Tier
from amalfa.clock import Clock, SystemClock
from amalfa.config.load import load
from amalfa.config.watch import changes
from amalfa.daemon.backups import keep_backups
from amalfa.daemon.builder import Builder
from amalfa.daemon.descriptions import Descriptions
from amalfa.daemon.dryrun import DryRuns
from amalfa.daemon.generation import Lasting
from amalfa.daemon.jobs import jobs_of
from amalfa.daemon.log import learn_secrets
from amalfa.daemon.notes import NoteKeeper
from amalfa.daemon.pipeline_files import reports_of, with_pipeline_file
from amalfa.daemon.reload import Generations
from amalfa.daemon.report_status import StatusReporter, http_status
from amalfa.daemon.stores import Stores, open_stores
from amalfa.daemon.witness import Bookkeeper
from amalfa.errors import Problem, ShuttingDown
from amalfa.execution.accounts import Accounts
from amalfa.execution.counters import Counters
from amalfa.execution.decisions import Decisions
from amalfa.execution.embedding_calls import EmbeddingCalls
from amalfa.execution.enduring import EnduringLedger
from amalfa.execution.flights import Flights
from amalfa.execution.free_limits import FreeLimits
from amalfa.execution.kept import KeptReplies
from amalfa.execution.ledger import SqliteLedger
from amalfa.execution.reconcile import Reconciler
from amalfa.execution.redaction import Redactor
from amalfa.execution.reply_file import ReplyFile
from amalfa.execution.signals import Signals, new_signals
from amalfa.execution.spans import find_tracer
from amalfa.execution.switch import Switch
from amalfa.execution.usage import UsageBook
from amalfa.jobs.office import Jobs
from amalfa.jobs.store import SqliteJobStore
from amalfa.knowledge.listing import ListedNote
from amalfa.paths import Places, Project
from amalfa.pipelines.loading import PipelineReport, pipelines_of
from amalfa.providers.catalogue import Catalogue, CatalogueKeeper
from amalfa.providers.health import HealthBoard
from amalfa.providers.paces import Paces
from amalfa.providers.provider import Provider
from amalfa.server.engine import Reloaded
from amalfa.server.finished import SqliteFinishedReplies
from amalfa.server.once import Once
from amalfa.server.status import IndexReport, SkippedNote, Status
from amalfa.tasks.confided import SqliteConfided
from amalfa.tasks.conversations import SqliteConversations
from amalfa.tasks.desk import Desk

log = logging.getLogger("amalfa.daemon")


@asynccontextmanager
async def open_engine(
    project: Project,
    places: Places,
    environ: Mapping[str, str],
    *,
    nonce: str,
    is_watching: bool = True,
    clock: Clock | None = None,
) -> AsyncIterator["Engine"]:
    """Load the configuration, open the stores, and serve until the block ends.

    The caller holds the life lock. Raises InvalidConfig or UntrustedConfig before any file is opened, and the
    failures of `amalfa.store.failures`. `is_watching` False leaves files unwatched: they are read at the start
    and at each call.
    """
    first = load(project, environ=environ)
    learn_secrets(secret.reveal() for secret in first.keys.secrets())
    pipelines_of(first)
    async with open_stores(places) as stores, anyio.create_task_group() as running:
        database = stores.database
        lasting = await _lasting(places, stores, running, nonce=nonce, clock=clock or SystemClock())
        builder = Builder(project, environ, lasting, NoteKeeper(stores.index), is_watching)
        generations = Generations(builder.load, builder.build, first=first, running=running)
        once = Once(SqliteFinishedReplies(database), tasks=running, clock=lasting.clock)
        job_store = SqliteJobStore(database, owner=nonce, clock=lasting.clock)
        descriptions = Descriptions(database, builder.keeper)
        jobs = jobs_of(
            generations, job_store, builder.keeper, DryRuns(generations, lasting, environ), descriptions.wake
        )
        engine = Engine(generations, builder, places, nonce, once, jobs)
        running.start_soon(builder.keeper.run)
        running.start_soon(stores.watch)
        limits = FreeLimits(lasting.signals.free_tier, engine.billing_providers, clock=lasting.clock)
        running.start_soon(limits.run)
        running.start_soon(Reconciler(lasting.ledger.strict, engine.billing_providers, clock=lasting.clock).run)
        if is_watching:
            running.start_soon(engine.watch_config)
            # A single command in a process of its own leaves them to the daemon.
            running.start_soon(jobs.run)
            running.start_soon(descriptions.run)
            running.start_soon(partial(keep_backups, database, lambda: not engine.running_calls, clock=lasting.clock))
        try:
            yield engine
        finally:
            jobs.begin_drain()
            with anyio.CancelScope(shield=True):
                await generations.current.close()
                await lasting.replies.aclose()
                await lasting.ledger.catch_up()
            running.cancel_scope.cancel()


async def _lasting(places: Places, stores: Stores, running: TaskGroup, *, nonce: str, clock: Clock) -> Lasting:
    """What outlives every configuration, opened and brought up to date."""
    counters, database = Counters(), stores.database
    ledger = SqliteLedger(database, boot=nonce, clock=clock, tasks=running, listener=counters)
    interrupted = await ledger.mark_interrupted()
    if interrupted:
        log.warning("%d calls were interrupted by the last end of sonar; their cost is unknown", interrupted)
    catalogues = CatalogueKeeper(places.folder / "catalogue", clock=clock, tasks=running)
    await catalogues.open()
    board = HealthBoard(tasks=running, clock=clock)
    return Lasting(
        EnduringLedger(ledger),
        SqliteConversations(database),
        SqliteConfided(database),
        board,
        new_signals(board, clock=clock),
        catalogues,
        Bookkeeper(Accounts(UsageBook(database), counters, Decisions(), clock)),
        find_tracer(),
        KeptReplies(places.folder / "replies"),
        ReplyFile(places.cache, tasks=running, clock=clock),
        Flights(),
        clock,
        running,
        stores,
        Paces(clock=clock),
    )


class Engine:
    """What the routes and the process see of sonar. Made by `open_engine`."""

    def __init__(
        self, generations: Generations, builder: Builder, places: Places, nonce: str, once: Once, jobs: Jobs
    ) -> None:
        self.nonce = nonce
        self.once = once
        self.jobs = jobs
        self.stop_requested = anyio.Event()
        self._generations = generations
        self._builder = builder
        self._is_draining = False
        self._reporter = StatusReporter(builder.project, places, builder.lasting, builder.keeper, jobs)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._generations.problems

    @property
    def running_calls(self) -> int:
        return self._generations.running_calls

    @property
    def generation_number(self) -> int:
        return self._generations.current.number

    @property
    def accounts(self) -> Accounts:
        return self._builder.lasting.bookkeeper.accounts

    @property
    def switch(self) -> Switch:
        """What plans calls under the configuration in force."""
        return self._generations.current.switch

    @property
    def signals(self) -> Signals:
        """What calls have lately shown of their models, whatever the configuration."""
        return self._builder.lasting.signals

    def providers(self) -> Mapping[str, Provider]:
        return self._generations.current.providers

    def billing_providers(self) -> Mapping[str, Provider]:
        """The providers that may be asked what a call cost: none of a cloud that is switched off."""
        current = self._generations.current
        is_cloud_enabled = current.switch.rules().is_cloud_enabled
        return {name: one for name, one in current.providers.items() if is_cloud_enabled or one.tier is not Tier.CLOUD}

    def catalogue(self) -> Catalogue:
        return self._generations.current.catalogue()

    def named_models(self) -> Iterable[ModelName]:
        return self._generations.current.switch.named_models()

    def dry_run(self) -> DryRuns:
        return DryRuns(self._generations, self._builder.lasting, self._builder.environ)

    def embeddings(self) -> EmbeddingCalls:
        current, lasting = self._generations.current, self._builder.lasting
        privacy = current.settings.sonar.privacy
        return EmbeddingCalls(
            current.providers,
            current.switch,
            lasting.board,
            current.catalogue,
            lasting.ledger,
            lasting.signals,
            Redactor(privacy.redact, privacy.redact_built_in),
            lasting.clock,
            current.number,
            current.settings.docs.embeddings,
            privacy.default,
            lasting.confided.class_of,
        )

    def pipeline_names(self) -> Iterable[str]:
        return tuple(self._generations.current.settings.sonar.pipelines)

    def pipelines(self) -> Iterable[PipelineReport]:
        current = self._generations.current
        return reports_of(current.pipelines, current.loaded, self._builder.environ)

    @asynccontextmanager
    async def lease_with_pipeline(self, path: str) -> AsyncIterator[tuple[Desk, str]]:
        async with self.lease():
            current, builder = self._generations.current, self._builder
            async with with_pipeline_file(path, current, builder.project, builder.environ, builder.lasting) as found:
                yield found

    def use_port(self) -> tuple[str, int] | None:
        """The (host, port) that `sonar.http` asks for now, None while it is off; the status names it from here on."""
        http = self._generations.current.settings.sonar.http
        if not http.enabled:
            return None
        self._reporter.http = http_status(http.host, http.port)
        return http.host, http.port

    def lease(self) -> AbstractAsyncContextManager[Desk]:
        if self._is_draining:
            raise ShuttingDown("Sonar is shutting down and takes no new work.", hint="amalfa sonar start")
        self._builder.lasting.stores.refuse_without_place()
        return self._generations.lease()

    def begin_drain(self) -> None:
        self._is_draining = True
        self.jobs.begin_drain()

    def request_stop(self) -> None:
        self.stop_requested.set()

    async def reload(self) -> Reloaded:
        """Reload because somebody asked; providers that refused us are tried again, for credit may have come in."""
        self._builder.lasting.board.forget_refusals()
        return await self._generations.reload()

    async def watch_config(self) -> None:
        """Take over every saved edit of a file that the configuration is read from."""
        never = anyio.Event()
        async for _ in changes(lambda: self._generations.current.loaded.watched_paths, stop=never):
            await self._generations.reload()

    async def search(
        self, query: str, *, k: int, within: tuple[str, ...], without_private: bool = False
    ) -> tuple[Passage, ...]:
        async with self.lease():
            notes = self._generations.current.notes
            return await notes.search(query, k=k, within=within, without_private=without_private)

    async def list_notes(self, *, after: str, limit: int, without_private: bool) -> tuple[ListedNote, ...]:
        async with self.lease():
            notes = self._generations.current.notes
            return await notes.listed(after=after, limit=limit, without_private=without_private)

    async def read_note(self, path: str, *, without_private: bool) -> tuple[ListedNote, str]:
        async with self.lease():
            return await self._generations.current.notes.whole(path, without_private=without_private)

    async def status(self) -> Status:
        return await self._reporter.status(self._generations)

    async def index_report(self) -> IndexReport:
        found = await self._builder.keeper.index.status()
        return IndexReport(
            notes=found.notes,
            passages=found.passages,
            updated_at=found.updated_at,
            stale=self._builder.keeper.stale,
            skipped=[SkippedNote(path=one.path, reason=one.reason) for one in found.skipped],
            indexing=found.is_indexing,
            described=found.described.by_kind,
        )

    async def rebuild_index(self) -> IndexReport:
        await self._builder.keeper.rebuild()
        return await self.index_report()
