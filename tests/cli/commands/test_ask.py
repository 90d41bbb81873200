import os
import subprocess
import time
from typing import Any

import pytest

from amalfa.cli import call_options
from tests.cli.conftest import Shell
from tests.cli.fake_sonar import ANSWER, CITATION, PASSAGE, REFUSAL, ROUTE, STATUS, FakeSonar, answer_events


def test_the_answer_and_its_sources_are_data_and_where_it_came_from_is_not(shell: Shell, sonar: FakeSonar) -> None:
    done = shell.run("ask", "How?")
    assert done.code == 0
    assert done.out == "Rotate them **monthly** [1].\n\nSources:\n[1] docs/keys.md:3-5  Keys > Rotation\n"
    assert done.err == "Answered by ollama:qwen2.5:1.5b (local), no cost, 912 ms.\nstayed here: qwen2.5:1.5b\n"


def test_quiet_leaves_only_the_data(shell: Shell, sonar: FakeSonar) -> None:
    assert shell.call("ask", "-q", "How?").err == ""


def test_json_is_the_whole_output_in_one_line(shell: Shell, sonar: FakeSonar) -> None:
    done = shell.run("ask", "--json", "How?")
    assert (done.code, done.err) == (0, "")
    assert done.json == {"ok": True, "schema": 1, "data": ANSWER}
    assert done.out.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ([], {}),
        (["-m", "openai:gpt-4o"], {"model": "openai:gpt-4o"}),
        (["--local"], {"prefer": "local"}),
        (["--cloud"], {"prefer": "cloud"}),
        (["--task", "research"], {"task": "research"}),
        (["--in", "docs/**", "--in", "a.md"], {"within": ["docs/**", "a.md"]}),
        (["-n", "3"], {"k": 3}),
        (["-c"], {"session": "last"}),
        (["--continue"], {"session": "last"}),
        (["--allow-general"], {"allowGeneral": True}),
        (["--timeout", "2.5"], {"timeoutMs": 2500}),
        (["--no-stream"], {}),
        (["--explain"], {}),
    ],
)
def test_each_flag_reaches_sonar(shell: Shell, sonar: FakeSonar, arguments: list[str], body: dict[str, Any]) -> None:
    assert shell.call("ask", *arguments, " How? ").code == 0
    assert sonar.last_body == {"question": "How?", "stream": True, **body}


def test_paths_are_meant_from_the_folder_they_are_typed_in(shell: Shell, sonar: FakeSonar) -> None:
    (shell.root / "docs").mkdir()
    (shell.root / "docs" / "a.md").write_text("x")
    done = subprocess.run(
        shell.command("ask", "--in", "a.md", "How?"),
        cwd=shell.root / "docs",
        env=shell.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert sonar.last_body["within"] == ["docs/a.md"]


def test_local_and_cloud_exclude_each_other(shell: Shell) -> None:
    done = shell.call("ask", "--local", "--cloud", "How?")
    assert done.code == 2
    assert "exclude each other" in done.err


def test_explain_prints_the_route_as_tables(shell: Shell, sonar: FakeSonar) -> None:
    out = shell.call("ask", "--explain", "How?").out
    assert "Candidates\nmodel " in out
    assert "cloud_off" in out
    assert "Attempts" in out


def test_a_failure_is_explained_as_well(shell: Shell, sonar: FakeSonar) -> None:
    told = {"code": "no_provider", "message": "Nobody could serve.", "hint": "amalfa doctor", "route": ROUTE}
    sonar.script.events = [("error", told)]
    done = shell.call("ask", "--explain", "How?")
    assert done.code == 5
    assert "cloud_off" in done.out
    in_json = shell.call("ask", "--json", "How?")
    assert in_json.json["error"]["route"] == ROUTE


def test_no_stream_prints_the_answer_at_the_end(shell: Shell, sonar: FakeSonar) -> None:
    assert shell.call("ask", "--no-stream", "How?").out.startswith("Rotate them **monthly** [1].\n\nSources:")


def test_an_answer_that_was_never_streamed_is_printed(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = [("output", ANSWER), ("done", {})]
    assert shell.call("ask", "How?").out.startswith("Rotate them **monthly** [1].\n\n")


def test_words_come_while_sonar_still_works(shell: Shell, sonar: FakeSonar) -> None:
    first, *rest = answer_events(ANSWER, "Rotate ", "them **monthly** [1].")[2:]
    sonar.script.events = [first, lambda: sonar.hung_up.wait(10), *rest]
    running = shell.start("ask", "How?")
    assert running.stdout is not None
    assert os.read(running.stdout.fileno(), 100) == b"Rotate "
    sonar.hung_up.set()
    assert running.communicate(timeout=10)[0].startswith(b"them **monthly** [1].\n")
    assert running.returncode == 0


def test_a_citation_that_was_taken_out_later_is_told(shell: Shell, sonar: FakeSonar) -> None:
    answer = ANSWER | {"answer": "One [1]. Two.", "dropped_citations": 1}
    sonar.script.events = [*answer_events(answer, "One [1]. Two [2].")]
    done = shell.call("ask", "How?")
    assert done.out.startswith("One [1]. Two [2].\n\nSources:")
    assert "1 citation could not be verified and was left out." in done.err


def test_an_answer_that_differs_from_the_stream_is_printed_whole(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = [*answer_events(ANSWER | {"answer": "Never rotate [1]."}, "Always rotate [1].")]
    done = shell.call("ask", "How?")
    assert done.out.startswith("Always rotate [1].\n\nNever rotate [1].\n\nSources:")
    assert "was corrected" in done.err


def test_sources_are_listed_by_the_numbers_that_stand_in_the_text(shell: Shell, sonar: FakeSonar) -> None:
    citations = [CITATION, CITATION | {"n": 2, "path": "b.md"}]
    answer = ANSWER | {"answer": "A [1]. B [2].", "citations": citations}
    sonar.script.events = [*answer_events(answer, "A [7]. B [3].")]
    out = shell.call("ask", "How?").out
    assert out == "A [7]. B [3].\n\nSources:\n[7] docs/keys.md:3-5  Keys > Rotation\n[3] b.md:3-5  Keys > Rotation\n"


def test_a_refusal_says_what_was_searched_and_what_is_near(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = [("phase", {"text": "searching"}), ("output", REFUSAL), ("done", {})]
    done = shell.call("ask", "Where is the moon?")
    assert (done.code, done.out) == (4, "")
    assert "42 notes were searched" in done.err
    assert "Keys (docs/keys.md)" in done.err
    assert "--allow-general" in done.err


def test_a_refusal_in_json_is_an_answer_with_exit_code_4(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = [("output", REFUSAL), ("done", {})]
    done = shell.call("ask", "--json", "Where?")
    assert done.code == 4
    assert done.json["data"]["refused"] is True


@pytest.mark.parametrize("flags", [[], ["--json"], ["--no-stream"]])
def test_an_empty_answer_never_exits_0(shell: Shell, sonar: FakeSonar, flags: list[str]) -> None:
    sonar.script.events = [("output", ANSWER | {"answer": "  \n", "citations": []}), ("done", {})]
    done = shell.call("ask", *flags, "How?")
    assert done.code == 5
    assert "empty answer" in done.err + done.out


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("usage", 2),
        ("shutting_down", 3),
        ("nothing_found", 4),
        ("no_provider", 5),
        ("unauthorized", 5),
        ("timeout", 6),
        ("busy", 7),
        ("invalid_config", 8),
        ("untrusted_config", 9),
        ("over_budget", 10),
        ("internal", 1),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_what_sonar_reports_decides_the_exit_code(
    shell: Shell, sonar: FakeSonar, code: str, exit_code: int, flags: list[str]
) -> None:
    told = {"code": code, "message": "It did not work.", "hint": "ollama pull qwen2.5:1.5b", "partial": False}
    sonar.script.events = [("phase", {"text": "searching"}), ("error", told), ("done", {})]
    done = shell.call("ask", *flags, "How?")
    assert done.code == exit_code
    if flags:
        assert done.json["error"] == {"code": code, "message": "It did not work.", "hint": "ollama pull qwen2.5:1.5b"}
    else:
        assert (done.out, done.err) == ("", "Error: It did not work. Fix: ollama pull qwen2.5:1.5b\n")


def test_a_stream_that_breaks_keeps_its_words_and_says_so(shell: Shell, sonar: FakeSonar) -> None:
    told = {"code": "broken_off", "message": "The model stopped in the middle.", "hint": "ask again", "partial": True}
    sonar.script.events = [("delta", {"text": "Half an ans"}), ("error", told)]
    done = shell.call("ask", "How?")
    assert (done.code, done.out) == (5, "Half an ans\n")
    assert done.err == "Error: The model stopped in the middle. The answer above is not whole. Fix: ask again\n"


def test_a_sonar_that_dies_in_the_middle_is_unreachable(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = [("delta", {"text": "Half"})]
    done = shell.call("ask", "How?")
    assert (done.code, done.out) == (3, "Half\n")
    assert "not whole" in done.err


def test_a_call_that_ends_without_an_output_is_no_success(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = [("phase", {"text": "searching"}), ("done", {})]
    assert shell.call("ask", "How?").code == 3


def test_hanging_up_reaches_sonar(shell: Shell, sonar: FakeSonar) -> None:
    def go_on() -> None:
        time.sleep(0.02)

    sonar.script.events = [
        ("delta", {"text": "x"}),
        *[step for _ in range(300) for step in (go_on, ("delta", {"text": "y"}))],
    ]
    running = shell.start("ask", "How?")
    assert running.stdout is not None
    running.stdout.read(1)
    running.kill()
    running.communicate()
    assert sonar.hung_up.wait(10)


def test_the_clients_own_limit_ends_a_silent_call(
    shell: Shell, sonar: FakeSonar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_options, "GRACE_S", 0.1)
    sonar.script.events = [("phase", {"text": "searching"}), lambda: sonar.hung_up.wait(15)]
    done = shell.call("ask", "--timeout", "0.01", "How?")
    sonar.hung_up.set()
    assert done.code == 6
    assert "--timeout" in done.err


def test_escape_sequences_of_a_model_reach_no_output_even_in_pieces(shell: Shell, sonar: FakeSonar) -> None:
    text = "a\x1b]52;c;Zm9v\x07b\x9b31mc\u202ed\re"
    answer = ANSWER | {"answer": text, "citations": [CITATION | {"path": "x\n\x1b[2J.md", "heading": "h\x07"}]}
    sonar.script.events = [*answer_events(answer, *text)]
    done = shell.call("ask", "How?")
    assert done.out.startswith(r"a\x1b]52;c;Zm9v\x07b\x9b31mc\u202ed\x0de" + "\n")
    assert r"x\x0a\x1b[2J.md:3-5  h\x07" in done.out
    assert not set(done.out + done.err) & set("\x1b\x07\x9b\r\u202e")


def test_json_holds_the_same_text_and_stays_harmless(shell: Shell, sonar: FakeSonar) -> None:
    text = "a\x1b[31m\x9b\u202e\x7f"
    sonar.script.events = [("output", ANSWER | {"answer": text}), ("done", {})]
    done = shell.call("ask", "--json", "How?")
    assert done.json["data"]["answer"] == text
    assert not set(done.out) & set("\x1b\x9b\u202e\x7f")


def test_an_error_with_escape_sequences_is_shown_in_one_harmless_line(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.failures["/sonar/ask"] = (502, {"code": "no_provider", "message": "x\x1b[2J\nError: y.", "hint": ""})
    assert shell.call("ask", "How?").err == "Error: x\\x1b[2J\\x0aError: y.\n"


def test_warnings_and_general_answers_are_marked(shell: Shell, sonar: FakeSonar) -> None:
    answer = ANSWER | {"is_general": True, "citations": [], "warnings": ["the notes disagree"]}
    sonar.script.events = [*answer_events(answer)]
    done = shell.call("ask", "--allow-general", "How?")
    assert "This answer does not come from the notes." in done.err
    assert "Warning: the notes disagree." in done.err
    assert "Sources" not in done.out


def test_what_left_the_machine_and_what_failed_first_is_said(shell: Shell, sonar: FakeSonar) -> None:
    model = "openrouter:qwen/qwen-2.5-72b-instruct"
    failed = {"model": "ollama:qwen2.5:1.5b", "outcome": "connect_failed", "ms": 3, "error": "Ollama is not running."}
    route = ROUTE | {
        "model": model,
        "attempts": [failed, {"model": model, "outcome": "ok", "ms": 900}],
        "leftMachine": {"to": [model], "tokens": 1980, "notes": ["a.md", "b.md", "c.md"]},
    }
    answer = ANSWER | {"model": model, "tier": "cloud", "route": route, "usage": {"cost_usd": None, "ms": 900}}
    sonar.script.events = [*answer_events(answer)]
    assert shell.call("ask", "How?").err == (
        f"Answered by {model} (cloud), cost unknown, 900 ms.\n"
        "Not used: ollama:qwen2.5:1.5b: Ollama is not running.\n"
        f"1,980 tokens of 3 notes to {model}\n"
    )


def test_a_broken_configuration_file_is_one_line_of_the_next_command(shell: Shell, sonar: FakeSonar) -> None:
    problems = [{"path": "amalfa.config.json", "line": 7, "message": "unknown key sonar.modl"}, {"path": "x"}]
    sonar.script.headers["x-amalfa-config-problems"] = "2"
    sonar.script.replies["/sonar/status"] = STATUS | {"config": STATUS["config"] | {"problems": problems}}
    done = shell.call("ask", "-q", "How?")
    assert done.code == 0
    assert done.err == (
        "amalfa.config.json:7: unknown key sonar.modl (1 of 2 problems). The last good configuration is in force.\n"
    )


def test_a_failing_command_tells_of_the_broken_file_as_well(shell: Shell, sonar: FakeSonar) -> None:
    problems = [{"path": "amalfa.config.json", "line": 7, "message": "unknown key; did you mean x?"}]
    sonar.script.headers["x-amalfa-config-problems"] = "1"
    sonar.script.replies["/sonar/status"] = STATUS | {"config": STATUS["config"] | {"problems": problems}}
    sonar.script.failures["/sonar/search"] = (429, {"code": "busy", "message": "Too many.", "hint": ""})
    done = shell.call("search", "x")
    assert done.code == 7
    assert done.err == (
        "amalfa.config.json:7: unknown key; did you mean x? The last good configuration is in force.\n"
        "Error: Too many.\n"
    )


def test_context_only_prints_what_would_be_sent(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/ask"] = {"passages": [PASSAGE], "sufficient": True, "reason": None}
    done = shell.call("ask", "--context-only", "How?")
    assert done.code == 0
    assert done.out == "docs/keys.md:3-5  Keys > Rotation\n\n## Rotation\n\nrotate them monthly\n"
    assert sonar.last_body == {"question": "How?", "contextOnly": True}


def test_context_that_is_too_thin_is_shown_and_exits_4(shell: Shell, sonar: FakeSonar) -> None:
    reply = {"passages": [PASSAGE], "sufficient": False, "reason": "no note says enough"}
    sonar.script.replies["/sonar/ask"] = reply
    done = shell.call("ask", "--context-only", "How?")
    assert done.code == 4
    assert "rotate them monthly" in done.out
    assert "no note says enough" in done.err
    in_json = shell.call("ask", "--context-only", "--json", "How?")
    assert (in_json.code, in_json.json["data"]) == (4, reply)


@pytest.mark.parametrize("question", ["", "   "])
def test_an_empty_question_is_a_usage_error(shell: Shell, question: str) -> None:
    assert shell.call("ask", question).code == 2


def test_an_unquoted_question_is_explained(shell: Shell) -> None:
    done = shell.call("ask", "How", "do")
    assert done.code == 2
    assert 'Fix: amalfa ask "How do' in done.err
