"""The ledger: one row for each attempt at a model, committed before anything is sent, closed when it ends."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, cast

import apsw

from amalfa.calls import PrivacyClass, Tier, Usage
from amalfa.store.database import Database


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of an attempt before it is made."""

    request_id: str
    task: str
    model: str
    provider: str
    tier: Tier
    privacy: PrivacyClass
    generation: int
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Closing:
    """How an attempt ended. "cancelled" means the caller left; its cost may be unknown."""

    state: Literal["ok", "failed", "cancelled"]
    usage: Usage
    error_code: str | None = None
    upstream_id: str | None = None
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spent:
    """Sums over a stretch of the ledger. `cost_usd` adds what is known; `unknown_costs` counts what is not."""

    calls: int
    cost_usd: float
    unknown_costs: int


class Ledger(Protocol):
    """Where attempts are written down."""

    async def open(self, opening: Opening) -> int:
        """Commit the row of an attempt that is about to be made, and return its id."""
        ...

    async def close(self, row: int, closing: Closing) -> None:
        """Complete a row. A row that is never closed becomes "unknown" at the next start."""
        ...

    async def spent_since(self, since: datetime) -> Spent:
        """What calls cost since `since`; a call is one request, however many attempts it took."""
        ...


_OPEN = """
INSERT INTO attempt (request_id, task, model, provider, tier, privacy, generation, started_at, boot)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
_CLOSE = """
UPDATE attempt SET state = ?, error_code = ?, tokens_in = ?, tokens_out = ?, cost_usd = ?, ms = ?,
                   upstream_id = ?, repairs = ?
WHERE id = ?
"""
_SPENT = """
SELECT count(DISTINCT request_id), coalesce(sum(cost_usd), 0.0),
       count(*) FILTER (WHERE cost_usd IS NULL AND tier = 'cloud' AND state <> 'started')
FROM attempt WHERE started_at >= ?
"""


class SqliteLedger:
    """The ledger in sonar.db. `boot` names this run of the daemon, so that a later one knows whose rows are open."""

    def __init__(self, database: Database, *, boot: str) -> None:
        self._database = database
        self._boot = boot

    async def open(self, opening: Opening) -> int:
        values = (
            opening.request_id,
            opening.task,
            opening.model,
            opening.provider,
            str(opening.tier),
            str(opening.privacy),
            opening.generation,
            opening.started_at.isoformat(),
            self._boot,
        )

        def insert(connection: apsw.Connection) -> int:
            return cast("int", connection.execute(_OPEN, values).get)

        return await self._database.write(insert)

    async def close(self, row: int, closing: Closing) -> None:
        usage = closing.usage
        values = (
            closing.state,
            closing.error_code,
            usage.tokens_in,
            usage.tokens_out,
            usage.cost_usd,
            usage.ms,
            closing.upstream_id,
            ",".join(closing.repairs) or None,
            row,
        )
        await self._database.write(lambda connection: connection.execute(_CLOSE, values).fetchall())

    async def spent_since(self, since: datetime) -> Spent:
        def read(connection: apsw.Connection) -> Spent:
            row = connection.execute(_SPENT, (since.isoformat(),)).get
            return Spent(*cast("tuple[int, float, int]", row))

        return await self._database.read(read)

    async def mark_interrupted(self) -> int:
        """Turn the open rows of earlier runs into "unknown", and return how many there were.

        The life lock proves that no other sonar of this project lives, so an open row is nobody's.
        """

        def update(connection: apsw.Connection) -> int:
            sql = "UPDATE attempt SET state = 'unknown' WHERE state = 'started' AND boot <> ? RETURNING id"
            return len(connection.execute(sql, (self._boot,)).fetchall())

        return await self._database.write(update)
