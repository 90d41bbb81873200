"""Layered pipelines as people have them: examples unedited, a real daemon, and OpenRouter played on this machine."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from amalfa.client.connection import request
from amalfa.paths import user_config_path
from tests.system.harness import REPOSITORY, Home, wait_until
from tests.system.pipeline_prompts import BY_USE, CREATIVE, LABELLED, TECHNICAL
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.openrouter_catalogue import DEFAULT_MODELS, CloudModel, Endpoint
from tests.upstreams.threads import InThread, running_in_thread

KEY = "sk-or-v1-" + "ca11ab1e" * 8
ROUTER = "google/gemma-3-27b-it:free"
MODELS = {CREATIVE: "meta-llama/llama-3.3-70b-instruct:free", TECHNICAL: "qwen/qwen3-coder:free"}
SAID = {CREATIVE: "A text that sings.", TECHNICAL: "A result that is right."}
CODER = CloudModel(
    MODELS[TECHNICAL],
    Decimal(0),
    Decimal(0),
    262144,
    None,
    (Endpoint("Chutes", "chutes", ("max_tokens", "temperature")),),
)
PAID = {name: name.removesuffix(":free") for name in (ROUTER, *MODELS.values())}
SERVED = (Endpoint("DeepInfra", "deepinfra"),)
BATCHES = 5
"""A free account has twenty calls in a minute, and each prompt takes two."""


@dataclass
class Agency:
    """A home with a pipeline called `desk`, and the OpenRouter it goes to."""

    home: Home
    server: InThread[OpenRouterSimulator]

    @property
    def file(self) -> Path:
        return self.home.root / "desk.json"

    def script(self, model: str, *steps: object, then: object = None) -> None:
        self.server.simulator.script(model, *steps, then=then)  # type: ignore[arg-type]  # steps as in a script's file

    def run(self, prompt: str, **more: object) -> dict[str, Any]:
        body = {"pipeline": "desk", "prompt": prompt, **more}
        reply = request(self.home.places.socket, "POST", "/sonar/pipelines/run", body, timeout_s=20).body
        assert isinstance(reply, dict)
        return reply

    def asked(self, model: str) -> list[dict[str, Any]]:
        bodies = [json.loads(one.body) for one in self.server.simulator.requests if one.method == "POST" and one.body]
        return [body for body in bodies if body.get("model") == model]

    def pay(self) -> None:
        """Use the same models as they are for money, which has no limit of calls."""
        text = self.file.read_text()
        for name, paid in PAID.items():
            text = text.replace(name, paid)
        self.file.write_text(text)

    def configure(self, **sonar: object) -> None:
        self.home.write_config({"sonar": {"cloud": {"enabled": True}, **sonar}})

    def problems(self) -> list[object]:
        status: Any = request(self.home.places.socket, "GET", "/sonar/status", timeout_s=5).body
        found: list[object] = status["config"]["problems"]
        return found

    def nodes(self) -> list[str]:
        reply: Any = request(self.home.places.socket, "GET", "/sonar/pipelines", timeout_s=5).body
        return [node["name"] for one in reply["pipelines"] for node in one["nodes"]]


@pytest.fixture
def agency(home: Home) -> Iterator[Agency]:
    with running_in_thread(
        OpenRouterSimulator(
            keys={KEY}, models=(*DEFAULT_MODELS, CODER, *(CloudModel(name, endpoints=SERVED) for name in PAID.values()))
        )
    ) as server:
        made = Agency(home, server)
        shutil.copy(REPOSITORY / "examples" / "pipelines" / "openrouter-pipeline.json", made.file)
        made.configure(pipelines={"desk": "desk.json"})
        (home.root / ".env").write_text(f"OPENROUTER_API_KEY={KEY}\n")
        own = user_config_path(home.environ)
        own.parent.mkdir(parents=True)
        base = f"http://127.0.0.1:{server.port}/api/v1"
        own.write_text(json.dumps({"sonar": {"providers": {"openrouter": {"baseUrl": base}}}}))
        for handler, model in MODELS.items():
            made.script(model, then={"text": SAID[handler]})
            made.script(PAID[model], then={"text": SAID[handler]})
        home.start()
        yield made


def hops(reply: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = reply["route"]["hops"]
    return found


def test_there_are_forty_prompts_from_five_lines_of_work() -> None:
    assert len(BY_USE) == 5
    assert len({prompt for prompt, _ in LABELLED}) == 40
    assert sum(handler == CREATIVE for _, handler in LABELLED) == 20


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_prompt_reaches_its_handler_when_the_router_answers_well(agency: Agency, batch: int) -> None:
    labelled = LABELLED[batch::BATCHES]
    agency.script(ROUTER, *({"json": {"target": handler}} for _, handler in labelled))
    for prompt, handler in labelled:
        reply = agency.run(prompt)
        assert reply["output"]["text"] == SAID[handler]
        assert [hop["node"] for hop in hops(reply)] == ["router", handler], prompt
        assert hops(reply)[0]["decided"] == f"router said {handler}"
        assert hops(reply)[1]["model"] == f"openrouter:{MODELS[handler]}"
        assert reply["usage"]["tokens_in"] > 0
        assert agency.asked(MODELS[handler])[-1]["messages"][-1]["content"].endswith(prompt)
    assert len(agency.asked(ROUTER)) <= len(labelled) + 1, "one more to learn that a schema is not for this model"


UNDERSTOOD: dict[str, object] = {
    "the bare name": {"text": CREATIVE},
    "marks and capitals around it": {"text": f"**{CREATIVE.upper()}**."},
    "a fence": {"text": f'```json\n{{"target": "{CREATIVE}"}}\n```'},
    "a sentence": {"text": "It is about verse, so the creative_handler should do it."},
    "a thought of another one before it": {"text": f"<think>{TECHNICAL}? no</think>{CREATIVE}"},
}


def test_a_router_that_says_it_in_its_own_words_is_understood(agency: Agency) -> None:
    for number, said in enumerate(UNDERSTOOD.values()):
        agency.script(ROUTER, then=said)
        reply = agency.run(f"{number} lines on rain")
        assert hops(reply)[0]["decided"] == f"router said {CREATIVE}", said
        assert reply["output"]["text"] == SAID[CREATIVE]


DOUBTFUL: dict[str, tuple[object, str]] = {
    "prose": ({"text": "Somebody with a feeling for language should do this."}, "named no target"),
    "a name that nobody has": ({"json": {"target": "poetry-handler"}}, "named no target"),
    "nothing": ({"text": "   \n"}, ""),
    "several names": ({"text": f"{CREATIVE} or {TECHNICAL}"}, "named two targets"),
    "a thought without an end": ({"text": f"<think>{CREATIVE}, I would say"}, ""),
    "JSON of another form": ({"json": ["a", 1, None]}, "named no target"),
    "codes": ({"text": "\u202e\x00\x1b[2J"}, ""),
    "an error of the service": ({"status": 500}, "failed"),
    "a broken connection": ({"fault": "cut_after:1"}, ""),
    "too many requests": ({"status": 429, "headers": {"Retry-After": "120"}}, "failed"),
}
"""What a router may say that names nobody, with what the record then holds. What makes a model rest comes last."""


def test_in_doubt_the_default_answers_and_the_hop_says_so(agency: Agency) -> None:
    agency.pay()
    agency.configure(pipelines={"desk": "desk.json"}, routing={"fallback": False})
    agency.home.cli("sonar", "reload")
    for number, (said, why) in enumerate(DOUBTFUL.values()):
        agency.script(PAID[ROUTER], then=said)
        reply = agency.run(f"{number} lines on rain")
        assert reply["output"]["text"] == SAID[TECHNICAL], said
        decided = hops(reply)[0]["decided"]
        assert decided.startswith("default: "), said
        assert decided.endswith(f"{TECHNICAL} is taken"), said
        assert why in decided, said
    assert agency.asked(PAID[MODELS[CREATIVE]]) == []


def test_with_fallback_another_model_routes_and_every_request_ends_in_an_answer(agency: Agency) -> None:
    agency.pay()
    agency.home.cli("sonar", "reload")
    for number, (said, _) in enumerate(DOUBTFUL.values()):
        agency.script(PAID[ROUTER], then=said)
        reply = agency.run(f"{number} lines on rain")
        assert reply["output"]["text"] in SAID.values(), said
        assert hops(reply)[0]["decided"].startswith(("router said ", "default: ", "as before: ")), said


def test_a_pipeline_on_free_models_stays_free_when_nothing_may_be_spent(agency: Agency) -> None:
    agency.script(ROUTER, then={"text": "Somebody with a feeling for language."})
    reply = agency.run("Four lines on rain", maxCostUsd=0)
    assert reply["output"]["text"] == SAID[TECHNICAL]
    assert reply["usage"]["cost_usd"] == 0
    assert agency.server.simulator.spent_usd == 0


def test_a_handler_and_a_layer_can_be_added_while_sonar_runs(agency: Agency) -> None:
    pid = agency.home.pid
    document = json.loads(
        "\n".join(line for line in agency.file.read_text().splitlines() if "//" not in line or "url" in line)
    )
    nodes = document["architecture"]
    teacher = {**nodes[2], "name": "teacher", "use-case": "Lessons for children", "default": False}
    nodes.insert(3, teacher)
    agency.file.write_text(json.dumps(document, indent=1))
    wait_until(lambda: "teacher" in agency.nodes(), patience_s=5)
    agency.script(ROUTER, {"json": {"target": "teacher"}})
    assert [hop["node"] for hop in hops(agency.run("What is a fraction?"))] == ["router", "teacher"]

    refiner = {**nodes[0], "name": "refiner", "layer": 2, "output-to": ["output"], "system": "Make it shorter."}
    for node in nodes[1:4]:
        node["output-to"] = [2]
    nodes.insert(4, refiner)
    agency.file.write_text(json.dumps(document, indent=1))
    wait_until(lambda: "refiner" in agency.nodes(), patience_s=5)
    agency.script(ROUTER, {"json": {"target": CREATIVE}}, {"text": "Shorter."})
    refined = agency.run("A slogan for a kettle")
    assert [hop["node"] for hop in hops(refined)] == ["router", CREATIVE, "refiner"]
    assert refined["output"]["text"] == "Shorter."
    shown = json.dumps(agency.asked(ROUTER)[-1]["messages"])
    assert SAID[CREATIVE] in shown, "the refiner sees the draft"
    assert "A slogan for a kettle" in shown, "and the question"
    assert agency.home.pid == pid

    agency.file.write_text(agency.file.read_text().replace('"refiner"', '"refiner", "modle": 1', 1))
    wait_until(agency.problems, patience_s=5)
    agency.script(ROUTER, {"json": {"target": CREATIVE}}, {"text": "Shorter still."})
    assert agency.run("Another slogan")["output"]["text"] == "Shorter still.", "the last good one goes on serving"


def test_the_command_line_streams_the_answer_and_explains_the_way(agency: Agency) -> None:
    agency.script(ROUTER, {"json": {"target": CREATIVE}})
    done = agency.home.cli("pipeline", "run", "desk", "Four lines on rain", "--explain")
    assert done.returncode == 0, done.stderr
    assert done.stdout == SAID[CREATIVE] + "\n"
    assert "router said creative-handler" in done.stderr
    by_file = agency.home.cli("pipeline", "run", "desk.json", "Four lines on snow", "--json")
    assert by_file.returncode == 0, by_file.stdout
    assert json.loads(by_file.stdout)["data"]["model"] == "pipeline:desk"


def test_a_question_to_the_notes_can_be_put_to_a_pipeline(agency: Agency) -> None:
    agency.script(ROUTER, then={"json": {"target": TECHNICAL}})
    told = agency.home.json("ask", "-m", "pipeline:desk", "With what is the kettle descaled?")
    assert told["model"] == "pipeline:desk"
    assert [hop["node"] for hop in told["route"]["hops"]] == ["router", TECHNICAL]
    assert "vinegar" in json.dumps(agency.asked(MODELS[TECHNICAL])[-1]["messages"]), "the handler sees the notes"


def test_a_local_only_call_asks_nobody_outside(agency: Agency) -> None:
    ran = agency.home.cli("pipeline", "run", "desk", "What is 2 + 2?", "--local", "--json")
    assert ran.returncode == 5, "no local model is at hand"
    assert json.loads(ran.stdout)["error"]["code"] == "no_provider"
    assert agency.asked(ROUTER) + agency.asked(MODELS[TECHNICAL]) + agency.asked(MODELS[CREATIVE]) == []


HOOK = "import json,sys; t=json.load(sys.stdin); open('seen.json','w').write(json.dumps(t)); print(t['input'].upper())"


def test_hooks_wait_for_trust_and_then_work(agency: Agency) -> None:
    document = {
        "architecture": [
            {
                "name": "writer",
                "layer": 0,
                "model": f"openrouter:{MODELS[CREATIVE]}",
                "output-to": ["output"],
                "hooks": {"pre": [{"function": "shout", "mode": "transform", "on_failure": "abort"}]},
            },
            {"name": "output", "adapter": "output"},
        ],
        "functions": {"shout": {"type": "shell", "command": sys.executable, "args": ["-c", HOOK]}},
    }
    (agency.home.root / "hooked.json").write_text(json.dumps(document))
    alone = agency.home.cli("pipeline", "run", "hooked.json", "hello")
    assert alone.returncode == 9, alone.stderr
    agency.configure(pipelines={"hooked": "hooked.json"})
    wait_until(agency.problems, patience_s=5)
    assert agency.home.cli("config", "check").returncode == 9
    assert not (agency.home.root / "seen.json").exists(), "nothing ran before its user said so"

    trusted = agency.home.cli("trust", "--yes")
    assert trusted.returncode == 0
    assert "command" in trusted.stdout
    wait_until(lambda: "writer" in agency.nodes(), patience_s=5)
    done = agency.home.cli("pipeline", "run", "hooked", "hello; touch hacked $(touch hacked)", "--json")
    assert done.returncode == 0, done.stdout
    assert json.loads((agency.home.root / "seen.json").read_text())["input"] == "hello; touch hacked $(touch hacked)"
    assert agency.asked(MODELS[CREATIVE])[-1]["messages"][-1]["content"].endswith("HELLO; TOUCH HACKED $(TOUCH HACKED)")
    assert not (agency.home.root / "hacked").exists()
