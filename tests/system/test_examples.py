"""The examples of this repository, unedited, each with a real daemon between simulated providers."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from amalfa.paths import user_config_path
from tests.system.harness import REPOSITORY, Home, wait_until
from tests.upstreams.anthropic import AnthropicSimulator
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.openrouter_catalogue import DEFAULT_MODELS, CloudModel, Endpoint
from tests.upstreams.threads import InThread, running_in_thread

QUESTION = "With what is the kettle descaled?"
KEYS = {
    "OPENROUTER_API_KEY": "sk-or-v1-" + "ca11ab1e" * 8,
    "OPENAI_API_KEY": "sk-proj-" + "0be9a1" * 8,
    "ANTHROPIC_API_KEY": "sk-ant-" + "a117b0" * 8,
}


_SERVED = (Endpoint("DeepInfra", "deepinfra"),)
IN_OPENROUTER = (
    *DEFAULT_MODELS,
    CloudModel("meta-llama/llama-3.1-70b-instruct", endpoints=_SERVED),
    CloudModel("anthropic/claude-3-opus", endpoints=_SERVED),
)
AT_OPENAI = tuple(CloudModel(name, endpoints=_SERVED) for name in ("gpt-4", "gpt-4o"))


@dataclass
class Upstreams:
    """One simulator of each kind. OpenAI's own API is played by OpenRouter's simulator, which speaks the same."""

    ollama: InThread[OllamaSimulator]
    second_ollama: InThread[OllamaSimulator]
    openrouter: InThread[OpenRouterSimulator]
    openai: InThread[OpenRouterSimulator]
    anthropic: InThread[AnthropicSimulator]


@pytest.fixture
def upstreams() -> Iterator[Upstreams]:
    with ExitStack() as stack:
        run = stack.enter_context
        yield Upstreams(
            run(running_in_thread(OllamaSimulator(models=["qwen2.5:1.5b", "llama3:8b"]))),
            run(running_in_thread(OllamaSimulator(models=["qwen2.5:1.5b", "llama3:70b"]))),
            run(running_in_thread(OpenRouterSimulator(keys={KEYS["OPENROUTER_API_KEY"]}, models=IN_OPENROUTER))),
            run(running_in_thread(OpenRouterSimulator(keys={KEYS["OPENAI_API_KEY"]}, models=AT_OPENAI))),
            run(running_in_thread(AnthropicSimulator(keys={KEYS["ANTHROPIC_API_KEY"]}))),
        )


class Household:
    """A home that runs an example. Where the providers are is written in the user's own configuration."""

    def __init__(self, home: Home, upstreams: Upstreams, example: str) -> None:
        self.home = home
        shutil.copy(REPOSITORY / "examples" / f"{example}.config.json", home.root / "amalfa.config.json")
        home.write_note("notes/guide.md", "# Guide\n\nThe kettle is descaled with vinegar every second month.\n")
        self.write_env(**KEYS)
        hosts = (f"127.0.0.1:{server.port}" for server in (upstreams.ollama, upstreams.second_ollama))
        home.environ["OLLAMA_HOST"] = ",".join(hosts)
        own = user_config_path(home.environ)
        own.parent.mkdir(parents=True)
        own.write_text(json.dumps({"sonar": {"cache": False, "providers": _addresses(upstreams)}}))

    def write_env(self, **values: str) -> None:
        (self.home.root / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))

    def ask(self, *flags: str) -> dict[str, Any]:
        ran = self.home.cli("ask", QUESTION, "--json", *flags)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        data: dict[str, Any] = json.loads(ran.stdout)["data"]
        return data

    def model(self, *flags: str) -> str:
        found: str = self.ask(*flags)["model"]
        return found


def _addresses(upstreams: Upstreams) -> dict[str, object]:
    return {
        "openrouter": {"baseUrl": f"http://127.0.0.1:{upstreams.openrouter.port}/api/v1"},
        "openai": {"baseUrl": f"http://127.0.0.1:{upstreams.openai.port}/api/v1"},
        "anthropic": {"baseUrl": f"http://127.0.0.1:{upstreams.anthropic.port}"},
    }


def bodies(server: Any) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in server.simulator.requests if one.method == "POST" and one.body]


def test_three_teams_are_served_by_three_sets_of_rules(home: Home, upstreams: Upstreams) -> None:
    house = Household(home, upstreams, "teams")

    marketing = house.ask("--team", "marketing")
    assert marketing["tier"] == "local", "what costs nothing is cheapest"
    assert "cost_optimized" in marketing["route"]["reason"]
    refused = {one["model"]: one["code"] for one in marketing["route"]["candidates"] if one["verdict"] == "refused"}
    assert "openai:gpt-4o" not in refused, "nobody named it for this team"

    engineering = house.ask("--team", "engineering")
    assert engineering["model"] == "ollama:qwen2.5:1.5b"
    verdicts = {one["model"]: one["code"] for one in engineering["route"]["candidates"]}
    assert verdicts["openrouter:qwen/qwen-2.5-72b-instruct"] == "not_acceptable"

    executive = house.ask("--team", "executive")
    assert executive["model"] == "openai:gpt-4o", executive["route"]
    assert executive["usage"]["cost_usd"] > 0
    assert bodies(upstreams.openrouter) == [], "no other team went out"

    upstreams.openai.stop()
    assert house.model("--team", "executive") == "openrouter:qwen/qwen-2.5-72b-instruct"
    upstreams.openrouter.stop()
    assert house.model("--team", "executive") == "embedded:extractive", "local models are below the mark"

    usage = house.home.json("usage", "--by", "team")
    by_team = {group["name"]: group for group in usage["groups"]}
    assert by_team["executive"]["cost_usd"] > 0
    assert by_team["marketing"]["cost_usd"] == 0


def test_engineering_never_reaches_a_cloud_even_when_its_machines_are_down(home: Home, upstreams: Upstreams) -> None:
    house = Household(home, upstreams, "teams")
    upstreams.ollama.stop()
    upstreams.second_ollama.stop()
    assert house.model("--team", "engineering") == "embedded:extractive"
    for cloud in (upstreams.openrouter, upstreams.openai, upstreams.anthropic):
        assert bodies(cloud) == []


def test_an_unknown_team_is_a_mistake_that_names_the_known_ones(home: Home, upstreams: Upstreams) -> None:
    house = Household(home, upstreams, "teams")
    ran = house.home.cli("ask", QUESTION, "--team", "marketting")
    assert ran.returncode == 2
    assert 'did you mean "marketing"?' in ran.stderr


def test_a_hybrid_pool_asks_its_own_machines_first_and_the_cloud_last(home: Home, upstreams: Upstreams) -> None:
    house = Household(home, upstreams, "hybrid-pool")
    local = house.ask()
    assert (local["model"], local["tier"]) == ("ollama:llama3:70b", "local")
    assert [body["model"] for body in bodies(upstreams.second_ollama) if "messages" in body] == ["llama3:70b"]
    assert not [body for body in bodies(upstreams.ollama) if "messages" in body], "that machine lacks the model"

    upstreams.second_ollama.stop()
    fallen = house.ask()
    assert (fallen["model"], fallen["tier"]) == ("openrouter:meta-llama/llama-3.1-70b-instruct", "cloud")

    upstreams.second_ollama.start()
    wait_until(lambda: house.ask()["tier"] == "local")


def test_an_invalid_key_falls_back_to_ollama_and_says_why(home: Home, upstreams: Upstreams) -> None:
    house = Household(home, upstreams, "cloud-auto")
    assert house.ask()["tier"] == "cloud"
    bad = "sk-or-v1-" + "0dd0" * 16
    house.write_env(OPENROUTER_API_KEY=bad)
    fallen = house.ask()
    assert fallen["tier"] == "local"
    assert "did not accept the key" in fallen["route"]["reason"]
    assert bad not in json.dumps(fallen)
    (home.root / ".env").unlink()
    assert house.ask()["tier"] == "local"


def test_tiered_mode_sends_heavy_tasks_out_and_keeps_light_ones(home: Home, upstreams: Upstreams) -> None:
    house = Household(home, upstreams, "cloud-tiered")
    assert house.ask()["tier"] == "cloud"
    assert house.home.json("analyze", "how is the kettle descaled?")["route"]["tier"] == "local"
    researched = house.ask("--task", "research")
    assert researched["tier"] == "cloud"


def test_a_chain_of_six_is_followed_to_its_end(home: Home, upstreams: Upstreams) -> None:
    upstreams.ollama.simulator.install("llama3-8b")
    upstreams.second_ollama.simulator.install("mistral-7b")
    house = Household(home, upstreams, "fallback-chain")

    first = house.ask()
    assert first["model"] == "openrouter:openrouter/auto"
    assert first["route"]["reason"].startswith("entry 1 of sonar.routing.chain")

    upstreams.openrouter.simulator.script("/chat/completions", then={"status": 503})
    third = house.ask()
    assert third["model"] == "openai:gpt-4"
    assert bodies(upstreams.openai)[-1]["temperature"] == 0.7

    upstreams.openai.stop()
    fourth = house.ask()
    assert fourth["model"] == "anthropic:claude-3-opus-20240229"
    assert bodies(upstreams.anthropic)[-1]["temperature"] == 0.5

    upstreams.anthropic.stop()
    assert house.model() == "ollama:llama3-8b"
    upstreams.ollama.stop()
    assert house.model() == "ollama:mistral-7b"
    upstreams.second_ollama.stop()
    assert house.model() == "embedded:extractive"


@pytest.mark.parametrize(
    "example", sorted(Path(REPOSITORY, "examples").glob("*.config.json")), ids=lambda path: path.stem
)
def test_every_example_starts(home: Home, example: Path) -> None:
    shutil.copy(example, home.root / "amalfa.config.json")
    ran = home.cli("config", "check")
    assert ran.returncode in (0, 9), ran.stdout + ran.stderr
