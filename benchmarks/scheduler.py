"""Sonar's queue in front of an Ollama against the same calls sent straight there, first come first served.

The host is simulated on real sockets. Loading takes a tenth of the usual, half a second, and so do the replies.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import httpx
from anyio.abc import TaskGroup

from amalfa.calls import Lane, Material, PrivacyClass, Prompt, Tier
from amalfa.clock import SystemClock
from amalfa.messages import Message
from amalfa.providers.endpoint import DEFAULT_NUM_CTX, Address, Endpoint
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.provider import Request, TextDelta
from benchmarks.figures import percentile
from benchmarks.options import Options
from benchmarks.report import Cell, Report, Table
from tests.upstreams.ollama import OllamaSimulator

ONE, OTHER = "one:7b", "other:7b"
MIXED = 40
LOAD_S = 0.5
TOKEN_MS = 10.0
JOB_TOKEN_MS = 40.0
SLOTS = 4
ASKED_EVERY_S = 0.2
TEXT = "What is Amalfa?"

Ask = Callable[[str, Lane], Awaitable[float]]
"""Makes one call of a model and returns the seconds until its first word."""


@dataclass
class Run:
    """What was measured of one way of asking."""

    seconds: float = 0.0
    swaps: int = 0
    first_s: dict[Lane, list[float]] = field(default_factory=lambda: {"interactive": [], "background": []})
    busy: list[int] = field(default_factory=list)

    @property
    def busy_share(self) -> float:
        return sum(self.busy) / (SLOTS * len(self.busy))


def run(options: Options) -> Report:
    background = 200 if options.is_quick else 1_000
    slot_s, word_s = anyio.run(_alone, backend="asyncio")
    straight, sonar = (anyio.run(_mixed, is_sonar, backend="asyncio") for is_sonar in (False, True))
    plain, lanes = (anyio.run(_crowd, background, is_sonar, backend="asyncio") for is_sonar in (False, True))
    asked, asked_plain = (percentile(one.first_s["interactive"], 95) - word_s for one in (lanes, plain))
    columns = ("", "first come first served", "sonar", "sonar's share", "target")
    rows: list[tuple[Cell, ...]] = [
        ("swaps", straight.swaps, sonar.swaps, sonar.swaps / straight.swaps, "<= 0.2"),
        ("all done, s", straight.seconds, sonar.seconds, sonar.seconds / straight.seconds, "<= 0.333"),
        ("longest wait, s", _longest(straight), _longest(sonar), _longest(sonar) / _longest(straight), "<= 30 s"),
    ]
    crowd_rows: list[tuple[Cell, ...]] = [
        ("slots busy, share", plain.busy_share, lanes.busy_share, lanes.busy_share / plain.busy_share, ">= 0.95"),
        ("all done, s", plain.seconds, lanes.seconds, lanes.seconds / plain.seconds, None),
        ("a question starts after, p95 s", asked_plain, asked, asked / asked_plain, f"<= {slot_s:.3f} s"),
    ]
    tables = (
        Table(f"{MIXED} calls on two models with room for one", columns, tuple(rows)),
        Table(f"{background:,} background calls at {SLOTS} slots, with questions between", columns, tuple(crowd_rows)),
    )
    shown = [[dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in tables]
    remark = f"One call of the job alone takes {slot_s:.3f} s, {word_s:.3f} s of it until its first word."
    return Report("scheduler", tables, {"tables": shown, "slot_s": slot_s}, (remark,))


def _longest(found: Run) -> float:
    return max(itertools.chain.from_iterable(found.first_s.values()))


async def _alone() -> tuple[float, float]:
    """The seconds of one call when nobody else asks, and until its first word."""
    async with OllamaSimulator([ONE], token_ms=JOB_TOKEN_MS) as sim, httpx.AsyncClient(base_url=sim.url) as client:
        ask = _straight(client)
        await ask(ONE, "interactive")
        began = time.perf_counter()
        words = [await ask(ONE, "interactive") for _ in range(5)]
        return (time.perf_counter() - began) / 5, percentile(words, 50)


async def _mixed(is_sonar: bool) -> Run:
    """All calls come at once, in turn for the one and the other model."""
    found = Run()

    async def one(ask: Ask, model: str) -> None:
        found.first_s["background"].append(await ask(model, "background"))

    async with OllamaSimulator([ONE, OTHER], max_loaded=1, load_s=LOAD_S, token_ms=TOKEN_MS) as sim:

        async def work(ask: Ask) -> None:
            began = time.perf_counter()
            async with anyio.create_task_group() as group:
                for number in range(MIXED):
                    group.start_soon(one, ask, OTHER if number % 2 else ONE)
            found.seconds = time.perf_counter() - began

        await _with(sim, work, is_sonar=is_sonar)
        found.swaps = sim.counters.swaps
    return found


async def _crowd(background: int, is_sonar: bool) -> Run:
    """A big job with a question every now and then."""
    found = Run()

    async def one(ask: Ask, lane: Lane) -> None:
        found.first_s[lane].append(await ask(ONE, lane))

    async with OllamaSimulator([ONE], num_parallel=SLOTS, token_ms=JOB_TOKEN_MS) as sim:

        async def work(ask: Ask) -> None:
            # Both find the model in memory; sonar also has to find out how many slots there are.
            async with anyio.create_task_group() as group:
                for _ in range(6 * SLOTS):
                    group.start_soon(one, ask, "background")
            found.first_s["background"].clear()
            began = time.perf_counter()
            async with anyio.create_task_group() as group:
                async with anyio.create_task_group() as job:
                    for _ in range(background):
                        job.start_soon(one, ask, "background")
                    await _watch(sim, partial(_begin, group, one, ask), found, background)
                found.seconds = time.perf_counter() - began

        await _with(sim, work, is_sonar=is_sonar)
    return found


def _begin(group: TaskGroup, one: Callable[[Ask, Lane], Coroutine[Any, Any, None]], ask: Ask) -> None:
    group.start_soon(one, ask, "interactive")


async def _watch(sim: OllamaSimulator, ask: Callable[[], None], found: Run, background: int) -> None:
    """Sample how many slots work until the job is all but done, and ask a question now and then."""
    await asyncio.sleep(0.3)
    next_s = time.perf_counter()
    while len(found.first_s["background"]) < background - 2 * SLOTS:
        found.busy.append(min(sim.counters.in_flight, SLOTS))
        if time.perf_counter() >= next_s:
            next_s += ASKED_EVERY_S
            ask()
        await asyncio.sleep(0.003)


async def _with(sim: OllamaSimulator, work: Callable[[Ask], Awaitable[None]], *, is_sonar: bool) -> None:
    if not is_sonar:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(base_url=sim.url, timeout=600, limits=limits) as client:
            await work(_straight(client))
        return
    endpoint = Endpoint("ollama", "ollama", Tier.LOCAL, (Address(sim.url, is_verified_local=True),))
    async with anyio.create_task_group() as tasks:
        provider = OllamaProvider(endpoint, tasks=tasks, clock=SystemClock())
        try:
            await work(_through(provider))
        finally:
            await provider.aclose()


def _straight(client: httpx.AsyncClient) -> Ask:
    async def ask(model: str, lane: Lane) -> float:
        began = time.perf_counter()
        said = {"role": "user", "content": TEXT}
        body = {"model": model, "messages": [said], "options": {"num_ctx": DEFAULT_NUM_CTX}}
        first_s: float | None = None
        async with client.stream("POST", "/api/chat", json=body) as reply:
            reply.raise_for_status()
            async for _ in reply.aiter_bytes():
                first_s = time.perf_counter() - began if first_s is None else first_s
        return first_s or 0.0

    return ask


def _through(provider: OllamaProvider) -> Ask:
    async def ask(model: str, lane: Lane) -> float:
        began = time.perf_counter()
        prompt = Prompt((Message("user", TEXT),), Material(), 200, 0.3)
        request = Request(model, prompt, PrivacyClass.CLOUD_OK, time.monotonic() + 600, "bench", "chat", lane=lane)
        first_s: float | None = None
        async with aclosing(provider.stream(request)) as events:
            async for event in events:
                if isinstance(event, TextDelta) and first_s is None:
                    first_s = time.perf_counter() - began
        return first_s or 0.0

    return ask
