import os
import re
from pathlib import Path

import pytest

from amalfa.config.environment import FROM_ENV_FILE, VARIABLES, EnvText, settings_from
from amalfa.config.jsonc import Json
from amalfa.config.loaded import show
from amalfa.config.origins import Origin
from tests.config.world import KEY, World

PRODUCT_NAMES = [
    "OPENROUTER_API_KEY",
    "OPENROUTER_BASE_URL",
    "OPENROUTER_BASE",
    "OPENROUTER_MODEL",
    "OPENROUTER_DEFAULT_MODEL",
    "OPENROUTER_REFERER",
    "OPENROUTER_PREFERENCES",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "OLLAMA_HOST",
    "OLLAMA_PORT",
    "OLLAMA_BASE",
    "OLLAMA_MODEL",
    "OLLAMA_API_KEY",
    "LOCAL_MODEL_URL",
    "LOCAL_MODEL_PREFERENCE",
    "LOCAL_MODEL_TIMEOUT",
    "LLM_ROUTING_STRATEGY",
    "LLM_FALLBACK_ENABLED",
    "AMALFA_CONFIG",
    "AMALFA_HOME",
    "AMALFA_NO_AUTOSTART",
    "NO_COLOR",
]


def read(cloud_provider: object = None, **variables: str) -> tuple[Json, list[str]]:
    values = {name: EnvText(text, Origin("environment", name=name)) for name, text in variables.items()}
    sourced, problems = settings_from(values, cloud_provider=cloud_provider)
    return sourced.plain, [str(problem) for problem in problems]


def hosts(**variables: str) -> Json:
    tree, problems = read(**variables)
    assert problems == []
    assert isinstance(tree, dict)
    assert isinstance(tree["sonar"], dict)
    return tree["sonar"]["host"]


def test_every_promised_name_is_known() -> None:
    assert sorted(variable.name for variable in VARIABLES) == sorted(PRODUCT_NAMES)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OLLAMA_HOST": "gpu"}, ["http://gpu:11434"]),
        ({"OLLAMA_HOST": "0.0.0.0"}, ["http://127.0.0.1:11434"]),
        ({"OLLAMA_HOST": "http://gpu"}, ["http://gpu"]),
        ({"OLLAMA_HOST": "http://gpu", "OLLAMA_PORT": "99"}, ["http://gpu:99"]),
        ({"OLLAMA_HOST": "gpu:5", "OLLAMA_PORT": "99"}, ["http://gpu:5"]),
        ({"OLLAMA_PORT": "99"}, ["http://localhost:99"]),
        ({"OLLAMA_HOST": "gpu:nonsense"}, ["http://gpu:11434"]),
        ({"OLLAMA_HOST": "https://gpu:nonsense/x"}, ["https://gpu/x"]),
        ({"OLLAMA_HOST": "a, b:1,"}, ["http://a:11434", "http://b:1"]),
        ({"OLLAMA_HOST": '["a","b:1"]'}, ["http://a:11434", "http://b:1"]),
        ({"OLLAMA_HOST": "[::1]:5"}, ["http://[::1]:5"]),
        ({"OLLAMA_HOST": "[::1]"}, ["http://[::1]:11434"]),
        ({"OLLAMA_HOST": '"localhost"'}, ["http://localhost:11434"]),
        ({"OLLAMA_BASE": "http://gpu:11434/v1"}, ["http://gpu:11434"]),
        ({"LOCAL_MODEL_URL": "http://ollama-service:11434"}, ["http://ollama-service:11434"]),
        ({"OLLAMA_HOST": "a", "OLLAMA_BASE": "b", "LOCAL_MODEL_URL": "c"}, ["http://a:11434"]),
        ({"OLLAMA_BASE": "b", "LOCAL_MODEL_URL": "c"}, ["http://b:11434"]),
    ],
)
def test_ollamas_variables_name_the_local_hosts(variables: dict[str, str], expected: list[str]) -> None:
    assert hosts(**variables) == expected


@pytest.mark.parametrize(
    ("variables", "key", "expected"),
    [
        ({"OLLAMA_MODEL": " phi3 "}, "model", "phi3"),
        ({"LOCAL_MODEL_PREFERENCE": "llama3-8b, mistral-7b"}, "modelPriority", ["llama3-8b", "mistral-7b"]),
        ({"LOCAL_MODEL_PREFERENCE": '["a", "b"]'}, "modelPriority", ["a", "b"]),
        ({"LOCAL_MODEL_TIMEOUT": "30"}, "providers", {"ollama": {"timeout": 30.0}}),
        ({"LLM_ROUTING_STRATEGY": "Quality-First"}, "routing", {"strategy": "quality_first"}),
        ({"LLM_FALLBACK_ENABLED": "No"}, "routing", {"fallback": False}),
        ({"LLM_FALLBACK_ENABLED": "1"}, "routing", {"fallback": True}),
        ({"OPENROUTER_MODEL": "a/b", "OPENROUTER_DEFAULT_MODEL": "c/d"}, "cloud", {"model": "a/b"}),
        ({"OPENROUTER_DEFAULT_MODEL": "c/d"}, "cloud", {"model": "c/d"}),
        ({"OPENROUTER_BASE_URL": "a", "OPENROUTER_BASE": "b"}, "providers", {"openrouter": {"baseUrl": "a"}}),
        ({"OPENROUTER_BASE": "b"}, "providers", {"openrouter": {"baseUrl": "b"}}),
        (
            {"OPENROUTER_REFERER": "https://me"},
            "providers",
            {"openrouter": {"headers": {"HTTP-Referer": "https://me"}}},
        ),
        (
            {"OPENROUTER_PREFERENCES": '{"prefer_local": true, "maxCost": 0.5, "acceptable_models": ["local:*"]}'},
            "routing",
            {"preferences": {"preferLocal": True, "maxCost": 0.5, "acceptableModels": ["local:*"]}},
        ),
    ],
)
def test_each_variable_sets_its_setting(variables: dict[str, str], key: str, expected: Json) -> None:
    assert read(**variables) == ({"sonar": {key: expected}}, [])


SAID = {
    "OPENROUTER_API_KEY": ("sk-or-v1-0123456789abcdef", "sonar.providers.openrouter.apiKey"),
    "OPENROUTER_BASE_URL": ("https://eu.openrouter.ai/api/v1", "sonar.providers.openrouter.baseUrl"),
    "OPENROUTER_BASE": ("https://eu.openrouter.ai/api/v1", "sonar.providers.openrouter.baseUrl"),
    "OPENROUTER_MODEL": ("a/b", "sonar.cloud.model"),
    "OPENROUTER_DEFAULT_MODEL": ("a/b", "sonar.cloud.model"),
    "OPENROUTER_REFERER": ("https://ada.example", "sonar.providers.openrouter.headers.HTTP-Referer"),
    "OPENROUTER_PREFERENCES": ('{"max_cost": 0.5}', "sonar.routing.preferences.maxCost"),
    "OPENAI_API_KEY": ("sk-0123456789abcdef", "sonar.providers.openai.apiKey"),
    "ANTHROPIC_API_KEY": ("sk-ant-0123456789abcdef", "sonar.providers.anthropic.apiKey"),
    "OLLAMA_HOST": ("127.0.0.1:99", "sonar.host"),
    "OLLAMA_PORT": ("99", "sonar.host"),
    "OLLAMA_BASE": ("http://127.0.0.1:99", "sonar.host"),
    "OLLAMA_MODEL": ("phi3", "sonar.model"),
    "OLLAMA_API_KEY": ("0123456789abcdef", "sonar.providers.ollama.apiKey"),
    "LOCAL_MODEL_URL": ("http://127.0.0.1:99", "sonar.host"),
    "LOCAL_MODEL_PREFERENCE": ("llama3-8b,mistral-7b", "sonar.modelPriority"),
    "LOCAL_MODEL_TIMEOUT": ("30", "sonar.providers.ollama.timeout"),
    "LLM_ROUTING_STRATEGY": ("quality_first", "sonar.routing.strategy"),
    "LLM_FALLBACK_ENABLED": ("false", "sonar.routing.fallback"),
}
"""Every variable that sets or holds something: a value, and where it shows."""


def test_there_is_a_value_for_every_variable_that_sets_or_holds_something() -> None:
    assert set(SAID) == FROM_ENV_FILE


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("is_in_file", [False, True], ids=["process", "dotenv"])
def test_every_variable_is_read_and_named_as_the_origin_of_what_it_set(
    name: str, is_in_file: bool, world: World
) -> None:
    value, key = SAID[name]
    world.writes({})
    before = {one.key: one.value for one in show(world.load())}
    if is_in_file:
        world.dotenv(f"{name}='{value}'\n")
    else:
        world.sets(**{name: value})
    shown = {one.key: one for one in show(world.load())}
    assert shown[key].origin.name == name
    assert str(shown[key].origin).endswith(name)
    assert shown[key].value != before.get(key)
    assert not name.endswith("_API_KEY") or value not in str(shown[key])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OLLAMA_HOST", "user:canary@h"),
        ("OLLAMA_PORT", "canary"),
        ("LOCAL_MODEL_TIMEOUT", "canary"),
        ("LLM_FALLBACK_ENABLED", "canary"),
        ("OPENROUTER_PREFERENCES", "canary"),
        ("OPENROUTER_PREFERENCES", '["canary"]'),
        ("LOCAL_MODEL_PREFERENCE", '["canary", 1]'),
    ],
)
def test_a_value_that_cannot_be_meant_is_a_problem_that_names_the_variable_and_not_the_value(
    name: str, text: str
) -> None:
    tree, problems = read(**{name: text})
    assert tree == {}
    assert len(problems) == 1
    assert name in problems[0]
    assert "canary" not in problems[0]


def test_a_value_of_a_wrong_kind_is_found_by_the_settings_and_named_after_its_variable(world: World) -> None:
    world.writes({}).sets(LLM_ROUTING_STRATEGY="cheapest", LOCAL_MODEL_TIMEOUT="-1")
    found = [str(problem) for problem in world.examine().problems]
    assert "environment: LLM_ROUTING_STRATEGY: sonar.routing.strategy must be one of" in " ".join(found)
    assert "environment: LOCAL_MODEL_TIMEOUT: sonar.providers.ollama.timeout must be more than 0" in found


def test_the_model_of_somebodys_own_gpu_server_is_not_renamed_for_openrouter() -> None:
    assert read("ollama", OPENROUTER_MODEL="a/b") == ({}, [])


def test_a_setting_of_the_process_beats_the_one_in_the_env_file_and_empty_means_unset(world: World) -> None:
    world.writes({"sonar": {"model": "from-project"}}).dotenv("OLLAMA_MODEL=from-dotenv\n")
    assert world.load().settings.sonar.model == "from-dotenv"
    assert world.sets(OLLAMA_MODEL="from-process").load().settings.sonar.model == "from-process"
    assert world.sets(OLLAMA_MODEL="").load().settings.sonar.model == "from-dotenv"


def test_process_only_names_are_not_taken_from_an_env_file(world: World) -> None:
    assert "AMALFA_HOME" not in FROM_ENV_FILE
    world.writes({}).dotenv("AMALFA_HOME=/elsewhere\n")
    assert world.warnings() == ["AMALFA_HOME is read from the process environment only, so it is ignored here"]


def test_the_process_environment_is_never_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
    world.writes({}).dotenv(f"OPENROUTER_API_KEY={KEY}\n").load()
    assert "OPENROUTER_API_KEY" not in os.environ
    assert "OPENROUTER_API_KEY" not in world.environ


def test_the_example_file_names_exactly_the_variables_read() -> None:
    text = (Path(__file__).parents[2] / ".env.example").read_text()
    assert sorted(re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)) == sorted(PRODUCT_NAMES)
