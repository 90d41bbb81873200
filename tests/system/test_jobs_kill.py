"""Sonar is killed while it works on a job: at every step of an item, and at random. Nothing is lost, nothing twice."""

import textwrap
from collections.abc import Iterator
from contextlib import suppress

import pytest

from amalfa.errors import AmalfaError
from tests.jobs import kills
from tests.jobs.kills import MODEL, Victim, count
from tests.system.harness import ROUNDS, Home, is_alive, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import InThread, running_in_thread

NOTES = 3


def test_random_kills_lose_nothing_and_double_nothing() -> None:
    notes, times = (ROUNDS * 4, ROUNDS) if ROUNDS else (60, 6)
    tally = kills.run(notes, times, seed=7)
    assert tally.is_right, tally
    assert tally.kills_under_load > 0


# Each piece of code wraps one function, so that the process dies there the first time a job comes by.
MOMENTS = {
    "after the claim": """
        from amalfa.jobs.store import SqliteJobStore
        inner = SqliteJobStore.claim
        async def claim(self):
            found = await inner(self)
            if found:
                die()
            return found
        SqliteJobStore.claim = claim
    """,
    "after the ledger's row": """
        from amalfa.execution.ledger import SqliteLedger
        inner = SqliteLedger.open
        async def open_row(self, opening):
            row = await inner(self, opening)
            if opening.request_id.startswith("item_"):
                die()
            return row
        SqliteLedger.open = open_row
    """,
    "in the middle of the reply": """
        from amalfa.execution.executor import _Run
        async def hear(self, piece):
            die()
        _Run._hear = hear
    """,
    "when the reply is whole": """
        from amalfa.execution import asking
        inner = asking._whole
        async def whole(text, finished, order):
            die()
            return await inner(text, finished, order)
        asking._whole = whole
    """,
    "inside the commit": """
        from amalfa.jobs import claims
        inner = claims.finish
        def finish(connection, **told):
            inner(connection, **told)
            die()
        claims.finish = finish
    """,
    "between commit and acknowledgement": """
        from amalfa.execution.ledger import SqliteLedger
        inner = SqliteLedger.close
        async def close(self, row, closing):
            await inner(self, row, closing)
            if closing.also:
                die()
        SqliteLedger.close = close
    """,
}
DIE = """
import os, pathlib, signal
MARK = pathlib.Path({mark!r})
def die():
    if not MARK.exists():
        MARK.touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def ollama() -> Iterator[InThread[OllamaSimulator]]:
    with running_in_thread(OllamaSimulator(models=[MODEL], token_ms=0)) as simulator:
        yield simulator


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_at_any_moment_leaves_each_note_with_one_result(
    home: Home, ollama: InThread[OllamaSimulator], moment: str
) -> None:
    mark = home.folder / "died"
    home.inject_into_sonar(DIE.format(mark=str(mark)) + textwrap.dedent(MOMENTS[moment]))
    victim = Victim(home, ollama, NOTES)
    victim.start()
    pid = home.pid
    with suppress(AmalfaError, OSError):  # it may die before it has answered
        victim.submit()
    wait_until(lambda: not is_alive(pid))
    assert mark.exists()
    victim.start()
    (job,) = victim.ask("GET", "/sonar/jobs")["jobs"]
    victim.finish(job["id"], patience_s=20)
    asked = len(ollama.simulator.requests_to("/api/chat"))
    tally = count(home, asked, NOTES, (1, 1), seconds=0.0, slowest=0.0)
    assert tally.is_right, tally
    if moment in (
        "after the ledger's row",
        "in the middle of the reply",
        "when the reply is whole",
        "inside the commit",
    ):
        assert tally.interrupted_attempts > 0, "the attempt that was lost is listed"


def test_a_stop_gives_back_what_is_in_hand_and_burns_no_attempt(home: Home, ollama: InThread[OllamaSimulator]) -> None:
    ollama.simulator.token_ms = 40.0
    victim = Victim(home, ollama, 8)
    victim.start()
    job_id = victim.submit()
    wait_until(lambda: victim.ask("GET", "/sonar/status")["jobs"]["running"] > 0)
    assert home.cli("sonar", "stop").returncode == 0
    ollama.simulator.token_ms = 0.0
    victim.start()
    items = victim.ask("GET", f"/sonar/jobs/{job_id}/items")["items"]
    assert all(one["attempts"] == 0 for one in items if one["state"] == "queued")
    victim.finish(job_id, patience_s=20)
    asked = len(ollama.simulator.requests_to("/api/chat"))
    tally = count(home, asked, 8, (0, 0), seconds=0.0, slowest=0.0)
    assert tally.is_right, tally
    assert tally.most_interruptions == 0


def test_a_job_waits_for_a_model_that_is_down_and_goes_on_by_itself(
    home: Home, ollama: InThread[OllamaSimulator]
) -> None:
    victim = Victim(home, ollama, NOTES)
    ollama.stop()
    victim.start()
    job_id = victim.submit()
    wait_until(lambda: victim.state_of(job_id) == "waiting")
    told = victim.ask("GET", f"/sonar/jobs/{job_id}")
    assert "one:latest" in told["reason"]
    assert told["counts"]["done"] == 0, "the engine without a model does not stand in"
    ollama.start()
    victim.finish(job_id, patience_s=30)
    asked = len(ollama.simulator.requests_to("/api/chat"))
    tally = count(home, asked, NOTES, (0, 0), seconds=0.0, slowest=0.0)
    assert tally.is_right, tally


def test_the_engine_without_a_model_does_the_job_when_it_is_asked_by_name(home: Home) -> None:
    home.write_config({"sonar": {"host": "127.0.0.1:9"}})
    home.start()
    body = {"folder": "", "model": "embedded:extractive"}
    victim = Victim.__new__(Victim)
    victim.home = home
    job_id = victim.ask("POST", "/sonar/jobs", body)["job"]["id"]
    wait_until(lambda: victim.state_of(job_id) == "done")
    (item,) = victim.ask("GET", f"/sonar/jobs/{job_id}/items")["items"]
    assert item["model"] == "embedded:extractive"
