import json
import os
from pathlib import Path
from typing import Any

import pytest

from amalfa.cli.commands.extract import TEXT_MAX_CHARACTERS
from amalfa.tasks.extract import SENT_MAX_CHARACTERS
from tests.cli.conftest import Shell, Terminal
from tests.cli.fake_sonar import FakeSonar, task_reply
from tests.cli.test_output_schema import check

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}
VALUE = {"name": "Zoë", "note": "\x1b[2J"}


@pytest.fixture
def told(shell: Shell, sonar: FakeSonar) -> FakeSonar:
    """A sonar that extracts VALUE, and a schema file `s.json`."""
    (shell.root / "s.json").write_text(json.dumps(SCHEMA))
    reply_with(sonar, VALUE)
    return sonar


def reply_with(sonar: FakeSonar, value: Any) -> None:
    sonar.script.events = [("phase", {"text": "asking"}), ("output", task_reply({"value": value})), ("done", {})]


def test_the_value_is_one_line_of_json_in_a_pipe(shell: Shell, told: FakeSonar) -> None:
    done = shell.call("extract", "--schema", "s.json", "Zoë was here", "--local", "--timeout", "3")
    assert done.code == 0
    assert done.out == '{"name": "Zoë", "note": "\\u001b[2J"}\n'
    assert "stayed here" in done.err
    body = {"input": {"schema": SCHEMA, "text": "Zoë was here"}, "prefer": "local", "timeoutMs": 3000, "stream": True}
    assert told.asked[-1] == ("/sonar/tasks/extract", body)


def test_on_a_terminal_the_value_is_laid_out(shell: Shell, told: FakeSonar, terminals: list[Terminal]) -> None:
    terminal = shell.terminal("extract", "--schema", "s.json", "x")
    terminals.append(terminal)
    assert terminal.finish() == 0
    assert '  "name": "Zoë",\r\n' in terminal.seen


def test_in_json_route_and_usage_come_along(shell: Shell, told: FakeSonar) -> None:
    done = shell.call("extract", "--schema", "s.json", "x", "--json")
    assert done.json["data"] == task_reply({"value": VALUE})
    check("extract", done.json)


@pytest.mark.parametrize("value", [[], {}, None, 0])
def test_an_empty_value_is_a_value(shell: Shell, told: FakeSonar, value: object) -> None:
    reply_with(told, value)
    done = shell.call("extract", "--schema", "s.json", "x")
    assert (done.code, done.out) == (0, json.dumps(value) + "\n")


def test_a_reply_without_a_value_is_a_failure(shell: Shell, told: FakeSonar) -> None:
    told.script.events = [("output", task_reply({})), ("done", {})]
    done = shell.call("extract", "--schema", "s.json", "x")
    assert (done.code, done.out) == (5, "")


def test_a_file_of_the_project_is_read_and_named(shell: Shell, told: FakeSonar) -> None:
    (shell.root / "a b.txt").write_text("in a file")
    shell.call("extract", "--schema", "s.json", "a b.txt")
    assert told.last_body["input"] == {"schema": SCHEMA, "text": "in a file", "path": "a b.txt"}


def test_a_file_from_elsewhere_is_only_text(shell: Shell, told: FakeSonar) -> None:
    (shell.root.parent / "b.txt").write_text("outside")
    shell.call("extract", "--schema", "s.json", "../b.txt")
    assert told.last_body["input"] == {"schema": SCHEMA, "text": "outside"}


@pytest.mark.parametrize("arguments", [["-"], []], ids=["a dash", "a pipe alone"])
def test_standard_input_is_the_text(shell: Shell, told: FakeSonar, arguments: list[str]) -> None:
    assert shell.run("extract", "--schema", "s.json", *arguments, stdin="piped in").code == 0
    assert told.last_body["input"]["text"] == "piped in"


def test_words_win_over_a_pipe_that_nobody_mentioned(shell: Shell, told: FakeSonar) -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as idle:
        assert shell.run("extract", "--schema", "s.json", "words", stdin=idle).code == 0
    os.close(write)
    assert told.last_body["input"]["text"] == "words"


def test_a_name_of_no_file_is_read_as_a_word_and_told(shell: Shell, told: FakeSonar) -> None:
    done = shell.call("extract", "--schema", "s.json", "invoce.txt")
    assert "There is no file invoce.txt" in done.err
    assert told.last_body["input"]["text"] == "invoce.txt"
    assert "no file" not in shell.call("extract", "--schema", "s.json", "Ends in a dot.").err


def test_very_long_words_are_no_file_name(shell: Shell, told: FakeSonar) -> None:
    assert shell.call("extract", "--schema", "s.json", "x" * 5000).code == 0


@pytest.mark.parametrize("text", ["", "  \n", "empty.txt"])
def test_an_empty_text_is_a_usage_error(shell: Shell, told: FakeSonar, text: str) -> None:
    (shell.root / "empty.txt").write_text("\n")
    done = shell.call("extract", "--schema", "s.json", text)
    assert (done.code, told.asked) == (2, [])
    assert "empty" in done.err


def test_no_text_at_all_is_a_usage_error(shell: Shell, told: FakeSonar) -> None:
    with Path("/dev/null").open("rb") as nothing:
        done = shell.run("extract", "--schema", "s.json", stdin=nothing)
    assert done.code == 2
    assert "There is no text" in done.err


def test_a_folder_is_no_text(shell: Shell, told: FakeSonar) -> None:
    done = shell.call("extract", "--schema", "s.json", ".")
    assert done.code == 2
    assert "is a folder" in done.err


def test_a_long_text_is_refused_before_anything_is_sent(shell: Shell, told: FakeSonar) -> None:
    (shell.root / "long.txt").write_text("x" * (TEXT_MAX_CHARACTERS + 1))
    done = shell.call("extract", "--schema", "s.json", "long.txt")
    assert (done.code, told.asked) == (2, [])
    assert "takes at most 100,000" in done.err
    assert TEXT_MAX_CHARACTERS == SENT_MAX_CHARACTERS


def test_a_schema_file_may_hold_comments(shell: Shell, told: FakeSonar) -> None:
    (shell.root / "c.json").write_text('{\n  // who\n  "type": "object", /* plain */\n}\n')
    assert shell.call("extract", "--schema", "c.json", "x").code == 0
    assert told.last_body["input"]["schema"] == {"type": "object"}


@pytest.mark.parametrize("schema", [{}, True])
def test_the_schema_that_allows_everything_is_one(shell: Shell, told: FakeSonar, schema: object) -> None:
    (shell.root / "s.json").write_text(json.dumps(schema))
    assert shell.call("extract", "--schema", "s.json", "x").code == 0
    assert told.last_body["input"]["schema"] == schema


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(None, "s.json cannot be read: No such file or directory", id="missing"),
        pytest.param(b"", "an empty schema is {}", id="empty"),
        pytest.param(b'{\n"type" "object"}', "s.json:2: a colon is missing", id="no JSON"),
        pytest.param(b'{"a": 1} x', "nothing may follow the end of the schema", id="more than JSON"),
        pytest.param(b"[1]", "that is an object, or true", id="no schema"),
        pytest.param(b"\0", "is binary", id="binary"),
    ],
)
def test_a_schema_file_that_cannot_be_used_is_explained(
    shell: Shell, told: FakeSonar, text: bytes | None, said: str
) -> None:
    path = shell.root / "s.json"
    path.unlink() if text is None else path.write_bytes(text)
    done = shell.call("extract", "--schema", "s.json", "x")
    assert (done.code, done.out, told.asked) == (2, "", [])
    assert said in done.err
    assert " Fix: " in done.err


def test_without_a_schema_the_option_is_named(shell: Shell, told: FakeSonar) -> None:
    done = shell.call("extract", "x")
    assert done.code == 2
    assert "--schema" in done.err
