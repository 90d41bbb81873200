"""How long sonar takes to start, and to tell how it stands, with a hundred thousand notes in the queue.

python -m tests.jobs.many [--items 100000] [--starts 5]
"""

import argparse
import os
import signal
import sys
import time
from datetime import UTC, datetime

import apsw

from amalfa.jobs import book
from amalfa.jobs.job import JobTerms, NoteToDo, Submission
from tests.jobs.kills import MODEL, Victim
from tests.system.harness import Home, is_alive, new_home, wait_until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.threads import running_in_thread

JOB = "job_many"


def fill(home: Home, items: int) -> None:
    """Put a job into the queue of a stopped sonar, with 32 items left in hand by a sonar that was killed."""
    connection = apsw.Connection(str(home.places.database))
    now = datetime.now(UTC)
    connection.execute("BEGIN")
    book.enter(connection, Submission(JOB, "metadata", JobTerms(), "s", False, now))
    book.add_items(connection, JOB, (NoteToDo(f"n/{n}.md", f"c{n}", f"i{n}") for n in range(items)))
    book.open_job(connection, JOB, now.isoformat())
    connection.execute("UPDATE item SET state = 'running', owner = 'old', fence = 1, attempts = 1 WHERE id <= 32")
    connection.execute("COMMIT")
    connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.jobs.many", description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--starts", type=int, default=5)
    given = parser.parse_args()
    with running_in_thread(OllamaSimulator(models=[MODEL], token_ms=5)) as ollama, new_home("amm-") as home:
        victim = Victim(home, ollama, 1)
        victim.start()
        pid = home.pid
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_alive(pid))
        empty_s = victim.start()
        victim.kill()
        fill(home, given.items)
        sys.stdout.write(f"start, empty queue     {empty_s:.2f} s\n")
        for _ in range(given.starts):
            start_s = victim.start()
            began_s = time.monotonic()
            victim.ask("GET", "/sonar/status")
            status_s = time.monotonic() - began_s
            sys.stdout.write(f"start, {given.items} queued   {start_s:.2f} s, first status {status_s:.3f} s\n")
            victim.kill()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
