"""extract, end to end: the real command, a real sonar, and a model server that says what a test scripts."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.harness import Home
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.threads import InThread, running_in_thread

MODEL = "qwen2.5:1.5b"
KEY = "sk-or-v1-" + "ca11ab1e" * 8
TEXT = "Ada Lovelace was born in 1815."
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "born": {"type": "integer"}},
    "required": ["name", "born"],
    "additionalProperties": False,
}
ADA = {"name": "Ada Lovelace", "born": 1815}
LIST = {"type": "array", "items": {"$ref": "#/$defs/person"}, "$defs": {"person": PERSON}}
TREE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "parent": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
    "required": ["name", "parent"],
}
FAMILY = {"name": "Ada", "parent": {"name": "Annabella", "parent": None}}


@pytest.fixture
def ollama(home: Home) -> Iterator[InThread[OllamaSimulator]]:
    with running_in_thread(OllamaSimulator(models=[MODEL])) as server:
        home.write_config({"sonar": {"host": f"127.0.0.1:{server.port}", "cache": False}})
        yield server


def extract(home: Home, schema: object, *flags: str, text: str = TEXT) -> tuple[int, dict[str, Any]]:
    (home.folder / "schema.json").write_text(json.dumps(schema))
    ran = home.cli("extract", "--schema", str(home.folder / "schema.json"), text, "--json", *flags)
    return ran.returncode, json.loads(ran.stdout)


def sent_schemas(ollama: Any) -> list[Any]:
    return [request.json["format"] for request in ollama.simulator.requests if request.path == "/api/chat"]


@pytest.mark.parametrize(
    ("schema", "said", "expected"),
    [
        pytest.param(PERSON, ADA, ADA, id="an object"),
        pytest.param(LIST, {"value": [ADA, ADA]}, [ADA, ADA], id="a list, through a reference"),
        pytest.param({}, {"value": [1, {"a": None}]}, [1, {"a": None}], id="anything"),
        pytest.param(TREE, {"value": FAMILY}, FAMILY, id="a tree"),
    ],
)
def test_any_schema_is_sent_as_an_object_and_its_value_comes_back(
    home: Home, ollama: Any, schema: object, said: object, expected: object
) -> None:
    ollama.simulator.script(MODEL, json.dumps(said))
    code, printed = extract(home, schema)
    assert code == 0, printed
    assert printed["data"]["output"] == {"value": expected}
    assert printed["data"]["route"]["repairs"] == []
    (sent,) = sent_schemas(ollama)
    assert sent["type"] == "object"


def test_without_a_script_the_model_server_itself_can_follow_what_is_sent(home: Home, ollama: Any) -> None:
    """The simulator refuses a schema whose references lead nowhere, and makes a valid value for any other."""
    code, printed = extract(home, LIST)
    assert code == 0, printed
    assert {type(one["born"]) for one in printed["data"]["output"]["value"]} == {int}
    code, printed = extract(home, TREE)
    assert code == 0, printed


def test_a_broken_reply_is_repaired_and_a_wrong_one_is_corrected(home: Home, ollama: Any) -> None:
    ollama.simulator.script(MODEL, "```json\n{'name': 'Ada Lovelace', 'born': 1815,}\n```")
    code, printed = extract(home, PERSON)
    assert code == 0, printed
    assert printed["data"]["output"]["value"] == ADA
    assert printed["data"]["route"]["repairs"] == ["fence", "quotes", "comma"]

    ollama.simulator.script(MODEL, json.dumps({"name": "Ada Lovelace"}), json.dumps(ADA))
    code, printed = extract(home, PERSON)
    assert code == 0, printed
    assert [one["outcome"] for one in printed["data"]["route"]["attempts"]] == ["bad_reply", "ok"]
    last = [request for request in ollama.simulator.requests if request.path == "/api/chat"][-1]
    assert '"born"' in last.json["messages"][-1]["content"]


def test_what_is_never_valid_is_never_printed(home: Home, ollama: Any) -> None:
    ollama.simulator.script(MODEL, then={"json": {"name": 5}})
    (home.folder / "schema.json").write_text(json.dumps(PERSON))
    ran = home.cli("extract", "--schema", str(home.folder / "schema.json"), TEXT)
    assert (ran.returncode, ran.stdout) == (5, "")
    assert "name must be of type string" in ran.stderr
    asked = [request for request in ollama.simulator.requests if request.path == "/api/chat"]
    assert len(asked) == 2


def test_without_any_model_the_way_to_one_is_named(home: Home) -> None:
    home.write_config({"sonar": {"host": "127.0.0.1:9"}})
    code, printed = extract(home, PERSON)
    assert code == 5
    assert "needs a model" in printed["error"]["message"]
    assert printed["error"]["hint"] == "start Ollama, or enable the cloud in amalfa.config.json"


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        pytest.param({"type": "string"}, "single value", id="a scalar"),
        pytest.param({"type": "objekt"}, "not a JSON Schema", id="no schema"),
    ],
)
def test_a_schema_that_cannot_be_used_is_a_usage_error(home: Home, ollama: Any, schema: object, said: str) -> None:
    code, printed = extract(home, schema)
    assert (code, printed["error"]["code"]) == (2, "usage")
    assert said in printed["error"]["message"]
    assert sent_schemas(ollama) == []


def test_in_tiered_mode_extract_stays_local_and_a_private_file_always_does(home: Home, ollama: Any) -> None:
    with running_in_thread(OpenRouterSimulator(keys={KEY})) as openrouter:
        (home.root / ".env").write_text(f"OPENROUTER_API_KEY={KEY}\n")
        cloud = {"enabled": True, "mode": "tiered", "host": f"http://127.0.0.1:{openrouter.port}/api/v1"}
        sonar: dict[str, object] = {"host": f"127.0.0.1:{ollama.port}", "cloud": cloud}
        home.write_config({"sonar": sonar})
        code, printed = extract(home, PERSON)
        assert (code, printed["data"]["route"]["tier"]) == (0, "local")

        cloud["mode"] = "replace"
        sonar["privacy"] = {"localOnly": ["diary/**"]}
        home.write_config({"sonar": sonar})
        code, printed = extract(home, PERSON)
        assert (code, printed["data"]["route"]["tier"]) == (0, "cloud")
        home.write_note("diary/day.md", TEXT)
        code, printed = extract(home, PERSON, text="diary/day.md")
        assert (code, printed["data"]["route"]["tier"]) == (0, "local")
