"""Pipelines end to end: a real daemon, simulated model servers, files that are edited while it runs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.pipelines.house import TOPICS, refined, target
from tests.system.callers import Said, on_socket
from tests.system.harness import Home, new_home
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.threads import InThread, running_in_thread

KEY = "sk-or-v1-" + "ca11ab1e" * 8
MODELS = ["router", "creative", "technical", "editor", "legal", "qwen2.5:1.5b"]
OPENROUTER = """{
  "models": {"cloud": {"type": "external", "interface": "openai-api", "url": "https://openrouter.ai/api/v1",
                       "api-key": "$OPENROUTER_API_KEY"}},
  "architecture": [
    {"name": "only", "layer": 0, "model": "cloud", "output-to": ["output"],
     "extra-options": {"model_override": "qwen/qwen-2.5-72b-instruct"}},
    {"name": "output", "adapter": "output"}]}"""


@pytest.fixture
def home() -> Iterator[Home]:
    with new_home() as one:
        yield one


@pytest.fixture
def ollama() -> Iterator[InThread[OllamaSimulator]]:
    with running_in_thread(OllamaSimulator(MODELS)) as simulator:
        yield simulator


def configure(home: Home, ollama: Any, *, cloud: dict[str, object] | None = None, **pipelines: str) -> None:
    sonar = {"host": f"127.0.0.1:{ollama.port}", "model": "qwen2.5:1.5b", "cloud": cloud or {}, "pipelines": pipelines}
    home.write_config({"sonar": sonar})


def run(home: Home, pipeline: str, prompt: str, **more: object) -> Said:
    assert home.state is not None
    body = {"pipeline": pipeline, "prompt": prompt, **more}
    return on_socket(home.places.socket).call("POST", "/sonar/pipelines/run", body)


def test_a_pipeline_file_is_served_and_its_edits_are_live(home: Home, ollama: Any) -> None:
    (home.root / "team.json").write_text(TOPICS)
    configure(home, ollama, team="team.json")
    ollama.simulator.script("router", *[target("creative-handler")] * 2, target("legal-handler"))
    ollama.simulator.script("creative", "Sun!", "Draft.", then={"text": "Again."})
    ollama.simulator.script("editor", "Polished.")
    ollama.simulator.script("legal", "See a lawyer.")
    home.start()

    said = run(home, "team", "Write a slogan")
    assert said.status == 200, said.body
    assert said.json["output"] == {"text": "Sun!"}
    assert [hop["node"] for hop in said.json["route"]["hops"]] == ["router", "creative-handler"]
    assert said.json["route"]["hops"][0]["decided"] == "router said creative-handler"

    (home.root / "team.json").write_text(refined())
    assert run(home, "team", "Write a slogan").json["output"] == {"text": "Polished."}

    legal = (
        '{"name": "legal-handler", "layer": 1, "model": "ollama:legal", "use-case": "Law", "output-to": ["output"]},'
    )
    end = '{"name": "output", "adapter": "output"}'
    (home.root / "team.json").write_text(TOPICS.replace(end, f"{legal}\n{end}"))
    assert run(home, "team", "May I?").json["output"] == {"text": "See a lawyer."}

    (home.root / "team.json").write_text(TOPICS.replace('"output-to": [1]', '"output-to": [9]'))
    kept = run(home, "team", "And now?")
    assert kept.status == 200, "the last good pipeline goes on serving"
    listed = on_socket(home.places.socket).call("GET", "/sonar/pipelines").json
    assert [node["name"] for node in listed["pipelines"][0]["nodes"]][-2:] == ["legal-handler", "output"]
    assert listed["problems"][0]["path"].endswith("team.json")
    assert listed["problems"][0]["line"] == 4
    assert "layer 9" in listed["problems"][0]["message"]


def test_the_final_answer_streams_and_local_only_text_never_leaves(home: Home, ollama: Any) -> None:
    with running_in_thread(OpenRouterSimulator(keys={KEY})) as openrouter:
        (home.root / ".env").write_text(f"OPENROUTER_API_KEY={KEY}\n")
        (home.root / "far.json").write_text(OPENROUTER)
        address = f"http://127.0.0.1:{openrouter.port}/api/v1"
        configure(home, ollama, cloud={"enabled": True, "host": address}, far="far.json")
        openrouter.simulator.script("*", {"chunks": ["From ", "afar."]})
        ollama.simulator.script("*", "From here.")
        home.start()

        streamed = run(home, "far", "Hello", stream=True)
        text = streamed.body.decode()
        assert text.count("event: delta") >= 2
        answer = run(home, "far", "Hello again").json
        assert answer["route"]["tier"] == "cloud"
        assert answer["route"]["attempts"][0]["model"] == "openrouter:qwen/qwen-2.5-72b-instruct"
        sent = len([one for one in openrouter.simulator.requests if one.path.endswith("/chat/completions")])

        kept = run(home, "far", "My secret", privacy="local-only").json
        assert kept["route"]["tier"] == "local"
        assert kept["route"]["leftMachine"] is None
        after = [one for one in openrouter.simulator.requests if one.path.endswith("/chat/completions")]
        assert len(after) == sent
        assert not any(b"secret" in one.body for one in after)


def test_a_file_that_no_configuration_names_is_run_and_asked_about_like_one_that_is(home: Home, ollama: Any) -> None:
    configure(home, ollama)
    (home.root / "loose.json").write_text(TOPICS)
    foreign = OPENROUTER.replace("https://openrouter.ai/api/v1", "https://models.example/v1")
    (home.root / "foreign.json").write_text(foreign)
    (home.root / "broken.json").write_text('{"architecture": [{"name": "a", "layer": 0}]}')
    ollama.simulator.script("router", target("technical-handler"))
    ollama.simulator.script("technical", "def f(): ...")
    home.start()

    assert run(home, "loose.json", "Fix it").json["output"] == {"text": "def f(): ..."}
    held = run(home, "foreign.json", "Fix it")
    assert held.json["error"]["code"] == "untrusted_config"
    assert "models.example" in json.dumps(held.json)
    broken = run(home, "broken.json", "Fix it").json["error"]
    assert broken["code"] == "invalid_config"
    assert broken["problems"][0]["path"].endswith("broken.json")
    assert run(home, "taem", "Fix it").json["error"]["code"] == "not_found"


def test_a_pipeline_answers_from_ask_and_from_the_openai_door(home: Home, ollama: Any) -> None:
    (home.root / "team.json").write_text(TOPICS)
    configure(home, ollama, team="team.json")
    ollama.simulator.script("router", target("technical-handler"), target("creative-handler"))
    ollama.simulator.script("creative", "Sun!")
    home.start()
    asked = home.json("ask", "With what is the kettle descaled?", "-m", "pipeline:team")
    assert asked["citations"][0]["verified"]
    assert [hop["node"] for hop in asked["route"]["hops"]] == ["router", "technical-handler"]

    body = {"model": "team", "messages": [{"role": "user", "content": "Write a slogan"}]}
    said = on_socket(home.places.socket).call("POST", "/v1/chat/completions", body)
    assert said.status == 200, said.body
    assert said.json["choices"][0]["message"]["content"] == "Sun!"
    assert said.json["usage"]["total_tokens"] > 0
    planned = on_socket(home.places.socket).call("POST", "/sonar/route", {"prompt": "x", "model": "pipeline:team"})
    assert (planned.status, planned.code) == (400, "usage")
