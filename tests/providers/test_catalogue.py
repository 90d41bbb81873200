"""What is known of models: whose word counts, when lists are fetched, and that no list is ever fatal."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast

import anyio
import pytest
from anyio.abc import TaskGroup
from typing_extensions import override

from amalfa.calls import FREE, ModelName, Price, Tier
from amalfa.clock import SystemClock
from amalfa.config.routing_settings import CatalogEntry
from amalfa.errors import UpstreamBroken
from amalfa.providers.anthropic import AnthropicProvider
from amalfa.providers.catalogue import Catalogue, CatalogueKeeper, Facts
from amalfa.providers.embedded.extractive import ExtractiveProvider
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.model_facts import Listed
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.openai_compatible import OpenAiCompatibleProvider
from amalfa.providers.openrouter import OpenRouterProvider
from amalfa.providers.provider import Presence, Provider
from tests.providers.asking import QUICK, QWEN, QWEN_72B, anthropic_at, ollama_at, openrouter_at
from tests.upstreams.hand_clock import HandClock
from tests.upstreams.openrouter import OpenRouterSimulator

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LISTED = {
    QWEN_72B: Listed(Facts(Price(0.12, 0.39), None, 32768, True)),
    "acme/new": Listed(Facts(Price(1, 2), None, 8192, None)),
    "acme/new:free": Listed(Facts(FREE, None, 8192, None)),
    "openrouter/auto": Listed(Facts(None, None, 2_000_000, None)),
    "~acme/latest": Listed(Facts(Price(1, 2))),
    "acme/going": Listed(Facts(Price(1, 2)), date(2026, 11, 20)),
    "acme/gone": Listed(Facts(Price(1, 2)), date(2026, 11, 19)),
}


class ListingProvider(OpenRouterProvider):
    """An OpenRouter whose list is at hand: `answer` is the list or the failure it gives next."""

    def __init__(self, endpoint: Endpoint | None = None) -> None:
        super().__init__(endpoint or openrouter_at("https://openrouter.ai/api/v1"), clock=SystemClock())
        self.asked = 0
        self.stood = 0
        self.answer: Mapping[str, Listed] | Exception = LISTED
        self.heard: Callable[[str], Facts] | None = None

    @override
    def inform(self, facts: Callable[[str], Facts]) -> None:
        self.heard = facts

    @override
    def standing(self) -> Presence | None:
        self.stood += 1
        return super().standing()

    @override
    async def model_list(self, *, deadline_s: float) -> Mapping[str, Listed]:
        self.asked += 1
        await anyio.lowlevel.checkpoint()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


class Later:
    """Stands in for the daemon's task group: what is started is run when the test says so."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[..., Awaitable[None]], tuple[object, ...]]] = []

    def start_soon(self, act: Callable[..., Awaitable[None]], *arguments: object) -> None:
        self._waiting.append((act, arguments))

    async def run(self) -> None:
        while self._waiting:
            act, arguments = self._waiting.pop(0)
            await act(*arguments)


@pytest.fixture
def later() -> Later:
    return Later()


Open = Callable[[Path], Awaitable[CatalogueKeeper]]


@pytest.fixture
def opened(clock: HandClock, later: Later) -> Open:
    """Opens a keeper on a folder."""

    async def opened(folder: Path) -> CatalogueKeeper:
        keeper = CatalogueKeeper(folder, clock=clock, tasks=cast("TaskGroup", later))
        await keeper.open()
        return keeper

    return opened


@pytest.fixture
async def keeper(tmp_path: Path, opened: Open) -> CatalogueKeeper:
    return await opened(tmp_path / "lists")


Refresh = Callable[..., Awaitable[dict[str, Provider]]]


@pytest.fixture
def refreshed(later: Later) -> Refresh:
    """The providers by name, their lists fetched once each if they were due."""

    async def refreshed(keeper: CatalogueKeeper, *providers: ListingProvider) -> dict[str, Provider]:
        by_name: dict[str, Provider] = {provider.name: provider for provider in providers}
        asked = [provider.asked for provider in providers]
        keeper.refresh_soon(by_name)
        keeper.refresh_soon(by_name)
        await later.run()
        assert all(provider.asked <= before + 1 for provider, before in zip(providers, asked, strict=True))
        return by_name

    return refreshed


def openrouter(model: str) -> ModelName:
    return ModelName("openrouter", model)


def entries(**written: object) -> dict[str, CatalogEntry]:
    return {name.replace("__", ":"): CatalogEntry.model_validate(entry) for name, entry in written.items()}


async def test_for_each_fact_the_users_word_counts_most_then_the_list_then_ours(
    keeper: CatalogueKeeper, refreshed: Refresh
) -> None:
    providers = await refreshed(keeper, ListingProvider())
    settings = {f"openrouter:{QWEN_72B}": CatalogEntry.model_validate({"price": 9, "quality": 0.1})}
    facts = keeper.catalogue(settings, providers).facts(openrouter(QWEN_72B))
    assert facts == Facts(Price(9, 9), 0.1, 32768, True)
    facts = keeper.catalogue({}, providers).facts(openrouter(QWEN_72B))
    assert (facts.price, facts.context_tokens, facts.has_json) == (Price(0.12, 0.39), 32768, True)
    assert facts.quality == 0.78


async def test_a_provider_hears_what_is_known_of_its_models(keeper: CatalogueKeeper, refreshed: Refresh) -> None:
    provider = ListingProvider()
    providers = await refreshed(keeper, provider)
    keeper.catalogue({f"openrouter:{QWEN_72B}": CatalogEntry.model_validate({"json": False})}, providers)
    assert provider.heard is not None
    assert provider.heard(QWEN_72B).has_json is False
    assert provider.heard("acme/new").context_tokens == 8192
    assert provider.heard("who/knows") == Facts()


async def test_without_a_list_what_was_shipped_is_known(keeper: CatalogueKeeper) -> None:
    catalogue = keeper.catalogue({}, {"openrouter": ListingProvider()})
    assert catalogue.facts(openrouter("openai/gpt-4o")).price == Price(2.5, 10)
    assert openrouter("openai/gpt-4o") in set(catalogue.known())
    assert catalogue.as_of == {}
    assert catalogue.facts(openrouter("who/knows")) == Facts()


@pytest.mark.parametrize(
    ("model", "price", "context"),
    [
        ("acme/new:nitro", Price(1, 2), 8192),
        ("acme/new:floor", Price(1, 2), 8192),
        ("acme/new:online", None, 8192),
        ("acme/new:free", FREE, 8192),
        ("who/knows:free", FREE, None),
        ("openrouter/auto", None, 2_000_000),
        ("~acme/latest", Price(1, 2), None),
    ],
)
async def test_a_model_is_known_under_every_name_it_may_be_asked_by(
    model: str, price: Price | None, context: int | None, keeper: CatalogueKeeper, refreshed: Refresh
) -> None:
    facts = keeper.catalogue({}, await refreshed(keeper, ListingProvider())).facts(openrouter(model))
    assert (facts.price, facts.context_tokens) == (price, context)


async def test_a_variant_is_as_good_as_its_model(keeper: CatalogueKeeper) -> None:
    catalogue = keeper.catalogue({}, {"openrouter": ListingProvider()})
    plain = catalogue.facts(openrouter(QWEN_72B))
    assert catalogue.facts(openrouter(f"{QWEN_72B}:free")) == Facts(FREE, plain.quality)
    assert catalogue.facts(openrouter(f"{QWEN_72B}:nitro")) == plain


async def test_known_are_models_that_can_be_chosen_now(keeper: CatalogueKeeper, refreshed: Refresh) -> None:
    providers = await refreshed(keeper, ListingProvider())
    known = list(
        keeper.catalogue(entries(lab__mine={}), {**providers, "lab": ExtractiveProvider(SystemClock())}).known()
    )
    names = {QWEN_72B, "acme/new", "acme/new:free", "acme/going"}
    assert set(known) == {*map(openrouter, names), ModelName("lab", "mine")}
    assert len(known) == len(set(known))


async def test_a_model_leaves_on_the_day_after_its_last(
    keeper: CatalogueKeeper, clock: HandClock, refreshed: Refresh
) -> None:
    providers = await refreshed(keeper, ListingProvider())
    before = keeper.catalogue({}, providers)
    clock.advance(24 * 3600)
    assert openrouter("acme/going") in set(before.known())
    assert openrouter("acme/going") not in set(keeper.catalogue({}, providers).known())


async def test_local_models_go_by_every_spelling_and_ollama_holds_them_to_json(
    keeper: CatalogueKeeper, tasks: TaskGroup
) -> None:
    ollama = OllamaProvider(ollama_at("http://localhost:1"), tasks=tasks, clock=SystemClock())
    local = Endpoint("lmstudio", "openai", Tier.LOCAL, (Address("http://localhost:2/v1"),))
    studio = OpenAiCompatibleProvider(local, clock=SystemClock())
    catalogue = keeper.catalogue({}, {"ollama": ollama, "lmstudio": studio})
    assert catalogue.facts(ModelName("ollama", QWEN)).quality == 0.32
    assert catalogue.facts(ModelName("ollama", "Llama3:latest")).quality == 0.5
    assert catalogue.facts(ModelName("ollama", "own-model")) == Facts(has_json=True)
    assert catalogue.facts(ModelName("ollama", "gpt-oss:120b-cloud")) == Facts()
    assert catalogue.facts(ModelName("lmstudio", QWEN)).quality == 0.32
    assert catalogue.facts(ModelName("local", "llama3-8b")).quality == 0.5
    assert {name.provider for name in catalogue.known()} == {"ollama"}


async def test_an_api_of_ones_own_is_not_thought_to_have_what_openai_has(keeper: CatalogueKeeper) -> None:
    def at(name: str) -> Provider:
        endpoint = Endpoint(name, "openai", Tier.CLOUD, (Address("https://api.example/v1"),))
        return OpenAiCompatibleProvider(endpoint, clock=SystemClock())

    claude = AnthropicProvider(anthropic_at("https://api.anthropic.com"), clock=SystemClock())
    catalogue = keeper.catalogue({}, {"openai": at("openai"), "lab": at("lab"), "anthropic": claude})
    assert catalogue.facts(ModelName("lab", "gpt-4")).price == Price(30, 60)
    assert {name.provider for name in catalogue.known()} == {"openai", "anthropic"}
    assert catalogue.facts(ModelName("anthropic", "claude-3-opus-20240229")).price == Price(15, 75)


async def test_two_spellings_of_one_model_add_up(keeper: CatalogueKeeper, tasks: TaskGroup) -> None:
    ollama = OllamaProvider(ollama_at("http://localhost:1"), tasks=tasks, clock=SystemClock())
    written = {
        QWEN: CatalogEntry.model_validate({"quality": 0.9, "context": 4096}),
        f"ollama:{QWEN}": CatalogEntry.model_validate({"quality": 0.8, "json": False}),
    }
    facts = keeper.catalogue(written, {"ollama": ollama}).facts(ModelName("ollama", QWEN))
    assert facts == Facts(None, 0.8, 4096, False)


async def test_it_is_the_same_catalogue_while_nothing_changed_and_a_newer_one_after(
    keeper: CatalogueKeeper, clock: HandClock, refreshed: Refresh
) -> None:
    provider = ListingProvider()
    providers: dict[str, Provider] = {"openrouter": provider}
    settings: dict[str, CatalogEntry] = {}
    first = keeper.catalogue(settings, providers)
    assert keeper.catalogue(settings, providers) is first
    other = keeper.catalogue(entries(x={}), providers)
    assert other.version > first.version
    assert keeper.catalogue(settings, providers) is first
    await refreshed(keeper, provider)
    later = keeper.catalogue(settings, providers)
    assert later.version > other.version
    assert later.as_of == {"openrouter": NOW}


async def test_a_list_is_fetched_again_after_a_day_and_not_before(
    keeper: CatalogueKeeper, clock: HandClock, refreshed: Refresh
) -> None:
    provider = ListingProvider()
    await refreshed(keeper, provider)
    clock.advance(24 * 3600 - 1)
    await refreshed(keeper, provider)
    assert provider.asked == 1
    clock.advance(1)
    await refreshed(keeper, provider)
    assert provider.asked == 2


@pytest.mark.parametrize(
    "endpoint",
    [
        openrouter_at("https://openrouter.ai/api/v1", off_reason="sonar.cloud.enabled is false"),
        openrouter_at("https://openrouter.ai/api/v1", key=None),
    ],
)
async def test_who_may_not_be_asked_is_not_asked_for_a_list_either(
    endpoint: Endpoint, keeper: CatalogueKeeper, refreshed: Refresh
) -> None:
    provider = ListingProvider(endpoint)
    await refreshed(keeper, provider)
    assert provider.asked == 0
    assert isinstance(provider.standing(), Presence)


async def test_asking_for_a_refresh_with_every_call_costs_nothing(
    keeper: CatalogueKeeper, clock: HandClock, later: Later
) -> None:
    provider = ListingProvider()
    providers: dict[str, Provider] = {"openrouter": provider}
    provider.answer = UpstreamBroken("it broke")
    for _ in range(100):
        keeper.refresh_soon(providers)
        await later.run()
        clock.advance(1)
    assert provider.asked == 2
    assert provider.stood <= 4


@pytest.mark.parametrize("failure", [UpstreamBroken("it broke"), ZeroDivisionError("a fault of ours")])
async def test_a_failed_refresh_keeps_the_old_list_and_is_tried_again_later_and_later(
    failure: Exception, keeper: CatalogueKeeper, clock: HandClock, caplog: pytest.LogCaptureFixture, refreshed: Refresh
) -> None:
    provider = ListingProvider()
    providers = await refreshed(keeper, provider)
    provider.answer = failure
    clock.advance(25 * 3600)
    for wait_s in (0, 59, 1, 60, 60):
        clock.advance(wait_s)
        await refreshed(keeper, provider)
    assert provider.asked == 1 + 3
    assert keeper.catalogue({}, providers).facts(openrouter("acme/new")).price == Price(1, 2)
    assert "the list of models of openrouter was not refreshed" in caplog.text
    provider.answer = LISTED
    clock.advance(4 * 60)
    await refreshed(keeper, provider)
    assert keeper.catalogue({}, providers).as_of["openrouter"] == clock.now()


async def test_a_list_outlives_the_process_and_is_used_without_a_network(
    keeper: CatalogueKeeper, tmp_path: Path, opened: Open, refreshed: Refresh
) -> None:
    provider = ListingProvider()
    await refreshed(keeper, provider)
    again = await opened(tmp_path / "lists")
    catalogue = again.catalogue({}, {"openrouter": provider})
    assert catalogue.as_of == {"openrouter": NOW}
    assert set(catalogue.known()) == set(keeper.catalogue({}, {"openrouter": provider}).known())
    await refreshed(again, provider)
    assert provider.asked == 1


async def test_the_list_of_another_address_is_not_this_providers(keeper: CatalogueKeeper, refreshed: Refresh) -> None:
    await refreshed(keeper, ListingProvider())
    moved = ListingProvider(openrouter_at("https://eu.openrouter.ai/api/v1"))
    assert keeper.catalogue({}, {"openrouter": moved}).as_of == {}
    await refreshed(keeper, moved)
    assert moved.asked == 1


async def test_a_clock_that_was_ahead_does_not_keep_a_list_for_ever(
    keeper: CatalogueKeeper, clock: HandClock, refreshed: Refresh
) -> None:
    provider = ListingProvider()
    await refreshed(keeper, provider)
    clock.advance(-timedelta(days=400).total_seconds())
    await refreshed(keeper, provider)
    assert provider.asked == 2


@pytest.mark.parametrize("content", [b"", b"{", b'{"format":1}', b"\xff\xfe", b"[]", b'{"format":99,"models":{}}'])
async def test_a_broken_file_is_set_aside_and_never_fatal(
    content: bytes, tmp_path: Path, opened: Open, caplog: pytest.LogCaptureFixture, refreshed: Refresh
) -> None:
    (tmp_path / "openrouter.json").write_bytes(content)
    keeper = await opened(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["openrouter.json.broken"]
    assert "set aside" in caplog.text
    provider = ListingProvider()
    await refreshed(keeper, provider)
    assert provider.asked == 1


async def test_a_disk_that_cannot_be_written_costs_nothing_but_the_file(
    tmp_path: Path, opened: Open, caplog: pytest.LogCaptureFixture, refreshed: Refresh
) -> None:
    (tmp_path / "file").write_text("")
    keeper = await opened(tmp_path / "file" / "lists")
    providers = await refreshed(keeper, ListingProvider())
    assert keeper.catalogue({}, providers).as_of == {"openrouter": NOW}
    assert "could not be kept on disk" in caplog.text


async def test_the_list_of_the_service_itself_is_read_over_the_wire(
    tmp_path: Path, openrouter_sim: OpenRouterSimulator
) -> None:
    provider = OpenRouterProvider(openrouter_at(openrouter_sim.api_url), clock=SystemClock(), patience=QUICK)
    providers: dict[str, Provider] = {"openrouter": provider}
    async with anyio.create_task_group() as tasks:
        keeper = CatalogueKeeper(tmp_path, clock=SystemClock(), tasks=tasks)
        keeper.refresh_soon(providers)
    await provider.aclose()
    catalogue: Catalogue = keeper.catalogue({}, providers)
    assert catalogue.facts(openrouter("anthropic/claude-sonnet-4.6")).price == Price(3.0, 15.0)
    assert openrouter("openrouter/auto") not in set(catalogue.known())
