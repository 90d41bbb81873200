"""Jobs over HTTP, against a real sonar and a simulated model server."""

from collections.abc import Iterator
from typing import Any

import pytest

from amalfa.client.connection import stream
from amalfa.client.failures import RemoteError
from tests.jobs.kills import MODEL, Victim, note_text
from tests.system.harness import Home, new_home, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import InThread, running_in_thread

NOTES = 6


@pytest.fixture
def ollama() -> Iterator[InThread[OllamaSimulator]]:
    with running_in_thread(OllamaSimulator(models=[MODEL], token_ms=0)) as simulator:
        yield simulator


@pytest.fixture
def sonar(home: Home, ollama: InThread[OllamaSimulator]) -> Victim:
    victim = Victim(home, ollama, NOTES)
    victim.start()
    return victim


def submit(sonar: Victim, **body: object) -> Any:
    return sonar.ask("POST", "/sonar/jobs", {"folder": "n", **body})


def end_of(sonar: Victim, job_id: str) -> Any:
    wait_until(lambda: sonar.state_of(job_id) in ("done", "cancelled"))
    return sonar.ask("GET", f"/sonar/jobs/{job_id}")


def asked(sonar: Victim) -> int:
    return len(sonar.ollama.simulator.requests_to("/api/chat"))


def test_a_job_is_estimated_done_followed_and_done_again_without_a_model(sonar: Victim) -> None:
    estimate = submit(sonar, dryRun=True)["estimate"]
    assert (estimate["notes"], estimate["unchanged"], estimate["is_paid"]) == (NOTES, 0, False)
    assert (estimate["model"], estimate["cost_usd_high"]) == (f"ollama:{MODEL}", 0.0)
    assert estimate["tokens"] > NOTES * 100
    assert estimate["seconds"] > 0
    assert asked(sonar) == 0
    assert sonar.ask("GET", "/sonar/jobs")["jobs"] == []

    job = submit(sonar, write=True)["job"]
    assert job["write"]
    with stream(sonar.home.places.socket, "GET", f"/sonar/jobs/{job['id']}/events", None, timeout_s=20) as events:
        heard: list[tuple[str, Any]] = list(events)
    assert sorted(data["path"] for name, data in heard if name == "item") == [
        f"n/note-{number:05}.md" for number in range(NOTES)
    ]
    progress = [data for name, data in heard if name == "progress"]
    assert (progress[-1]["done"], progress[-1]["left"]) == (NOTES, 0)
    assert progress[-1]["tokens_in"] > 0
    assert heard[-1] == ("done", {"state": "done"})

    page = sonar.ask("GET", f"/sonar/jobs/{job['id']}/items?limit=4")
    rest = sonar.ask("GET", f"/sonar/jobs/{job['id']}/items?limit=4&after={page['next']}")
    assert (len(page["items"]), len(rest["items"]), rest["next"]) == (4, 2, None)
    assert page["items"][0]["output"]["title"] == "Pump 0"
    assert page["items"][0]["model"] == f"ollama:{MODEL}"

    before = asked(sonar)
    # What `--write` adds to the front matter is no change.
    sonar.home.write_note("n/note-00000.md", f"---\ntitle: Pump\nkeywords: [a]\n---\n{note_text(0)}")
    sonar.home.write_note("n/note-00001.md", f"{note_text(1)}\nIt was replaced in May.\n")
    again = end_of(sonar, submit(sonar)["job"]["id"])
    assert (again["counts"]["skipped"], again["counts"]["done"]) == (NOTES - 1, 1)
    assert asked(sonar) == before + 1


def test_a_limit_counts_only_notes_that_are_asked_about(sonar: Victim) -> None:
    first = submit(sonar, limit=2)
    assert (first["job"]["total"], first["left_out"]) == (2, NOTES - 2)
    end_of(sonar, first["job"]["id"])
    second = submit(sonar, limit=2)
    assert (second["job"]["counts"]["skipped"], second["job"]["total"], second["left_out"]) == (2, 4, NOTES - 4)


def test_a_job_is_paused_resumed_cancelled_and_retried(sonar: Victim) -> None:
    sonar.ollama.simulator.token_ms = 50.0
    job_id = submit(sonar)["job"]["id"]
    assert sonar.ask("POST", f"/sonar/jobs/{job_id}/pause", {})["state"] == "paused"
    assert sonar.ask("POST", f"/sonar/jobs/{job_id}/resume", {})["state"] == "running"
    cancelled = sonar.ask("DELETE", f"/sonar/jobs/{job_id}")
    assert (cancelled["state"], cancelled["left"]) == ("cancelled", 0)
    wait_until(lambda: sonar.ask("GET", "/sonar/status")["queue"]["background"] == 0)
    sonar.ollama.simulator.token_ms = 0.0
    assert sonar.ask("POST", f"/sonar/jobs/{job_id}/retry", {})["state"] == "running"
    assert end_of(sonar, job_id)["counts"]["done"] == NOTES


def test_notes_that_are_gone_fail_at_once_and_others_are_done(sonar: Victim) -> None:
    reply = sonar.ask("POST", "/sonar/jobs", {"paths": ["n/note-00000.md", "n/none.md"]})
    assert [one["path"] for one in reply["refused"]] == ["n/none.md"]
    assert end_of(sonar, reply["job"]["id"])["counts"]["done"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/sonar/jobs", {"folder": "n", "paths": ["a"]}, "usage"),
        ("POST", "/sonar/jobs", {"folder": "../out"}, "usage"),
        ("POST", "/sonar/jobs", {"folder": "none"}, "not_found"),
        ("POST", "/sonar/jobs", {"folder": "n", "task": "ask"}, "usage"),
        ("POST", "/sonar/jobs", {"folder": "n", "model": "pipeline:x"}, "usage"),
        ("POST", "/sonar/jobs", {"paths": ["../../etc/passwd"]}, "not_found"),
        ("GET", "/sonar/jobs/job_none", None, "not_found"),
        ("GET", "/sonar/jobs/job_none/events", None, "not_found"),
        ("DELETE", "/sonar/jobs/job_none", None, "not_found"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(
    running: Victim, method: str, path: str, body: dict[str, object] | None, code: str
) -> None:
    with pytest.raises(RemoteError) as refusal:
        running.ask(method, path, body)
    assert refusal.value.code == code


@pytest.fixture(scope="module")
def running() -> Iterator[Victim]:
    with running_in_thread(OllamaSimulator(models=[MODEL], token_ms=0)) as simulator, new_home() as home:
        victim = Victim(home, simulator, 1)
        victim.start()
        yield victim
