"""The life of an item in sonar.db: claimed, renewed, settled, given back. Plain functions on a connection.

Whoever settles an item shows the fence of the claim; when another claim came in between, nothing is changed.
"""

from collections.abc import Iterable, Sequence

import apsw

from amalfa.jobs.job import (
    ATTEMPTS_MAX,
    INTERRUPTIONS_MAX,
    Claim,
    Made,
    NoteToDo,
    request_id_of,
)
from amalfa.jobs.terms import terms_from
from amalfa.store.rows import fetch, fetch_one

_OPEN = """
SELECT id, task, terms, settings_hash FROM job WHERE state = 'running' AND not_before <= ? ORDER BY created_at, id
"""
# The least interrupted first: an item that takes sonar down with it cannot keep the others from being done.
_CLAIM = """
UPDATE item SET state = 'running', attempts = attempts + 1, fence = fence + 1, owner = ?, lease_until = ?
WHERE id = (
    SELECT id FROM item AS mine
    WHERE job_id = ? AND state = 'queued' AND not_before <= ?
        AND NOT EXISTS (SELECT 1 FROM item AS other WHERE other.idem = mine.idem AND other.state = 'running')
    ORDER BY interruptions, id LIMIT 1)
RETURNING id, fence, path, content_hash, idem, attempts
"""
_DONE = """
UPDATE item SET state = 'done', error_code = NULL, error = NULL, owner = NULL, lease_until = NULL,
    settled = (SELECT coalesce(max(settled), 0) + 1 FROM item AS other WHERE other.job_id = item.job_id)
WHERE id = ? AND fence = ? AND state = 'running' RETURNING job_id
"""
_FAILED = """
UPDATE item SET state = 'failed', error_code = ?, error = ?, owner = NULL, lease_until = NULL,
    settled = (SELECT coalesce(max(settled), 0) + 1 FROM item AS other WHERE other.job_id = item.job_id)
WHERE id = ? AND fence = ? AND state = 'running' RETURNING job_id
"""
_SKIPPED = """
UPDATE item SET state = 'skipped', owner = NULL, lease_until = NULL,
    settled = (SELECT coalesce(max(settled), 0) + 1 FROM item AS other WHERE other.job_id = item.job_id)
WHERE id = ? AND fence = ? AND state = 'running' RETURNING job_id
"""
_SKIP_TWIN = """
UPDATE item SET state = 'skipped',
    settled = (SELECT coalesce(max(settled), 0) + 1 FROM item AS other WHERE other.job_id = item.job_id)
WHERE id = ? AND state = 'queued' RETURNING job_id
"""
_TWINS = "SELECT id FROM item WHERE idem = ? AND state = 'queued'"
_GIVEN_BACK = """
UPDATE item SET state = 'queued', attempts = attempts - 1, owner = NULL, lease_until = NULL
WHERE id = ? AND fence = ? AND state = 'running'
"""
_TRY_AGAIN = """
UPDATE item SET state = 'queued', not_before = ?, error_code = ?, error = ?, owner = NULL, lease_until = NULL
WHERE id = ? AND fence = ? AND state = 'running'
"""
_EXCHANGED = "UPDATE item SET idem = ?, content_hash = ? WHERE id = ? AND fence = ? AND state = 'running'"
_INTERRUPTED = """
UPDATE item SET state = 'queued', attempts = attempts - 1, interruptions = interruptions + 1,
    owner = NULL, lease_until = NULL
WHERE state = 'running' AND owner <> ? RETURNING id
"""
_GIVEN_UP = """
UPDATE item SET state = 'failed', error_code = 'interrupted',
    error = 'Sonar ended again and again while it worked on this note.',
    settled = (SELECT coalesce(max(settled), 0) + 1 FROM item AS other WHERE other.job_id = item.job_id)
WHERE state = 'queued' AND interruptions >= ? RETURNING job_id
"""
_LATE = "UPDATE job SET late = late + 1 WHERE id = (SELECT job_id FROM item WHERE id = ?)"
_RESULT = """
INSERT INTO result (idem, item_id, job_id, path, content_hash, output, model, tier, tokens_in, tokens_out, cost_usd,
                    ms, finished_at)
SELECT idem, id, job_id, path, content_hash, ?, ?, ?, ?, ?, ?, ?, ? FROM item WHERE id = ?
"""
_ATTEMPT = """
SELECT model, tier, tokens_in, tokens_out, coalesce(ms, 0) FROM attempt
WHERE request_id = ? AND state IN ('ok', 'cached') ORDER BY id DESC LIMIT 1
"""
# Over all claims of the item: "item_7." to "item_7/", the character behind the full stop.
_COST = """
SELECT CASE WHEN count(*) = count(cost_usd) THEN round(sum(cost_usd), 9) END
FROM attempt WHERE request_id >= ? AND request_id < ? AND state <> 'started'
"""
_ON_ITS_WAY = """
UPDATE job SET waits = 0, not_before = 0, reason = '' WHERE id = ? AND state = 'running' AND waits > 0
"""
_UNREADABLE = "UPDATE job SET state = 'paused', reason = 'its terms in the database cannot be read' WHERE id = ?"
_OVER = """
UPDATE job SET state = 'done', reason = '', finished_at = ? WHERE id = ? AND state IN ('running', 'paused')
    AND NOT EXISTS (SELECT 1 FROM item WHERE job_id = job.id AND state IN ('queued', 'running'))
"""


def claim_next(connection: apsw.Connection, owner: str, *, now_s: float, until_s: float) -> Claim | None:
    """Take the next item that may be worked on, of the oldest job that has one; None when there is none now."""
    for job_id, task, text, settings_hash in fetch(connection, _OPEN, (now_s,)):
        terms = terms_from(text)
        if terms is None:
            fetch(connection, _UNREADABLE, (job_id,))
            continue
        found = fetch_one(connection, _CLAIM, (owner, until_s, job_id, now_s))
        if found:
            item_id, fence, path, content_hash, idem, attempts = found
            note = NoteToDo(path, content_hash, idem)
            return Claim(item_id, fence, job_id, task, terms, settings_hash, note, attempts)
    return None


def renew(connection: apsw.Connection, owner: str, until_s: float) -> None:
    """Prolong the leases of everything that `owner` has in hand."""
    fetch(connection, "UPDATE item SET lease_until = ? WHERE state = 'running' AND owner = ?", (until_s, owner))


def finish(connection: apsw.Connection, item_id: int, fence: int, made: Made, at: str) -> bool:
    """Write the one result of an item, and settle those of other jobs that wait for the same.

    False, with the job's count of late replies one higher, when the item is no longer this claim's.
    """
    done = fetch_one(connection, _DONE, (item_id, fence))
    if done is None:
        if fetch_one(connection, "SELECT 1 FROM item WHERE id = ? AND fence = ? AND state = 'done'", (item_id, fence)):
            return True
        fetch(connection, _LATE, (item_id,))
        return False
    made = _as_the_ledger_says(connection, item_id, fence, made)
    values = (made.output, made.model, made.tier, made.tokens_in, made.tokens_out, made.cost_usd, made.ms, at, item_id)
    fetch(connection, _RESULT, values)
    fetch(connection, _ON_ITS_WAY, (done[0],))
    ((idem,),) = fetch(connection, "SELECT idem FROM item WHERE id = ?", (item_id,))
    skipped = [fetch(connection, _SKIP_TWIN, (twin,)) for (twin,) in fetch(connection, _TWINS, (idem,))]
    end_if_over(connection, {done[0], *(row[0][0] for row in skipped if row)}, at)
    return True


def fail(connection: apsw.Connection, item_id: int, fence: int, *, code: str, message: str, at: str) -> None:
    """Settle an item without a result."""
    for (job_id,) in fetch(connection, _FAILED, (code, message, item_id, fence)):
        end_if_over(connection, {job_id}, at)


def give_back(connection: apsw.Connection, claims: Iterable[tuple[int, int]]) -> None:
    """Queue items again as if they had not been taken: nothing was wrong with them. Pairs of item and fence."""
    for item_id, fence in claims:
        fetch(connection, _GIVEN_BACK, (item_id, fence))


def try_again(
    connection: apsw.Connection, item_id: int, fence: int, *, code: str, message: str, not_before_s: float
) -> None:
    """Queue an item again whose attempt failed, not to be taken before a reading of the lease clock."""
    fetch(connection, _TRY_AGAIN, (not_before_s, code, message, item_id, fence))


def exchange_note(connection: apsw.Connection, item_id: int, fence: int, note: NoteToDo, at: str) -> bool:
    """Take up a note whose text has changed since it was handed in, under its new hash.

    False when there is nothing to do: the new text has its result, or another item with it is being worked on, for
    which this one is queued again.
    """
    if fetch_one(connection, "SELECT 1 FROM result WHERE idem = ?", (note.idem,)):
        fetch(connection, _EXCHANGED, (*_keys(note), item_id, fence))
        for (job_id,) in fetch(connection, _SKIPPED, (item_id, fence)):
            end_if_over(connection, {job_id}, at)
        return False
    has_twin = fetch_one(connection, "SELECT 1 FROM item WHERE idem = ? AND state = 'running'", (note.idem,))
    fetch(connection, _EXCHANGED, (*_keys(note), item_id, fence))
    if has_twin:
        give_back(connection, [(item_id, fence)])
    return not has_twin


def void_foreign(connection: apsw.Connection, owner: str, at: str) -> int:
    """Queue what earlier runs of sonar had in hand, and forget what they waited for; the number of items.

    The life lock proves that no other sonar of this project lives. Jobs that nobody was told of yet go.
    """
    fetch(connection, "DELETE FROM job WHERE state = 'arriving'")
    fetch(connection, "UPDATE job SET waits = 0, not_before = 0, reason = '' WHERE state = 'running' AND waits > 0")
    fetch(connection, "UPDATE item SET not_before = 0 WHERE state = 'queued' AND not_before > 0")
    interrupted = fetch(connection, _INTERRUPTED, (owner,))
    lost = fetch(connection, _GIVEN_UP, (INTERRUPTIONS_MAX,))
    end_if_over(connection, {job_id for (job_id,) in lost}, at)
    return len(interrupted)


def reap(connection: apsw.Connection, *, now_s: float, kept: Sequence[int], at: str) -> int:
    """Queue items whose lease ran out, except those that are known to be in hand. Their attempts stay counted."""
    overdue = fetch(
        connection, "SELECT id, fence, attempts FROM item WHERE state = 'running' AND lease_until < ?", (now_s,)
    )
    lost = [one for one in overdue if one[0] not in kept]
    for item_id, fence, attempts in lost:
        message = "Its lease ran out before it was done."
        if attempts >= ATTEMPTS_MAX:
            fail(connection, item_id, fence, code="interrupted", message=message, at=at)
        else:
            try_again(connection, item_id, fence, code="interrupted", message=message, not_before_s=now_s)
    return len(lost)


def end_if_over(connection: apsw.Connection, job_ids: Iterable[str], at: str) -> None:
    """Write down the end of those jobs that have nothing left to do."""
    for job_id in job_ids:
        fetch(connection, _OVER, (at, job_id))


def _keys(note: NoteToDo) -> tuple[str, str]:
    return note.idem, note.content_hash


def _as_the_ledger_says(connection: apsw.Connection, item_id: int, fence: int, made: Made) -> Made:
    """What was made with the model, counts and cost of the attempts; as told where the ledger has none."""
    found = fetch_one(connection, _ATTEMPT, (request_id_of(item_id, fence),))
    if found is None:
        return made
    model, tier, tokens_in, tokens_out, ms = found
    ((cost_usd,),) = fetch(connection, _COST, (f"item_{item_id}.", f"item_{item_id}/"))
    return Made(made.output, model, tier, tokens_in, tokens_out, cost_usd, ms)
