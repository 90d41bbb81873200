"""Plays a row of the decision table: the real configuration, providers, catalogue and signals, a board that is told."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from anyio.abc import TaskGroup

from amalfa.calls import Call, Material, ModelName, Prompt, Wish, parse_model_name
from amalfa.config.loaded import Loaded
from amalfa.errors import ConnectFailed, RateLimited
from amalfa.execution.ledger import Limit
from amalfa.execution.signals import Signals, new_signals
from amalfa.execution.switch import Known, Switch
from amalfa.messages import Message, Tools
from amalfa.providers.catalogue import Catalogue, CatalogueKeeper
from amalfa.providers.provider import Host, Presence, Provider
from amalfa.providers.registry import build_providers
from amalfa.routing.plan import Plan
from tests.config.world import World
from tests.fakes import FakeClock, FakeVerdicts, NoJitter
from tests.routing.decisions import Ask, Now, Row

KEY = "sk-0123456789abcdef-canary"
# Nothing is loaded and no list is fetched here, so nobody needs a group of tasks.
NO_TASKS = cast("TaskGroup", None)


@dataclass
class ToldBoard:
    """Knows what a row says, and otherwise what a provider says of itself."""

    presences: dict[str, Presence]
    refreshed: int = 0

    async def refresh(self, providers: Mapping[str, Provider], *, max_age_s: float = 1.0, wait_s: float = 0.25) -> None:
        self.refreshed += 1

    def presence_of(self, provider: Provider) -> Presence:
        return self.presences[provider.name]


@dataclass
class ToldPurse:
    """Has what a row says is left of a limit, and otherwise all of it."""

    left: dict[str, float]

    def spendable(self, limits: tuple[Limit, ...]) -> tuple[float, Limit] | None:
        found = ((self.left.get(limit.name, limit.usd), limit) for limit in limits)
        return min(found, key=lambda pair: pair[0], default=None)


@dataclass
class Stage:
    """Everything around one switch, to be changed while a test runs."""

    loaded: Loaded
    providers: dict[str, Provider]
    board: ToldBoard
    purse: ToldPurse
    signals: Signals
    clock: FakeClock
    catalogue: Catalogue
    switch: Switch

    def plan(self, ask: Ask | None = None) -> Plan:
        return self.switch.plan_now(call_of(ask or Ask()))

    def order(self, ask: Ask | None = None) -> list[str]:
        """The names of the planned models."""
        return [str(entry.model) for entry in self.plan(ask).entries]

    def route(self, name: str) -> tuple[Provider, ModelName]:
        model = parse_model_name(name, self.providers)
        return self.providers[model.provider], model


def set_up(row: Row, folder: Path) -> Stage:
    loaded, clock = _loaded(row, folder), FakeClock()
    providers = build_providers(loaded, tasks=NO_TASKS, clock=clock)
    board = ToldBoard({name: _presence(provider, row.now) for name, provider in providers.items()})
    keeper = CatalogueKeeper(folder / "catalogues", clock=clock, tasks=NO_TASKS)
    signals = new_signals(FakeVerdicts(), clock=clock, random=NoJitter())
    purse, catalogue = ToldPurse(dict(row.now.left)), keeper.catalogue(loaded.settings.sonar.catalog, providers)
    known = Known(board, signals, purse, lambda: stage.catalogue)
    switch = Switch(loaded, providers, known)
    stage = Stage(loaded, providers, board, purse, signals, clock, catalogue, switch)
    _remember(stage, row.now)
    return stage


def call_of(ask: Ask) -> Call:
    schema = {"type": "object"} if ask.wants_json else None
    tools = Tools(({"type": "function", "function": {"name": "clock"}},)) if ask.offers_tools else None
    message = Message("user", "x" * ask.prompt_bytes)
    prompt = Prompt((message,), Material(), ask.max_tokens, 0.2, schema, tools=tools)
    side = cast('Literal["local", "cloud"] | None', ask.prefer)
    wish = Wish(ask.model, side, ask.team, ask.hint, ask.max_cost)
    return Call("req_1", ask.task, prompt, ask.privacy, 1060.0, wish)


def described(plan: Plan) -> str:
    """The whole plan, for the message of a failure."""
    lines = [f"strategy {plan.strategy}, over budget: {plan.over_budget or 'no'}"]
    lines += [f"  planned {entry.model} ({entry.tier}): {entry.reason}; {entry.steering}" for entry in plan.entries]
    lines += [f"  refused {one.model}: {one.code}: {one.detail}" for one in plan.judged if one.verdict == "refused"]
    return "\n".join(lines)


def _loaded(row: Row, folder: Path) -> Loaded:
    world = World(folder).writes({"sonar": row.sonar}).sets(**dict.fromkeys(row.now.keys, KEY), **row.now.env)
    if row.now.user:
        world.user_writes({"sonar": row.now.user})
    if row.now.dotenv:
        world.dotenv(row.now.dotenv)
    return world.load()


def _presence(provider: Provider, now: Now) -> Presence:
    name = provider.name
    if name in now.presences:
        return now.presences[name]
    if name in now.down:
        return Presence("down", f"{name} does not answer.")
    if name in now.parked:
        return Presence("parked", f"{name} refused the key.")
    if name in now.unseen:
        return Presence("unknown")
    if provider.type == "ollama":
        installed = now.up.get(name, ("qwen2.5:1.5b",) if name == "ollama" else ())
        seen = host(*installed, forwarded=now.forwarded, loaded=now.in_memory)
        told = replace(seen, with_tools=frozenset(now.with_tools), without_tools=frozenset(now.without_tools))
        return Presence("up", hosts=(told,))
    standing = getattr(provider, "standing", lambda: None)()
    return standing if isinstance(standing, Presence) else Presence("up")


def installed_at(*models: str, forwarded: tuple[str, ...] = (), loaded: tuple[str, ...] = ()) -> Presence:
    return Presence("up", hosts=(host(*models, forwarded=forwarded, loaded=loaded),))


def host(*models: str, forwarded: tuple[str, ...] = (), loaded: tuple[str, ...] = (), is_up: bool = True) -> Host:
    return Host(
        "http://127.0.0.1:11434",
        "up" if is_up else "down",
        installed=frozenset(models),
        loaded=loaded,
        forwarded=frozenset(forwarded),
    )


def _remember(stage: Stage, now: Now) -> None:
    """Let the signals learn what happened before the call."""
    for name in now.broken:
        for _ in range(5):
            stage.signals.failed(*stage.route(name), ConnectFailed("nobody answers"))
    for name in now.resting:
        stage.signals.failed(*stage.route(name), RateLimited("slow down", retry_after_s=120))
    for _ in range(now.calls):
        provider, model = stage.route("openrouter:any/model:free")
        stage.signals.enter(provider, model)
    for name, ms in now.took.items():
        stage.signals.latencies.add(name, tokens_in=758, ms=ms)
