"""The real engine in this process, with a simulated OpenRouter that keeps its own books."""

import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from amalfa.calls import Call, Material, PrivacyClass, Prompt, Wish
from amalfa.clock import SystemClock
from amalfa.daemon.engine import Engine, open_engine
from amalfa.execution.ledger import SqliteLedger
from amalfa.messages import Message
from amalfa.paths import Project, make_private_folder, places_for
from tests.upstreams.openrouter import OpenRouterSimulator

KEY = "sk-or-v1-" + "b111ab1e" * 8
MODEL = "qwen/qwen-2.5-72b-instruct"


class JumpingClock:
    """The machine's clock, with jumps: nobody has to wait for a breaker or a rest to end."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic_s(self) -> float:
        return SystemClock().monotonic_s() + self.ahead_s

    def now(self) -> datetime:
        return SystemClock().now() + timedelta(seconds=self.ahead_s)


@dataclass
class House:
    """An engine and the simulator that bills it."""

    engine: Engine
    openrouter: OpenRouterSimulator
    clock: JumpingClock
    database: Path
    calls: int = 0

    def call(self, *, team: str | None = None, max_tokens: int = 200) -> Call:
        self.calls += 1
        text = f"Number {self.calls}: what is said about kettles?"
        prompt = Prompt((Message("user", text),), Material(question=text), max_tokens, 0.0)
        deadline_s = self.clock.monotonic_s() + 30.0
        return Call(f"req_{self.calls}", "synthesize", prompt, PrivacyClass.CLOUD_OK, deadline_s, Wish(team=team))

    @property
    def ledger(self) -> SqliteLedger:
        return self.engine._builder.lasting.ledger

    @property
    def bill_usd(self) -> float:
        """What OpenRouter has charged, by its own books."""
        return float(self.openrouter.spent_usd)

    def written(self, sql: str) -> list[tuple[object, ...]]:
        """Rows of sonar.db, read by another library than the one that wrote them."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def number(self, sql: str) -> float:
        found = self.written(sql)[0][0]
        assert isinstance(found, int | float), found
        return found


@asynccontextmanager
async def house_in(folder: Path, **sonar: object) -> AsyncIterator[House]:
    """Open the engine over a configuration whose cloud is the simulator."""
    async with OpenRouterSimulator(keys={KEY}) as openrouter:
        project, environ = _project(folder, openrouter.api_url, sonar)
        places = places_for(project.root, environ)
        make_private_folder(places.folder)
        clock = JumpingClock()
        async with open_engine(project, places, environ, nonce="money", is_watching=False, clock=clock) as engine:
            yield House(engine, openrouter, clock, places.database)


def _project(folder: Path, url: str, sonar: Mapping[str, object]) -> tuple[Project, dict[str, str]]:
    root = folder / "notes"
    root.mkdir(parents=True)
    (root / "amalfa.config.json").write_text(json.dumps({"sonar": dict(sonar)}))
    own = folder / "config" / "amalfa"
    own.mkdir(parents=True)
    cloud = {"enabled": True, "host": url, "model": MODEL}
    (own / "amalfa.config.json").write_text(json.dumps({"sonar": {"host": "127.0.0.1:9", "cloud": cloud}}))
    environ = {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "AMALFA_HOME": str(folder / "state"),
        "OPENROUTER_API_KEY": KEY,
    }
    return Project(root=root.resolve(), config=root.resolve() / "amalfa.config.json"), environ
