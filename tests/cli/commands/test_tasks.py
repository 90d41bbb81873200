import pytest

from tests.cli.conftest import Shell
from tests.cli.fake_sonar import ANSWER, FakeSonar, answer_events, task_reply

ANALYSIS = {
    "intent": "troubleshooting",
    "entities": ["deploy"],
    "keywords": ["hang", "friday"],
    "technical_level": "medium",
    "filters": {"tags": [], "paths": [], "since": None, "until": None},
    "suggested_queries": ["deploy stuck"],
}
SNIPPET = {"snippet": "a line\nanother", "context": "It says so.", "confidence": 0.8, "start_line": 2, "end_line": 3}
GROUNDED = {key: ANSWER[key] for key in ("answer", "citations", "refused", "reason", "nearest", "dropped_citations")}


def reply_with(sonar: FakeSonar, output: dict[str, object]) -> None:
    sonar.script.events = [("phase", {"text": "reading"}), ("output", task_reply(output)), ("done", {})]


def test_analyze_prints_what_the_query_is_after(shell: Shell, sonar: FakeSonar) -> None:
    reply_with(sonar, ANALYSIS)
    done = shell.call("analyze", "why does the deploy hang", "--local", "--timeout", "3", "-m", "x")
    assert done.code == 0
    assert done.out.startswith("intent: troubleshooting\nentities: deploy\nkeywords: hang, friday\n")
    assert "stayed here" in done.err
    body = {"input": {"query": "why does the deploy hang"}, "model": "x", "prefer": "local", "timeoutMs": 3000}
    assert sonar.asked[-1] == ("/sonar/tasks/analyze", body | {"stream": True})


def test_a_task_in_json_is_output_route_and_usage(shell: Shell, sonar: FakeSonar) -> None:
    reply_with(sonar, ANALYSIS)
    assert shell.call("analyze", "x", "--json").json["data"] == task_reply(ANALYSIS)


def test_metadata_sends_a_note_by_its_path(shell: Shell, sonar: FakeSonar) -> None:
    (shell.root / "a.md").write_text("text")
    reply_with(sonar, {"title": "A", "summary": "B."})
    done = shell.call("metadata", "a.md")
    assert (done.code, done.out) == (0, "title: A\nsummary: B.\n")
    assert sonar.last_body["input"] == {"path": "a.md"}


def test_metadata_reads_what_is_no_note_itself(shell: Shell, sonar: FakeSonar) -> None:
    outside = shell.root.parent / "b.md"
    outside.write_text("outside")
    reply_with(sonar, {"title": "A"})
    shell.call("metadata", str(outside))
    assert sonar.last_body["input"] == {"text": "outside"}
    shell.run("metadata", "-", stdin="piped")
    assert sonar.last_body["input"] == {"text": "piped"}


def test_a_missing_file_is_a_usage_error(shell: Shell) -> None:
    for command in (["metadata", "no.md"], ["snippet", "q", "no.md"], ["synthesize", "q", "no.md"]):
        done = shell.call(*command)
        assert done.code == 2
        assert "no.md" in done.err


def test_a_missing_path_never_means_here(shell: Shell) -> None:
    assert shell.call("metadata").code == 2
    assert shell.call("snippet", "q").code == 2
    assert shell.call("synthesize", "q").code == 2


def test_snippet_prints_the_lines_and_where_they_stand(shell: Shell, sonar: FakeSonar) -> None:
    (shell.root / "a.md").write_text("x")
    reply_with(sonar, SNIPPET)
    done = shell.call("snippet", "what", "a.md")
    assert (done.code, done.out) == (0, "a.md:2-3 (confidence 0.80)\n\na line\nanother\n\nIt says so.\n")
    assert sonar.last_body["input"] == {"query": "what", "path": "a.md"}


def test_no_snippet_is_nothing_found(shell: Shell, sonar: FakeSonar) -> None:
    reply_with(sonar, SNIPPET | {"snippet": ""})
    assert shell.run("snippet", "what", "-", stdin="x").code == 4


def test_an_empty_task_reply_is_a_failure(shell: Shell, sonar: FakeSonar) -> None:
    reply_with(sonar, {})
    assert shell.call("analyze", "x").code == 5


def test_synthesize_answers_from_the_notes_named(shell: Shell, sonar: FakeSonar) -> None:
    for name in ("a.md", "b.md"):
        (shell.root / name).write_text("x")
    sonar.script.events = [*answer_events(ANSWER)[:-2], ("output", task_reply(GROUNDED)), ("done", {})]
    done = shell.call("synthesize", "How?", "a.md", "b.md")
    assert done.code == 0
    assert done.out == "Rotate them **monthly** [1].\n\nSources:\n[1] docs/keys.md:3-5  Keys > Rotation\n"
    assert sonar.last_body["input"] == {"question": "How?", "paths": ["a.md", "b.md"]}


def test_synthesize_brings_files_from_elsewhere_along(shell: Shell, sonar: FakeSonar) -> None:
    outside = shell.root.parent / "b.md"
    outside.write_text("outside")
    sonar.script.events = [("output", task_reply(GROUNDED)), ("done", {})]
    done = shell.call("synthesize", "How?", str(outside), "--json")
    assert done.json["data"]["answer"] == ANSWER["answer"]
    assert sonar.last_body["input"] == {"question": "How?", "passages": [{"path": "b.md", "text": "outside"}]}


def test_notes_and_other_files_are_not_mixed(shell: Shell, sonar: FakeSonar) -> None:
    (shell.root / "a.md").write_text("x")
    (shell.root.parent / "b.md").write_text("x")
    assert shell.call("synthesize", "How?", "a.md", "../b.md").code == 2


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_refusal_of_synthesize_is_exit_4(shell: Shell, sonar: FakeSonar, flags: list[str]) -> None:
    (shell.root / "a.md").write_text("x")
    sonar.script.events = [("output", task_reply(GROUNDED | {"refused": True, "answer": ""})), ("done", {})]
    assert shell.call("synthesize", "How?", "a.md", *flags).code == 4


def test_binary_files_are_refused(shell: Shell, sonar: FakeSonar) -> None:
    (shell.root.parent / "b.bin").write_bytes(b"\0\1")
    done = shell.call("metadata", "../b.bin")
    assert done.code == 2
    assert "binary" in done.err
