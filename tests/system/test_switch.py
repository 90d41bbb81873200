"""The switch, end to end: one daemon, never restarted, while the config, the key and the model servers change."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.harness import Home, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.threads import InThread, running_in_thread

QUESTION = "With what is the kettle descaled?"
CLOUD_MODEL = "qwen/qwen-2.5-72b-instruct"
GOOD_KEY = "sk-or-v1-" + "ca11ab1e" * 8
BAD_KEY = "sk-or-v1-" + "0dd0" * 16


@pytest.fixture
def ollama() -> Iterator[InThread[OllamaSimulator]]:
    with running_in_thread(OllamaSimulator(models=["qwen2.5:1.5b"])) as simulator:
        yield simulator


@pytest.fixture
def openrouter() -> Iterator[InThread[OpenRouterSimulator]]:
    with running_in_thread(OpenRouterSimulator(keys={GOOD_KEY})) as simulator:
        yield simulator


def configure(home: Home, ollama: Any, openrouter: Any, **cloud: object) -> None:
    home.write_config(
        {
            "sonar": {
                "host": f"127.0.0.1:{ollama.port}",
                "cloud": {"host": f"http://127.0.0.1:{openrouter.port}/api/v1", **cloud},
            }
        }
    )


def asked(home: Home, *flags: str) -> dict[str, Any]:
    ran = home.cli("ask", QUESTION, "--json", *flags)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    data: dict[str, Any] = json.loads(ran.stdout)["data"]
    return data


def test_one_daemon_follows_every_change_without_a_restart(home: Home, ollama: Any, openrouter: Any) -> None:
    (home.root / ".env").write_text(f"OPENROUTER_API_KEY={GOOD_KEY}\n")
    configure(home, ollama, openrouter)

    streamed = home.cli("ask", QUESTION)
    assert streamed.returncode == 0, streamed.stderr
    assert "vinegar" in streamed.stdout
    local = asked(home)
    assert (local["model"], local["tier"]) == ("ollama:qwen2.5:1.5b", "local")
    assert local["citations"][0]["path"] == "guide.md"
    assert local["citations"][0]["verified"]
    pid = home.pid

    configure(home, ollama, openrouter, enabled=True)
    cloud = asked(home)
    assert (cloud["model"], cloud["tier"]) == (f"openrouter:{CLOUD_MODEL}", "cloud")
    sent = openrouter.simulator.requests[-1]
    assert sent.headers["authorization"] == f"Bearer {GOOD_KEY}"
    assert sent.headers["http-referer"]
    assert sent.headers["x-openrouter-title"]
    assert json.loads(sent.body)["model"] == CLOUD_MODEL
    assert cloud["route"]["leftMachine"]["notes"] == ["guide.md"]

    (home.root / "amalfa.config.json").write_text('{\n  "sonar": {\n    "cloud": {"enabled": "maybe"}\n  }\n}')
    assert asked(home)["tier"] == "cloud", "the last good configuration goes on serving"
    status = json.loads(home.cli("sonar", "status", "--json").stdout)["data"]
    (problem,) = status["config"]["problems"]
    assert problem["path"].endswith("amalfa.config.json")
    assert problem["line"] == 3

    configure(home, ollama, openrouter, enabled=True)
    (home.root / ".env").write_text(f"OPENROUTER_API_KEY={BAD_KEY}\n")
    fallen = asked(home)
    assert fallen["tier"] == "local"
    assert "openrouter" in fallen["route"]["reason"]
    assert "key" in fallen["route"]["reason"]
    assert BAD_KEY not in json.dumps(fallen)
    assert "parked" in json.dumps(asked(home)["route"]["candidates"])

    (home.root / ".env").write_text(f"OPENROUTER_API_KEY={GOOD_KEY}\n")
    assert asked(home)["tier"] == "cloud", "a rotated key works at once"
    assert home.pid == pid, "all of this was one process"


def test_with_nothing_at_hand_the_embedded_engine_answers(home: Home) -> None:
    home.write_config({"sonar": {"host": "127.0.0.1:9"}})
    answer = asked(home)
    assert (answer["model"], answer["tier"]) == ("embedded:extractive", "embedded")
    assert "vinegar" in answer["answer"]


def test_an_ollama_started_later_and_a_model_pulled_later_are_noticed(home: Home) -> None:
    with running_in_thread(OllamaSimulator(models=["phi3:latest"])) as simulator:
        port = simulator.port
        simulator.stop()
        home.write_config({"sonar": {"host": f"127.0.0.1:{port}"}})
        assert asked(home)["tier"] == "embedded"
        simulator.start()
        wait_until(lambda: "ollama pull qwen2.5:1.5b" in json.dumps(asked(home)["route"]["candidates"]))
        simulator.simulator.install("qwen2.5:1.5b")
        wait_until(lambda: asked(home)["tier"] == "local")


def test_auto_uses_the_cloud_exactly_when_there_is_a_key(home: Home, ollama: Any, openrouter: Any) -> None:
    configure(home, ollama, openrouter, enabled="auto")
    assert asked(home)["tier"] == "local"
    (home.root / ".env").write_text(f"OPENROUTER_API_KEY={GOOD_KEY}\n")
    assert asked(home)["tier"] == "cloud"


def test_tiered_mode_keeps_light_tasks_local(home: Home, ollama: Any, openrouter: Any) -> None:
    (home.root / ".env").write_text(f"OPENROUTER_API_KEY={GOOD_KEY}\n")
    configure(home, ollama, openrouter, enabled=True, mode="tiered")
    assert asked(home)["tier"] == "cloud"
    light = json.loads(home.cli("analyze", "kettle", "--json").stdout)["data"]
    assert light["route"]["tier"] == "local"


def test_flags_narrow_and_never_widen(home: Home, ollama: Any, openrouter: Any) -> None:
    (home.root / ".env").write_text(f"OPENROUTER_API_KEY={GOOD_KEY}\n")
    configure(home, ollama, openrouter, enabled=True)
    assert asked(home, "--local")["tier"] == "local"
    assert asked(home, "-m", "ollama:qwen2.5:1.5b")["tier"] == "local"
    configure(home, ollama, openrouter, enabled=False)
    before = len(openrouter.simulator.requests)
    refused = home.cli("ask", QUESTION, "--cloud", "--json")
    assert refused.returncode == 5, refused.stdout
    assert "sonar.cloud.enabled is false" in refused.stdout
    assert len(openrouter.simulator.requests) == before, "no byte goes out"


def test_a_private_note_never_reaches_the_cloud(home: Home, ollama: Any, openrouter: Any) -> None:
    (home.root / ".env").write_text(f"OPENROUTER_API_KEY={GOOD_KEY}\n")
    home.write_note("guide.md", "---\namalfa: private\n---\n# Kettle\n\nThe kettle is descaled with vinegar daily.\n")
    configure(home, ollama, openrouter, enabled=True)
    answer = asked(home)
    assert answer["tier"] == "local"
    assert not [request for request in openrouter.simulator.requests if b"vinegar" in request.body]
