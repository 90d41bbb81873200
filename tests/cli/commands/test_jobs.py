import threading
from typing import Any

import pytest

from tests.cli.commands.test_completion import complete
from tests.cli.conftest import Shell, Terminal
from tests.cli.fake_sonar import FakeSonar
from tests.cli.test_output_schema import check

JOB: dict[str, Any] = {
    "id": "job_1f0c",
    "task": "metadata",
    "state": "done",
    "reason": "",
    "write": False,
    "created_at": "2026-01-02T03:04:05Z",
    "finished_at": None,
    "total": 3,
    "left": 0,
    "counts": {"queued": 0, "running": 0, "done": 3, "failed": 0, "cancelled": 0, "skipped": 0},
    "late": 0,
    "tokens_in": 2000,
    "tokens_out": 300,
    "cost_usd": 0.0,
    "rate_per_s": None,
    "eta_s": None,
}
ESTIMATE: dict[str, Any] = {
    "notes": 3,
    "unchanged": 0,
    "left_out": 0,
    "refused": [],
    "tokens": 2400,
    "seconds": 40.0,
    "cost_usd_low": 0.01,
    "cost_usd_high": 0.03,
    "is_paid": True,
    "model": "openrouter:qwen/qwen",
    "waiting": "",
}
PROGRESS = ("progress", {"state": "running", "done": 1, "failed": 0, "left": 2, "cost_usd": 0.01})
DONE = ("done", {"state": "done"})


def items_path(state: str, job_id: str = "job_1f0c") -> str:
    return f"/sonar/jobs/{job_id}/items?state={state}&after=0&limit=1000"


def serve(sonar: FakeSonar, *, estimate: dict[str, Any] | None = None, **fields: Any) -> None:
    """One job, however it is asked for, that ends at once; its notes by state are given as `done=[…]`."""
    states = {state: fields.pop(state) for state in ("done", "skipped", "failed") if state in fields}
    counts = JOB["counts"] | {"done": 0} | {state: len(items) for state, items in states.items()}
    job = JOB | {"counts": counts} | fields
    sonar.script.replies["/sonar/jobs"] = {
        "jobs": [job],
        "job": job,
        "estimate": estimate or ESTIMATE,
        "left_out": 0,
        "refused": [],
    }
    for path in ("", "/retry", "/pause", "/resume"):
        sonar.script.replies[f"/sonar/jobs/job_1f0c{path}"] = job
    for state in ("done", "skipped", "failed"):
        sonar.script.replies[items_path(state)] = {"items": states.get(state, []), "next": None}
    sonar.script.events = [PROGRESS, DONE]


def failed(path: str, reason: str) -> dict[str, Any]:
    return {"path": path, "state": "failed", "error": reason, "error_code": "bad_reply"}


def test_jobs_stand_in_a_table(shell: Shell, sonar: FakeSonar) -> None:
    serve(sonar)
    done = shell.call("jobs", "list")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[1].startswith("job_1f0c  metadata  done")
    check("jobs list", shell.call("jobs", "list", "--json").json)


def test_no_jobs_are_no_failure(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/jobs"] = {"jobs": []}
    done = shell.call("jobs", "list")
    assert (done.code, done.out) == (0, "")
    assert "amalfa metadata FOLDER" in done.err


def test_show_reports_what_failed_and_fails(shell: Shell, sonar: FakeSonar) -> None:
    serve(sonar, done=[], failed=[failed("a.md", "no model could")])
    done = shell.call("jobs", "show", "job_1f0c")
    assert done.code == 1
    assert "  a.md: no model could" in done.out
    printed = shell.call("jobs", "show", "job_1f0c", "--json").json
    check("jobs show", printed)
    assert printed["data"]["failures"] == [{"path": "a.md", "reason": "no model could"}]


def test_show_follows_a_job_that_runs(shell: Shell, sonar: FakeSonar) -> None:
    serve(sonar, state="running", left=0)
    assert shell.call("jobs", "show", "1f").code == 0
    assert "/sonar/jobs/job_1f0c/events" in [path for path, _ in sonar.asked]


def test_show_as_json_tells_how_it_stands_and_waits_for_nothing(shell: Shell, sonar: FakeSonar) -> None:
    serve(sonar, state="running", left=2)
    done = shell.call("jobs", "show", "job_1f0c", "--json")
    assert (done.code, done.json["data"]["left"]) == (1, 2)
    assert "/sonar/jobs/job_1f0c/events" not in [path for path, _ in sonar.asked]


def test_a_wrong_id_gets_the_nearest(shell: Shell, sonar: FakeSonar) -> None:
    serve(sonar)
    for action in ("show", "cancel", "retry", "pause", "resume"):
        done = shell.call("jobs", action, "job_1f0d")
        assert done.code == 2
        assert "There is no job job_1f0d. Did you mean job_1f0c? Fix: amalfa jobs list" in done.err


def test_a_beginning_of_several_ids_is_refused(shell: Shell, sonar: FakeSonar) -> None:
    sonar.script.replies["/sonar/jobs"] = {"jobs": [JOB, JOB | {"id": "job_1f0d"}]}
    done = shell.call("jobs", "cancel", "job_1")
    assert done.code == 2
    assert "2 jobs begin with job_1: job_1f0c, job_1f0d" in done.err
    assert [path for path, _ in sonar.asked] == ["/sonar/jobs"]


@pytest.mark.parametrize(
    ("action", "state", "code", "said"),
    [
        ("cancel", "running", 0, "job_1f0c is cancelled; 2 notes done before that."),
        ("cancel", "done", 0, "done already; there is nothing to cancel"),
        ("retry", "done", 0, "1 note will be tried again"),
        ("pause", "running", 0, "is paused; go on with it by: amalfa jobs resume job_1f0c"),
        ("pause", "done", 2, "is done already"),
        ("resume", "paused", 0, "goes on"),
        ("resume", "done", 2, "Fix: amalfa jobs retry job_1f0c"),
    ],
)
def test_steering_says_what_it_did(
    shell: Shell, sonar: FakeSonar, action: str, state: str, code: int, said: str
) -> None:
    serve(sonar, state=state, done=[{}, {}], failed=[{}])
    done = shell.call("jobs", action, "job_1f0c")
    assert done.code == code
    assert said in done.out + done.err
    if not code:
        check(f"jobs {action}", shell.call("jobs", action, "job_1f0c", "--json").json)


def test_nothing_failed_is_nothing_to_retry(shell: Shell, sonar: FakeSonar) -> None:
    serve(sonar)
    done = shell.call("jobs", "retry", "job_1f0c")
    assert (done.code, "nothing to try again" in done.out) == (0, True)
    assert sonar.asked[-1][0] == "/sonar/jobs"


def test_ids_are_completed_from_the_jobs_there_are(shell: Shell, sonar: FakeSonar) -> None:
    serve(sonar)
    assert complete(shell, "amalfa jobs show job_") == ["job_1f0c"]


def test_a_bar_shows_how_far_it_is_and_ctrl_c_only_leaves(shell: Shell, sonar: FakeSonar) -> None:
    serve(sonar, state="running", left=2)
    gate = threading.Event()
    sonar.script.events = [PROGRESS, lambda: gate.wait(20)]
    terminal: Terminal = shell.terminal("jobs", "show", "job_1f0c", columns=120)
    try:
        terminal.wait_for("1 done, 2 left")
        terminal.press_ctrl_c()
        assert terminal.finish() == 130
        assert "The job goes on in the background; come back to it with: amalfa jobs show job_1f0c" in terminal.seen
    finally:
        gate.set()
        terminal.close()
    assert not any(path.endswith("cancel") for path, _ in sonar.asked)


def test_a_sonar_that_comes_back_is_followed_again(shell: Shell, sonar: FakeSonar) -> None:
    serve(sonar, state="running")
    path = "/sonar/jobs/job_1f0c/events"
    sonar.script.failing_once[path] = (503, {"code": "shutting_down", "message": "Going.", "hint": ""})
    assert shell.call("jobs", "show", "job_1f0c").code == 0
    assert [asked for asked, _ in sonar.asked].count(path) == 2


def test_a_sonar_that_stays_away_is_told(shell: Shell, sonar: FakeSonar, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(sonar, state="running")
    monkeypatch.setattr("amalfa.cli.following_job.COMES_BACK_WITHIN_S", 0.1)
    monkeypatch.setattr("amalfa.cli.following_job.LOOK_EVERY_S", 0.06)
    gone = (503, {"code": "not_running", "message": "Gone.", "hint": ""})
    sonar.script.failures["/sonar/jobs/job_1f0c/events"] = gone
    done = shell.call("jobs", "show", "job_1f0c")
    assert done.code == 3
    assert "amalfa sonar start, then amalfa jobs show job_1f0c" in done.err
