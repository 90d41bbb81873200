"""Kills sonar again and again while it works on a job, and counts what became of every note.

python -m tests.jobs.kills [--notes 2000] [--kills 500] [--seed N]
"""

import argparse
import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import apsw

from amalfa.client.connection import request
from amalfa.daemon.folders import prepare_folders
from amalfa.daemon.launch import launch
from tests.system.harness import Home, is_alive, new_home, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import InThread, running_in_thread

MODEL = "one:latest"
START_LIMIT_S = 30.0
TOKEN_MS = 3.0
"""Twenty notes a second: slow enough that work is left at the last kill."""
LIFE_MAX_S = 0.5


@dataclass(frozen=True, slots=True)
class Tally:
    """What is in sonar.db at the end, and what the model server saw."""

    notes: int
    kills: int
    kills_under_load: int
    seconds: float
    slowest_start_s: float
    done: int
    without_result: int
    results: int
    notes_with_two_results: int
    good_attempts: int
    results_without_good_attempt: int
    good_attempts_without_result: int
    interrupted_attempts: int
    other_attempts: int
    asked_upstream: int
    unlisted_upstream: int
    open_attempts: int
    most_interruptions: int
    late: int
    integrity: str

    @property
    def is_right(self) -> bool:
        """Every note has one result, made by one attempt of the ledger, and nothing was asked that it does not list."""
        return (
            self.done == self.results == self.notes
            and self.without_result
            == self.notes_with_two_results
            == self.results_without_good_attempt
            == self.good_attempts_without_result
            == self.unlisted_upstream
            == self.open_attempts
            == 0
            and self.integrity == "ok"
        )


def note_text(number: int) -> str:
    return (
        f"# Pump {number}\n\nPump number {number} moves water from the cellar tank to the roof garden every morning."
        f" Its valve is green and its motor hums at {number + 40} hertz.\n"
    )


class Victim:
    """Sonar over a folder of notes, with a simulated model server that lives on when it is killed."""

    def __init__(self, home: Home, ollama: InThread[OllamaSimulator], notes: int) -> None:
        self.home = home
        self.ollama = ollama
        sonar = {
            "host": f"127.0.0.1:{ollama.port}",
            "model": MODEL,
            "cache": {"enabled": False},
            "concurrency": {"localPerHost": 2},
        }
        home.write_config({"sonar": sonar, "docs": {"watch": False}})
        for number in range(notes):
            home.write_note(f"n/note-{number:05}.md", note_text(number))
        prepare_folders(home.places)

    def start(self) -> float:
        """Start it, and return the seconds until it answered."""
        began_s = time.monotonic()
        launch(self.home.project, self.home.places, self.home.environ, timeout_s=START_LIMIT_S)
        return time.monotonic() - began_s

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        reply = request(self.home.places.socket, method, path, body, timeout_s=60)
        assert reply.status < 300, reply.body
        return reply.body

    def submit(self) -> str:
        job_id: str = self.ask("POST", "/sonar/jobs", {"folder": "n"})["job"]["id"]
        return job_id

    def kill(self) -> None:
        pid = self.home.pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid))

    def state_of(self, job_id: str) -> str:
        state: str = self.ask("GET", f"/sonar/jobs/{job_id}")["state"]
        return state

    def left(self, job_id: str) -> int:
        left: int = self.ask("GET", f"/sonar/jobs/{job_id}")["left"]
        return left

    def finish(self, job_id: str, *, patience_s: float) -> None:
        """Wait for the end of the job, then stop sonar in order."""
        wait_until(lambda: self.state_of(job_id) == "done", patience_s=patience_s)
        pid = self.home.pid
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_alive(pid))


def run(notes: int, kills: int, *, seed: int) -> Tally:
    """Submit a job over `notes` notes, kill sonar `kills` times at random moments, let it finish, and count."""
    random_ = random.Random(seed)
    began_s = time.monotonic()
    with (
        running_in_thread(OllamaSimulator(models=[MODEL], token_ms=TOKEN_MS, num_parallel=2)) as ollama,
        new_home("amk-") as home,
    ):
        victim = Victim(home, ollama, notes)
        starts = [victim.start()]
        job_id = victim.submit()
        under_load = 0
        for _ in range(kills):
            time.sleep(random_.random() * LIFE_MAX_S)
            under_load += _has_work(victim)
            victim.kill()
            starts.append(victim.start())
        victim.finish(job_id, patience_s=60 + notes / 4)
        asked = len(ollama.simulator.requests_to("/api/chat"))
        return count(home, asked, notes, (kills, under_load), seconds=time.monotonic() - began_s, slowest=max(starts))


def _has_work(victim: Victim) -> bool:
    connection = apsw.Connection(str(victim.home.places.database), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(5_000)
    found = connection.execute("SELECT 1 FROM item WHERE state IN ('queued', 'running') LIMIT 1").fetchall()
    connection.close()
    return bool(found)


def count(home: Home, asked: int, notes: int, kills: tuple[int, int], *, seconds: float, slowest: float) -> Tally:
    connection = apsw.Connection(str(home.places.database))

    def one(sql: str) -> int:
        return int(connection.execute(sql).fetchall()[0][0] or 0)

    listed = one("SELECT count(*) FROM attempt WHERE task = 'metadata'")
    tally = Tally(
        notes=notes,
        kills=kills[0],
        kills_under_load=kills[1],
        seconds=round(seconds, 1),
        slowest_start_s=round(slowest, 2),
        done=one("SELECT count(*) FROM item WHERE state = 'done'"),
        without_result=one("SELECT count(*) FROM item WHERE idem NOT IN (SELECT idem FROM result)"),
        results=one("SELECT count(*) FROM result"),
        notes_with_two_results=one("SELECT count(*) FROM (SELECT path FROM result GROUP BY path HAVING count(*) > 1)"),
        good_attempts=one("SELECT count(*) FROM attempt WHERE state = 'ok' AND task = 'metadata'"),
        results_without_good_attempt=one(
            "WITH good AS (SELECT substr(request_id, 6, instr(request_id, '.') - 6) AS item FROM attempt"
            " WHERE state = 'ok' AND request_id LIKE 'item_%')"
            " SELECT count(*) FROM result WHERE CAST(item_id AS TEXT) NOT IN (SELECT item FROM good)"
        ),
        good_attempts_without_result=one(
            "SELECT (SELECT count(*) FROM attempt WHERE state = 'ok' AND task = 'metadata')"
            " - (SELECT count(*) FROM result) - (SELECT coalesce(sum(late), 0) FROM job)"
        ),
        interrupted_attempts=one("SELECT count(*) FROM attempt WHERE state = 'unknown' AND task = 'metadata'"),
        other_attempts=one(
            "SELECT count(*) FROM attempt WHERE state NOT IN ('ok', 'unknown', 'started') AND task = 'metadata'"
        ),
        asked_upstream=asked,
        unlisted_upstream=max(asked - listed, 0),
        open_attempts=one("SELECT count(*) FROM attempt WHERE state = 'started'"),
        most_interruptions=one("SELECT max(interruptions) FROM item"),
        late=one("SELECT coalesce(sum(late), 0) FROM job"),
        integrity=str(connection.execute("PRAGMA integrity_check").fetchall()[0][0]),
    )
    connection.close()
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.jobs.kills", description=__doc__)
    parser.add_argument("--notes", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    tally = run(given.notes, given.kills, seed=given.seed)
    rows = [f"{name.replace('_', ' '):32} {getattr(tally, name)}" for name in Tally.__slots__]
    sys.stdout.write("\n".join([*rows, "right" if tally.is_right else "WRONG", ""]))
    return 0 if tally.is_right else 1


if __name__ == "__main__":
    raise SystemExit(main())
