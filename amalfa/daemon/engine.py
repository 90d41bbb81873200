"""Sonar itself: the Generation in force over the stores that last. The routes and the process stand on it."""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from amalfa.calls import ModelName, Passage, PrivacyClass, Tier, parse_model_name
from amalfa.clock import Clock, SystemClock
from amalfa.config.load import load
from amalfa.config.loaded import Loaded
from amalfa.config.watch import changes
from amalfa.daemon.dryrun import DryRuns
from amalfa.daemon.generation import Generation, Lasting, Parts
from amalfa.daemon.log import learn_secrets
from amalfa.daemon.notes import Library, NoteKeeper, sources_of
from amalfa.daemon.reload import Generations
from amalfa.daemon.report_status import StatusReporter
from amalfa.daemon.witness import Bookkeeper
from amalfa.errors import Problem, ShuttingDown
from amalfa.execution.accounts import Accounts
from amalfa.execution.counters import Counters
from amalfa.execution.decisions import Decisions
from amalfa.execution.embedder import EmbeddingModel, EmbeddingProvider
from amalfa.execution.free_limits import FreeLimits
from amalfa.execution.kept import KeptReplies
from amalfa.execution.ledger import SqliteLedger
from amalfa.execution.reconcile import Reconciler
from amalfa.execution.signals import new_signals
from amalfa.execution.spans import find_tracer
from amalfa.execution.usage import UsageBook
from amalfa.knowledge.index import Index
from amalfa.knowledge.vectors import Embedder
from amalfa.paths import Places, Project
from amalfa.providers.catalogue import Catalogue, CatalogueKeeper
from amalfa.providers.health import HealthBoard
from amalfa.providers.provider import Provider
from amalfa.providers.registry import build_providers
from amalfa.server.engine import Reloaded
from amalfa.server.status import IndexReport, SkippedNote, Status
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB
from amalfa.tasks.conversations import SqliteConversations
from amalfa.tasks.desk import Desk

log = logging.getLogger("amalfa.daemon")

# "amsn" in ASCII: marks sonar.db as ours in the SQLite header.
SONAR_APPLICATION_ID = 0x616D736E


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
    async with _stores(places) as (database, index_database), anyio.create_task_group() as running:
        lasting = await _lasting(places, database, running, nonce=nonce, clock=clock or SystemClock())
        builder = _Builder(project, environ, lasting, NoteKeeper(index_database), is_watching)
        generations = Generations(builder.load, builder.build, first=first, running=running)
        engine = Engine(generations, builder, places, nonce)
        running.start_soon(builder.keeper.run)
        limits = FreeLimits(lasting.signals.free_tier, engine.billing_providers, clock=lasting.clock)
        running.start_soon(limits.run)
        running.start_soon(Reconciler(lasting.ledger, engine.billing_providers, clock=lasting.clock).run)
        if is_watching:
            running.start_soon(engine.watch_config)
        try:
            yield engine
        finally:
            with anyio.CancelScope(shield=True):
                await generations.current.close()
            running.cancel_scope.cancel()


async def _lasting(places: Places, database: Database, running: TaskGroup, *, nonce: str, clock: Clock) -> Lasting:
    """What outlives every configuration, opened and brought up to date."""
    counters = Counters()
    ledger = SqliteLedger(database, boot=nonce, clock=clock, tasks=running, listener=counters)
    interrupted = await ledger.mark_interrupted()
    if interrupted:
        log.warning("%d calls were interrupted by the last end of sonar; their cost is unknown", interrupted)
    catalogues = CatalogueKeeper(places.folder / "catalogue", clock=clock, tasks=running)
    await catalogues.open()
    board = HealthBoard(tasks=running, clock=clock)
    return Lasting(
        ledger,
        SqliteConversations(database),
        board,
        new_signals(board, clock=clock),
        catalogues,
        Bookkeeper(Accounts(UsageBook(database), counters, Decisions(), clock)),
        find_tracer(),
        KeptReplies(places.folder / "replies"),
        clock,
        running,
    )


@asynccontextmanager
async def _stores(places: Places) -> AsyncIterator[tuple[Database, Database]]:
    database = Database.open(places.database, SONAR_DB, application_id=SONAR_APPLICATION_ID)
    try:
        index_database = Index.open_database(places.index)
        try:
            yield database, index_database
        finally:
            await index_database.aclose()
    finally:
        await database.aclose()


class _Builder:
    """Makes Generations: what they are made from outlives them and is kept here."""

    def __init__(
        self, project: Project, environ: Mapping[str, str], lasting: Lasting, keeper: NoteKeeper, is_watching: bool
    ) -> None:
        self.project = project
        self.lasting = lasting
        self.keeper = keeper
        self.environ = environ
        self._is_watching = is_watching

    def load(self) -> Loaded:
        loaded = load(self.project, environ=self.environ)
        learn_secrets(secret.reveal() for secret in loaded.keys.secrets())
        return loaded

    def build(self, number: int, loaded: Loaded) -> Generation:
        docs = loaded.settings.docs
        sources = sources_of(self.project.root, docs)
        index = self.keeper.use(sources, is_watching=self._is_watching and docs.watch)
        providers = build_providers(loaded, tasks=self.lasting.tasks, clock=self.lasting.clock)
        embedder = self._embedder(number, loaded, providers)
        local_only = loaded.settings.sonar.privacy.local_only
        library = Library(self.keeper, index, local_only=local_only, embedder=embedder)
        self.keeper.keep_vectors(library.fill_vectors if embedder else None)
        return Generation(number, loaded, Parts(providers, library), self.lasting)

    def _embedder(self, number: int, loaded: Loaded, providers: Mapping[str, Provider]) -> Embedder | None:
        """The model of `docs.embeddings`; None without one, or when its provider cannot embed."""
        written = loaded.settings.docs.embeddings
        if written is None:
            return None
        name = parse_model_name(written, providers)
        provider = providers.get(name.provider)
        if not isinstance(provider, EmbeddingProvider):
            log.warning("docs.embeddings: %s cannot embed, so the notes are searched by words alone", name.provider)
            return None
        if not provider.is_verified_local:
            # Every question and every note would go there, `--local` or not, and no route would tell of it.
            log.warning("docs.embeddings: %s is not verified to be your own, so it is not used", name.provider)
            return None
        ledger, clock = self.lasting.ledger, self.lasting.clock
        model = EmbeddingModel(name, provider, PrivacyClass.LOCAL_ONLY, ledger, clock, number)
        return Embedder(model.embed, str(name), is_local=True)


class Engine:
    """What the routes and the process see of sonar. Made by `open_engine`."""

    def __init__(self, generations: Generations, builder: _Builder, places: Places, nonce: str) -> None:
        self.nonce = nonce
        self.stop_requested = anyio.Event()
        self._generations = generations
        self._builder = builder
        self._is_draining = False
        self._reporter = StatusReporter(builder.project, places, builder.lasting, builder.keeper)

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

    def lease(self) -> AbstractAsyncContextManager[Desk]:
        if self._is_draining:
            raise ShuttingDown("Sonar is shutting down and takes no new work.", hint="amalfa sonar start")
        return self._generations.lease()

    def begin_drain(self) -> None:
        self._is_draining = True

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

    async def search(self, query: str, *, k: int, within: tuple[str, ...]) -> tuple[Passage, ...]:
        async with self.lease():
            return await self._generations.current.notes.search(query, k=k, within=within)

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
        )

    async def rebuild_index(self) -> IndexReport:
        await self._builder.keeper.index.rebuild()
        return await self.index_report()
