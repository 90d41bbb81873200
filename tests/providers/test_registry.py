"""The providers of a configuration: where they are, what they are shown, how far they are trusted."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from anyio.abc import TaskGroup

from amalfa.calls import Tier
from amalfa.clock import SystemClock
from amalfa.config.load import load
from amalfa.config.loaded import Loaded
from amalfa.errors import Overloaded
from amalfa.paths import Project
from amalfa.providers.anthropic import AnthropicProvider
from amalfa.providers.endpoint import Endpoint
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.openai_compatible import OpenAiCompatibleProvider
from amalfa.providers.openrouter import OpenRouterProvider
from amalfa.providers.pacer import Pace
from amalfa.providers.paces import Paces
from amalfa.providers.registry import build_providers, endpoints_of, pace_of

KEY = "sk-or-v1-0123456789abcdef"


def loaded(tmp_path: Path, sonar: object, *, env: str = "", user: object = None, **environ: str) -> Loaded:
    """A configuration read from files, as in real life. `sonar` is the project's, `user` the user's own."""
    root = tmp_path / "notes"
    root.mkdir(exist_ok=True)
    config = root / "amalfa.config.json"
    config.write_text(json.dumps({"sonar": sonar}))
    (root / ".env").write_text(env)
    home = tmp_path / "config"
    if user is not None:
        (home / "amalfa").mkdir(parents=True, exist_ok=True)
        (home / "amalfa" / "amalfa.config.json").write_text(json.dumps({"sonar": user}))
    return load(Project(root, config), environ={"XDG_CONFIG_HOME": str(home), "HOME": str(tmp_path), **environ})


def endpoint(name: str, given: Loaded) -> Endpoint:
    return {found.name: found for found in endpoints_of(given)}[name]


def test_the_defaults_are_a_local_ollama_and_an_openrouter_that_is_off(tmp_path: Path) -> None:
    given = loaded(tmp_path, {})
    ollama, openrouter = endpoint("ollama", given), endpoint("openrouter", given)
    assert (ollama.tier, ollama.is_verified_local) == (Tier.LOCAL, True)
    assert [address.url for address in ollama.addresses] == ["http://localhost:11434"]
    assert (openrouter.tier, openrouter.is_verified_local) == (Tier.CLOUD, False)
    assert [address.url for address in openrouter.addresses] == ["https://openrouter.ai/api/v1"]
    assert openrouter.off_reason == ollama.off_reason == "sonar.cloud.enabled is false"


async def test_every_configured_provider_is_built_and_the_embedded_one_always(tmp_path: Path, tasks: TaskGroup) -> None:
    given = loaded(
        tmp_path,
        {
            "cloud": {"provider": "ollama", "host": "http://127.0.0.1:9"},
            "providers": {"lab": {"type": "openai", "baseUrl": "http://127.0.0.1:8/v1"}},
        },
    )
    providers = build_providers(given, tasks=tasks, clock=SystemClock())
    assert set(providers) >= {"embedded", "ollama", "ollama-cloud", "openrouter", "lab"}
    assert isinstance(providers["ollama-cloud"], OllamaProvider)
    assert isinstance(providers["openrouter"], OpenRouterProvider)
    assert isinstance(providers["lab"], OpenAiCompatibleProvider)
    assert isinstance(providers["anthropic"], AnthropicProvider)
    assert {name: provider.name for name, provider in providers.items()} == {name: name for name in providers}
    for provider in providers.values():
        await provider.aclose()


def test_a_gpu_server_of_ones_own_is_a_cloud_until_the_user_calls_it_local(tmp_path: Path) -> None:
    sonar = {"cloud": {"enabled": True, "provider": "ollama", "host": "http://127.0.0.1:9"}}
    assert endpoint("ollama-cloud", loaded(tmp_path, sonar)).tier is Tier.CLOUD
    marked = endpoint("ollama-cloud", loaded(tmp_path, sonar, user={"providers": {"ollama-cloud": {"local": True}}}))
    assert (marked.tier, marked.is_verified_local) == (Tier.LOCAL, True)


def test_an_ollama_elsewhere_is_local_but_not_verified_until_the_user_says_so(tmp_path: Path) -> None:
    user = {"host": ["localhost:11434", "gpu.lan:11434"]}
    pool = endpoint("ollama", loaded(tmp_path, {}, user=user))
    assert pool.tier is Tier.LOCAL
    assert [address.is_verified_local for address in pool.addresses] == [True, False]
    assert not pool.is_verified_local
    marked = loaded(tmp_path, {}, user={**user, "providers": {"ollama": {"local": True}}})
    assert endpoint("ollama", marked).is_verified_local


@pytest.mark.parametrize("host", ["evil.localhost:11434", "192.168.1.5", "10.0.0.1:11434"])
def test_a_host_that_only_sounds_local_is_not_verified(host: str, tmp_path: Path) -> None:
    assert not endpoint("ollama", loaded(tmp_path, {}, user={"host": host})).is_verified_local


def test_ollamas_own_cloud_is_a_cloud_wherever_it_is_named(tmp_path: Path) -> None:
    hosted = endpoint("ollama", loaded(tmp_path, {}, user={"host": "ollama.com"}))
    assert (hosted.tier, hosted.is_verified_local) == (Tier.CLOUD, False)


def test_an_api_on_loopback_is_a_cloud_all_the_same(tmp_path: Path) -> None:
    given = loaded(tmp_path, {"providers": {"lab": {"type": "openai", "baseUrl": "http://127.0.0.1:8/v1"}}})
    assert (endpoint("lab", given).tier, endpoint("lab", given).is_verified_local) == (Tier.CLOUD, False)
    users = {"providers": {"lab": {"type": "openai", "baseUrl": "http://127.0.0.1:8/v1", "local": True}}}
    assert endpoint("lab", loaded(tmp_path, {}, user=users)).is_verified_local


def test_a_key_comes_with_where_it_was_found(tmp_path: Path) -> None:
    found = endpoint("openrouter", loaded(tmp_path, {}, env=f"OPENROUTER_API_KEY={KEY}\n"))
    assert found.key is not None
    assert found.key.reveal() == KEY
    assert ".env:1 OPENROUTER_API_KEY" in found.key_origin
    assert found.needs_key
    assert KEY not in repr(found)


def test_a_rotated_key_has_another_fingerprint(tmp_path: Path) -> None:
    first = endpoint("openrouter", loaded(tmp_path, {}, env=f"OPENROUTER_API_KEY={KEY}\n"))
    same = endpoint("openrouter", loaded(tmp_path, {}, env=f"OPENROUTER_API_KEY={KEY}\n"))
    second = endpoint("openrouter", loaded(tmp_path, {}, env=f"OPENROUTER_API_KEY={KEY[:-3]}xyz\n"))
    assert first.fingerprint == same.fingerprint
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize(
    ("cloud", "env", "off_reason"),
    [
        ({"enabled": True}, "", ""),
        ({"enabled": False}, f"OPENROUTER_API_KEY={KEY}", "sonar.cloud.enabled is false"),
        ({"enabled": "auto"}, f"OPENROUTER_API_KEY={KEY}", ""),
        ({"enabled": "auto"}, "", "sonar.cloud.enabled is auto and there is no key for openrouter"),
        ({"enabled": "auto", "provider": "ollama", "host": "http://127.0.0.1:9"}, "", ""),
    ],
)
def test_the_cloud_is_on_as_the_switch_says(cloud: object, env: str, off_reason: str, tmp_path: Path) -> None:
    assert endpoint("openrouter", loaded(tmp_path, {"cloud": cloud}, env=env)).off_reason == off_reason


def test_openrouter_is_told_who_calls_unless_the_configuration_says_it(tmp_path: Path) -> None:
    plain = {name: value.reveal() for name, value in endpoint("openrouter", loaded(tmp_path, {})).headers}
    assert plain["X-OpenRouter-Title"] == plain["X-Title"] == "Amalfa Sonar"
    named = loaded(tmp_path, {}, OPENROUTER_REFERER="https://ada.example")
    sent = {name.lower(): value.reveal() for name, value in endpoint("openrouter", named).headers}
    assert sent["http-referer"] == "https://ada.example"
    assert endpoint("ollama", named).headers == ()


def test_a_password_and_headers_of_a_provider_are_kept_secret(tmp_path: Path) -> None:
    guarded = {"basicAuth": {"username": "ada", "password": "$GPU_PASS"}, "headers": {"X-Proxy": "$PROXY_KEY"}}
    given = loaded(tmp_path, {}, user={"providers": {"ollama": guarded}}, GPU_PASS="canary-one", PROXY_KEY="canary-two")
    found = endpoint("ollama", given)
    assert found.basic_auth is not None
    assert {secret.reveal() for secret in found.secrets} >= {"canary-one", "canary-two"}
    assert "canary" not in repr(found)


def test_timeouts_and_context_windows_come_from_the_configuration(tmp_path: Path) -> None:
    sonar = {
        "providers": {"ollama": {"timeout": 45}},
        "catalog": {
            "qwen2.5:1.5b": {"context": 16384},
            "ollama:phi3": {"context": 4096},
            "openrouter:a/b": {"context": 1},
        },
    }
    found = endpoint("ollama", loaded(tmp_path, sonar))
    assert found.attempt_s == 45
    assert found.launch_options("qwen2.5:1.5b") == {"num_ctx": 16384}
    assert found.launch_options("phi3") == {"num_ctx": 4096}
    assert found.launch_options("llama3") == {"num_ctx": 8192}


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        (None, "https://api.anthropic.com/v1"),
        ("https://api.anthropic.com", "https://api.anthropic.com/v1"),
        ("https://api.anthropic.com/v1", "https://api.anthropic.com/v1"),
        ("https://openrouter.ai/api", "https://openrouter.ai/api/v1"),
    ],
)
def test_anthropics_addresses_are_written_with_or_without_the_version(
    written: str | None, asked: str, tmp_path: Path
) -> None:
    user = {"providers": {"anthropic": {"baseUrl": written}}} if written else {}
    found = endpoint("anthropic", loaded(tmp_path, {}, user=user))
    assert [address.url for address in found.addresses] == [asked]
    assert found.key_header == "x-api-key"


async def test_the_users_wishes_for_the_router_reach_it(tmp_path: Path, tasks: TaskGroup) -> None:
    plain = build_providers(loaded(tmp_path, {}), tasks=tasks, clock=SystemClock())["openrouter"]
    user = {"providers": {"openrouter": {"routing": {"zdr": True}}}}
    wishing = build_providers(loaded(tmp_path, {}, user=user), tasks=tasks, clock=SystemClock())["openrouter"]
    assert isinstance(plain, OpenRouterProvider)
    assert isinstance(wishing, OpenRouterProvider)
    assert plain.fingerprint != wishing.fingerprint
    for provider in (plain, wishing):
        await provider.aclose()


def test_a_server_without_a_key_of_its_own_needs_none(tmp_path: Path) -> None:
    users = {"providers": {"lab": {"type": "openai", "baseUrl": "http://127.0.0.1:8/v1"}}}
    given = loaded(tmp_path, {}, user=users)
    assert not endpoint("lab", given).needs_key
    assert not endpoint("lmstudio", given).needs_key
    assert endpoint("openai", given).needs_key


def test_a_host_with_a_key_of_its_own_is_shown_that_one(tmp_path: Path) -> None:
    hosts = ["localhost:1", {"url": "localhost:2", "apiKey": "$TWO", "headers": {"X-Team": "t"}}]
    user = {"providers": {"ollama": {"hosts": hosts, "apiKey": "$ALL"}}}
    given = loaded(tmp_path, {}, user=user, ALL="canary-all", TWO="canary-two")
    found = endpoint("ollama", given)
    first, second = found.addresses
    assert found.credentials_at(first).sent == {"Authorization": "Bearer canary-all"}
    assert found.credentials_at(second).sent == {"Authorization": "Bearer canary-two", "X-Team": "t"}
    assert "environment TWO" in found.credentials_at(second).shown
    assert {secret.reveal() for secret in found.secrets} == {"canary-all", "canary-two", "t"}
    assert "canary" not in repr(found)
    rotated = endpoint("ollama", loaded(tmp_path, {}, user=user, ALL="canary-all", TWO="canary-new"))
    assert rotated.fingerprint != found.fingerprint


def test_missing_models_are_pulled_only_where_that_is_configured(tmp_path: Path) -> None:
    assert not endpoint("ollama", loaded(tmp_path, {})).auto_pull
    assert endpoint("ollama", loaded(tmp_path, {"autoPull": True})).auto_pull


def test_each_api_is_sent_as_many_calls_as_its_settings_say(tmp_path: Path) -> None:
    sonar = {"concurrency": {"cloud": 9}, "providers": {"openrouter": {"maxConcurrent": 4, "rpm": 60}, "anthropic": {}}}
    given = loaded(tmp_path, sonar)
    assert pace_of(given, endpoint("openrouter", given)) == Pace(4, 60)
    assert pace_of(given, endpoint("anthropic", given)) == Pace(9, None)
    assert pace_of(loaded(tmp_path, {}), endpoint("openrouter", loaded(tmp_path, {}))) == Pace(32, None)


def test_the_bound_of_ollama_is_one_for_each_of_its_hosts(tmp_path: Path) -> None:
    bounded = loaded(tmp_path, {"providers": {"ollama": {"maxConcurrent": 3}}})
    assert endpoint("ollama", bounded).slots_per_host == 3
    assert endpoint("openrouter", bounded).slots_per_host is None


async def test_a_reload_goes_on_at_the_pace_that_was_learnt_within_the_new_bounds(
    tmp_path: Path, tasks: TaskGroup
) -> None:
    clock = SystemClock()
    paces = Paces(clock=clock)

    def limit(most: int, **environ: str) -> int:
        sonar = {"cloud": {"enabled": True}, "providers": {"openrouter": {"maxConcurrent": most}}}
        given = loaded(tmp_path, sonar, **{"OPENROUTER_API_KEY": KEY, **environ})
        provider = build_providers(given, tasks=tasks, clock=clock, paces=paces)["openrouter"]
        assert isinstance(provider, OpenRouterProvider)
        return provider.load.limit

    assert limit(10) == 10
    given = loaded(tmp_path, {"cloud": {"enabled": True}}, OPENROUTER_API_KEY=KEY)
    pacer = paces.pacer(endpoint("openrouter", given).fingerprint, Pace(10))
    with suppress(Overloaded):
        async with pacer.turn("interactive", "m", "openrouter", float("inf")):
            raise Overloaded("full")
    assert limit(10) == 9
    assert limit(4) == 4
    assert limit(10, OPENROUTER_API_KEY=KEY + "2") == 10
