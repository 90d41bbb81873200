"""Fakes that many tests share: scripted, and they remember what they were asked."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from amalfa.calls import Call, Judged, Material, ModelName, PrivacyClass, Prompt, Route, Tier, Usage, Wish
from amalfa.errors import AmalfaError, CallError
from amalfa.execution.cache import NoReplyCache
from amalfa.execution.flights import Flights
from amalfa.execution.ledger import Also, Closing, Limit, Opening, Spent
from amalfa.execution.means import Means
from amalfa.execution.redaction import Redactor
from amalfa.execution.reuse import CacheRules, Reuse
from amalfa.execution.signals import new_signals
from amalfa.execution.size import size_of
from amalfa.execution.spans import NoTracer
from amalfa.execution.steps import Delta, Step
from amalfa.messages import Message
from amalfa.providers.provider import Accepted, Event, Finished, Presence, Provider, Request, TextDelta
from amalfa.routing.plan import Cap, Entry, Plan


class FakeClock:
    """Time that moves only when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic_s(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 11, 20, 12, tzinfo=UTC) + timedelta(seconds=self.seconds - 1000)


@dataclass
class FakeProvider:
    """Plays one script per attempt: texts become deltas, an error is raised where it stands.

    A script without an error ends in `Finished`; one that is `None` ends without a terminal record.
    """

    name: str = "ollama"
    tier: Tier = Tier.LOCAL
    is_verified_local: bool = True
    type: str = "ollama"
    scripts: list[Sequence[str | CallError]] = field(default_factory=list)
    cost_usd: float | None = 0.0
    asked: list[Request] = field(default_factory=list)
    presence: Presence = field(default_factory=lambda: Presence("up"))
    is_closed: bool = False
    has_terminal_record: bool = True
    usage_of_errors: Usage | None = None
    accepts_as: str | None = None

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        self.asked.append(request)
        if self.accepts_as:
            yield Accepted(self.accepts_as)
        for part in self.scripts.pop(0):
            if isinstance(part, CallError):
                part.usage = part.usage or self.usage_of_errors
                raise part
            yield TextDelta(part)
        if self.has_terminal_record:
            yield Finished(Usage(10, 3, self.cost_usd), request.model, "gen-1")

    async def look(self) -> Presence:
        return self.presence

    async def aclose(self) -> None:
        self.is_closed = True


@dataclass
class FakeLedger:
    """Remembers rows in the order they were opened."""

    opened: list[Opening] = field(default_factory=list)
    closed: dict[int, Closing] = field(default_factory=dict)
    upstream_ids: dict[int, str] = field(default_factory=dict)
    cached: list[tuple[Opening, Usage]] = field(default_factory=list)
    also: list[Also | None] = field(default_factory=list)

    async def open(self, opening: Opening) -> int:
        self.opened.append(opening)
        return len(self.opened)

    async def close(self, row: int, closing: Closing) -> None:
        self.closed[row] = closing

    async def note_cached(self, opening: Opening, usage: Usage, also: Also | None = None) -> None:
        self.cached.append((opening, usage))
        self.also.append(also)

    def note_upstream(self, row: int, upstream_id: str) -> None:
        self.upstream_ids[row] = upstream_id

    def spendable(self, limits: tuple[Limit, ...]) -> tuple[float, Limit] | None:
        return min(((limit.usd, limit) for limit in limits), key=lambda left: left[0], default=None)

    async def spent_since(self, since: datetime) -> Spent:
        return Spent(len(self.opened), 0.0, 0)


@dataclass
class FakePlanner:
    """Plans the same entries for every call."""

    entries: tuple[Entry, ...]
    judged: tuple[Judged, ...] = ()
    spending_limits: tuple[Limit, ...] = ()
    cap: Cap | None = None
    over_budget: str = ""

    async def plan(self, call: Call) -> Plan:
        size = size_of(call.prompt)
        return Plan(self.entries, self.judged, "local_first", size, self.cap, over_budget=self.over_budget)

    def limits(self, team: str | None) -> tuple[Limit, ...]:
        return self.spending_limits


@dataclass
class FakeWitness:
    """Remembers how calls ended."""

    ends: list[tuple[Route, AmalfaError | None]] = field(default_factory=list)

    def ended(self, call: Call, route: Route, usage: Usage, error: AmalfaError | None, *, own_s: float) -> None:
        self.ends.append((route, error))


class NoJitter(Random):
    """Chance that always says the least, so that no test waits."""

    def uniform(self, a: float, b: float) -> float:
        return a


@dataclass
class FakeKept:
    """Remembers what was kept."""

    texts: dict[str, str] = field(default_factory=dict)

    def keep(self, request_id: str, text: str) -> Path | None:
        self.texts[request_id] = text
        return Path("/state/replies") / f"{request_id}.txt"


def means_over(
    providers: Sequence[FakeProvider],
    planner: "FakePlanner",
    *,
    ledger: FakeLedger,
    verdicts: "FakeVerdicts",
    clock: FakeClock,
    generation: int = 1,
) -> Means:
    """What an executor needs, over fakes."""
    return Means(
        providers={provider.name: provider for provider in providers},
        planner=planner,
        ledger=ledger,
        signals=new_signals(verdicts, clock=clock, random=NoJitter()),
        redactor=Redactor((), ("keys", "emails", "cards")),
        witness=FakeWitness(),
        tracer=NoTracer(),
        kept=FakeKept(),
        reuse=Reuse(NoReplyCache(), Flights(), CacheRules(), clock),
        clock=clock,
        generation=generation,
    )


@dataclass
class FakeVerdicts:
    good: list[str] = field(default_factory=list)
    bad: list[tuple[str, str]] = field(default_factory=list)

    def succeeded(self, provider: Provider) -> None:
        self.good.append(provider.name)

    def failed(self, provider: Provider, error: CallError) -> None:
        self.bad.append((provider.name, error.code))


@dataclass
class Listener:
    """An `Emit` that remembers."""

    heard: list[Step] = field(default_factory=list)

    async def __call__(self, step: Step) -> None:
        self.heard.append(step)

    @property
    def text(self) -> str:
        return "".join(step.text for step in self.heard if isinstance(step, Delta))


def entry_for(provider: FakeProvider, model: str = "m") -> Entry:
    return Entry(ModelName(provider.name, model), provider.tier, "as planned", not provider.is_verified_local)


def a_call(
    text: str = "hello there", *, deadline_s: float = 1060.0, privacy: PrivacyClass = PrivacyClass.CLOUD_OK
) -> Call:
    prompt = Prompt((Message("user", text),), Material(question="hello"), max_tokens=100, temperature=0.0)
    return Call("req_1", "synthesize", prompt, privacy, deadline_s, Wish())
