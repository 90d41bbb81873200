"""Pipelines over a scripted executor: each model says what a test lets it say, and every call is remembered."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import anyio

from amalfa.calls import (
    Answer,
    Attempt,
    Call,
    LeftMachine,
    Material,
    ModelName,
    PrivacyClass,
    Prompt,
    Route,
    Tier,
    Usage,
    Wish,
)
from amalfa.config.jsonc import read_json
from amalfa.config.origins import sourced_file
from amalfa.errors import AmalfaError, BadReply, NoProvider, Problem
from amalfa.execution.reading import Read, Reading
from amalfa.execution.steps import Chosen, Delta, Emit
from amalfa.messages import Message
from amalfa.pipelines.asking import Around
from amalfa.pipelines.graph import Pipeline
from amalfa.pipelines.reading import read_pipeline
from amalfa.pipelines.run import Layered
from tests.fakes import FakeClock, Listener

T = TypeVar("T")
Say = str | AmalfaError | Callable[[Call], Awaitable[str]]

TOPICS = """{
  // two topics, one router
  "architecture": [
    {"name": "router", "layer": 0, "model": "ollama:router", "adapter": "openai-api", "output-to": [1]},
    {"name": "creative-handler", "layer": 1, "model": "ollama:creative", "use-case": "Stories, poems, slogans",
     "output-to": ["output"]},
    {"name": "technical-handler", "layer": 1, "model": "ollama:technical", "use-case": "Code, debugging",
     "output-to": ["output"]},
    {"name": "output", "adapter": "output"},
  ],
}"""


def refined(more: str = "") -> str:
    """The two topics with a refinement layer behind them."""
    keys = '"layer": 2, "model": "ollama:editor", "system": "Be brief.", "output-to": ["output"]'
    end = '{"name": "output", "adapter": "output"}'
    behind = TOPICS.replace('"output-to": ["output"]', '"output-to": [2]')
    return behind.replace(end, f'{{"name": "editor", {keys}{more}}},\n    {end}')


def read(text: str, name: str = "team") -> tuple[Pipeline | None, tuple[Problem, ...]]:
    document = read_json(text, name="flow.json")
    assert document.root is not None, document.problems
    return read_pipeline(name, sourced_file(document.root, kind="project", path="flow.json"))


def pipeline_of(text: str) -> Pipeline:
    found, problems = read(text)
    assert problems == ()
    assert found is not None
    return found


def target(name: str) -> str:
    return json.dumps({"target": name})


@dataclass
class Inner:
    """An executor whose models say what they are told, in turn; the last word is repeated."""

    says: dict[str, list[Say]] = field(default_factory=dict)
    cost_usd: dict[str, float | None] = field(default_factory=dict)
    tiers: dict[str, Tier] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    live: list[str] = field(default_factory=list)

    async def tell(self, call: Call, emit: Emit, *, read: Read[T]) -> Answer[T]:
        self.live.append(str(call.wish.model))
        return await self._answer(call, emit, read, is_live=True)

    async def ask(self, call: Call, emit: Emit, *, read: Read[T]) -> Answer[T]:
        return await self._answer(call, emit, read, is_live=False)

    def asked(self, model: str) -> list[Call]:
        return [call for call in self.calls if call.wish.model == model]

    async def _answer(self, call: Call, emit: Emit, read: Read[T], *, is_live: bool) -> Answer[T]:
        model = str(call.wish.model)
        self.calls.append(call)
        tier = self.tiers.get(model, Tier.LOCAL)
        await emit(Chosen(_name(model), tier, "asked for by name"))
        said = self.says.get(model, ["?"])
        word = said.pop(0) if len(said) > 1 else said[0]
        if isinstance(word, AmalfaError):
            raise word
        text = word if isinstance(word, str) else await word(call)
        if is_live:
            for piece in text.split(" "):
                await emit(Delta(piece + " "))
        try:
            value: Reading[T] = read(text)
        except BadReply as error:
            raise NoProvider("No model could serve.", route=self._route(call, model, tier, "bad_reply")) from error
        usage = Usage(10, 5, self.cost_usd.get(model, 0.0), 7)
        return Answer(text, value.value, usage, self._route(call, model, tier, "ok"))

    def _route(self, call: Call, model: str, tier: Tier, outcome: str) -> Route:
        cost_usd = self.cost_usd.get(model, 0.0)
        left = LeftMachine((model,), 10, call.prompt.material.quoted_notes) if tier is Tier.CLOUD else None
        attempts = (Attempt(model, outcome, 7, 10, 5, cost_usd),)
        return Route(model, "ollama", tier, call.task, "local_first", "asked", (), attempts, 3, call.request_id, left)


@dataclass
class House:
    """One pipeline, called `team`, over an `Inner`."""

    text: str = TOPICS
    inner: Inner = field(default_factory=Inner)
    clock: FakeClock = field(default_factory=FakeClock)
    listener: Listener = field(default_factory=Listener)

    def __post_init__(self) -> None:
        around = Around(self.inner, self.clock, 3, now=lambda: 1_000_000.0)
        self.layered = Layered(around, {"team": pipeline_of(self.text)})

    def lets(self, **says: Say | list[Say]) -> "House":
        """Let models say things; `router="creative-handler"` is short for the JSON of that target."""
        for name, said in says.items():
            words = said if isinstance(said, list) else [said]
            is_target = name == "router"
            self.inner.says[f"ollama:{name}"] = [
                target(word) if is_target and isinstance(word, str) and word.endswith("-handler") else word
                for word in words
            ]
        return self

    async def ask(self, call: Call | None = None) -> Answer[object]:
        return await self.layered.ask(call or a_call(), self.listener, read=as_text)

    async def tell(self, call: Call | None = None) -> Answer[object]:
        return await self.layered.tell(call or a_call(), self.listener, read=as_text)


def a_call(question: str = "Write a slogan.", *, model: str = "pipeline:team", **more: object) -> Call:
    prompt = Prompt((Message("user", question),), Material(question=question, quoted=()), 500, 0.5)
    call = Call("req_1", "chat", prompt, PrivacyClass.CLOUD_OK, 1060.0, Wish(model=model))
    for key, value in more.items():
        call = _with(call, key, value)
    return call


def _with(call: Call, key: str, value: Any) -> Call:
    if key in ("privacy", "deadline_s", "prompt", "request_id"):
        return replace(call, **{key: value})
    return replace(call, wish=replace(call.wish, **{key: value}))


def as_text(text: str) -> Reading[object]:
    return Reading(text)


async def never(call: Call) -> str:
    await anyio.sleep_forever()
    return ""


def _name(model: str) -> ModelName:
    provider, _, name = model.partition(":")
    return ModelName(provider, name)
