"""Fakes that many tests share: scripted, and they remember what they were asked."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from amalfa.calls import Call, Judged, Material, Message, ModelName, PrivacyClass, Prompt, Tier, Usage, Wish
from amalfa.errors import CallError
from amalfa.execution.ledger import Closing, Opening, Spent
from amalfa.execution.steps import Delta, Step
from amalfa.providers.provider import Event, Finished, Presence, Provider, Request, TextDelta
from amalfa.routing.plan import Entry, Plan


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

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        self.asked.append(request)
        for part in self.scripts.pop(0):
            if isinstance(part, CallError):
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

    async def open(self, opening: Opening) -> int:
        self.opened.append(opening)
        return len(self.opened)

    async def close(self, row: int, closing: Closing) -> None:
        self.closed[row] = closing

    async def spent_since(self, since: datetime) -> Spent:
        return Spent(len(self.opened), 0.0, 0)


@dataclass
class FakePlanner:
    """Plans the same entries for every call."""

    entries: tuple[Entry, ...]
    judged: tuple[Judged, ...] = ()

    async def plan(self, call: Call) -> Plan:
        return Plan(self.entries, self.judged, "local_first")


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


def a_call(*, deadline_s: float = 1060.0, privacy: PrivacyClass = PrivacyClass.CLOUD_OK) -> Call:
    prompt = Prompt((Message("user", "hello there"),), Material(question="hello"), max_tokens=100, temperature=0.0)
    return Call("req_1", "synthesize", prompt, privacy, deadline_s, Wish())
