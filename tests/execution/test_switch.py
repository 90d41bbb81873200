"""From a configuration and what is up to a plan: names, `auto`, installed models, forwarded models."""

from collections.abc import Mapping

from amalfa.calls import EXTRACTIVE, Call, Tier, Wish
from amalfa.config.settings import Settings
from amalfa.execution.switch import Switch
from amalfa.providers.provider import Host, Presence, Provider
from tests.fakes import FakeProvider, a_call

OLLAMA = FakeProvider("ollama", Tier.LOCAL, True, "ollama")
LMSTUDIO = FakeProvider("lmstudio", Tier.LOCAL, True, "openai")
OPENROUTER = FakeProvider("openrouter", Tier.CLOUD, False, "openrouter")
EMBEDDED = FakeProvider("embedded", Tier.EMBEDDED, True, "embedded")

QWEN = "ollama:qwen2.5:1.5b"
BIG = "openrouter:qwen/qwen-2.5-72b-instruct"


def up(*installed: str, forwarded: tuple[str, ...] = ()) -> Presence:
    host = Host("http://127.0.0.1:11434", "up", installed=frozenset(installed), forwarded=frozenset(forwarded))
    return Presence("up", hosts=(host,))


ANYTHING = Presence("up", hosts=(Host("https://there", "up"),))


class FakeBoard:
    """Knows what a test says."""

    def __init__(self, presences: Mapping[str, Presence]) -> None:
        self.presences = {"embedded": ANYTHING, "openrouter": ANYTHING, "ollama": up("qwen2.5:1.5b"), **presences}
        self.refreshed = 0

    async def refresh(self, providers: Mapping[str, Provider], *, max_age_s: float = 1.0, wait_s: float = 0.25) -> None:
        self.refreshed += 1

    def presence(self, name: str) -> Presence:
        return self.presences.get(name, Presence("unknown"))


def settings(**sonar: object) -> Settings:
    return Settings.model_validate({"sonar": sonar})


async def plan_of(call: Call, configured: Settings, **presences: Presence) -> tuple[list[str], dict[str, str]]:
    providers = {provider.name: provider for provider in (OLLAMA, OPENROUTER, EMBEDDED, LMSTUDIO)}
    plan = await Switch(configured, providers, FakeBoard(presences)).plan(call)
    refused = {one.model: one.detail for one in plan.judged if one.verdict == "refused"}
    return [str(entry.model) for entry in plan.entries], refused


def asking(model: str | None) -> Call:
    call = a_call()
    return Call(call.request_id, call.task, call.prompt, call.privacy, call.deadline_s, Wish(model))


async def test_the_defaults_are_local_then_extractive() -> None:
    planned, refused = await plan_of(a_call(), settings())
    assert planned == [QWEN, str(EXTRACTIVE)]
    assert refused == {BIG: "sonar.cloud.enabled is false"}


async def test_a_cloud_of_which_nothing_but_a_good_call_is_known_is_ready() -> None:
    planned, _ = await plan_of(a_call(), settings(cloud={"enabled": True}), openrouter=Presence("up"))
    assert planned[0] == BIG


async def test_a_model_that_is_not_installed_is_named_with_its_pull_command() -> None:
    _, refused = await plan_of(a_call(), settings(), ollama=up("phi3:latest"))
    assert refused[QWEN].endswith("Fix: ollama pull qwen2.5:1.5b")


async def test_the_first_installed_of_the_priority_list_stands_in() -> None:
    configured = settings(modelPriority=["llama3:8b", "phi3"])
    planned, _ = await plan_of(a_call(), configured, ollama=up("phi3:latest"))
    assert planned == ["ollama:phi3", str(EXTRACTIVE)]


async def test_auto_follows_the_key() -> None:
    configured = settings(cloud={"enabled": "auto"})
    with_key, _ = await plan_of(a_call(), configured)
    assert with_key[0] == BIG
    without, refused = await plan_of(a_call(), configured, openrouter=Presence("no_key", "there is no key"))
    assert without[0] == QWEN
    assert "there is no key for openrouter" in refused[BIG]


async def test_an_own_gpu_server_is_a_cloud_provider_of_its_own() -> None:
    configured = settings(cloud={"enabled": True, "provider": "ollama", "model": "qwen2.5:72b"})
    _, refused = await plan_of(a_call(), configured)
    assert "ollama-cloud:qwen2.5:72b" in refused, "it is a candidate, whether or not it is up"


async def test_names_are_read_the_way_people_write_them() -> None:
    configured = settings(cloud={"enabled": True})
    for written, meant in [
        ("phi3", "ollama:phi3"),
        ("ollama:llama3:70b", "ollama:llama3:70b"),
        ("meta-llama/llama-3.1-70b-instruct", "openrouter:meta-llama/llama-3.1-70b-instruct"),
        ("openrouter:auto", "openrouter:openrouter/auto"),
        ("lmstudio:qwen", "lmstudio:qwen"),
    ]:
        planned, refused = await plan_of(asking(written), configured, ollama=up("phi3:latest", "llama3:70b"))
        assert planned[0] == meant, refused


async def test_local_searches_every_local_provider() -> None:
    planned, _ = await plan_of(asking("local:qwen"), settings(), lmstudio=up("qwen"))
    assert planned[0] == "lmstudio:qwen"


async def test_an_unknown_provider_is_refused_by_name() -> None:
    planned, refused = await plan_of(asking("acme:big"), settings())
    assert planned[0] == QWEN
    assert "ollama:acme:big" in refused, "without a known prefix the name belongs to ollama"


async def test_a_model_its_host_forwards_counts_as_cloud() -> None:
    forwarding = up("qwen2.5:1.5b", forwarded=("qwen2.5:1.5b",))
    planned, refused = await plan_of(a_call(), settings(), ollama=forwarding)
    assert planned == [str(EXTRACTIVE)]
    assert refused[QWEN] == "sonar.cloud.enabled is false"


async def test_a_cloud_name_counts_as_cloud_without_asking_the_host() -> None:
    _, refused = await plan_of(asking("gpt-oss:120b-cloud"), settings(), ollama=Presence("unknown"))
    assert refused["ollama:gpt-oss:120b-cloud"] == "sonar.cloud.enabled is false"


async def test_the_models_of_a_task_come_first() -> None:
    configured = settings(tasks={"synthesize": {"model": ["phi3", "llama3:8b"]}})
    planned, _ = await plan_of(a_call(), configured, ollama=up("phi3:latest", "llama3:8b", "qwen2.5:1.5b"))
    assert planned == ["ollama:phi3", "ollama:llama3:8b", QWEN, str(EXTRACTIVE)]


async def test_a_model_asked_for_by_name_is_marked_so_that_its_refusal_is_told() -> None:
    providers = {provider.name: provider for provider in (OLLAMA, OPENROUTER, EMBEDDED)}
    plan = await Switch(settings(), providers, FakeBoard({})).plan(asking("openrouter:x/y"))
    wanted = [one for one in plan.judged if one.is_wanted]
    assert [(one.model, one.verdict, one.code) for one in wanted] == [("openrouter:x/y", "refused", "cloud_disabled")]
