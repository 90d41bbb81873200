import json

import pytest

from tests.cli.conftest import Shell


def configure(shell: Shell, text: str) -> None:
    (shell.root / "amalfa.config.json").write_text(text)


def test_show_prints_every_setting_and_where_it_comes_from(shell: Shell) -> None:
    configure(shell, '{\n  // mine\n  "sonar": {"model": "x"},\n}\n')
    lines = shell.call("config", "show", "--origin").out.splitlines()
    assert f'sonar.model = "x"    {shell.root}/amalfa.config.json:3' in lines
    assert "sonar.enabled = true    default" in lines
    rows = {row["key"]: row for row in shell.call("config", "show", "--json").json["data"]}
    assert rows["sonar.model"]["value"] == "x"


def test_the_environment_is_an_origin_too(shell: Shell) -> None:
    out = shell.call("config", "show", "--origin", OLLAMA_MODEL="y").out
    assert 'sonar.model = "y"    environment OLLAMA_MODEL' in out


def test_a_key_is_never_shown(shell: Shell) -> None:
    key = "sk-or-v1-0123456789abcdef0123456789abcdef"
    configure(shell, json.dumps({"sonar": {"providers": {"openrouter": {"apiKey": "$OPENROUTER_API_KEY"}}}}))
    for arguments in (
        ["config", "show", "--origin"],
        ["config", "get", "sonar.providers"],
        ["doctor"],
        ["doctor", "--json"],
    ):
        done = shell.call(*arguments, OPENROUTER_API_KEY=key)
        assert key not in done.out + done.err


def test_check_lists_every_problem_at_once(shell: Shell) -> None:
    configure(shell, '{\n "sonar": {\n  "modl": 1,\n  "cloud": {"mode": "sometimes"}\n }\n}')
    done = shell.call("config", "check")
    assert (done.code, done.out) == (8, "")
    assert "amalfa.config.json:3: " in done.err
    assert "amalfa.config.json:4: " in done.err
    assert len(shell.call("config", "check", "--json").json["error"]["problems"]) == 2


def test_check_looks_inside_the_pipelines_as_well(shell: Shell) -> None:
    node = '{"name": "router", "layer": 0, "model": "ollama:a",\n "output-to": [7]}'
    configure(shell, f'{{"sonar": {{"pipelines": {{"desk": {{"architecture": [\n{node}]}}}}}}}}')
    done = shell.call("config", "check")
    assert done.code == 8
    assert "router" in done.err


def test_check_of_a_good_file_is_exit_0(shell: Shell) -> None:
    assert shell.call("config", "check").code == 0
    assert shell.call("config", "check", "--json").json["data"]["problems"] == []


def test_check_of_what_needs_leave_is_exit_9(shell: Shell) -> None:
    configure(shell, '{"docs": {"sources": ["/etc"]}}')
    done = shell.call("config", "check")
    assert done.code == 9
    assert "Fix: amalfa trust" in done.err


def test_a_missing_file_is_exit_8(shell: Shell) -> None:
    assert shell.call("config", "check", "--config", "none.json").code == 8


def test_get_prints_one_value(shell: Shell) -> None:
    assert shell.call("config", "get", "sonar.model").out == "qwen2.5:1.5b\n"
    assert json.loads(shell.call("config", "get", "docs.sources").out) == ["."]
    done = shell.call("config", "get", "sonar.modl")
    assert done.code == 2
    assert "sonar.model" in done.err


def test_set_changes_one_value_and_keeps_the_rest(shell: Shell) -> None:
    configure(shell, '{\n  // mine\n  "sonar": {"enabled": true},\n}\n')
    assert shell.call("config", "set", "sonar.model", "llama3").code == 0
    text = (shell.root / "amalfa.config.json").read_text()
    assert "// mine" in text
    assert shell.call("config", "get", "sonar.model").out == "llama3\n"


def test_a_value_that_does_not_fit_changes_nothing(shell: Shell) -> None:
    before = (shell.root / "amalfa.config.json").read_text()
    assert shell.call("config", "set", "sonar.cloud.mode", "sometimes").code == 8
    assert (shell.root / "amalfa.config.json").read_text() == before


def test_path_is_where_the_file_is_or_should_be(shell: Shell) -> None:
    assert shell.call("config", "path").out == f"{shell.root}/amalfa.config.json\n"
    missing = shell.call("config", "path", "--json", "--config", "none.json").json["data"]
    assert missing["exists"] is False


def test_the_schema_is_json(shell: Shell) -> None:
    assert "sonar" in json.loads(shell.call("config", "schema").out)["properties"]


@pytest.mark.parametrize("verb", [["show"], ["get", "sonar.model"]])
def test_a_broken_file_is_exit_8_everywhere(shell: Shell, verb: list[str]) -> None:
    configure(shell, "{ oops")
    done = shell.call("config", *verb)
    assert done.code == 8
    assert "amalfa.config.json:1" in done.err
