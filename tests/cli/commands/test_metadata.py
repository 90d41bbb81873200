"""`amalfa metadata` over many notes, and writing into them."""

from typing import Any

import pytest

from amalfa.jobs.terms import note_to_do
from tests.cli.commands.test_jobs import DONE, ESTIMATE, JOB, failed, items_path, serve
from tests.cli.conftest import Shell
from tests.cli.fake_sonar import FakeSonar, task_reply
from tests.cli.test_output_schema import check

FREE = ESTIMATE | {"is_paid": False, "cost_usd_low": 0.0, "cost_usd_high": 0.0, "model": "ollama:qwen2.5:1.5b"}
OUTPUT = {"title": "A", "summary": "About it.", "keywords": ["a", "b", "c"], "doc_type": "guide"}


@pytest.fixture
def notes(shell: Shell) -> Shell:
    (shell.root / "docs").mkdir()
    for name in ("docs/a.md", "docs/b.md", "c.md"):
        (shell.root / name).write_text(f"text of {name}\n")
    return shell


def described(path: str, text: str | None = None) -> dict[str, Any]:
    content_hash = note_to_do("metadata", "", path, text or f"text of {path}").content_hash
    return {"path": path, "state": "done", "content_hash": content_hash, "output": OUTPUT}


def bodies(sonar: FakeSonar) -> list[Any]:
    return [body for path, body in sonar.asked if path == "/sonar/jobs" and body]


def test_a_folder_is_a_job_that_is_followed_and_reported(notes: Shell, sonar: FakeSonar) -> None:
    serve(sonar, estimate=FREE, done=[described("docs/a.md"), described("docs/b.md")])
    done = notes.call("metadata", "docs", "--limit", "5", "-m", "x")
    assert (done.code, done.out) == (0, "job_1f0c done: 2 done; no cost.\n")
    assert done.err == "Job job_1f0c: 3 notes, about 2,400 tokens, no cost, about 40 s, ollama:qwen2.5:1.5b.\n"
    body = {"task": "metadata", "write": False, "folder": "docs", "model": "x", "limit": 5}
    assert bodies(sonar) == [{**body, "dryRun": True}, body]
    check("metadata", notes.call("metadata", "docs", "--json").json)
    assert notes.call("metadata", "docs", "--quiet").err == ""


def test_the_whole_project_and_lists_of_files_are_jobs_too(notes: Shell, sonar: FakeSonar) -> None:
    serve(sonar, estimate=FREE)
    notes.call("metadata", ".")
    assert bodies(sonar)[-1]["folder"] == ""
    notes.call("metadata", "c.md", "docs", "docs/a.md")
    assert bodies(sonar)[-1]["paths"] == ["c.md", "docs/a.md", "docs/b.md"]


def test_notes_that_failed_are_named_and_the_command_fails(notes: Shell, sonar: FakeSonar) -> None:
    serve(sonar, estimate=FREE, done=[{}], failed=[failed("docs/b.md", "no model could")])
    done = notes.call("metadata", "docs")
    assert done.code == 1
    assert "1 done, 1 failed" in done.out
    assert "docs/b.md: no model could" in done.out


def test_unchanged_notes_are_nothing_to_do(notes: Shell, sonar: FakeSonar) -> None:
    serve(sonar, estimate=FREE | {"notes": 0, "unchanged": 120, "model": None})
    done = notes.call("metadata", "docs")
    assert (done.code, done.out) == (0, "Nothing to do: 120 notes unchanged.\n")
    assert len(bodies(sonar)) == 1
    printed = notes.call("metadata", "docs", "--json").json
    check("metadata", printed)
    assert (printed["data"]["job"], printed["data"]["unchanged"]) == (None, 120)


def test_a_named_note_that_cannot_be_read_is_told_and_fails(notes: Shell, sonar: FakeSonar) -> None:
    refused = [{"path": "c.md", "reason": "the note is empty"}, {"path": "docs/b.md", "reason": "excluded"}]
    serve(sonar, estimate=FREE | {"refused": refused}, done=[{}])
    done = notes.call("metadata", "c.md", "docs")
    assert done.code == 1
    assert "c.md: the note is empty" in done.out
    assert "excluded" not in done.out


@pytest.mark.parametrize("estimate", [ESTIMATE, ESTIMATE | {"cost_usd_high": None}, FREE | {"model": None}])
def test_what_may_cost_money_needs_a_yes(notes: Shell, sonar: FakeSonar, estimate: dict[str, Any]) -> None:
    serve(sonar, estimate=estimate, done=[{}])
    for flags in ([], ["--json"]):
        done = notes.run("metadata", "docs", *flags)
        assert done.code == 2
        assert "add --yes" in done.out + done.err
    assert len(bodies(sonar)) == 2
    assert notes.call("metadata", "docs", "--yes").code == 0


@pytest.mark.parametrize(("typed", "code", "asked"), [("\n", 1, 1), ("y\n", 0, 2)])
def test_on_a_terminal_the_price_is_shown_and_no_is_the_default(
    notes: Shell, sonar: FakeSonar, typed: str, code: int, asked: int
) -> None:
    serve(sonar, done=[{}])
    terminal = notes.terminal("metadata", "docs", columns=200)
    try:
        terminal.wait_for("[y/N]")
        assert "3 notes, about 2,400 tokens, $0.01 to $0.03" in terminal.seen
        terminal.type(typed)
        assert terminal.finish() == code
    finally:
        terminal.close()
    assert len(bodies(sonar)) == asked


def test_a_paused_job_is_reported_as_not_done(notes: Shell, sonar: FakeSonar) -> None:
    serve(sonar, estimate=FREE, state="paused", reason="over budget", left=2, done=[{}])
    sonar.script.events = [("progress", {"state": "paused", "reason": "over budget"}), DONE]
    done = notes.call("metadata", "docs")
    assert done.code == 1
    assert "It is paused: over budget." in done.out


def test_a_job_has_its_own_clocks(notes: Shell, sonar: FakeSonar) -> None:
    for flag in (["--timeout", "3"], ["--no-cache"]):
        assert notes.call("metadata", "docs", *flag).code == 2
    assert sonar.asked == []


def test_a_process_of_its_own_does_no_jobs(notes: Shell) -> None:
    done = notes.call("metadata", "docs", "--no-daemon")
    assert (done.code, "leave out --no-daemon" in done.err) == (2, True)


def test_a_file_of_elsewhere_is_no_part_of_a_job(notes: Shell, sonar: FakeSonar) -> None:
    (notes.root.parent / "o.md").write_text("x")
    done = notes.call("metadata", "c.md", "../o.md")
    assert (done.code, "o.md is no note of this project" in done.err) == (2, True)


def test_descriptions_are_written_and_a_changed_note_is_left_alone(notes: Shell, sonar: FakeSonar) -> None:
    items = [described("docs/a.md"), described("docs/b.md", "older text")]
    serve(sonar, estimate=FREE, write=True, done=items, skipped=[described("c.md")])
    done = notes.call("metadata", ".", "--write")
    assert done.code == 0
    assert "2 notes written." in done.out
    assert "docs/b.md: it changed since it was described" in done.out
    for name in ("docs/a.md", "c.md"):
        text = (notes.root / name).read_text()
        assert 'summary: "About it."' in text
        assert text.endswith(f"---\ntext of {name}\n")
    assert (notes.root / "docs/b.md").read_text() == "text of docs/b.md\n"
    before = (notes.root / "c.md").stat().st_mtime_ns
    assert "0 notes written." in notes.call("metadata", ".", "--write").out
    assert (notes.root / "c.md").stat().st_mtime_ns == before


def test_a_written_note_counts_as_unchanged(notes: Shell, sonar: FakeSonar) -> None:
    serve(sonar, estimate=FREE, done=[described("c.md")])
    notes.call("metadata", ".", "--write")
    text = (notes.root / "c.md").read_text()
    assert "About it." in text
    assert described("c.md", text)["content_hash"] == described("c.md")["content_hash"]


def test_what_was_described_before_is_written_without_asking_again(notes: Shell, sonar: FakeSonar) -> None:
    serve(sonar, estimate=FREE | {"notes": 0, "unchanged": 1, "model": None}, skipped=[described("c.md")])
    done = notes.run("metadata", ".", "--write")
    assert (done.code, "1 note written." in done.out) == (0, True)


def test_show_writes_only_when_it_is_told_to(notes: Shell, sonar: FakeSonar) -> None:
    serve(sonar, write=True, done=[described("c.md")])
    done = notes.call("jobs", "show", "job_1f0c")
    assert "amalfa jobs show job_1f0c --write" in done.err
    assert (notes.root / "c.md").read_text() == "text of c.md\n"
    assert "1 note written." in notes.call("jobs", "show", "job_1f0c", "--write").out


def test_one_note_is_described_at_once_and_written(notes: Shell, sonar: FakeSonar) -> None:
    sonar.script.events = [("output", task_reply(OUTPUT)), ("done", {})]
    done = notes.call("metadata", "c.md", "--write")
    assert (done.code, done.out.splitlines()[0]) == (0, "title: A")
    assert "The description is written into c.md." in done.err
    assert "About it." in (notes.root / "c.md").read_text()
    assert sonar.asked[-1][0] == "/sonar/tasks/metadata"


def test_one_note_that_changes_meanwhile_is_left_alone(notes: Shell, sonar: FakeSonar) -> None:
    change = lambda: (notes.root / "c.md").write_text("other")  # noqa: E731 - one line in a script of events
    sonar.script.events = [change, ("output", task_reply(OUTPUT)), ("done", {})]
    done = notes.call("metadata", "c.md", "--write")
    assert (done.code, "c.md was left alone: it changed" in done.err) == (1, True)
    assert (notes.root / "c.md").read_text() == "other"


def test_only_notes_of_the_project_can_be_written(notes: Shell, sonar: FakeSonar) -> None:
    (notes.root.parent / "o.md").write_text("x")
    for file in ("../o.md", "-"):
        assert notes.call("metadata", file, "--write").code == 2


def test_items_come_page_by_page(notes: Shell, sonar: FakeSonar) -> None:
    serve(sonar, failed=[failed("a.md", "x")])
    sonar.script.replies[items_path("failed")] = {"items": [failed("a.md", "x")], "next": 7}
    following = items_path("failed").replace("after=0", "after=7")
    sonar.script.replies[following] = {"items": [failed("b.md", "y")], "next": None}
    assert [one["path"] for one in notes.call("jobs", "show", JOB["id"], "--json").json["data"]["failures"]] == [
        "a.md",
        "b.md",
    ]
