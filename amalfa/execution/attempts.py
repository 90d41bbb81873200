"""The rows of attempts in sonar.db: what is written, read and told of them. Decides nothing about money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import apsw

from amalfa.calls import Tier, Usage
from amalfa.store.rows import fetch, fetch_one


@dataclass(frozen=True, slots=True)
class Found:
    """A row as far as its end needs it. `cost_usd` None: not known yet."""

    day: str
    team: str
    cost_usd: float | None
    reserved_usd: float | None
    task: str
    model: str
    provider: str
    tier: str


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An attempt whose cost its provider may still tell, under the name it gave it."""

    row: int
    provider: str
    model: str
    team: str
    upstream_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt as its end was written down. `outcome` is an error code, or "ok", "cancelled", "cached".

    `json_gate` is that of the ledger's `Closing`; None for a reply that had not to be JSON.
    """

    task: str
    model: str
    provider: str
    tier: Tier
    team: str
    outcome: str
    usage: Usage
    json_gate: str | None


class Listener(Protocol):
    """Who is told of every end, and of every cost that became known later; once each, after the commit."""

    def ended(self, ended: Ended) -> None: ...

    def settled(self, *, team: str, model: str, cost_usd: float) -> None: ...


_INSERT = """
INSERT INTO attempt (request_id, task, model, provider, tier, privacy, generation, started_at,
                     team, hint, strategy, reason, boot, reserved_usd, day)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
_FIND = "SELECT day, team, cost_usd, reserved_usd, task, model, provider, tier FROM attempt WHERE id = ?"
_COMPLETE = """
UPDATE attempt SET state = ?, error_code = ?, tokens_in = ?, tokens_out = ?, cost_usd = coalesce(?, cost_usd),
                   ms = ?, upstream_id = coalesce(?, upstream_id), repairs = ?, cost_source = ?, json_gate = ?
WHERE id = ?
"""
_NAME = "UPDATE attempt SET upstream_id = ? WHERE id = ? AND upstream_id IS NULL"
_COST = "UPDATE attempt SET cost_usd = ?, cost_source = 'reported' WHERE id = ?"
_INTERRUPT = """
UPDATE attempt SET state = 'unknown', cost_source = 'unknown' WHERE state = 'started' AND boot <> ? RETURNING id
"""
_SUMS = """
SELECT count(DISTINCT request_id), round(coalesce(sum(cost_usd), 0.0), 9),
       count(*) FILTER (WHERE cost_usd IS NULL AND tier = 'cloud' AND state <> 'started')
FROM attempt WHERE started_at >= ?
"""
_UNSETTLED = """
SELECT id, provider, model, team, upstream_id, started_at FROM attempt
WHERE cost_usd IS NULL AND tier = 'cloud' AND started_at >= ? AND upstream_id IS NOT NULL AND state <> 'started'
ORDER BY started_at LIMIT ?
"""


def insert(connection: apsw.Connection, values: Sequence[object]) -> int:
    """Add a row from values in the order of `_INSERT`, and return its id."""
    return int(fetch(connection, _INSERT, values)[0][0])


def find(connection: apsw.Connection, row: int) -> Found | None:
    found = fetch_one(connection, _FIND, (row,))
    return Found(*found) if found else None


def complete(connection: apsw.Connection, row: int, values: Sequence[object]) -> None:
    """Write the end of an attempt from values in the order of `_COMPLETE`; a cost known before stays known."""
    fetch(connection, _COMPLETE, (*values, row))


def name_upstream(connection: apsw.Connection, row: int, upstream_id: str) -> None:
    fetch(connection, _NAME, (upstream_id, row))


def write_cost(connection: apsw.Connection, row: int, cost_usd: float) -> None:
    fetch(connection, _COST, (cost_usd, row))


def interrupt(connection: apsw.Connection, boot: str) -> int:
    """Turn the open rows of other runs into "unknown", and return how many there were."""
    return len(fetch(connection, _INTERRUPT, (boot,)))


def sums(connection: apsw.Connection, since: datetime) -> tuple[int, float, int]:
    """Calls, USD that are known, and how many costs are not."""
    calls, cost_usd, unknown = fetch(connection, _SUMS, (since.isoformat(),))[0]
    return calls, cost_usd, unknown


def unsettled(connection: apsw.Connection, since: datetime, most: int) -> tuple[Unsettled, ...]:
    return tuple(
        Unsettled(row, provider, model, team, upstream_id, datetime.fromisoformat(started_at))
        for row, provider, model, team, upstream_id, started_at in fetch(
            connection, _UNSETTLED, (since.isoformat(), most)
        )
    )
