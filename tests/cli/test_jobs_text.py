"""Jobs in words."""

import pytest

from amalfa.cli.jobs_text import Report, estimate_text, jobs_table, progress_text, report_text, time_text
from amalfa.client.document import Document
from tests.cli.commands.test_jobs import ESTIMATE, JOB


def job(**fields: object) -> Document:
    return Document(JOB | fields)


def test_a_report_names_what_failed_and_what_was_left_alone() -> None:
    counts = {"done": 3, "failed": 1, "skipped": 2}
    report = Report(
        job(counts=counts, cost_usd=0.02),
        failures=[("a.md", "it is\x1b[2K broken")],
        left_alone=[("b.md", "its front matter is not YAML")],
        written=2,
    )
    text = report_text(report)
    assert text.startswith(
        "job_1f0c done: 3 done, 1 failed, 2 unchanged; $0.02.\n2 notes written.\nFailed:\n  a.md: it"
    )
    assert "\x1b" not in text
    assert "Left alone:\n  b.md: its front matter is not YAML" in text
    assert text.endswith("amalfa jobs retry job_1f0c")
    assert not report.is_good


def test_a_long_list_is_cut_and_says_so() -> None:
    text = report_text(Report(job(), failures=[(f"{n}.md", "x") for n in range(25)]))
    assert "and 5 more (--json has all)" in text


def test_what_a_paused_job_waits_for_is_told() -> None:
    assert "It is paused: over budget." in report_text(Report(job(state="paused", reason="over budget", left=4)))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "3 notes, about 2,400 tokens, $0.01 to $0.03, about 40 s, openrouter:qwen/qwen"),
        ({"cost_usd_high": None}, "price unknown"),
        ({"cost_usd_low": 0.0, "cost_usd_high": 0.0}, "no cost"),
        ({"model": None, "waiting": "ollama is down"}, "no model now (ollama is down)"),
    ],
)
def test_an_estimate_is_one_line(fields: dict[str, object], said: str) -> None:
    assert said in estimate_text(Document(ESTIMATE | fields))


def test_progress_has_rate_time_tokens_and_cost() -> None:
    told = {"done": 4, "failed": 1, "left": 5, "rate_per_s": 0.05, "eta_s": 100, "tokens_in": 900, "tokens_out": 100}
    assert progress_text(Document(told | {"cost_usd": 0.5})) == (
        "4 done, 1 failed, 5 left, 3/min, 2 min to go, 1,000 tokens, $0.50"
    )
    assert "waiting: no model" in progress_text(Document({"state": "waiting", "reason": "no model"}))


def test_times_are_short() -> None:
    assert [time_text(seconds) for seconds in (0.2, 40, 720, 12_000)] == ["1 s", "40 s", "12 min", "3 h 20 min"]


def test_the_table_has_a_row_for_each_job() -> None:
    lines = jobs_table([job(), job(id="job_2")], width=120).splitlines()
    assert len(lines) == 3
    assert lines[1].split()[:3] == ["job_1f0c", "metadata", "done"]
    assert "2026-01-02 03:04" in lines[1]
