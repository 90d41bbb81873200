"""What became of replies that had to be JSON, by task and model, from the ledger. Reads only."""

from dataclasses import dataclass

import apsw

from amalfa.store.rows import fetch

LINES_MAX = 500


@dataclass(frozen=True, slots=True)
class JsonReplies:
    """Counts of replies: each is `valid` as it came, `repaired` without loss, or `refused`.

    `parsed` were JSON, whether or not they could be used. Of the refused, `retried` were asked for again from the same
    model and `escalated` handed on to another; after the rest the call ended.
    """

    replies: int
    parsed: int
    valid: int
    repaired: int
    retried: int
    escalated: int
    refused: int


@dataclass(frozen=True, slots=True)
class JsonLine:
    """The replies of one model to one task."""

    task: str
    model: str
    counts: JsonReplies


# Whoever was asked next by the same call: only refused replies pay for the look, and the call's index answers it.
_REPLIES = """
SELECT task, model, json_gate, CASE WHEN json_gate NOT IN ('valid', 'repaired') THEN (
           SELECT later.model FROM attempt AS later
           WHERE later.request_id = attempt.request_id AND later.id > attempt.id ORDER BY later.id LIMIT 1)
       END AS asked_next
FROM attempt INDEXED BY attempt_json WHERE started_at >= :since AND json_gate IS NOT NULL
"""
_COUNTS = """
       count(*), count(*) FILTER (WHERE json_gate IN ('valid', 'repaired', 'invalid', 'unfit')),
       count(*) FILTER (WHERE json_gate = 'valid'), count(*) FILTER (WHERE json_gate = 'repaired'),
       count(*) FILTER (WHERE asked_next = model), count(*) FILTER (WHERE asked_next <> model),
       count(*) FILTER (WHERE json_gate NOT IN ('valid', 'repaired'))
"""
_TOTAL = f"SELECT {_COUNTS} FROM ({_REPLIES})"  # noqa: S608 - made of constants
_LINES = f"""
SELECT task, model, {_COUNTS} FROM ({_REPLIES}) GROUP BY task, model ORDER BY task, 3 DESC, model LIMIT {LINES_MAX}
"""  # noqa: S608 - made of constants


def json_total(connection: apsw.Connection, since: str) -> JsonReplies:
    """All replies since a moment, written as the ledger writes moments."""
    return JsonReplies(*fetch(connection, _TOTAL, {"since": since})[0])


def json_lines(connection: apsw.Connection, since: str) -> tuple[JsonLine, ...]:
    """One line for each task and model, the most replies of a task first; at most `LINES_MAX`."""
    rows = fetch(connection, _LINES, {"since": since})
    return tuple(JsonLine(task, model, JsonReplies(*counts)) for task, model, *counts in rows)
