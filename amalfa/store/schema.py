"""Brings a database to the newest schema, in one transaction and after a backup. Knows no table by name."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import apsw

from amalfa.store.failures import StorageBroken, StorageTooNew

BACKUPS_KEPT = 3


Migration = tuple[str, str | Callable[[apsw.Connection], None]]
"""A name for people, and the SQL or function of one step. `user_version` counts the steps taken, so a released
step is never edited or moved."""


def version_of(connection: apsw.Connection) -> int:
    return int(connection.pragma("user_version"))


def migrate(connection: apsw.Connection, migrations: tuple[Migration, ...], *, application_id: int) -> None:
    """Run the steps not yet taken; all of them or none.

    Raises StorageTooNew when the file has taken more steps than this release knows.
    """
    version = version_of(connection)
    if version > len(migrations):
        raise StorageTooNew(
            f"{connection.filename} was written by a newer amalfa: schema {version}, this one knows {len(migrations)}.",
            hint="install the newer release again, or move the file away to start with an empty one",
        )
    if version == len(migrations) and connection.pragma("application_id") == application_id:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for _, step in migrations[version:]:
            _run(connection, step)
        connection.pragma("application_id", application_id)
        connection.pragma("user_version", len(migrations))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _run(connection: apsw.Connection, step: str | Callable[[apsw.Connection], None]) -> None:
    if callable(step):
        step(connection)
        return
    # apsw stops a script at its first row, so the rows have to be drawn for the rest of it to run.
    for _ in connection.execute(step):
        pass


def back_up(connection: apsw.Connection, label: str) -> Path:
    """Copy the database to `<file>.<label>-<time>`, check the copy, and keep the newest three of that label.

    Raises StorageBroken when the copy does not pass its check; the older ones are kept in that case.
    """
    source = Path(connection.filename)
    copy = unused_name(source, label)
    # Made beforehand, because SQLite would create it with whatever the umask allows.
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    try:
        connection.execute("VACUUM INTO ?", (str(copy),))
        _check_copy(copy)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    for old in sorted(source.parent.glob(f"{source.name}.{label}-*"))[:-BACKUPS_KEPT]:
        old.unlink(missing_ok=True)
    return copy


def _check_copy(copy: Path) -> None:
    checked = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        verdict = checked.pragma("quick_check", 1)
    finally:
        checked.close()
    if verdict != "ok":
        raise StorageBroken(f"A backup of the database did not pass its check: {verdict}.", hint="amalfa doctor")


def unused_name(path: Path, label: str) -> Path:
    """A name beside `path` that says when and why: `sonar.db.corrupt-20260102T030405Z`."""
    stem = f"{path}.{label}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    names = (Path(stem if count == 0 else f"{stem}-{count}") for count in range(1_000_000))
    return next(name for name in names if not os.path.lexists(name))
