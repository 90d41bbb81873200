"""The real engine over a simulated Ollama and OpenRouter, whose replies are given call by call."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import apsw

from amalfa.daemon.engine import Engine, open_engine
from amalfa.errors import AmalfaError
from amalfa.execution.steps import unheard
from amalfa.paths import Project, make_private_folder, places_for
from amalfa.tasks.catalog import CATALOG
from amalfa.tasks.desk import Terms
from benchmarks.breaking import Broken
from benchmarks.right_replies import NOTES, Asked
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator

Service = Literal["ollama", "openrouter"]

KEY = "sk-or-v1-" + "5eed1e55" * 8
CLOUD_MODEL, LOCAL_MODEL = "qwen/qwen-2.5-72b-instruct", "qwen2.5:1.5b"
MODELS: dict[Service, str] = {"ollama": LOCAL_MODEL, "openrouter": CLOUD_MODEL}


@dataclass(frozen=True, slots=True)
class Row:
    """One attempt, as the ledger has it."""

    model: str
    gate: str
    repairs: tuple[str, ...]


@dataclass(slots=True)
class House:
    """An engine whose first model is at the simulator `speaking`; the other one stands by."""

    engine: Engine
    service: Service
    speaking: OllamaSimulator | OpenRouterSimulator
    database: Path
    number: int = 0

    def _script(self, question: Asked, replies: Iterable[Broken | None]) -> None:
        self.speaking.clear_script()
        whole = json.dumps(question.reply, ensure_ascii=False)
        steps = [
            {"text": reply.raw if reply else whole, **({"finish": "length"} if reply and reply.is_cut else {})}
            for reply in replies
        ]
        self.speaking.script(MODELS[self.service], *steps)

    async def call(self, question: Asked, replies: Iterable[Broken | None]) -> tuple[object, list[Row]]:
        """The output, None when the call failed, and the attempts that it took. `replies`: None is the right one."""
        self._script(question, replies)
        self.number += 1
        request_id = f"req_{self.number}"
        task = CATALOG[question.task]
        made: object = None
        async with self.engine.lease() as desk:
            try:
                given = task.given.model_validate(question.given)
                made = (await task.run(given, desk, Terms(request_id), unheard)).output
            except AmalfaError as error:
                if not hasattr(error, "route"):
                    raise
        return made, _attempts(self.database, request_id)


def _attempts(database: Path, request_id: str) -> list[Row]:
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        sql = "SELECT model, json_gate, repairs FROM attempt WHERE request_id = ? ORDER BY id"
        rows = connection.execute(sql, (request_id,)).fetchall()
    finally:
        connection.close()
    return [
        Row(str(model), str(gate or ""), tuple(filter(None, str(repairs or "").split(","))))
        for model, gate, repairs in rows
    ]


@asynccontextmanager
async def house_for(service: Service, *, is_caching: bool = False) -> AsyncIterator[House]:
    """`is_caching`: a question that is asked again is not asked of a model."""
    with TemporaryDirectory(prefix="ab", dir="/tmp") as folder:
        async with (
            OllamaSimulator([LOCAL_MODEL]) as ollama,
            OpenRouterSimulator(keys={KEY}, credits_usd=10_000) as openrouter,
        ):
            project, environ = _project(Path(folder), service, ollama.url, openrouter.api_url, is_caching)
            places = places_for(project.root, environ)
            make_private_folder(places.folder)
            async with open_engine(project, places, environ, nonce="bench", is_watching=False) as engine:
                await engine.rebuild_index()
                speaking = ollama if service == "ollama" else openrouter
                yield House(engine, service, speaking, places.database)


def _project(
    folder: Path, service: Service, ollama_url: str, openrouter_url: str, is_caching: bool
) -> tuple[Project, dict[str, str]]:
    root, own = folder / "notes", folder / "config" / "amalfa"
    root.mkdir()
    own.mkdir(parents=True)
    for name, text in NOTES.items():
        (root / name).write_text(text, encoding="utf-8")
    (root / "amalfa.config.json").write_text("{}", encoding="utf-8")
    mode = "tiered" if service == "ollama" else "replace"
    cloud = {"enabled": True, "mode": mode, "host": openrouter_url, "model": CLOUD_MODEL}
    settings = {"sonar": {"host": ollama_url, "model": LOCAL_MODEL, "cloud": cloud, "cache": is_caching}}
    (own / "amalfa.config.json").write_text(json.dumps(settings), encoding="utf-8")
    environ = {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "AMALFA_HOME": str(folder / "state"),
        "OPENROUTER_API_KEY": KEY,
    }
    return Project(root=root.resolve(), config=root.resolve() / "amalfa.config.json"), environ
