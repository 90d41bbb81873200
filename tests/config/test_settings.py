import math
import re

import pytest
from pydantic import ValidationError

from amalfa.calls import PrivacyClass, Tier
from amalfa.config.environment import VARIABLES
from amalfa.config.secret import Secret
from amalfa.config.settings import TASK_NAMES, Settings
from amalfa.config.values import camel_case
from tests.config.world import KEY, World


def test_the_defaults_are_the_promised_ones() -> None:
    settings = Settings()
    sonar = settings.sonar
    assert settings.docs.sources == (".",)
    assert settings.docs.watch is True
    assert {".git", "node_modules", ".venv"} <= set(settings.docs.exclude)
    assert (sonar.enabled, sonar.auto_pull, sonar.model, sonar.host) == (
        True,
        False,
        "qwen2.5:1.5b",
        ("localhost:11434",),
    )
    assert (sonar.cloud.enabled, sonar.cloud.mode, sonar.cloud.provider) == (False, "replace", "openrouter")
    assert (sonar.cloud.host, sonar.cloud.model) == ("openrouter.ai/api/v1", "qwen/qwen-2.5-72b-instruct")
    assert (sonar.routing.strategy, sonar.routing.fallback, sonar.routing.chain) == ("local_first", True, ())
    assert (sonar.http.enabled, sonar.http.port, sonar.budget.on_limit) == (False, 3012, "local")
    assert (sonar.cache.enabled, sonar.cache.max_age_days, sonar.cache.max_size_mb) == (True, 7, 256)
    assert tuple(sonar.tasks) == TASK_NAMES
    assert {"ollama", "openrouter"} <= set(sonar.providers)


def test_every_documented_key_is_read(world: World) -> None:
    config = {
        "docs": {"sources": ["notes"], "exclude": ["x"], "watch": False, "embeddings": "ollama:nomic-embed-text"},
        "sonar": {
            "autoPull": True,
            "enabled": False,
            "model": "phi3",
            "modelPriority": ["a", "b"],
            "host": ["localhost:11434", "localhost"],
            "cloud": {
                "enabled": "auto",
                "mode": "tiered",
                "provider": "openrouter",
                "host": "openrouter.ai/api/v1",
                "model": "x/y",
            },
            "tasks": {
                "synthesize": {
                    "enabled": True,
                    "model": ["ollama:a", "b/c"],
                    "tier": "cloud",
                    "timeout": 90,
                    "temperature": 0.3,
                    "maxTokens": 2000,
                    "privacy": "cloud-zdr",
                    "hint": "documentation",
                },
                "extract": {"model": "phi3"},
            },
            "providers": {
                "mine": {
                    "type": "openai",
                    "hosts": ["localhost:1", "localhost:2"],
                    "headers": {"X-Title": "mine"},
                    "basicAuth": {"username": "u", "password": "$PASS"},
                    "maxConcurrent": 2,
                    "rpm": 20,
                    "timeout": 5,
                    "local": False,
                },
                "openai": {"baseUrl": "https://api.openai.com/v1", "apiKey": "$OPENAI_API_KEY"},
            },
            "routing": {
                "strategy": "cost_optimized",
                "fallback": False,
                "chain": ["openrouter:auto", {"model": "openai:gpt-4", "temperature": 0.7}, "local:llama3-8b"],
                "preferences": {
                    "preferLocal": True,
                    "preferFaster": True,
                    "fallbackToCloud": False,
                    "maxCostPer1kTokens": 0.01,
                    "maxCost": 1,
                    "qualityThreshold": 0.8,
                    "acceptableModels": ["local:*"],
                },
                "hints": {
                    "code_generation": "prefer_local",
                    "documentation": "prefer_quality",
                    "debugging": "prefer_fast",
                },
            },
            "teams": {"marketing": {"strategy": "cost_optimized", "budget": {"dailyUsd": 2}}},
            "catalog": {"x/y": {"quality": 0.9, "price": {"input": 1, "output": 2}, "context": 32768, "json": True}},
            "budget": {"perRequestUsd": 0.1, "dailyUsd": 1, "monthlyUsd": 10, "onLimit": "refuse"},
            "privacy": {"default": "local-only", "localOnly": ["private/**"], "redact": ["ACME-\\d+"]},
            "cache": {"enabled": True, "maxAgeDays": 1, "maxSizeMb": 64},
            "concurrency": {"localPerHost": 2, "cloud": 8, "interactiveQueue": 10, "backgroundQueue": 20},
            "http": {"enabled": True, "host": "127.0.0.1", "port": 4000},
            "pipelines": {"a": "pipelines/a.json", "b": {"models": {}}},
        },
    }
    settings = world.writes(config).dotenv("PASS=x\n").load().settings
    sonar = settings.sonar
    assert sonar.tasks["synthesize"].model == ("ollama:a", "b/c")
    assert sonar.tasks["synthesize"].tier is Tier.CLOUD
    assert sonar.tasks["synthesize"].privacy is PrivacyClass.CLOUD_ZDR
    assert sonar.tasks["extract"].model == ("phi3",)
    assert sonar.tasks["chat"].model == ()
    assert [(step.model, step.temperature) for step in sonar.routing.chain] == [
        ("openrouter:auto", None),
        ("openai:gpt-4", 0.7),
        ("local:llama3-8b", None),
    ]
    assert sonar.routing.preferences.max_cost_per_1k_tokens == 0.01
    assert sonar.providers["openai"].base_url == "https://api.openai.com/v1"
    assert sonar.catalog["x/y"].has_json is True
    assert sonar.pipelines["a"] == "pipelines/a.json"
    assert sonar.teams["marketing"].budget is not None
    assert sonar.teams["marketing"].fallback is None


def test_short_forms_stand_for_the_long_ones() -> None:
    sonar = Settings.model_validate(
        {
            "sonar": {
                "host": "gpu",
                "cache": False,
                "http": True,
                "catalog": {"m": {"price": 0.4}},
                "tasks": {"chat": {"model": "phi3"}},
            }
        }
    ).sonar
    assert sonar.host == ("gpu",)
    assert sonar.cache.enabled is False
    assert sonar.http.enabled is True
    assert sonar.catalog["m"].price is not None
    assert (sonar.catalog["m"].price.input, sonar.catalog["m"].price.output) == (0.4, 0.4)
    assert sonar.tasks["chat"].model == ("phi3",)


@pytest.mark.parametrize(
    ("attribute", "key"),
    [("max_cost_per_1k_tokens", "maxCostPer1kTokens"), ("base_url", "baseUrl"), ("rpm", "rpm"), ("zdr_2x", "zdr2x")],
)
def test_keys_are_the_camel_case_of_attributes(attribute: str, key: str) -> None:
    assert camel_case(attribute) == key


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().sonar.model = "other"  # type: ignore[misc]


def test_no_form_of_settings_shows_a_key() -> None:
    provider = {"apiKey": KEY, "headers": {"X-Api": KEY}, "basicAuth": {"username": "u", "password": KEY}}
    settings = Settings.model_validate({"sonar": {"providers": {"openrouter": provider}}})
    assert settings.sonar.providers["openrouter"].api_key == Secret(KEY)
    forms = (repr(settings), str(settings), f"{settings}", str(settings.model_dump()), settings.model_dump_json())
    assert not any(KEY in form for form in forms)
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"sonar": {"providers": {"openrouter": provider | {"rpm": KEY}}}})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_no_number_is_infinite(number: float) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"sonar": {"tasks": {"chat": {"timeout": number}}}})


def test_variables_that_name_a_setting_name_one_that_exists(world: World) -> None:
    origins = world.writes({}).load().origins
    meanings = [variable.meaning for variable in VARIABLES if variable.meaning.startswith("sonar.")]
    named = {re.split(r"[,;:]", meaning)[0] for meaning in meanings}
    assert all(any(f"{key}.".startswith(f"{name}.") for key in origins) for name in named)
