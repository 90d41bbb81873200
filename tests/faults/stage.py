"""The real thing in one process: engine, switch, executor, providers and ledger between two simulated upstreams.

Nothing of the product is replaced. Only the limits on waiting are shorter, and the environment is a test's own.
"""

import functools
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from amalfa.calls import Call, Material, PrivacyClass, Prompt, Wish
from amalfa.clock import SystemClock
from amalfa.daemon import builder
from amalfa.daemon.engine import Engine, open_engine
from amalfa.execution import retry
from amalfa.execution.steps import Delta, Step
from amalfa.messages import Message
from amalfa.paths import Project, make_private_folder, places_for
from amalfa.providers import host_queue
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.openrouter import OpenRouterProvider
from amalfa.providers.patience import Patience
from amalfa.providers.registry import build_providers
from amalfa.routing.plan import Plan
from amalfa.tasks.desk import Executes
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.simulator import Received, Simulator

Name = Literal["ollama", "openrouter"]

KEY = "sk-or-v1-" + "5ca1ab1e" * 8
MODELS: Mapping[Name, str] = {"ollama": "qwen2.5:1.5b", "openrouter": "qwen/qwen-2.5-72b-instruct"}
PATHS: Mapping[Name, str] = {"ollama": "/api/chat", "openrouter": "/api/v1/chat/completions"}
QUESTION, MAX_TOKENS, CALL_S = "What is Amalfa?", 200, 20.0
PEER_TEXT = "The peer answers."

QUICK = Patience(
    connect_s=0.2,
    first_byte_s=0.3,
    cold_first_byte_s=2.0,
    first_event_s=0.4,
    idle_s=0.3,
    per_token_s=0.02,
    look_s=0.5,
)
"""Limits that real sockets reach within a test's time; the proportions are those of the product."""


class JumpingClock:
    """The machine's clock, with jumps: nobody has to wait for a breaker or a rest to end."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic_s(self) -> float:
        return SystemClock().monotonic_s() + self.ahead_s

    def now(self) -> datetime:
        return SystemClock().now() + timedelta(seconds=self.ahead_s)


@dataclass
class Ear:
    """A live listener that remembers."""

    heard: list[Step] = field(default_factory=list)

    async def __call__(self, step: Step) -> None:
        self.heard.append(step)

    @property
    def text(self) -> str:
        return "".join(step.text for step in self.heard if isinstance(step, Delta))


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One attempt as it stands in sonar.db. A cost of None is unknown."""

    request_id: str
    model: str
    state: str
    error_code: str | None
    cost_usd: float | None


class Stage:
    """One upstream that is about to fail (`name`), its healthy peer, and an engine that knows both.

    `elsewhere` is a server that nobody has configured.
    """

    def __init__(
        self, name: Name, simulators: Mapping[Name, Simulator], engine: Engine, *, database: Path, clock: JumpingClock
    ) -> None:
        self.name = name
        self.simulators = simulators
        self.elsewhere = OllamaSimulator()
        self.clock = clock
        self.call_s = CALL_S
        self.faulty = simulators[name]
        self.peer_name: Name = "openrouter" if name == "ollama" else "ollama"
        self.peer = simulators[self.peer_name]
        self.engine = engine
        self._database = database
        self._calls = 0

    @property
    def model(self) -> str:
        return f"{self.name}:{MODELS[self.name]}"

    @property
    def peer_model(self) -> str:
        return f"{self.peer_name}:{MODELS[self.peer_name]}"

    def will(self, *steps: Mapping[str, object]) -> None:
        """Script what the faulty upstream does with the next requests for text."""
        self.faulty.script(MODELS[self.name], *steps)

    @property
    def asks(self) -> int:
        """How many requests for text the faulty upstream got so far."""
        return len(self.asked)

    @property
    def asked(self) -> list[Received]:
        return self.faulty.requests_to(PATHS[self.name])

    @property
    def peer_asks(self) -> int:
        return len(self.peer.requests_to(PATHS[self.peer_name]))

    async def idle(self) -> None:
        """Wait until both upstreams have ended whatever they were doing."""
        for simulator in self.simulators.values():
            await simulator.idle()

    @asynccontextmanager
    async def executor(self) -> AsyncIterator[Executes]:
        async with self.engine.lease() as desk:
            yield desk.executor

    def call(self) -> Call:
        """A call that asks the faulty upstream's model first."""
        self._calls += 1
        prompt = Prompt((Message("user", QUESTION),), Material(question=QUESTION), MAX_TOKENS, 0.0)
        deadline_s = self.clock.monotonic_s() + self.call_s
        wish = Wish(model=self.model)
        return Call(f"req_{self._calls}", "synthesize", prompt, PrivacyClass.CLOUD_OK, deadline_s, wish)

    async def plan(self) -> Plan:
        """What the switch would do with the next call."""
        return await self.engine.switch.plan(self.call())

    async def standing(self) -> str:
        """The code of the faulty model in the next plan: "planned", or why it would not be asked."""
        found = next(one for one in (await self.plan()).judged if one.model == self.model)
        return "planned" if found.verdict == "planned" else found.code

    async def strikes(self) -> int:
        """How many failures in a row the breaker of the faulty model has counted."""
        provider = self.engine.providers()[self.name]
        assert isinstance(provider, OllamaProvider | OpenRouterProvider)
        return self.engine.signals.breakers.strikes((provider.fingerprint, MODELS[self.name]))

    @property
    def bill_usd(self) -> float:
        """What the cloud has charged so far, by its own books."""
        cloud = self.simulators["openrouter"]
        assert isinstance(cloud, OpenRouterSimulator)
        return float(cloud.spent_usd)

    def ledger(self, request_id: str) -> list[LedgerRow]:
        """The rows of one call, in the order of its attempts."""
        query = "SELECT request_id, model, state, error_code, cost_usd FROM attempt WHERE request_id = ? ORDER BY id"
        connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        try:
            return [LedgerRow(*row) for row in connection.execute(query, (request_id,))]
        finally:
            connection.close()

    def stored_bytes(self) -> bytes:
        """Everything the engine has written about calls, to be searched for what must not be there."""
        return b"".join(path.read_bytes() for path in sorted(self._database.parent.glob("sonar.db*")))


def shorten_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a fiftieth of the time before a repetition. How long it should be is tested where it is decided."""
    monkeypatch.setattr(retry, "BACKOFF_BASE_S", retry.BACKOFF_BASE_S / 50)
    monkeypatch.setattr(host_queue, "REST_S", host_queue.REST_S / 50)


@asynccontextmanager
async def set_up(name: Name, folder: Path, monkeypatch: pytest.MonkeyPatch, *, host: str = "") -> AsyncIterator[Stage]:
    """Both simulators and the engine. `host` puts the faulty upstream elsewhere than at its simulator."""
    monkeypatch.setattr(builder, "build_providers", functools.partial(build_providers, patience=QUICK))
    async with (
        OllamaSimulator([MODELS["ollama"]], num_parallel=8) as ollama,
        OpenRouterSimulator(keys={KEY}) as openrouter,
    ):
        simulators: dict[Name, Simulator] = {"ollama": ollama, "openrouter": openrouter}
        hosts: dict[Name, str] = {"ollama": ollama.url, "openrouter": openrouter.api_url}
        if host:
            hosts[name] = host
        project, environ = _write_project(folder, hosts)
        places = places_for(project.root, environ)
        make_private_folder(places.folder)
        clock = JumpingClock()
        async with open_engine(project, places, environ, nonce="faults", is_watching=False, clock=clock) as engine:
            stage = Stage(name, simulators, engine, database=places.database, clock=clock)
            stage.peer.script(MODELS[stage.peer_name], then={"text": PEER_TEXT})
            async with stage.elsewhere:
                yield stage


def _write_project(folder: Path, hosts: Mapping[Name, str]) -> tuple[Project, dict[str, str]]:
    root = folder / "notes"
    root.mkdir()
    (root / "amalfa.config.json").write_text("{}")
    # In the user's own file any host may be named; a project's file would have to be trusted first.
    own = folder / "config" / "amalfa"
    own.mkdir(parents=True)
    cloud = {"enabled": True, "host": hosts["openrouter"]}
    sonar = {"host": hosts["ollama"], "cloud": cloud, "cache": False}
    (own / "amalfa.config.json").write_text(json.dumps({"sonar": sonar}))
    environ = {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "AMALFA_HOME": str(folder / "state"),
        "OPENROUTER_API_KEY": KEY,
    }
    return Project(root=root.resolve(), config=root.resolve() / "amalfa.config.json"), environ
