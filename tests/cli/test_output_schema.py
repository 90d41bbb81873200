"""What --json prints fits the schema that is shipped, for every command and for failures."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import amalfa.cli
from amalfa.cli.invocation import SCHEMA
from amalfa.cli.program import make_program
from tests.cli.conftest import Shell
from tests.cli.fake_sonar import ANSWER, PASSAGE, REFUSAL, FakeSonar, task_reply
from tests.cli.test_help import commands

SHIPPED: dict[str, Any] = json.loads((Path(amalfa.cli.__path__[0]) / "output.schema.json").read_text())
ENVELOPE = jsonschema.Draft202012Validator(SHIPPED)


def check(command: str, printed: Any) -> None:
    ENVELOPE.validate(printed)
    shape = {**SHIPPED, "oneOf": [{"$ref": SHIPPED["x-commands"][command]}]}
    jsonschema.Draft202012Validator(shape).validate(printed["data"])


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SHIPPED)
    assert SHIPPED["$defs"]["success"]["properties"]["schema"] == {"const": SCHEMA}


def test_every_command_that_prints_json_has_its_shape() -> None:
    without = {"sonar run", "sonar chat", "mcp"}
    leaves = {" ".join(path) for path, command, _ in commands(make_program()) if not hasattr(command, "contents")}
    assert leaves - without | {"ask --context-only"} == set(SHIPPED["x-commands"])


@pytest.mark.parametrize(
    "command",
    [
        *(
            "sonar start",
            "sonar stop",
            "sonar status",
            "sonar reload",
            "sonar logs",
            "sonar token",
            "search x",
            "index status",
        ),
        *("index rebuild", "config show", "config check", "config path", "config schema", "trust", "init", "doctor"),
        *("config get sonar", "config set sonar.model x", "completion bash"),
    ],
)
def test_what_is_printed_fits(shell: Shell, sonar: FakeSonar, command: str) -> None:
    done = shell.call(*command.split(), "--json")
    assert done.code == 0, done.out
    check(command.partition(" sonar")[0].removesuffix(" x").removesuffix(" bash"), done.json)


@pytest.mark.parametrize("output", [ANSWER, REFUSAL], ids=["answered", "refused"])
def test_answers_fit(shell: Shell, sonar: FakeSonar, output: dict[str, Any]) -> None:
    sonar.script.events = [("output", output), ("done", {})]
    check("ask", shell.call("ask", "How?", "--json").json)


@pytest.mark.parametrize("task", ["analyze", "metadata", "snippet", "synthesize"])
def test_tasks_fit(shell: Shell, sonar: FakeSonar, task: str) -> None:
    (shell.root / "a.md").write_text("x")
    sonar.script.events = [("output", task_reply(ANSWER | {"snippet": "x"})), ("done", {})]
    arguments = {"analyze": ["q"], "metadata": ["a.md"]}.get(task, ["q", "a.md"])
    check(task, shell.call(task, *arguments, "--json").json)


def test_a_context_fits(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/ask"] = {"passages": [PASSAGE], "sufficient": True, "reason": None}
    check("ask --context-only", shell.call("ask", "--context-only", "How?", "--json").json)


def test_the_three_kinds_of_status_fit(shell: Shell, sonar: FakeSonar, deaf_sonar: None) -> None:
    check("sonar status", shell.call("sonar", "status", "--json").json)
    sonar.places.socket.unlink()
    check("sonar status", shell.call("sonar", "status", "--json").json)


@pytest.mark.parametrize(
    "command", ["ask", "nonsense", "config get nonsense", "sonar reload", "config check --config none"]
)
def test_failures_fit(shell: Shell, command: str) -> None:
    done = shell.call(*command.split(), "--json")
    assert done.code != 0
    ENVELOPE.validate(done.json)
    assert done.json["ok"] is False
