"""Deciding without asking: under the configuration in force, and under another file beside it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup

from amalfa.calls import PrivacyClass, Wish
from amalfa.config.load import load
from amalfa.config.loaded import Loaded
from amalfa.daemon.dryrun import DryRuns
from amalfa.errors import InvalidConfig, NotFound, UntrustedConfig, UsageProblem
from amalfa.execution.ledger import Limit
from amalfa.execution.signals import Signals, new_signals
from amalfa.execution.switch import Known, Switch
from amalfa.paths import Project
from amalfa.providers.catalogue import Catalogue, CatalogueKeeper
from amalfa.providers.provider import Host, Presence, Provider
from amalfa.providers.registry import build_providers
from amalfa.server.dryrun import Asked, Foreseen, Outlook
from tests.fakes import FakeClock, FakeVerdicts

QWEN = "ollama:qwen2.5:1.5b"
BIG = "openrouter:qwen/qwen-2.5-72b-instruct"
KEY = "sk-or-v1-" + "ca11ab1e" * 8
PRICED = {"qwen/qwen-2.5-72b-instruct": {"price": {"input": 1.0, "output": 2.0}}}


class FakeBoard:
    """Every Ollama is up with two models, one of them in memory; clouds are ready. Remembers who was looked at."""

    def __init__(self) -> None:
        self.looked: list[tuple[set[str], float]] = []

    async def refresh(self, providers: Mapping[str, Provider], *, max_age_s: float = 1.0, wait_s: float = 0.25) -> None:
        self.looked.append((set(providers), wait_s))

    def presence_of(self, provider: Provider) -> Presence:
        if provider.type != "ollama":
            return _ANYTHING
        return _OLLAMA


_ANYTHING = Presence("up")
_OLLAMA = Presence(
    "up",
    hosts=(Host("http://x", "up", installed=frozenset({"qwen2.5:1.5b", "phi3:latest"}), loaded=("phi3:latest",)),),
)


class FakePurse:
    """Of every limit three quarters are spent."""

    def spendable(self, limits: tuple[Limit, ...]) -> tuple[float, Limit] | None:
        return (limits[0].usd / 4, limits[0]) if limits else None


@dataclass
class FakeLasting:
    tasks: TaskGroup
    catalogues: CatalogueKeeper
    signals: Signals
    clock: FakeClock
    board: FakeBoard = field(default_factory=FakeBoard)
    ledger: FakePurse = field(default_factory=FakePurse)


@dataclass
class FakeGeneration:
    loaded: Loaded
    providers: Mapping[str, Provider]
    switch: Switch


class FakeGenerations:
    def __init__(self, current: FakeGeneration) -> None:
        self.current = current
        self.leases = 0

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[None]:
        self.leases += 1
        yield


@dataclass
class House:
    """A project, its configuration in force, and dry runs under it."""

    root: Path
    environ: dict[str, str]
    lasting: FakeLasting
    generations: FakeGenerations
    runs: DryRuns

    def write(self, name: str, sonar: object) -> Path:
        path = self.root / name
        path.write_text(sonar if isinstance(sonar, str) else json.dumps({"sonar": sonar}))
        return path


def load_file(path: Path, environ: Mapping[str, str]) -> Loaded:
    return load(Project(path.parent, path), environ=environ)


@asynccontextmanager
async def housed(folder: Path, sonar: dict[str, object]) -> AsyncIterator[House]:
    root, clock = folder / "notes", FakeClock()
    root.mkdir()
    (root / ".env").write_text(f"OPENROUTER_API_KEY={KEY}\n")
    config = root / "amalfa.config.json"
    config.write_text(json.dumps({"sonar": sonar}))
    environ = {"AMALFA_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "user")}
    async with anyio.create_task_group() as tasks:
        catalogues = CatalogueKeeper(folder / "catalogue", clock=clock, tasks=tasks)
        lasting = FakeLasting(tasks, catalogues, new_signals(FakeVerdicts(), clock=clock), clock)
        loaded = load_file(config, environ)
        providers = build_providers(loaded, tasks=tasks, clock=clock)

        def catalogue() -> Catalogue:
            return catalogues.catalogue(loaded.settings.sonar.catalog, providers)

        known = Known(lasting.board, lasting.signals, lasting.ledger, catalogue)
        generations = FakeGenerations(FakeGeneration(loaded, providers, Switch(loaded, providers, known)))
        runs = DryRuns(generations, lasting, environ)  # type: ignore[arg-type]  # what is used of them is there
        yield House(root, environ, lasting, generations, runs)
        for provider in providers.values():
            await provider.aclose()
        tasks.cancel_scope.cancel()


def asked(prompt: str = "hello", task: str = "synthesize", **wish: object) -> Asked:
    return Asked(prompt, task, Wish(**wish), PrivacyClass.CLOUD_OK)  # type: ignore[arg-type]  # fields by name


def outlook(foreseen: Foreseen) -> Outlook:
    assert isinstance(foreseen, Outlook), foreseen
    return foreseen


def model(foreseen: Foreseen) -> str:
    return str(outlook(foreseen).plan.entries[0].model)


async def test_the_plan_is_the_one_that_a_call_would_get(tmp_path: Path) -> None:
    async with housed(tmp_path, {"cloud": {"enabled": True, "mode": "tiered"}, "catalog": PRICED}) as house:
        heavy, light = await house.runs.decide_many([asked(), asked(task="analyze")])
    assert (model(heavy), model(light)) == (BIG, QWEN)
    assert [len(outlook(one).estimates) for one in (heavy, light)] == [1, 1]
    assert len(house.lasting.board.looked) == 1, "one look for all of them"
    assert house.generations.leases == 1


async def test_the_estimate_goes_by_the_prompt_and_the_limits_of_its_task(tmp_path: Path) -> None:
    settings = {"cloud": {"enabled": True}, "catalog": PRICED, "tasks": {"chat": {"maxTokens": 1_000}}}
    async with housed(tmp_path, settings) as house:
        found = await house.runs.decide(asked("word " * 400, task="chat"))
    (head, *_) = found.estimates
    assert (head.tokens_in, head.tokens_out_max) == (508, 1_000)
    assert head.usd_low == pytest.approx((508 * 1 + 100 * 2) / 1e6)
    assert head.usd_high == pytest.approx((508 * 1 + 1_000 * 2) / 1e6)


async def test_a_model_in_memory_is_expected_sooner_and_a_measured_one_as_measured(tmp_path: Path) -> None:
    async with housed(tmp_path, {"modelPriority": ["phi3"]}) as house:
        house.lasting.signals.latencies.add("ollama:phi3", tokens_in=10, ms=700)
        found = await house.runs.decide(asked(model="phi3"))
    warm, cold, extractive = found.estimates
    assert (warm.seconds, warm.seconds_source) == (0.7, "measured")
    assert cold.seconds_source == "assumed"
    assert extractive.seconds < warm.seconds < cold.seconds


async def test_every_limit_that_holds_is_told_with_what_is_left(tmp_path: Path) -> None:
    budget = {"perRequestUsd": 0.5, "dailyUsd": 2.0}
    team = {"budget": {"monthlyUsd": 8.0}}
    async with housed(tmp_path, {"budget": budget, "teams": {"marketing": team}}) as house:
        found = await house.runs.decide(asked(team="marketing"))
    assert [(one.name, one.usd, one.left_usd) for one in found.limits] == [
        ("sonar.budget.perRequestUsd", 0.5, 0.5),
        ("sonar.budget.dailyUsd", 2.0, 0.5),
        ("sonar.teams.marketing.budget.monthlyUsd", 8.0, 2.0),
    ]


async def test_a_light_task_needs_a_model_that_can_be_held_to_json(tmp_path: Path) -> None:
    settings = {
        "cloud": {"enabled": True},
        "catalog": {"qwen/qwen-2.5-72b-instruct": {"json": False}},
    }
    async with housed(tmp_path, settings) as house:
        heavy, light = await house.runs.decide_many([asked(), asked(task="analyze")])
    assert model(heavy) == BIG
    assert "no_json" in [one.code for one in outlook(light).plan.judged]


async def test_the_strictest_privacy_holds(tmp_path: Path) -> None:
    settings = {"cloud": {"enabled": True}, "tasks": {"chat": {"privacy": "local-only"}}}
    async with housed(tmp_path, settings) as house:
        free, by_task, by_caller = await house.runs.decide_many(
            [asked(), asked(task="chat"), Asked("x", "synthesize", Wish(), PrivacyClass.LOCAL_ONLY)]
        )
    assert [model(one) for one in (free, by_task, by_caller)] == [BIG, QWEN, QWEN]


async def test_a_name_that_is_not_there_is_a_problem_of_its_call_alone(tmp_path: Path) -> None:
    async with housed(tmp_path, {}) as house:
        task, team, hint, good = await house.runs.decide_many(
            [asked(task="dance"), asked(team="x"), asked(hint="y"), asked()]
        )
    assert isinstance(task, NotFound)
    assert "'dance'" in task.message
    assert "synthesize" in task.hint
    assert isinstance(team, UsageProblem)
    assert "no team x" in team.message
    assert isinstance(hint, UsageProblem)
    assert "no hint y" in hint.message
    assert model(good) == QWEN


async def test_one_call_with_a_name_that_is_not_there_is_refused(tmp_path: Path) -> None:
    async with housed(tmp_path, {}) as house:
        for wrong in (asked(task="dance"), asked(team="x"), asked(hint="y")):
            with pytest.raises(UsageProblem):
                await house.runs.decide(wrong)


async def test_many_calls_leave_room_for_others(tmp_path: Path) -> None:
    async with housed(tmp_path, {}) as house:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await anyio.lowlevel.checkpoint()
                turns += 1

        async with anyio.create_task_group() as group:
            group.start_soon(count)
            found = await house.runs.decide_many([asked()] * 200)
            group.cancel_scope.cancel()
    assert len(found) == 200
    assert turns >= 3


async def test_another_configuration_decides_with_its_own_models_prices_and_rules(tmp_path: Path) -> None:
    async with housed(tmp_path, {}) as house:
        (house.root / "next").mkdir()
        (house.root / "next" / ".env").write_text(f"OPENROUTER_API_KEY={KEY}\n")
        other = house.write("next/cloud.json", {"cloud": {"enabled": True}, "catalog": PRICED})
        calls = [asked(), asked(prefer="local")]
        (cloud, local) = await house.runs.compare(calls, other)
    assert [model(one) for one in cloud] == [QWEN, BIG]
    assert [model(one) for one in local] == [QWEN, QWEN]
    assert outlook(cloud[1]).estimates[0].usd_high is not None
    assert all(wait_s > 2 for _, wait_s in house.lasting.board.looked), "both know all they can before they decide"
    assert len(house.lasting.board.looked) == 2


async def test_a_team_of_one_configuration_only_is_a_difference(tmp_path: Path) -> None:
    async with housed(tmp_path, {"teams": {"marketing": {}}}) as house:
        other = house.write("next.json", {})
        ((before, after),) = await house.runs.compare([asked(team="marketing")], other)
    assert model(before) == QWEN
    assert isinstance(after, UsageProblem)


async def test_comparing_closes_what_it_opened_and_nothing_that_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    async with housed(tmp_path, {}) as house:
        serving = house.generations.current.providers["ollama"]
        original = type(serving).aclose

        async def aclose(provider: Provider) -> None:
            closed.append(id(provider))
            await original(provider)

        monkeypatch.setattr(type(serving), "aclose", aclose)
        await house.runs.compare([asked()], house.write("next.json", {"cloud": {"enabled": True}}))
        assert closed
        assert id(serving) not in closed


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "no such file"), ('{"sonar": {"cloud": {"enabled": "maybe"}}}', "enabled"), ("{", "next.json")],
)
async def test_a_broken_other_file_is_told_with_its_problems(tmp_path: Path, text: str | None, said: str) -> None:
    async with housed(tmp_path, {}) as house:
        other = house.root / "next.json" if text is None else house.write("next.json", text)
        with pytest.raises(InvalidConfig) as raised:
            await house.runs.compare([asked()], other)
    assert raised.value.problems
    assert said in str(raised.value.problems[0])
    assert raised.value.hint == f"amalfa config check --config {other}"


async def test_another_file_is_trusted_no_further_than_it_would_be_in_force(tmp_path: Path) -> None:
    async with housed(tmp_path, {}) as house:
        house.environ["OPENROUTER_API_KEY"] = KEY
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        other = elsewhere / "next.json"
        other.write_text(json.dumps({"sonar": {"cloud": {"enabled": True, "host": "https://evil.example/api/v1"}}}))
        with pytest.raises(UntrustedConfig) as raised:
            await house.runs.compare([asked()], other)
    assert raised.value.hint == f"amalfa trust --config {other}"
    assert house.lasting.board.looked == [], "nobody was asked anything"
