"""The words every layer shares: tiers, privacy classes, model names, prompts, calls and answers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

from amalfa.messages import PLAIN_SAMPLING, Message, Sampling, ToolCall, Tools

LIGHT_TASKS = ("analyze", "metadata", "snippet", "rerank")
HEAVY_TASKS = ("synthesize", "research", "chat")
JSON_TASKS = (*LIGHT_TASKS, "extract")
"""The tasks whose reply is always JSON. In the mode tiered they are for local models first."""
TASKS = (*LIGHT_TASKS, *HEAVY_TASKS, "extract")

T = TypeVar("T")
JsonSchema = Mapping[str, object]


class Tier(StrEnum):
    """Where a model runs: inside sonar, on the user's own hardware, or at somebody else's."""

    EMBEDDED = "embedded"
    LOCAL = "local"
    CLOUD = "cloud"


class PrivacyClass(StrEnum):
    """How far a text may travel."""

    LOCAL_ONLY = "local-only"
    CLOUD_ZDR = "cloud-zdr"
    CLOUD_OK = "cloud-ok"


_STRICTEST_FIRST = tuple(PrivacyClass)


def strictest(classes: Iterable[PrivacyClass]) -> PrivacyClass:
    """The narrowest of several classes; `CLOUD_OK` when there is none."""
    return min(classes, key=_STRICTEST_FIRST.index, default=PrivacyClass.CLOUD_OK)


@dataclass(frozen=True, slots=True)
class ModelName:
    """`provider:model`, the way people write models everywhere in Amalfa."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"


EXTRACTIVE = ModelName("embedded", "extractive")


def parse_model_name(text: str, providers: Iterable[str]) -> ModelName:
    """Read a model name as people type it.

    The text is split at its first colon when what stands before it is one of `providers`. Otherwise a name
    with a `/` belongs to openrouter (`qwen/qwen-2.5-72b-instruct`) and any other to ollama (`qwen2.5:1.5b`).
    """
    prefix, colon, rest = text.strip().partition(":")
    if colon and rest and prefix in providers:
        return ModelName(prefix, f"openrouter/{rest}" if (prefix, rest) == ("openrouter", "auto") else rest)
    return ModelName("openrouter" if "/" in text else "ollama", text.strip())


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in USD per million tokens: the unit of every price list in Amalfa."""

    input_usd: float
    output_usd: float

    def cost_usd(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.input_usd + tokens_out * self.output_usd) / 1_000_000

    def times(self, factor: float) -> "Price":
        return Price(self.input_usd * factor, self.output_usd * factor)

    @property
    def is_free(self) -> bool:
        return self.input_usd == 0 and self.output_usd == 0


FREE = Price(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Steering:
    """What a provider that is itself a router (OpenRouter) is told about choosing among its own endpoints.

    `max_price` is a ceiling in USD per million tokens; `sort` what to favour. None leaves it to the provider.
    `is_model_fixed`: no other model may stand in, whatever the provider offers or the user wrote for it.
    """

    sort: Literal["price", "throughput", "latency"] | None = None
    max_price: Price | None = None
    allow_fallbacks: bool | None = None
    is_model_fixed: bool = False


NO_STEERING = Steering()


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one note: what retrieval returns and what citations point into.

    `path` is relative to the project root with forward slashes; lines count from 1 and both ends belong to
    it; `text` is exactly those lines of the file. `heading` is the breadcrumb ("Guide > Install"). `score`
    grows with relevance and compares only within one search. `summary` is what a model made of the whole note, None
    where there is none or nobody asked for it.
    """

    path: str
    start_line: int
    end_line: int
    heading: str
    text: str
    score: float = 0.0
    title: str = ""
    privacy: PrivacyClass = PrivacyClass.CLOUD_OK
    summary: str | None = None

    @property
    def place(self) -> str:
        return f"{self.path}:{self.start_line}-{self.end_line}"


@dataclass(frozen=True, slots=True)
class Material:
    """What a prompt is about, unrendered, for an engine that reads no prompts (`embedded:extractive`).

    `documents` are (id, text) pairs: the results to rerank, or the one text to describe. `other_words` are
    parts of the question, each with what the notes may say instead. `quoted` names the notes whose text the prompt
    holds where that is not just the passages'.
    """

    question: str = ""
    passages: tuple[Passage, ...] = ()
    documents: tuple[tuple[str, str], ...] = ()
    other_words: tuple[tuple[str, tuple[str, ...]], ...] = ()
    quoted: tuple[str, ...] | None = None

    @property
    def quoted_notes(self) -> tuple[str, ...]:
        """The paths of the notes whose text the prompt holds, each once."""
        paths = (passage.path for passage in self.passages) if self.quoted is None else self.quoted
        return tuple(dict.fromkeys(paths))


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked of a model. `schema` None means free text; `max_tokens` caps the reply.

    `may_be_cut`: a reply that ends at its cap is a good one, which says so in its `finish`. Otherwise it is a failure.
    """

    messages: tuple[Message, ...]
    material: Material
    max_tokens: int
    temperature: float
    schema: JsonSchema | None = None
    sampling: Sampling = PLAIN_SAMPLING
    tools: Tools | None = None
    may_be_cut: bool = False

    @property
    def text_length(self) -> int:
        """Characters of all messages, with what the tools and their calls add."""
        said = sum(len(one.content) + sum(len(call.arguments) for call in one.tool_calls) for one in self.messages)
        return said + sum(len(str(definition)) for definition in self.tools.definitions) if self.tools else said


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller would like, within what the rules allow.

    `model` is an explicit choice; `prefer` narrows to one side ("local" keeps everything on this machine or
    the user's own). `team` names the team whose rules and budget apply, `hint` the kind of work it is, and
    `max_cost_usd` what the call may cost in all. None of them widens what privacy or configuration forbid.
    """

    model: str | None = None
    prefer: Literal["local", "cloud"] | None = None
    team: str | None = None
    hint: str | None = None
    max_cost_usd: float | None = None


Lane = Literal["interactive", "background"]
"""Whether somebody waits for the reply, or a durable job does."""


@dataclass(frozen=True, slots=True)
class Handling:
    """How a call is handled, apart from what is asked. The same for all calls of people.

    `limit_s` bounds each attempt from the moment a host has a place for it, as time in a queue is no fault of the
    model; None: the deadline alone counts. `is_cacheable`: a kept reply may serve it, and its own may be kept.
    `commit` is given the value of a good reply and returns what to write, on the connection it is handed, in the
    transaction that ends the ledger's row: a job's result is there exactly when its attempt is.
    """

    lane: Lane = "interactive"
    limit_s: float | None = None
    is_cacheable: bool = True
    commit: "Callable[[object], Callable[[Any], None]] | None" = None


FOR_PEOPLE = Handling()


@dataclass(frozen=True, slots=True)
class Call:
    """One task on its way through sonar. Privacy and deadline are set once, at the door, and travel here.

    `deadline_s` is an absolute reading of the daemon's monotonic clock.
    """

    request_id: str
    task: str
    prompt: Prompt
    privacy: PrivacyClass
    deadline_s: float
    wish: Wish = field(default_factory=Wish)
    handling: Handling = FOR_PEOPLE


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts as the provider reported them; None = not reported, and a cost of None is unknown, not zero."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    ms: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """What the policy made of one candidate: `verdict` is "planned" or "refused", `code` a fixed reason.

    `is_wanted`: the caller asked for this model by name, so a refusal of it has to be told.
    """

    model: str
    verdict: Literal["planned", "refused"]
    code: str
    detail: str = ""
    is_wanted: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One model asked once. `outcome` is "ok" or an error code; `error` the sentence for people."""

    model: str
    outcome: str
    ms: int
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class LeftMachine:
    """What was sent off this machine over all attempts: to which models, how many tokens, which notes.

    `redactions` counts the places of the text that were blanked before it left.
    """

    to: tuple[str, ...]
    tokens: int
    notes: tuple[str, ...]
    redactions: int = 0


@dataclass(frozen=True, slots=True)
class Hop:
    """One node of a pipeline at work. `does` is what it did ("route", "answer", "refine", "merge").

    `decided` tells where it sent the request and by which rule; `outcome` is "ok" or an error code.
    """

    node: str
    layer: int
    does: str
    model: str
    outcome: str
    ms: int
    decided: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None


CacheUse = Literal["hit", "stale", "miss", "off"]
"""What the reply cache had to do with a reply: it gave it, gave it past its age, had none, or was not asked."""


@dataclass(frozen=True, slots=True)
class Route:
    """Why this model answered, why not each other one, and what left the machine. Travels with every reply.

    `hops` are the nodes that a pipeline took, in order; empty elsewhere.
    """

    model: str
    provider: str
    tier: Tier
    task: str
    strategy: str
    reason: str
    candidates: tuple[Judged, ...]
    attempts: tuple[Attempt, ...]
    generation: int
    request_id: str
    left_machine: LeftMachine | None = None
    repairs: tuple[str, ...] = ()
    cache: CacheUse = "off"
    hops: tuple[Hop, ...] = ()


Finish = Literal["stop", "length", "tool_calls"]
"""Why a good reply ended: the model was done, its cap of tokens was reached, or it waits for its tools."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A whole reply: the text as the model wrote it, the value that was read from it, and its route."""

    text: str
    value: T
    usage: Usage
    route: Route
    finish: Finish = "stop"
    tool_calls: tuple[ToolCall, ...] = ()
