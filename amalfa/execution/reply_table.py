"""The table of cache.db and the statements on it. Everything in it can be asked for again."""

from collections.abc import Mapping

import apsw

from amalfa.execution.cache import KeptReply
from amalfa.execution.cache_key import CacheKey
from amalfa.store.rows import fetch, fetch_one
from amalfa.store.schema import Migration

# "AMCA" in ASCII: marks cache.db as ours in the SQLite header.
APPLICATION_ID = 0x414D_4341

ROW_BYTES = 256
"""What a reply takes on disk besides its text: its key, its place in the indexes, the part of a page left empty."""

_REPLIES = """
CREATE TABLE reply (
    key     BLOB NOT NULL UNIQUE,
    privacy TEXT NOT NULL,
    team    TEXT NOT NULL,
    at_s    INTEGER NOT NULL,
    used_s  INTEGER NOT NULL,
    size    INTEGER NOT NULL,
    text    TEXT NOT NULL
) STRICT;
CREATE INDEX reply_by_use ON reply (used_s, size);
CREATE INDEX reply_by_age ON reply (at_s);
"""

CACHE_DB: tuple[Migration, ...] = (("replies", _REPLIES),)

_FIND = "SELECT text, at_s FROM reply WHERE key = ? AND privacy = ? AND team = ?"
_PUT = """
INSERT INTO reply (key, privacy, team, at_s, used_s, size, text) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET at_s = excluded.at_s, used_s = excluded.used_s, size = excluded.size,
                                text = excluded.text
"""
# The newest in use stay, up to the size that is left to them.
_EVICT = """
DELETE FROM reply WHERE rowid IN (
    SELECT rowid FROM (SELECT rowid, sum(size) OVER (ORDER BY used_s DESC, rowid DESC) AS upto FROM reply)
    WHERE upto > ?)
"""


def size_of(text: str) -> int:
    """The bytes that a reply counts for. Raises UnicodeEncodeError for what cannot be written down."""
    return len(text.encode()) + ROW_BYTES


def find(connection: apsw.Connection, key: CacheKey) -> KeptReply | None:
    found = fetch_one(connection, _FIND, (key.digest, str(key.privacy), key.team))
    return KeptReply.of(*found) if found else None


def put(connection: apsw.Connection, key: CacheKey, reply: KeptReply, *, now_s: int) -> None:
    values = (key.digest, str(key.privacy), key.team, reply.at_s, now_s, size_of(reply.text), reply.text)
    fetch(connection, _PUT, values)


def drop(connection: apsw.Connection, key: CacheKey) -> None:
    fetch(connection, "DELETE FROM reply WHERE key = ?", (key.digest,))


def touch(connection: apsw.Connection, used: Mapping[bytes, int]) -> None:
    """Note when replies were last given."""
    rows = [(used_s, digest) for digest, used_s in used.items()]
    connection.executemany("UPDATE reply SET used_s = ? WHERE key = ?", rows).fetchall()


def total_bytes(connection: apsw.Connection) -> int:
    return int(fetch(connection, "SELECT coalesce(sum(size), 0) FROM reply")[0][0])


def evict(connection: apsw.Connection, *, most_bytes: int, share: float, oldest_s: int) -> int:
    """Forget what is too old, and of too much what was not used for longest; the bytes that are left.

    It makes room down to a `share` of the most, so that it is not done for every reply.
    """
    fetch(connection, "DELETE FROM reply WHERE at_s < ?", (oldest_s,))
    if total_bytes(connection) > most_bytes:
        fetch(connection, _EVICT, (int(most_bytes * share),))
    return total_bytes(connection)
