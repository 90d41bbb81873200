"""Replies that were given under an idempotency key, kept for a day in sonar.db. Runs nothing and reads no request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, cast

import apsw

from amalfa.store.database import Database

KEPT_FOR = timedelta(hours=24)
KEPT_MAX_COUNT = 1_000
KEPT_MAX_BYTES = 16 * 1_048_576


@dataclass(frozen=True, slots=True)
class Finished:
    """A reply, byte for byte, and the request it was given to. The names of headers are in lower case."""

    body_hash: str
    reply: bytes
    headers: Mapping[str, str]


class FinishedReplies(Protocol):
    """The replies of one project, by route and key."""

    async def find(self, route: str, key: str, *, now: datetime) -> Finished | None:
        """The reply under this route and key; None when there is none of the last day."""
        ...

    async def keep(self, route: str, key: str, finished: Finished, *, now: datetime) -> None:
        """Keep a reply; those that are too old go, and then the oldest, until the rest is small and few enough."""
        ...


_FIND = "SELECT body_hash, reply, headers FROM finished WHERE route = ? AND key = ? AND at_s > ?"
_KEEP = "INSERT OR REPLACE INTO finished (route, key, body_hash, reply, headers, at_s) VALUES (?, ?, ?, ?, ?, ?)"
_FORGET_OLD = "DELETE FROM finished WHERE at_s <= ?"
# Counted from the newest backwards; the newest stays even if it alone is too large.
_FORGET_MORE = """
DELETE FROM finished WHERE (route, key) IN (
    SELECT route, key FROM (
        SELECT route, key,
            row_number() OVER newest AS place,
            sum(length(reply)) OVER newest AS total
        FROM finished
        WINDOW newest AS (ORDER BY at_s DESC, rowid DESC ROWS UNBOUNDED PRECEDING))
    WHERE place > 1 AND (place > ? OR total > ?))
"""


class SqliteFinishedReplies:
    """The replies in sonar.db, which only its owner can read: they hold what private notes say."""

    def __init__(self, database: Database, *, max_count: int = KEPT_MAX_COUNT, max_bytes: int = KEPT_MAX_BYTES) -> None:
        self._database = database
        self._limits = (max_count, max_bytes)

    async def find(self, route: str, key: str, *, now: datetime) -> Finished | None:
        wanted = (route, key, _seconds(now - KEPT_FOR))

        def read(connection: apsw.Connection) -> tuple[str, bytes, str] | None:
            return cast("tuple[str, bytes, str] | None", connection.execute(_FIND, wanted).fetchone())

        row = await self._database.read(read)
        return Finished(row[0], row[1], json.loads(row[2])) if row else None

    async def keep(self, route: str, key: str, finished: Finished, *, now: datetime) -> None:
        headers = json.dumps(dict(finished.headers))
        row = (route, key, finished.body_hash, finished.reply, headers, _seconds(now))

        def write(connection: apsw.Connection) -> None:
            connection.execute(_FORGET_OLD, (_seconds(now - KEPT_FOR),)).fetchall()
            connection.execute(_KEEP, row).fetchall()
            connection.execute(_FORGET_MORE, self._limits).fetchall()

        await self._database.write(write)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
