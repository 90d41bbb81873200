"""The three databases of sonar with something in each, on disk and closed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import apsw

from amalfa.daemon.stores import SONAR_APPLICATION_ID
from amalfa.execution.reply_table import APPLICATION_ID as CACHE_APPLICATION_ID
from amalfa.execution.reply_table import CACHE_DB
from amalfa.knowledge.tables import APPLICATION_ID as INDEX_APPLICATION_ID
from amalfa.knowledge.tables import INDEX_DB
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB
from amalfa.store.schema import Migration

ROWS = 2_000

_COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)"

ATTEMPTS = f"""
{_COUNT}
INSERT INTO attempt (request_id, task, model, provider, tier, privacy, generation, started_at, boot, state,
                     tokens_in, tokens_out, cost_usd, ms, day, team, cost_source, reserved_usd, reason)
SELECT 'req_' || i, 'synthesize', 'ollama:m' || (i % 7), 'ollama', iif(i % 3, 'local', 'cloud'), 'cloud-ok', 1,
       strftime('%Y-%m-%dT%H:%M:%S+00:00', :newest - (:rows - i) * :step, 'unixepoch'), 'b', 'ok',
       100, 20, iif(i % 3, 0.0, 0.001), 900 + i % 500,
       date(:newest - (:rows - i) * :step, 'unixepoch'), iif(i % 5, '', 'ads'), 'reported', 0.0, 'first choice'
FROM n
"""  # noqa: S608 - made of constants
_JOBS = f"""
INSERT INTO job (id, task, terms, is_write, settings_hash, created_at)
    VALUES ('job_1', 'metadata', '{{}}', 0, 'h', '2026-11-20T12:00:00+00:00');
{_COUNT}
INSERT INTO item (job_id, idem, path, content_hash, state)
SELECT 'job_1', 'idem' || i, 'note' || i || '.md', 'h', iif(i % 2, 'done', 'queued') FROM n;
{_COUNT}
INSERT INTO result (idem, item_id, job_id, path, content_hash, output, model, tier, ms, finished_at)
SELECT 'idem' || i, i, 'job_1', 'note' || i || '.md', 'h', '{{}}', 'ollama:m', 'local', 9, '2026-11-20T12:00:00+00:00'
FROM n WHERE i % 2;
"""  # noqa: S608 - made of constants
_NOTES = f"""
{_COUNT}
INSERT INTO note (path, title, date, tags, aliases, is_private, size, mtime_ns, inode, seen_ns, hash)
SELECT 'note' || i || '.md', 'Note ' || i, '', '', '', 0, 1, 1, 1, 1, zeroblob(32) FROM n
"""  # noqa: S608 - made of constants
_REPLIES = f"""
{_COUNT}
INSERT INTO reply (key, privacy, team, at_s, used_s, size, text)
SELECT randomblob(32), 'cloud-ok', '', 1, 1, 500, hex(randomblob(100)) FROM n
"""  # noqa: S608 - made of constants
NEWEST_S = 1_795_262_400
"""2026-11-21, midnight."""


@dataclass(frozen=True)
class Kind:
    """One of the files: its schema, whether it can be made again, and how rows get into it and are counted."""

    name: str
    steps: tuple[Migration, ...]
    application_id: int
    is_derived: bool
    fill: Callable[[apsw.Connection], None]
    table: str

    def open(self, path: Path) -> Database:
        return Database.open(path, self.steps, application_id=self.application_id, is_derived=self.is_derived)

    def make(self, folder: Path) -> Path:
        """The file with its rows, closed in order."""
        path = folder / "state" / self.name
        self.open(path).close()
        connection = apsw.Connection(str(path))
        connection.execute("BEGIN IMMEDIATE")
        self.fill(connection)
        connection.execute("COMMIT")
        connection.close()
        return path


def fill_attempts(connection: apsw.Connection, rows: int, step_s: int) -> None:
    """Attempts one `step_s` apart, the last one at `NEWEST_S`; without their sums, which the ledger makes."""
    connection.execute(ATTEMPTS, {"rows": rows, "newest": NEWEST_S, "step": step_s}).fetchall()


def fill_sonar(connection: apsw.Connection) -> None:
    fill_attempts(connection, ROWS, 1)
    connection.execute(_JOBS, {"rows": ROWS}).fetchall()


def _runs(sql: str) -> Callable[[apsw.Connection], None]:
    def run(connection: apsw.Connection) -> None:
        connection.execute(sql, {"rows": ROWS}).fetchall()

    return run


KINDS = (
    Kind("sonar.db", SONAR_DB, SONAR_APPLICATION_ID, False, fill_sonar, "attempt"),
    Kind("index.db", INDEX_DB, INDEX_APPLICATION_ID, True, _runs(_NOTES), "note"),
    Kind("cache.db", CACHE_DB, CACHE_APPLICATION_ID, True, _runs(_REPLIES), "reply"),
)


def count(path: Path, table: str) -> int:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").get)  # noqa: S608 - a name of this file
    finally:
        connection.close()


def is_whole(path: Path) -> bool:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        orphans = connection.execute("SELECT count(*) FROM pragma_foreign_key_check").get
        return bool(connection.pragma("integrity_check") == "ok" and orphans == 0)
    finally:
        connection.close()


def damage(path: Path, *, pages: int = 3) -> None:
    """Overwrite pages in the middle of the file, as a dying disk does."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xa5" * 4096 * pages)
