"""`amalfa pipeline`: what it says of good and bad files, how it draws, and how a run looks."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from amalfa.cli.hops_text import hops_text
from amalfa.cli.pipeline_drawing import drawing
from amalfa.cli.table import cells
from amalfa.client.document import Document
from amalfa.pipelines.graph import Pipeline
from amalfa.pipelines.reading import read_pipeline_text
from tests.cli.conftest import Shell, Terminal
from tests.cli.fake_sonar import ROUTE, USAGE, FakeSonar
from tests.cli.test_output_schema import check as fits

EXAMPLES = Path(__file__).parents[2] / "examples" / "pipelines"
KEY = {"OPENROUTER_API_KEY": "sk-or-v1-made-up"}

HOPS = [
    {
        "node": "router", "layer": 0, "does": "route", "model": "openrouter:google/gemma-3", "outcome": "ok",
        "ms": 420, "decided": "router said creative-handler", "tokensIn": 210, "tokensOut": 12, "costUsd": 0.0,
    },
    {
        "node": "creative-handler", "layer": 1, "does": "answer", "model": "openrouter:meta-llama/llama-3.3",
        "outcome": "ok", "ms": 2400, "decided": "", "tokensIn": 40, "tokensOut": None, "costUsd": None,
    },
    {
        "node": "refiner", "layer": 2, "does": "refine", "model": "", "outcome": "no_provider", "ms": 0,
        "decided": "the draft is kept\x1b[2J", "tokensIn": 0, "tokensOut": 0, "costUsd": 0.0,
    },
]  # fmt: skip
RAN: dict[str, Any] = {
    "output": {"text": "Waves fold into waves."},
    "route": ROUTE | {"model": "pipeline:desk", "provider": "pipeline", "tier": "cloud", "hops": HOPS},
    "usage": USAGE,
}


def ran(answer: dict[str, Any] = RAN, *pieces: str) -> list[Any]:
    said = pieces or (answer["output"]["text"],)
    return [
        ("phase", {"text": "choosing at router"}),
        ("route", {"model": "openrouter:google/gemma-3-27b-it:free", "tier": "cloud", "reason": ""}),
        *(("delta", {"text": piece}) for piece in said if piece),
        ("output", answer),
        ("done", {}),
    ]


def example(name: str) -> Pipeline:
    file = EXAMPLES / f"{name}.json"
    pipeline, problems = read_pipeline_text(name, file.read_text(), path=str(file))
    assert pipeline is not None
    assert problems == ()
    return pipeline


def write(shell: Shell, *nodes: dict[str, object], name: str = "p.json", **more: object) -> Path:
    path = shell.root / name
    path.write_text(json.dumps({**more, "architecture": list(nodes)}, indent=1))
    return path


ONE = {"name": "one", "layer": 0, "model": "ollama:qwen2.5:1.5b", "output-to": ["output"]}
END = {"name": "output", "adapter": "output"}


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_examples_are_fine_without_any_sonar(shell: Shell, file: Path) -> None:
    done = shell.call("pipeline", "check", str(file), **KEY)
    assert done.code == 0, done.err
    assert "is fine" in done.out
    assert done.err == ""
    drawn = shell.call("pipeline", "show", str(file), **KEY)
    assert drawn.code == 0
    assert max(map(cells, drawn.out.splitlines())) <= 80


def test_every_problem_is_told_with_its_line_and_node(shell: Shell) -> None:
    write(shell, ONE | {"output-to": [7], "modle": "x"}, {"name": "two", "layer": 1, "if": "$WORDS < 3"})
    done = shell.call("pipeline", "check", "p.json")
    assert done.code == 8
    assert 'p.json:8: pipeline "p", node "one" leads to layer 7, which has no node' in done.err.replace(
        "p.json:3:", "p.json:8:"
    )
    for said in ('node "one" has the unknown key modle', "$WORDS", 'node "two"'):
        assert said in done.err
    assert done.out == ""


def test_problems_in_json_have_the_same_code(shell: Shell) -> None:
    write(shell, ONE | {"output-to": ["nowhere"]}, END)
    done = shell.call("pipeline", "check", "p.json", "--json")
    assert done.code == 8
    error = done.json["error"]
    assert error["code"] == "invalid_config"
    assert error["problems"][0]["line"] is not None
    assert "nowhere" in error["problems"][0]["message"]


def test_what_is_only_worth_knowing_is_a_note_and_no_problem(shell: Shell) -> None:
    write(shell, ONE | {"bind-addr": "0.0.0.0", "bind-port": "8080"}, END)
    done = shell.call("pipeline", "check", "p.json")
    assert done.code == 0
    assert "Note: " in done.err
    assert "bind-addr and bind-port" in done.err
    assert shell.call("pipeline", "check", "p.json", "--quiet").err == ""
    fits("pipeline check", (printed := shell.call("pipeline", "check", "p.json", "--json").json))
    assert len(printed["data"]["pipelines"][0]["notes"]) == 1


def test_a_hook_that_takes_the_text_onto_its_command_line_is_a_problem(shell: Shell) -> None:
    hooks = {"pre": [{"function": "f", "mode": "transform"}], "post": [{"function": "f", "on_failure": "abort"}]}
    write(
        shell,
        ONE | {"hooks": hooks},
        END,
        functions={"f": {"type": "shell", "command": "grep", "args": ["$INPUT"], "env": ["A"]}},
    )
    done = shell.call("pipeline", "check", "p.json")
    assert done.code == 8
    assert 'function "f" names $INPUT in its command line, where nothing is ever filled in' in done.err
    assert "nobody waits for it" in done.err


def test_a_key_that_is_not_set_is_found_in_the_environment_and_in_env_files(shell: Shell) -> None:
    file = str(EXAMPLES / "openrouter-pipeline.json")
    missing = shell.call("pipeline", "check", file)
    assert missing.code == 8
    assert "$OPENROUTER_API_KEY, which is not set" in missing.err
    (shell.root / ".env").write_text("OPENROUTER_API_KEY=made-up\n")
    assert shell.call("pipeline", "check", file).code == 0


def test_configured_pipelines_are_checked_by_name_and_all_without_one(shell: Shell) -> None:
    write(shell, ONE, END, name="desk.json")
    bad = {"architecture": [ONE | {"output-to": ["nowhere"]}, END]}
    config = {"sonar": {"pipelines": {"desk": "desk.json", "bad": bad}}}
    (shell.root / "amalfa.config.json").write_text(json.dumps(config, indent=1))
    assert shell.call("pipeline", "check", "desk").code == 0
    whole = shell.call("pipeline", "check")
    assert whole.code == 8
    assert "amalfa.config.json:" in whole.err
    assert "desk.json" not in whole.err
    unknown = shell.call("pipeline", "check", "dsk")
    assert unknown.code == 2
    assert 'did you mean "desk"' in unknown.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "p.json:1"),
        ("[]", "must be an object"),
        ("{}", "architecture"),
        ('{"architecture": {}}', "must be a list"),
        ("\0", "p.json"),
        ('{"architecture": [{"name": "a", "layer": 0, "adapter": "ws"}]}', "ws is not supported"),
    ],
)
def test_files_that_hold_no_pipeline_are_told_not_thrown(shell: Shell, text: str, said: str) -> None:
    (shell.root / "p.json").write_text(text)
    done = shell.call("pipeline", "check", "p.json")
    assert done.code == 8, done.err
    assert said in done.err
    assert "Traceback" not in done.err + shell.call("pipeline", "show", "p.json").err


def test_a_missing_file_is_a_mistake_of_the_command(shell: Shell) -> None:
    done = shell.call("pipeline", "check", "none.json")
    assert done.code == 2
    assert "There is no file none.json" in done.err
    assert shell.call("pipeline", "check").code == 2


FIRST_ROWS = """\
openrouter-pipeline: 3 nodes in 2 layers

                    +-------------------------------------+
                    | router (chooses)                    |
                    | google/gemma-3-27b-it:free at       |
                    | openrouter.ai                       |
                    +------------------+------------------+
                   +-------------------+--------------------+
                   v                                        v
+-------------------------------------+  +-------------------------------------+
| creative-handler                    |  | technical-handler (default)         |
"""


def test_a_drawing_is_plain_in_a_pipe_and_always_the_same(shell: Shell) -> None:
    first = shell.call("pipeline", "show", str(EXAMPLES / "openrouter-pipeline.json"), **KEY)
    assert first.out.startswith(FIRST_ROWS)
    assert first.out.isascii()
    assert first.out == shell.call("pipeline", "show", str(EXAMPLES / "openrouter-pipeline.json"), **KEY).out


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.json")))
@pytest.mark.parametrize("width", [24, 40, 60, 80, 200])
@pytest.mark.parametrize("is_plain", [True, False])
def test_a_drawing_fits_any_width_and_names_every_node(name: str, width: int, is_plain: bool) -> None:
    pipeline = example(name)
    drawn = drawing(pipeline, width=width, is_plain=is_plain)
    assert max(map(cells, drawn.splitlines()[1:])) <= width
    for node in pipeline.nodes:
        assert node.name[:8] in drawn
    assert drawn.isascii() or not is_plain


def test_a_drawing_shows_conditions_merges_defaults_and_hooks(shell: Shell) -> None:
    assert "if $WORD_COUNT < 8" in drawing(example("conditional"), width=100, is_plain=True)
    assert "(default)" in drawing(example("conditional"), width=100, is_plain=True)
    fanned = drawing(example("fan-out"), width=100, is_plain=True)
    assert "panel (asks all)" in fanned
    assert "chair (merges: synthesize)" in fanned
    functions = {
        "log": {"type": "shell", "command": "tee", "args": ["-a", "log"]},
        "up": {"type": "rest", "url": "http://localhost:9/x"},
    }
    hooks = {"pre": ["log"], "post": [{"function": "up", "mode": "transform"}]}
    write(shell, ONE | {"hooks": hooks}, END, functions=functions)
    out = shell.call("pipeline", "show", "p.json").out
    for said in (
        "before: log (observes)",
        "after: up (transforms)",
        "log runs tee -a log",
        "up sends a POST to http://localhost:9/x",
    ):
        assert said in out


def test_ways_that_skip_or_go_back_are_written_out(shell: Shell) -> None:
    write(
        shell,
        {"name": "router", "layer": 0, "model": "ollama:a", "output-to": ["deep", "straight"]},
        {"name": "deep", "layer": 1, "model": "ollama:a", "use-case": "hard", "output-to": ["last"]},
        {"name": "straight", "layer": 1, "model": "ollama:a", "use-case": "easy", "output-to": ["output"]},
        {"name": "last", "layer": 2, "model": "ollama:a", "output-to": ["output"]},
        END,
    )
    out = shell.call("pipeline", "show", "p.json").out
    assert "-> last" in out
    assert "-> output" in out


def test_names_with_codes_in_them_reach_no_terminal(shell: Shell) -> None:
    write(shell, ONE | {"name": "o\x1b[2Jne", "use-case": "\x1b]0;x\x07 漢字" * 9}, END)
    out = shell.call("pipeline", "show", "p.json").out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert len({cells(line) for line in out.splitlines() if line.startswith(("|", "+"))}) == 1, (
        "the edges stay straight"
    )


def test_a_terminal_gets_lines_and_arrows(shell: Shell, terminals: list[Terminal]) -> None:
    write(shell, ONE, END)
    terminal = shell.terminal("pipeline", "show", "p.json", columns=60)
    terminals.append(terminal)
    assert terminal.finish() == 0
    assert "┌" in terminal.seen
    assert "▼" in terminal.seen
    assert max(cells(line) for line in terminal.seen.splitlines()) <= 60


def test_show_in_json_has_the_layers(shell: Shell) -> None:
    printed = shell.call("pipeline", "show", str(EXAMPLES / "conditional.json"), "--json").json
    fits("pipeline show", printed)
    layers = printed["data"]["layers"]
    assert [[node["name"] for node in layer["nodes"]] for layer in layers] == [
        ["router"],
        ["quick", "code", "thorough"],
    ]
    assert layers[1]["nodes"][0]["if"].startswith("$WORD_COUNT")


def test_a_run_prints_the_answer_alone(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = ran(RAN, "Waves fold ", "into waves.")
    done = shell.call("pipeline", "run", "desk", "a haiku", "--team", "marketing", "--max-cost", "0.01", "--local")
    assert done.code == 0, done.err
    assert done.out == "Waves fold into waves.\n"
    path, body = sonar.asked[-1]
    assert path == "/sonar/pipelines/run"
    assert body == {
        "pipeline": "desk", "prompt": "a haiku", "team": "marketing", "maxCostUsd": 0.01, "prefer": "local",
        "stream": True,
    }  # fmt: skip
    assert "Answered by pipeline:desk" in done.err


def test_a_file_is_named_by_its_whole_path(shell: Shell, sonar: FakeSonar) -> None:
    write(shell, ONE, END)
    sonar.script.events = ran()
    for typed in ("p.json", "./p.json"):
        assert shell.call("pipeline", "run", typed, "x").code == 0
        assert sonar.last_body["pipeline"] == str(shell.root / "p.json")


@pytest.mark.parametrize(
    ("arguments", "piped", "sent"),
    [
        (["count these", "-"], "a\nb\n", "count these\n\na\nb"),
        (["count these"], "a\nb\n", "count these\n\na\nb"),
        ([], "what is this?\n", "what is this?"),
        (["-"], "what is this?\n", "what is this?"),
        (["count these"], "", "count these"),
    ],
)
def test_standard_input_adds_to_the_prompt(
    shell: Shell, sonar: FakeSonar, arguments: list[str], piped: str, sent: str
) -> None:
    sonar.script.events = ran()
    done = shell.run("pipeline", "run", "desk", *arguments, stdin=piped)
    assert done.code == 0, done.err
    assert sonar.last_body["prompt"] == sent


def test_an_empty_prompt_is_refused(shell: Shell, sonar: FakeSonar) -> None:
    assert shell.run("pipeline", "run", "desk", stdin="  \n").code == 2
    assert shell.run("pipeline", "run", "desk", "one", "two", stdin="").code == 2
    assert all(path != "/sonar/pipelines/run" for path, _ in sonar.asked)


def test_explain_prints_the_hops_to_stderr_and_nothing_else_to_stdout(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = ran()
    done = shell.call("pipeline", "run", "desk", "x", "--explain")
    assert done.out == "Waves fold into waves.\n"
    lines = done.err.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("node"))
    assert lines[head].split() == ["node", "layer", "does", "model", "time", "tokens", "cost", "decided"]
    assert "router said creative-handler" in lines[head + 1]
    assert "40/?" in lines[head + 2]
    assert "unknown" in lines[head + 2]
    assert "refine: no_provider" in lines[head + 3]
    assert "\x1b" not in done.err
    narrow = hops_text([Document(hop) for hop in HOPS], width=40)
    assert max(map(cells, narrow.splitlines())) <= 60


def test_a_run_in_json_fits_its_shape(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = ran()
    printed = shell.call("pipeline", "run", "desk", "x", "--json").json
    fits("pipeline run", printed)
    assert [hop["node"] for hop in printed["data"]["route"]["hops"]] == ["router", "creative-handler", "refiner"]


def test_without_streaming_the_answer_comes_once(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = ran()
    assert shell.call("pipeline", "run", "desk", "x", "--no-stream").out == "Waves fold into waves.\n"


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("not_found", 2),
        ("no_provider", 5),
        ("timeout", 6),
        ("busy", 7),
        ("invalid_config", 8),
        ("untrusted_config", 9),
        ("over_budget", 10),
    ],
)
def test_a_failed_run_has_the_exit_code_of_its_cause(shell: Shell, sonar: FakeSonar, code: str, exit_code: int) -> None:
    told = {"code": code, "message": "It did not work.", "hint": "", "partial": False, "route": RAN["route"]}
    sonar.script.events = [("phase", {"text": "x"}), ("error", told), ("done", {})]
    done = shell.call("pipeline", "run", "desk", "x", "--explain")
    assert done.code == exit_code
    assert "It did not work." in done.err
    assert "refine: no_provider" in done.err, "the hops that were taken help to see why"


def test_an_empty_answer_is_none(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = ran(RAN | {"output": {"text": " "}}, "")
    assert shell.call("pipeline", "run", "desk", "x").code == 5


def test_the_shape_of_a_run_allows_no_stranger(shell: Shell) -> None:
    with pytest.raises(jsonschema.ValidationError):
        fits("pipeline run", {"ok": True, "schema": 1, "data": {"answer": 3}})


def complete(shell: Shell, line: str) -> list[str]:
    environ = {"_AMALFA_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    return [row for row in shell.run(**environ).out.splitlines() if row]


def test_a_shell_is_offered_the_pipelines_sonar_knows_and_files(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/pipelines"] = {"pipelines": [{"name": "desk"}, {"name": "lab"}], "problems": []}
    assert complete(shell, "amalfa pipeline run de") == ["plain,desk", "file,de"]
    assert complete(shell, "amalfa pipeline ") == ["plain,check", "plain,show", "plain,run"]
