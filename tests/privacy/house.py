"""A whole sonar over simulated upstreams that remember every byte, and the detector that reads what they got.

Configurations are files, notes are files, sockets are real; nothing here knows how a plan is made.
"""

import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from amalfa.calls import PrivacyClass, Wish
from amalfa.clock import Clock
from amalfa.daemon.engine import Engine, open_engine
from amalfa.errors import AmalfaError
from amalfa.paths import Places, Project, make_private_folder, places_for
from amalfa.tasks.catalog import CATALOG
from amalfa.tasks.conversations import Turn
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.task import Outcome
from tests.fakes import Listener
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.ollama_models import OllamaModel, model_named
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.simulator import Received, Simulator

CANARY = "xanthippe-kanarienvogel"
"""Stands in every text that must stay here; nothing else in the world says it."""

OPEN = "robin-redbreast"
"""Stands in texts that may leave, so that a proof over sockets that nobody talks to cannot pass."""

CLOUD_MODELS = ("openrouter:qwen/qwen-2.5-72b-instruct", "far:qwen2.5:1.5b", "lab:meta-llama/llama-3.3-70b-instruct")
FORWARDED_MODELS = ("ollama:gpt-oss:120b-cloud", "ollama:innocent")
"""Models that the local Ollama sends on to a cloud: one says so in its name, the other only in the listing."""

NOTES = {
    "plan.md": f"# Plan {CANARY}\n\nThe secret of the {CANARY} plan is a hidden harbour, reached by boat at night.\n",
    "secret/harbour.md": f"# Harbour {CANARY}\n\nThe {CANARY} harbour has seven berths for the night boats.\n",
    "marked.md": f"---\namalfa: private\n---\n# Marked {CANARY}\n\nThe {CANARY} diary names a lighthouse keeper.\n",
    "open.md": f"# Birds {OPEN}\n\nThe {OPEN} sings in the garden every morning before the boats leave.\n",
    "ports.md": f"# Ports {OPEN}\n\nThe {OPEN} service listens on port 11434 and is named after a bird.\n",
}
PRIVATE_NOTES = ("secret/harbour.md", "marked.md")

ATTEMPT_S = 5.0
"""How long one attempt may take where nothing is meant to time out."""

BASE: dict[str, Any] = {
    "cache": False,
    "cloud": {"enabled": True, "mode": "replace"},
    "privacy": {"localOnly": ["secret/**", "plan.md"]},
    "tasks": {"analyze": {"privacy": "local-only"}, "rerank": {"privacy": "local-only"}},
    "routing": {"hints": {"writing": "prefer_quality", "quick": "prefer_fast", "cheap": "prefer_cheap"}},
    "teams": {
        "cloudy": {"strategy": "quality_first", "chain": [*CLOUD_MODELS, *FORWARDED_MODELS]},
        "thrifty": {"strategy": "cost_optimized", "preferences": {"fallbackToCloud": True, "acceptableModels": ["*"]}},
    },
}


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Settings laid over settings, object by object."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


@dataclass
class Upstreams:
    """The world outside, and an Ollama of our own: `near`."""

    near: OllamaSimulator
    far: OllamaSimulator
    cloud: OpenRouterSimulator
    lab: OpenRouterSimulator

    @property
    def outside(self) -> tuple[Simulator, ...]:
        return (self.far, self.cloud, self.lab)

    @property
    def everyone(self) -> tuple[Simulator, ...]:
        return (self.near, *self.outside)

    def leaks(self, word: str = CANARY) -> list[str]:
        """Every request that carried `word` off the machine, whatever became of it."""
        outside = [request for sim in self.outside for request in sim.requests]
        forwarded = [request for request in self.near.requests if _is_forwarded(request)]
        return [str(request) for request in (*outside, *forwarded) if _holds(request, word)]

    def stayed(self, word: str = CANARY) -> int:
        """How many requests brought `word` to the local model."""
        return sum(_holds(request, word) and not _is_forwarded(request) for request in self.near.requests)

    def forget(self) -> None:
        for sim in self.everyone:
            sim.requests.clear()
            sim.clear_script()

    async def fail(self, hops: tuple[Simulator, ...], failure: str) -> None:
        """From now on every request for text fails this way at these hops; others are well."""
        for sim in self.everyone:
            sim.clear_script()
            if sim in hops and failure == "refused":
                await sim.stop()
                continue
            with suppress(OSError):
                await sim.start()
            if sim in hops and failure in FAILURES:
                sim.script("*", then=FAILURES[failure])


FAILURES: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "429": {"status": 429, "headers": {"Retry-After": "3600"}},
    "401": {"status": 401},
    "time-out": {"fault": "hang"},
    "broken JSON": {"text": '{"broken": '},
    "cut stream": {"chunks": ["The ", "answer ", "is "], "fault": "cut_after:1"},
}
"""How a hop fails once it has the request; "refused" is a hop that does not listen."""

ALL_FAILURES = ("none", "refused", *FAILURES)


def _holds(request: Received, word: str) -> bool:
    seen = b"\n".join((request.body, request.path.encode(), repr((request.query, request.headers)).encode()))
    return word.encode() in seen or word.encode("utf-16-le") in seen


def _is_forwarded(request: Received) -> bool:
    body = request.json if isinstance(request.json, dict) else {}
    return f"ollama:{body.get('model', '')}".removesuffix(":latest") in FORWARDED_MODELS


def disguised(name: str) -> OllamaModel:
    """A model that Ollama sends on to its cloud although nothing in its name says so."""
    stub = model_named("gpt-oss:120b-cloud")
    return replace(stub, name=name)


@asynccontextmanager
async def upstreams() -> AsyncIterator[Upstreams]:
    near = OllamaSimulator(["qwen2.5:1.5b", "nomic-embed-text", "gpt-oss:120b-cloud", disguised("innocent:latest")])
    async with near, OllamaSimulator() as far, OpenRouterSimulator() as cloud, OpenRouterSimulator() as lab:
        yield Upstreams(near, far, cloud, lab)


class Folders:
    """A project with its notes, a user with a configuration of his own, and a home for sonar; short paths."""

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="amalfa-p-", dir="/tmp"))
        self.root = self.base / "notes"
        for name, text in NOTES.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def remove(self) -> None:
        shutil.rmtree(self.base, ignore_errors=True)

    def write(
        self, sonar: Mapping[str, Any], world: Upstreams, attempt_s: float
    ) -> tuple[Project, Places, dict[str, str]]:
        """Write the project's configuration and the user's own; the home stays the same."""
        environ = {
            "HOME": str(self.base),
            "XDG_CONFIG_HOME": str(self.base / "config"),
            "AMALFA_HOME": str(self.base / "home"),
        }
        config = self.root / "amalfa.config.json"
        config.write_text(json.dumps({"docs": sonar.get("docs", {}), "sonar": _without(sonar, "docs")}))
        (self.root / ".env").write_text("OPENROUTER_API_KEY=sk-or-v1-simulated\nLAB_KEY=sk-or-v1-simulated\n")
        users = self.base / "config" / "amalfa" / "amalfa.config.json"
        users.parent.mkdir(parents=True, exist_ok=True)
        users.write_text(json.dumps({"sonar": _users_own(world, attempt_s)}))
        project = Project(self.root, config)
        places = places_for(self.root, environ)
        make_private_folder(places.folder)
        return project, places, environ


def _without(sonar: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in sonar.items() if name != key}


def _users_own(world: Upstreams, attempt_s: float) -> dict[str, Any]:
    """Where the providers are. `far` is an Ollama on another machine as far as sonar can tell."""
    quick = {"timeout": attempt_s}
    return {
        "providers": {
            "ollama": {"hosts": [world.near.url], **quick},
            "far": {"type": "ollama", "hosts": [world.far.url], "local": False, **quick},
            "lab": {"type": "openai", "baseUrl": world.lab.api_url, "apiKey": "$LAB_KEY", **quick},
            "openrouter": {"baseUrl": world.cloud.api_url, **quick},
        }
    }


@dataclass(frozen=True, slots=True)
class Source:
    """Where a call's class comes from, and tasks that carry such a text. `input` may name a session to seed."""

    name: str
    task: str
    input: Mapping[str, Any]
    privacy: PrivacyClass = PrivacyClass.CLOUD_OK
    seed: str = ""


MIXED_QUESTION = "When does the garden bird sing, and which lighthouse keeper does the diary name?"

SOURCES = (
    Source("task setting", "analyze", {"query": f"what is the {CANARY} harbour"}),
    Source("task setting", "rerank", {"query": "boats", "results": [{"id": "a", "content": CANARY, "score": 1.0}]}),
    Source("note glob", "synthesize", {"question": "How many berths has the harbour?", "paths": ["secret/harbour.md"]}),
    Source("note glob", "metadata", {"path": "plan.md"}),
    Source("front matter", "synthesize", {"question": "Who is named in the diary?", "paths": ["marked.md"]}),
    Source("front matter", "snippet", {"query": "lighthouse", "path": "marked.md"}),
    Source("front matter", "research", {"question": "Which lighthouse keeper does the diary name?", "maxSteps": 1}),
    Source(
        "call field",
        "synthesize",
        {"question": "What is said?", "passages": [{"text": f"The {CANARY} sleeps."}]},
        PrivacyClass.LOCAL_ONLY,
    ),
    Source("call field", "metadata", {"text": f"# Note\n\nThe {CANARY} sleeps.\n"}, PrivacyClass.LOCAL_ONLY),
    Source("history turn", "chat", {"messages": [{"role": "user", "content": "And then?"}]}, seed="past"),
    Source("mixed notes", "synthesize", {"question": MIXED_QUESTION, "paths": ["open.md", "marked.md"]}),
)

FLAGS: dict[str, Wish] = {
    "no flag": Wish(),
    "--cloud": Wish(prefer="cloud"),
    "--local": Wish(prefer="local"),
    **{f"-m {model}": Wish(model=model) for model in (*CLOUD_MODELS, *FORWARDED_MODELS)},
    "--team cloudy": Wish(team="cloudy"),
    "--team thrifty": Wish(team="thrifty"),
    "--hint writing": Wish(hint="writing"),
    "--hint quick": Wish(hint="quick"),
    "--max-cost": Wish(max_cost_usd=1.0),
    "--cloud -m --team --hint": Wish(CLOUD_MODELS[0], "cloud", "cloudy", "writing", 1.0),
}


@dataclass
class Sonar:
    """An engine in this process, as the socket's routes see it."""

    engine: Engine
    places: Places
    calls: int = 0
    left: list[str] = field(default_factory=list)

    async def run(
        self,
        task: str,
        given: Mapping[str, Any],
        *,
        wish: Wish | None = None,
        privacy: PrivacyClass = PrivacyClass.CLOUD_OK,
        timeout_s: float = 10.0,
    ) -> Outcome[Any] | AmalfaError:
        """Do one task; its error is returned, for most combinations are meant to fail."""
        self.calls += 1
        work = CATALOG[task]
        terms = Terms(f"req_{self.calls}", wish or Wish(), privacy, timeout_s)
        try:
            async with self.engine.lease() as desk:
                outcome = await work.run(work.given.model_validate(given), desk, terms, Listener())
        except AmalfaError as error:
            return error
        if outcome.route.left_machine is not None:
            self.left += outcome.route.left_machine.to
        return outcome

    async def run_source(self, source: Source, wish: Wish, *, timeout_s: float = 10.0) -> Outcome[Any] | AmalfaError:
        given = dict(source.input)
        if source.seed:
            given["session"] = f"{source.seed}{self.calls}"
            async with self.engine.lease() as desk:
                await remember(desk, given["session"])
        return await self.run(source.task, given, wish=wish, privacy=source.privacy, timeout_s=timeout_s)


async def remember(desk: Desk, session: str) -> None:
    """A conversation that rests on private notes."""
    said = (
        Turn("user", f"What is the {CANARY}?", PrivacyClass.LOCAL_ONLY),
        Turn("assistant", f"The {CANARY} is a secret.", PrivacyClass.LOCAL_ONLY),
    )
    await desk.conversations.add(session, said, at=desk.clock.now())


@asynccontextmanager
async def sonar(
    folders: Folders,
    world: Upstreams,
    *layers: Mapping[str, Any],
    clock: Clock | None = None,
    attempt_s: float = ATTEMPT_S,
) -> AsyncIterator[Sonar]:
    """Sonar under `BASE` with `layers` over it."""
    project, places, environ = folders.write(merged(BASE, *layers), world, attempt_s)
    async with open_engine(project, places, environ, nonce="proof", is_watching=False, clock=clock) as engine:
        yield Sonar(engine, places)


def written_words(places: Places) -> Iterator[tuple[str, str]]:
    """Everything sonar wrote that is no note and no conversation: (place, text) of each row and each line."""
    import apsw

    connection = apsw.Connection(str(places.database), flags=apsw.SQLITE_OPEN_READONLY)
    tables = [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        if re.fullmatch(r"\w+", table) and table != "turn":
            for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608  # a name of our own
                yield table, repr(row)
    connection.close()
    for path in places.folder.rglob("*"):
        if path.is_file() and not path.name.startswith(("sonar.db", "index.db", "cache.db")):
            yield path.name, path.read_text("utf-8", "replace")
