"""`amalfa route` before a sonar that says what a test scripts."""

import json
import os
from typing import Any

import jsonschema
import pytest

from amalfa.cli.prompts_file import BATCH_CALLS
from tests.cli.conftest import Shell
from tests.cli.fake_sonar import FakeSonar
from tests.cli.test_outlook import BIG, ESTIMATE, NOBODY, ONE
from tests.cli.test_output_schema import check

AFTER = {"model": BIG, "tier": "cloud", "reason": "cloud by default", "code": None}
BEFORE = {"model": "ollama:qwen", "tier": "local", "reason": "local by default", "code": None}


def rows(count: int, **more: Any) -> dict[str, Any]:
    row = {"task": "synthesize", **BEFORE, "estimate": ESTIMATE, **more}
    return {"decisions": [{"index": index, **row} for index in range(count)], "changed": []}


def changes(*indexes: int) -> dict[str, Any]:
    return {"decisions": [], "changed": [{"index": index, "before": BEFORE, "after": AFTER} for index in indexes]}


@pytest.fixture(autouse=True)
def one(sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/route"] = ONE


def asked(sonar: FakeSonar) -> list[Any]:
    return [body for path, body in sonar.asked if path == "/sonar/route"]


def test_a_prompt_is_decided_and_shown(shell: Shell, sonar: FakeSonar) -> None:
    done = shell.call("route", "hello")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{BIG} (cloud): cloud by default.\n")
    assert "openai:gpt-4o  no_key  there is no key\n" in done.out
    assert asked(sonar) == [{"prompt": "hello"}]


def test_every_option_travels(shell: Shell, sonar: FakeSonar) -> None:
    options = "--task chat -m phi3 --local --team t --hint h --privacy cloud-zdr --max-cost 0.5 --timeout 9"
    assert shell.call("route", "hello", *options.split()).code == 0
    assert sonar.last_body == {
        "prompt": "hello",
        "task": "chat",
        "model": "phi3",
        "prefer": "local",
        "team": "t",
        "hint": "h",
        "privacy": "cloud-zdr",
        "maxCostUsd": 0.5,
    }


def test_a_prompt_can_come_from_standard_input(shell: Shell, sonar: FakeSonar) -> None:
    assert shell.run("route", "-", stdin="from a pipe").code == 0
    assert sonar.last_body == {"prompt": "from a pipe"}


def test_json_is_what_sonar_said(shell: Shell) -> None:
    done = shell.call("route", "hello", "--json")
    assert done.json["data"] == ONE
    check("route", done.json)


@pytest.mark.parametrize(
    ("over_budget", "code", "said"), [(None, 5, "No model could serve"), ("too dear", 10, "too dear")]
)
def test_without_a_model_the_exit_code_is_that_of_the_call(
    shell: Shell, sonar: FakeSonar, over_budget: str | None, code: int, said: str
) -> None:
    sonar.script.replies["/sonar/route"] = NOBODY | {"overBudget": over_budget}
    done = shell.call("route", "hello")
    assert done.code == code
    assert said in done.err
    assert "no_key" in done.out, "why is shown all the same"
    in_json = shell.call("route", "hello", "--json")
    assert in_json.code == code
    check("route", in_json.json)


def test_a_team_that_is_not_there_is_a_usage_error(shell: Shell, sonar: FakeSonar) -> None:
    error = {"code": "usage", "message": "There is no team x.", "hint": "use one of a"}
    sonar.script.failures["/sonar/route"] = (400, error)
    done = shell.call("route", "hello", "--team", "x")
    assert (done.code, done.err) == (2, "Error: There is no team x. Fix: use one of a\n")


@pytest.mark.parametrize("arguments", [[], ["hello", "--file", "p"], ["  "], ["x", "--local", "--cloud"]])
def test_a_wrong_command_line_is_a_usage_error(shell: Shell, sonar: FakeSonar, arguments: list[str]) -> None:
    assert shell.call("route", *arguments).code == 2
    assert asked(sonar) == []


def test_a_file_is_a_row_for_each_line_and_totals(shell: Shell, sonar: FakeSonar) -> None:
    (shell.root / "p.jsonl").write_text('"one"\n\n{"prompt": "two", "task": "chat"}\n')
    sonar.script.replies["/sonar/route"] = rows(2)
    done = shell.call("route", "--file", "p.jsonl", "--task", "analyze")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()[:3]] == ["line", "1", "3"]
    assert "2 prompts: 2 to ollama:qwen.\n" in done.out
    calls = [{"prompt": "one", "task": "analyze"}, {"prompt": "two", "task": "chat"}]
    assert asked(sonar) == [{"calls": calls}]


def test_in_a_pipe_every_row_is_one_line(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/route"] = rows(1, reason="a reason that goes on " * 20)
    done = shell.run("route", "--file", "-", stdin='"one"\n')
    assert len(done.out.splitlines()) == 5
    assert asked(sonar) == [{"calls": [{"prompt": "one"}]}]


def test_a_file_in_json_has_line_numbers_and_totals(shell: Shell, sonar: FakeSonar) -> None:
    (shell.root / "p.jsonl").write_text('\n"one"\n')
    sonar.script.replies["/sonar/route"] = rows(1)
    done = shell.call("route", "--file", "p.jsonl", "--json")
    (row,) = done.json["data"]["decisions"]
    assert row["line"] == 2
    assert "index" not in row
    assert done.json["data"]["totals"]["byModel"] == {"ollama:qwen": 1}
    check("route", done.json)


def test_a_bad_line_is_named_and_nothing_is_sent(shell: Shell, sonar: FakeSonar) -> None:
    (shell.root / "p.jsonl").write_text('"good"\n' * BATCH_CALLS + "bad\n")
    done = shell.call("route", "--file", "p.jsonl")
    assert done.code == 2
    assert f"Line {BATCH_CALLS + 1} of p.jsonl is not JSON" in done.err
    assert done.out == ""
    assert asked(sonar) == []


def test_a_line_with_a_team_that_is_not_there_is_named(shell: Shell, sonar: FakeSonar) -> None:
    (shell.root / "p.jsonl").write_text('\n"one"\n')
    wrong = {"model": None, "tier": None, "code": "usage", "reason": "There is no team x. Fix: use one of a"}
    sonar.script.replies["/sonar/route"] = rows(1, **wrong)
    done = shell.call("route", "--file", "p.jsonl")
    assert (done.code, done.out) == (2, "")
    assert "Line 2: There is no team x. Fix: use one of a" in done.err


def test_many_lines_go_in_portions(shell: Shell, sonar: FakeSonar) -> None:
    (shell.root / "p.jsonl").write_text('"x"\n' * (BATCH_CALLS + 2))
    sonar.script.replies["/sonar/route"] = rows(2)
    done = shell.call("route", "--file", "p.jsonl", "--json")
    assert [len(body["calls"]) for body in asked(sonar)] == [BATCH_CALLS, 2]
    lines = [row["line"] for row in done.json["data"]["decisions"]]
    assert lines == [1, 2, BATCH_CALLS + 1, BATCH_CALLS + 2]


def test_against_shows_the_changed_ones_only(shell: Shell, sonar: FakeSonar) -> None:
    (shell.root / "p.jsonl").write_text('"one"\n"two"\n\n"three"\n')
    sonar.script.replies["/sonar/route"] = changes(2)
    done = shell.call("route", "--file", "p.jsonl", "--against", "next.json")
    path = os.path.realpath(shell.root / "next.json")
    assert done.code == 0
    assert sonar.last_body["against"] == path
    assert done.out.splitlines() == [
        "line  before               after                                          why",
        f"4     ollama:qwen (local)  {BIG} (cloud)  cloud by default",
        "",
        f"1 of 3 decisions would be another one under {path}.",
    ]
    in_json = shell.call("route", "--file", "p.jsonl", "--against", "next.json", "--json")
    assert in_json.json["data"] == {
        "against": path,
        "calls": 3,
        "changed": [{"line": 4, "before": BEFORE, "after": AFTER}],
    }
    check("route", in_json.json)


def test_a_team_that_neither_configuration_has_is_misspelt(shell: Shell, sonar: FakeSonar) -> None:
    (shell.root / "p.jsonl").write_text('"one"\n"two"\n')
    wrong = {"model": None, "tier": None, "code": "usage", "reason": "There is no team x."}
    sonar.script.replies["/sonar/route"] = rows(2, **wrong) | {"changed": changes(0)["changed"]}
    done = shell.call("route", "--file", "p.jsonl", "--against", "next.json")
    assert (done.code, done.out) == (2, "")
    assert "Line 2: There is no team x." in done.err


def test_against_works_with_one_prompt(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/route"] = changes()
    done = shell.call("route", "hello", "--cloud", "--against", "next.json")
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert done.out.startswith("0 of 1 decision would be another one under ")
    assert sonar.last_body["calls"] == [{"prompt": "hello", "prefer": "cloud"}]


def test_a_folder_to_compare_with_means_the_configuration_in_it(shell: Shell, sonar: FakeSonar) -> None:
    (shell.root / "other").mkdir()
    sonar.script.replies["/sonar/route"] = changes()
    assert shell.call("route", "hello", "--against", "other").code == 0
    assert sonar.last_body["against"].endswith("/other/amalfa.config.json")


def test_a_broken_other_configuration_is_exit_8_with_its_problems(shell: Shell, sonar: FakeSonar) -> None:
    problem = {"path": "/next.json", "line": 3, "message": "not a number"}
    error = {"code": "invalid_config", "message": "It is invalid.", "hint": "correct it", "problems": [problem]}
    sonar.script.failures["/sonar/route"] = (422, error)
    done = shell.call("route", "hello", "--against", "next.json")
    assert done.code == 8
    assert "/next.json:3: not a number" in done.err


def test_the_shape_refuses_what_it_should(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/route"] = {name: value for name, value in ONE.items() if name != "plan"}
    printed = json.loads(shell.call("route", "hello", "--json").out)
    with pytest.raises(jsonschema.ValidationError):
        check("route", printed)
