"""Which models are loaded: one load at a time, strictly in order, with Ollama's eviction and slots.

Known oddities are kept on purpose: requests for a loaded model overtake the queue and may starve it, the
victim is chosen by keep_alive and blob, not by last use, and an omitted keep_alive keeps the last one.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from amalfa.clock import Clock
from tests.upstreams.go import FOREVER
from tests.upstreams.ollama_counters import OllamaCounters
from tests.upstreams.ollama_errors import queue_full
from tests.upstreams.ollama_models import OllamaModel

_ONE_SLOT = (
    "mllama qwen3vl qwen3vlmoe qwen35 qwen35moe qwen3next lfm2 lfm2moe nemotron_h nemotron_h_moe nemotron_h_omni"
)
_ONE_SLOT_FAMILIES = frozenset(_ONE_SLOT.split())

LaunchOptions = tuple[tuple[str, object], ...]
"""The load-time options of a runner; any difference means a reload."""


@dataclass(slots=True)
class Runner:
    """One model process. `keep_alive` is whatever the last client that gave one said."""

    model: OllamaModel
    launch: LaunchOptions
    num_ctx: int
    keep_alive: timedelta
    slots: asyncio.Semaphore
    expires_at: datetime | None = None
    in_flight: int = 0
    is_dead: bool = False
    prompts: deque[list[str]] = field(default_factory=lambda: deque(maxlen=64))

    def cached_tokens(self, prompt: list[str]) -> int:
        """Length of the longest prefix of `prompt` already evaluated; at least one token is evaluated anew."""
        longest = max((_shared(prompt, seen) for seen in self.prompts), default=0)
        return min(longest, max(0, len(prompt) - 1))


def _shared(one: list[str], other: list[str]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class Limits:
    """The server's environment: OLLAMA_NUM_PARALLEL, _MAX_LOADED_MODELS, _MAX_QUEUE, _KEEP_ALIVE."""

    num_parallel: int = 1
    max_loaded: int = 3
    max_queue: int = 512
    keep_alive: timedelta = timedelta(minutes=5)


Load = Callable[[OllamaModel], Awaitable[None]]


class Scheduler:
    """Loads, evicts and lends runners. `load` does the waiting of a load and may raise its failure."""

    def __init__(self, limits: Limits, clock: Clock, counters: OllamaCounters, load: Load) -> None:
        self.limits = limits
        self._clock = clock
        self._counters = counters
        self._load = load
        self._runners: dict[str, Runner] = {}
        self._turn = asyncio.Lock()
        self._pending = 0
        self._changed = asyncio.Event()

    def loaded(self) -> list[Runner]:
        """Latest expiry first, by whole seconds; what is still loading is not among them."""
        self._expire()
        return sorted(self._runners.values(), key=lambda one: -int(self.expiry(one).timestamp()))

    def expiry(self, runner: Runner) -> datetime:
        return runner.expires_at or expiry_after(self._clock.now(), runner.keep_alive)

    def unload(self, model: OllamaModel) -> None:
        """Take it out as soon as it is idle, at once if it is; nothing happens when it is not loaded."""
        if (runner := self._runners.get(model.blob)) is not None:
            runner.keep_alive = timedelta(0)
            self._drop_if_spent(runner)

    def unload_all(self) -> None:
        for runner in list(self._runners.values()):
            self._drop(runner)

    @contextlib.asynccontextmanager
    async def lease(
        self, model: OllamaModel, launch: LaunchOptions, *, num_ctx: int, keep_alive: timedelta | None
    ) -> AsyncIterator["Lease"]:
        """A runner for this request, loaded if need be. Raises OllamaError 503, or what the load raises.

        Abandoning the wait while this very request loads the model aborts the load; the next one starts over.
        """
        began = time.perf_counter_ns()
        runner = self._ready(model, launch)
        if runner is None:
            runner = await self._in_turn(model, launch, num_ctx, keep_alive)
        else:
            runner.in_flight += 1
        if keep_alive is not None:
            runner.keep_alive = keep_alive
        try:
            yield Lease(runner, max(1, time.perf_counter_ns() - began))
        finally:
            self._give_back(runner)

    def _ready(self, model: OllamaModel, launch: LaunchOptions) -> Runner | None:
        self._expire()
        runner = self._runners.get(model.blob)
        return runner if runner and runner.launch == launch and not runner.is_dead else None

    async def _in_turn(
        self, model: OllamaModel, launch: LaunchOptions, num_ctx: int, keep_alive: timedelta | None
    ) -> Runner:
        if self._pending >= self.limits.max_queue and (self._turn.locked() or self._pending):
            self._counters.queue_refusals += 1
            raise queue_full()
        self._pending += 1
        is_waiting = True
        try:
            async with self._turn:
                self._pending -= 1
                is_waiting = False
                runner = self._ready(model, launch) or await self._loaded(model, launch, num_ctx, keep_alive)
                runner.in_flight += 1
                return runner
        finally:
            self._pending -= is_waiting

    async def _loaded(
        self, model: OllamaModel, launch: LaunchOptions, num_ctx: int, keep_alive: timedelta | None
    ) -> Runner:
        if (stale := self._runners.get(model.blob)) is not None:
            await self._evict(stale)
        is_swap = False
        while len(self._runners) >= self.limits.max_loaded:
            await self._evict(self._victim())
            is_swap = True
        try:
            await self._load(model)
        except BaseException:
            self._counters.aborted_loads += 1
            raise
        self._counters.note_load(model.name, is_swap=is_swap, is_reload=stale is not None)
        single = model.is_embedding or model.family in _ONE_SLOT_FAMILIES
        slots = asyncio.Semaphore(1 if single else self.limits.num_parallel)
        kept = self.limits.keep_alive if keep_alive is None else keep_alive
        runner = self._runners[model.blob] = Runner(model, launch, num_ctx, kept, slots)
        return runner

    def _victim(self) -> Runner:
        """Shortest keep_alive first, then blob; the first idle one, else the very first, which is waited for."""
        ranked = sorted(self._runners.values(), key=lambda one: (one.keep_alive, one.model.blob))
        return next((one for one in ranked if one.in_flight == 0), ranked[0])

    async def _evict(self, runner: Runner) -> None:
        while runner.in_flight and self._runners.get(runner.model.blob) is runner and not runner.is_dead:
            self._changed.clear()
            await self._changed.wait()
        self._drop(runner)

    def _give_back(self, runner: Runner) -> None:
        runner.in_flight -= 1
        runner.expires_at = expiry_after(self._clock.now(), runner.keep_alive)
        self._drop_if_spent(runner)
        self._changed.set()

    def _drop_if_spent(self, runner: Runner) -> None:
        if runner.in_flight == 0 and runner.keep_alive <= timedelta(0):
            self._drop(runner)

    def _drop(self, runner: Runner) -> None:
        if self._runners.get(runner.model.blob) is runner:
            del self._runners[runner.model.blob]
            self._counters.unloads += 1
        self._changed.set()

    def _expire(self) -> None:
        now = self._clock.now()
        for runner in list(self._runners.values()):
            if runner.in_flight == 0 and runner.expires_at is not None and runner.expires_at <= now:
                self._drop(runner)


@dataclass(slots=True)
class Lease:
    """A runner lent to one request. `load_ns` is all the time until it was assigned, the queue included."""

    runner: Runner
    load_ns: int

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for one of the runner's parallel slots, first come first served."""
        async with self.runner.slots:
            yield


def expiry_after(now: datetime, keep_alive: timedelta) -> datetime:
    return now + min(keep_alive, FOREVER)
