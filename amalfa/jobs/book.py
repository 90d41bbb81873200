"""Jobs in sonar.db as a whole: handed in, held, paused, cancelled, retried, listed, forgotten. Plain functions."""

from collections.abc import Iterable, Sequence
from typing import get_args

import apsw

from amalfa.calls import PrivacyClass, Wish
from amalfa.jobs.claims import end_if_over
from amalfa.jobs.job import Counts, Item, ItemState, Job, JobTerms, Load, NoteToDo, Settled, Submission
from amalfa.jobs.terms import terms_from, terms_text
from amalfa.store.rows import Row, fetch, fetch_one

BACKOFF_FIRST_S, BACKOFF_MAX_S = 2.0, 300.0
"""How long a job waits for a provider that is away: twice as long each time, a random half of it taken off at most."""

HASHES_AT_ONCE = 500

_ENTER = """
INSERT INTO job (id, task, state, terms, is_write, settings_hash, created_at) VALUES (?, ?, 'arriving', ?, ?, ?, ?)
"""
_ADD = """
INSERT INTO item (job_id, idem, path, content_hash, state, settled)
SELECT :job, :idem, :path, :content, CASE WHEN found THEN 'skipped' ELSE 'queued' END,
    CASE WHEN found THEN (SELECT coalesce(max(settled), 0) + 1 FROM item WHERE job_id = :job) END
FROM (SELECT EXISTS (SELECT 1 FROM result WHERE idem = :idem) AS found)
"""
# What brought no result was paid as well. The ledger has it under "item_7.1", "item_7.2" and so on; "/" follows ".".
_SUMS = """
SELECT coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0), round(coalesce(sum(cost_usd), 0.0), 9) FROM (
    SELECT tokens_in, tokens_out, cost_usd FROM result WHERE job_id = :job
    UNION ALL
    SELECT tokens_in, tokens_out, cost_usd FROM item JOIN attempt
        ON request_id >= 'item_' || item.id || '.' AND request_id < 'item_' || item.id || '/'
        WHERE job_id = :job AND item.state IN ('failed', 'running', 'cancelled'))
"""
_JOB = """
SELECT id, task, state, reason, terms, is_write, created_at, finished_at, waits, late FROM job WHERE state <> 'arriving'
"""
_ITEM = """
SELECT item.id, item.path, item.state, attempts, error_code, error, item.content_hash,
    output, model, tokens_in, tokens_out, cost_usd, ms
FROM item LEFT JOIN result ON result.idem = item.idem AND item.state IN ('done', 'skipped')
WHERE item.job_id = ? AND item.id > ?
"""
_SKIP_KNOWN = """
UPDATE item SET state = 'skipped', error_code = NULL, error = NULL
WHERE job_id = ? AND state IN ('failed', 'cancelled') AND idem IN (SELECT idem FROM result) RETURNING id
"""
_QUEUE_AGAIN = """
UPDATE item SET state = 'queued', attempts = 0, interruptions = 0, not_before = 0, error_code = NULL, error = NULL,
    settled = NULL
WHERE job_id = ? AND state IN ('failed', 'cancelled') RETURNING id
"""
_CANCELLED = """
WITH ended AS MATERIALIZED (
    SELECT id, ? + row_number() OVER (ORDER BY id) AS number FROM item
    WHERE job_id = ? AND state IN ('queued', 'running'))
UPDATE item SET state = 'cancelled', owner = NULL, lease_until = NULL, settled = ended.number
FROM ended WHERE ended.id = item.id
"""
_DUE = """
SELECT min(max(job.not_before, item.not_before)) FROM job JOIN item ON item.job_id = job.id
WHERE job.state = 'running' AND item.state = 'queued'
"""


def enter(connection: apsw.Connection, submission: Submission) -> None:
    """Write a job down that is still being handed in; nothing of it is worked on before `open_job`."""
    terms = terms_text(submission.terms)
    at = submission.at.isoformat()
    values = (submission.id, submission.task, terms, submission.is_write, submission.settings_hash, at)
    fetch(connection, _ENTER, values)


def add_items(connection: apsw.Connection, job_id: str, notes: Iterable[NoteToDo]) -> None:
    """Add notes; one whose result is there already is settled as "skipped"."""
    for note in notes:
        values = {"job": job_id, "idem": note.idem, "path": note.path, "content": note.content_hash}
        fetch(connection, _ADD, values)


def open_job(connection: apsw.Connection, job_id: str, at: str) -> None:
    fetch(connection, "UPDATE job SET state = 'running' WHERE id = ? AND state = 'arriving'", (job_id,))
    end_if_over(connection, [job_id], at)


def known(connection: apsw.Connection, idems: Sequence[str]) -> frozenset[str]:
    """Those that have a result."""
    found: set[str] = set()
    for start in range(0, len(idems), HASHES_AT_ONCE):
        some = idems[start : start + HASHES_AT_ONCE]
        sql = f"SELECT idem FROM result WHERE idem IN ({','.join('?' * len(some))})"  # noqa: S608 - question marks
        found |= {idem for (idem,) in fetch(connection, sql, some)}
    return frozenset(found)


def hold(connection: apsw.Connection, job_id: str, reason: str, *, now_s: float, jitter: float) -> None:
    """Let a job wait, longer each time. `jitter` is a number from 0 to 1; a job that waits already goes on waiting."""
    row = fetch_one(connection, "SELECT waits FROM job WHERE id = ? AND not_before <= ?", (job_id, now_s))
    if row is None:
        return
    wait_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(row[0], 10)) * (1 - jitter / 2)
    sql = "UPDATE job SET waits = waits + 1, not_before = ?, reason = ? WHERE id = ? AND state = 'running'"
    fetch(connection, sql, (now_s + wait_s, reason, job_id))


def pause(connection: apsw.Connection, job_id: str, reason: str) -> None:
    """Take up nothing more of a job; what is in hand is done."""
    fetch(
        connection, "UPDATE job SET state = 'paused', reason = ? WHERE id = ? AND state = 'running'", (reason, job_id)
    )


def resume(connection: apsw.Connection, job_id: str) -> None:
    """Go on with a paused job, and try again at once with a waiting one."""
    sql = (
        "UPDATE job SET state = 'running', reason = '', waits = 0, not_before = 0"
        " WHERE id = ? AND state IN ('running', 'paused')"
    )
    fetch(connection, sql, (job_id,))


def cancel(connection: apsw.Connection, job_id: str, at: str) -> list[int]:
    """End a job: nothing queued or in hand counts any more. Returns the items that were in hand."""
    in_hand = fetch(connection, "SELECT id FROM item WHERE job_id = ? AND state = 'running'", (job_id,))
    fetch(
        connection,
        "UPDATE job SET state = 'cancelled', reason = '', finished_at = ? WHERE id = ? AND state <> 'done'",
        (at, job_id),
    )
    ((last,),) = fetch(connection, "SELECT coalesce(max(settled), 0) FROM item WHERE job_id = ?", (job_id,))
    fetch(connection, _CANCELLED, (last, job_id))
    return [item_id for (item_id,) in in_hand]


def retry(connection: apsw.Connection, job_id: str, at: str) -> int:
    """Queue what failed or was cancelled once more, and return how many items that are.

    What another job has done meanwhile is not done again.
    """
    skipped = fetch(connection, _SKIP_KNOWN, (job_id,))
    again = fetch(connection, _QUEUE_AGAIN, (job_id,))
    if again or skipped:
        reopen = (
            "UPDATE job SET state = 'running', reason = '', waits = 0, not_before = 0, finished_at = NULL WHERE id = ?"
        )
        fetch(connection, reopen, (job_id,))
        end_if_over(connection, [job_id], at)
    return len(again)


def forget_before(connection: apsw.Connection, moment: str) -> int:
    """Drop jobs that ended before a moment, with their items; results stay."""
    sql = "DELETE FROM job WHERE state IN ('done', 'cancelled') AND finished_at < ? RETURNING id"
    return len(fetch(connection, sql, (moment,)))


def next_due_s(connection: apsw.Connection) -> float | None:
    """The reading of the lease clock at which some item may be taken up; None when none waits."""
    row = fetch_one(connection, _DUE)
    return row[0] if row else None


def load(connection: apsw.Connection) -> Load:
    def count(state: str) -> int:
        return int(fetch(connection, f"SELECT count(*) FROM item WHERE state = '{state}'")[0][0])  # noqa: S608 - ours

    return Load(count("queued"), count("running"), count("failed"))


def jobs(connection: apsw.Connection) -> tuple[Job, ...]:
    """All jobs, the newest first."""
    return tuple(_job(connection, row) for row in fetch(connection, f"{_JOB} ORDER BY created_at DESC, id"))


def job(connection: apsw.Connection, job_id: str) -> Job | None:
    row = fetch_one(connection, f"{_JOB} AND id = ?", (job_id,))
    return _job(connection, row) if row else None


def items(
    connection: apsw.Connection, job_id: str, *, state: ItemState | None, after: int, limit: int
) -> tuple[Item, ...]:
    """Up to `limit` items behind one, in the order of their numbers."""
    wanted, values = ("AND item.state = ?", (state,)) if state else ("", ())
    rows = fetch(connection, f"{_ITEM} {wanted} ORDER BY item.id LIMIT ?", (job_id, after, *values, limit))
    return tuple(Item(*row) for row in rows)


def settled_after(connection: apsw.Connection, job_id: str, number: int, most: int) -> tuple[Settled, ...]:
    """The items that reached their end behind a number, in that order."""
    sql = "SELECT settled, path, state, error FROM item WHERE job_id = ? AND settled > ? ORDER BY settled LIMIT ?"
    return tuple(Settled(*row) for row in fetch(connection, sql, (job_id, number, most)))


def _job(connection: apsw.Connection, row: Row) -> Job:
    job_id, task, state, reason, terms, is_write, created_at, finished_at, waits, late = row
    by_state: dict[str, int] = dict(
        fetch(connection, "SELECT state, count(*) FROM item WHERE job_id = ? GROUP BY state", (job_id,))
    )
    counts = Counts(**{name: by_state.get(name, 0) for name in get_args(ItemState)})
    ((tokens_in, tokens_out, cost_usd),) = fetch(connection, _SUMS, {"job": job_id})
    return Job(
        job_id,
        task,
        state,
        reason,
        terms_from(terms) or JobTerms(Wish(), PrivacyClass.LOCAL_ONLY),
        bool(is_write),
        created_at,
        finished_at,
        waits,
        late,
        counts,
        tokens_in,
        tokens_out,
        cost_usd,
    )
