"""How long a routing decision over fifty models takes, by the policy alone and by the whole switch."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import anyio.from_thread

from amalfa.calls import Call, Material, ModelName, PrivacyClass, Prompt, Wish
from amalfa.clock import SystemClock
from amalfa.config.load import load
from amalfa.execution.ledger import Limit
from amalfa.execution.signals import new_signals
from amalfa.execution.switch import Known, Switch
from amalfa.messages import Message
from amalfa.paths import Project
from amalfa.providers.catalogue import CatalogueKeeper
from amalfa.providers.health import HealthBoard
from amalfa.providers.provider import Host, Presence, Provider
from amalfa.providers.registry import build_providers
from benchmarks.figures import spread
from benchmarks.options import Options
from benchmarks.report import Cell, Report, Table

TARGET_US = 50.0
LOCAL_MODELS, CLOUD_MODELS = 20, 29
INSTALLED = 10
STRATEGIES = ("local_first", "cost_optimized", "quality_first", "speed_first")


def run(options: Options) -> Report:
    rounds = 200 if options.is_quick else 2_000
    rows: list[tuple[Cell, ...]] = []
    figures: dict[str, object] = {}
    for strategy in STRATEGIES:
        with _switch(strategy) as (switch, call):
            known = spread(_times_us(lambda: switch.plan_now(call), rounds))
            anew = spread(_times_us(_fresh(switch, call), max(20, rounds // 20)))
            judged = len(switch.plan_now(call).judged)
        rows.append((strategy, judged, known.median, known.high, anew.median, TARGET_US))
        figures[strategy] = {"candidates": judged, "us": known.median, "first_of_its_kind_us": anew.median}
    columns = ("strategy", "models", "median us", "upper quartile", "first of its kind", "target us")
    return Report("decisions", (Table("one decision", columns, tuple(rows)),), figures)


def _times_us(act: Callable[[], object], rounds: int) -> Sequence[float]:
    taken: list[float] = []
    for number in range(rounds + 50):
        began = time.perf_counter()
        act()
        if number >= 50:
            taken.append((time.perf_counter() - began) * 1e6)
    return taken


def _fresh(switch: Switch, call: Call) -> Callable[[], object]:
    """A decision for a call of a kind that was not seen before: another limit on its cost each time."""
    numbers = iter(range(1_000_000))

    def decide() -> object:
        wish = Wish(max_cost_usd=1 + next(numbers) / 1000)
        return switch.plan_now(Call("r", "synthesize", call.prompt, call.privacy, call.deadline_s, wish))

    return decide


class _Purse:
    def spendable(self, limits: tuple[Limit, ...]) -> tuple[float, Limit] | None:
        return (4.0, limits[0]) if limits else None


class _Board:
    """Half of the local models are installed, everything else is up."""

    def __init__(self) -> None:
        installed = frozenset(f"model{number}:7b" for number in range(INSTALLED))
        self._local = Presence("up", hosts=(Host("http://localhost:11434", "up", installed=installed),))
        self._other = Presence("up")

    async def refresh(self, providers: Mapping[str, Provider], *, max_age_s: float = 1.0, wait_s: float = 0.25) -> None:
        """Nothing changes here."""

    def presence_of(self, provider: Provider) -> Presence:
        return self._local if provider.name == "ollama" else self._other


@contextmanager
def _switch(strategy: str) -> Iterator[tuple[Switch, Call]]:
    """A switch over fifty models, as a configuration file describes them, and a question for it."""
    with TemporaryDirectory() as folder, anyio.from_thread.start_blocking_portal() as portal:
        root = Path(folder)
        (root / "amalfa.config.json").write_text(json.dumps(_configuration(strategy)))
        (root / ".env").write_text("OPENROUTER_API_KEY=sk-or-v1-benchmark\n")
        loaded = load(Project(root, root / "amalfa.config.json"), environ={"HOME": folder})
        clock = SystemClock()

        async def build() -> Switch:
            async with anyio.create_task_group() as tasks:
                providers = build_providers(loaded, tasks=tasks, clock=clock)
                catalogues = CatalogueKeeper(root / "catalogue", clock=clock, tasks=tasks)
                signals = new_signals(HealthBoard(tasks=tasks, clock=clock), clock=clock)
                for number in range(LOCAL_MODELS):
                    name = ModelName("ollama", f"model{number}:7b")
                    signals.latencies.add(str(name), tokens_in=1500, ms=2000 + 10 * number)
                catalogue = catalogues.catalogue(loaded.settings.sonar.catalog, providers)
                return Switch(loaded, providers, Known(_Board(), signals, _Purse(), lambda: catalogue))

        switch = portal.call(build)
        prompt = Prompt((Message("user", "word " * 1200),), Material(), max_tokens=800, temperature=0.2)
        yield switch, Call("r", "synthesize", prompt, PrivacyClass.CLOUD_OK, float("inf"))


def _configuration(strategy: str) -> dict[str, object]:
    catalog: dict[str, object] = {
        f"openrouter:maker/model{number}": {"quality": 0.5 + number / 100, "price": {"input": number / 10, "output": 1}}
        for number in range(CLOUD_MODELS)
    }
    catalog |= {f"ollama:model{number}:7b": {"quality": 0.3 + number / 100} for number in range(LOCAL_MODELS)}
    return {
        "sonar": {
            "model": "model0:7b",
            "modelPriority": [f"model{number}:7b" for number in range(1, LOCAL_MODELS)],
            "cloud": {"enabled": True, "model": "maker/model0"},
            "routing": {"strategy": strategy, "preferences": {"acceptableModels": ["ollama:*", "openrouter:maker/*"]}},
            "budget": {"dailyUsd": 5},
            "catalog": catalog,
        }
    }
