"""One loaded configuration with everything built from it. Calls keep the Generation they began with."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import anyio
from anyio.abc import TaskGroup

from amalfa.calls import PrivacyClass, strictest
from amalfa.clock import Clock
from amalfa.config.loaded import Loaded
from amalfa.config.settings import Cache, Settings, TaskSettings
from amalfa.daemon.notes import Library
from amalfa.daemon.stores import Stores
from amalfa.daemon.witness import Bookkeeper
from amalfa.execution.enduring import EnduringLedger
from amalfa.execution.executor import Executor
from amalfa.execution.flights import Flights
from amalfa.execution.kept import KeptReplies
from amalfa.execution.means import Means
from amalfa.execution.redaction import Redactor
from amalfa.execution.reply_file import CacheLimits, ReplyFile
from amalfa.execution.reuse import STALE_FACTOR, CacheRules, Reuse
from amalfa.execution.signals import Signals
from amalfa.execution.spans import Tracer
from amalfa.execution.switch import Known, Switch
from amalfa.pipelines.asking import Around
from amalfa.pipelines.graph import Pipeline
from amalfa.pipelines.hooks import HookMeans
from amalfa.pipelines.run import Layered
from amalfa.providers.catalogue import Catalogue, CatalogueKeeper
from amalfa.providers.health import HealthBoard
from amalfa.providers.paces import Paces
from amalfa.providers.provider import Provider
from amalfa.tasks.confided import Confided, Discreet
from amalfa.tasks.conversations import Conversations
from amalfa.tasks.desk import Desk, TaskRules


@dataclass(frozen=True, slots=True)
class TaskDefaults:
    """What a task gets where its settings say nothing."""

    timeout_s: float
    temperature: float
    max_tokens: int


# Light tasks reply with a small object, heavy ones with prose. The times leave room for a cold model: a
# 1.5B model loads in seconds, and the executor keeps a reserve for the models behind it.
TASK_DEFAULTS = {
    "analyze": TaskDefaults(60, 0.1, 600),
    "metadata": TaskDefaults(120, 0.2, 1_200),
    "snippet": TaskDefaults(60, 0.0, 1_500),
    "rerank": TaskDefaults(90, 0.0, 2_500),
    "synthesize": TaskDefaults(180, 0.2, 2_000),
    "research": TaskDefaults(300, 0.3, 3_000),
    "chat": TaskDefaults(180, 0.5, 2_000),
    "extract": TaskDefaults(120, 0.0, 4_000),
}


@dataclass(frozen=True, slots=True)
class Lasting:
    """What outlives every Generation and is shared by all. Models are loaded in `tasks`, for all callers together."""

    ledger: EnduringLedger
    conversations: Conversations
    confided: Confided
    board: HealthBoard
    signals: Signals
    catalogues: CatalogueKeeper
    bookkeeper: Bookkeeper
    tracer: Tracer
    kept: KeptReplies
    replies: ReplyFile
    flights: Flights
    clock: Clock
    tasks: TaskGroup
    stores: Stores
    paces: Paces


@dataclass(frozen=True, slots=True)
class Parts:
    """What is made from one configuration and handed to its Generation."""

    providers: Mapping[str, Provider]
    notes: Library
    pipelines: Mapping[str, Pipeline] = field(default_factory=dict)
    hooks: HookMeans | None = None


class Generation:
    """Settings, providers and the desk of their tasks. Its connection pools close when its last call has ended."""

    def __init__(self, number: int, loaded: Loaded, parts: Parts, lasting: Lasting) -> None:
        self.number = number
        self.loaded = loaded
        self.notes = parts.notes
        self.pipelines = parts.pipelines
        self.loaded_at: datetime = lasting.clock.now()
        self.providers = parts.providers
        self.switch = Switch(
            loaded, self.providers, Known(lasting.board, lasting.signals, lasting.ledger, self.catalogue)
        )
        privacy = loaded.settings.sonar.privacy
        means = Means(
            providers=self.providers,
            planner=self.switch,
            ledger=lasting.ledger,
            signals=lasting.signals,
            redactor=Redactor(privacy.redact, privacy.redact_built_in),
            witness=lasting.bookkeeper,
            tracer=lasting.tracer,
            kept=lasting.kept,
            reuse=_reuse(loaded.settings.sonar.cache, lasting),
            clock=lasting.clock,
            generation=number,
        )
        executor = Layered(Around(Executor(means), lasting.clock, number), parts.pipelines, hooks=parts.hooks)
        self.desk = Desk(
            executor=Discreet(executor, lasting.confided, lasting.clock),
            notes=parts.notes,
            conversations=lasting.conversations,
            rules=task_rules(loaded.settings),
            clock=lasting.clock,
            generation=number,
        )
        self._catalogues = lasting.catalogues
        self._running = 0
        self._idle = anyio.Event()
        self._idle.set()

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    def catalogue(self) -> Catalogue:
        """What is known of models now, under this configuration; the same object while nothing changed."""
        self._catalogues.refresh_soon(self.providers)
        return self._catalogues.catalogue(self.settings.sonar.catalog, self.providers)

    @property
    def running_calls(self) -> int:
        return self._running

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Desk]:
        """The desk, which stays open for as long as the block runs."""
        if self._running == 0:
            self._idle = anyio.Event()
        self._running += 1
        try:
            yield self.desk
        finally:
            self._running -= 1
            if self._running == 0:
                self._idle.set()

    async def retire(self) -> None:
        """Wait for the last call, then close the connections. Cancelling it closes them at once."""
        try:
            await self._idle.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await self.close()

    async def close(self) -> None:
        """Close the connections; calls that still run end in an error."""
        for provider in self.providers.values():
            await provider.aclose()


def _reuse(cache: Cache, lasting: Lasting) -> Reuse:
    """The reply cache under these settings; its limits hold for the file from now on."""
    max_age = timedelta(days=cache.max_age_days)
    keep_s = max_age.total_seconds() * (STALE_FACTOR if cache.stale_if_error else 1)
    lasting.replies.limit(CacheLimits(cache.max_size_mb << 20, keep_s))
    return Reuse(
        lasting.replies, lasting.flights, CacheRules(cache.enabled, max_age, cache.stale_if_error), lasting.clock
    )


def task_rules(settings: Settings) -> dict[str, TaskRules]:
    """Each task's settings with its defaults filled in."""
    own = {str(name): task for name, task in settings.sonar.tasks.items()}
    return {name: _settled(own[name], defaults, settings) for name, defaults in TASK_DEFAULTS.items()}


def _settled(own: TaskSettings, defaults: TaskDefaults, settings: Settings) -> TaskRules:
    classes = (settings.sonar.privacy.default, own.privacy or PrivacyClass.CLOUD_OK)
    return TaskRules(
        timeout_s=own.timeout or defaults.timeout_s,
        temperature=defaults.temperature if own.temperature is None else own.temperature,
        max_tokens=own.max_tokens or defaults.max_tokens,
        privacy=strictest(classes),
    )
