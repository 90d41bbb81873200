"""Carries the readable rows of a damaged database over into a fresh one. Repairs nothing in place."""

from collections.abc import Iterator
from pathlib import Path

import apsw


def salvage(damaged: Path, fresh: apsw.Connection) -> int:
    """Copy what can be read, table by table, and return the number of rows kept.

    A table is read from its first row up to the damage and from its last row down to it. Rows the fresh
    schema does not take (a column gone, a broken constraint) are left behind. Never raises for damage:
    a file that cannot be opened at all gives 0.
    """
    source = apsw.Connection(str(damaged), flags=apsw.SQLITE_OPEN_READWRITE)
    kept = 0
    try:
        tables = _shared_tables(source, fresh)
        fresh.pragma("foreign_keys", False)
        fresh.execute("BEGIN IMMEDIATE")
        kept = sum(_copy_table(source, fresh, table, columns) for table, columns in tables.items())
        kept -= _drop_orphans(fresh)
        fresh.execute("COMMIT")
    except (apsw.CorruptError, apsw.NotADBError, apsw.IOError):
        kept = 0
    finally:
        fresh.pragma("foreign_keys", True)
        source.close()
    return kept


def _drop_orphans(fresh: apsw.Connection) -> int:
    """Leave out the rows whose owner was lost, for which the tables have no place; how many there were."""
    orphans = set(fresh.execute('SELECT "table", rowid FROM pragma_foreign_key_check').fetchall())
    for table, row in orphans:
        fresh.execute(f"DELETE FROM {_quoted(str(table))} WHERE rowid = ?", (row,))  # noqa: S608 - from the schema
    return len(orphans)


def _shared_tables(source: apsw.Connection, fresh: apsw.Connection) -> dict[str, tuple[str, ...]]:
    """The plain tables both files have, each with the columns both know."""
    shared: dict[str, tuple[str, ...]] = {}
    for table, columns in _tables(fresh).items():
        found = tuple(column for column in _columns(source, table) if column in columns)
        if found:
            shared[table] = found
    return shared


def _tables(connection: apsw.Connection) -> dict[str, tuple[str, ...]]:
    names = connection.execute("SELECT name FROM pragma_table_list WHERE schema='main' AND type='table'").fetchall()
    return {str(name): _columns(connection, str(name)) for (name,) in names if not str(name).startswith("sqlite_")}


def _columns(connection: apsw.Connection, table: str) -> tuple[str, ...]:
    return tuple(str(name) for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,)))


def _copy_table(source: apsw.Connection, fresh: apsw.Connection, table: str, columns: tuple[str, ...]) -> int:
    names = ",".join(_quoted(column) for column in columns)
    marks = ",".join("?" * len(columns))
    insert = f"INSERT OR IGNORE INTO {_quoted(table)}({names}) VALUES({marks})"
    before = fresh.total_changes()
    for direction in ("", " ORDER BY rowid DESC"):
        select = f"SELECT {names} FROM {_quoted(table)}{direction}"  # noqa: S608 - names come from the schema
        if _copy_rows(_readable(source, select), fresh, insert):
            break
    return fresh.total_changes() - before


def _copy_rows(rows: Iterator[tuple[object, ...] | None], fresh: apsw.Connection, insert: str) -> bool:
    """Insert rows until they end (True) or the damage is reached (False)."""
    for row in rows:
        if row is None:
            return False
        try:
            fresh.execute(insert, row)
        except (apsw.ConstraintError, apsw.MismatchError):
            continue
    return True


def _readable(source: apsw.Connection, select: str) -> Iterator[tuple[object, ...] | None]:
    try:
        yield from source.execute(select)
    except (apsw.CorruptError, apsw.IOError, apsw.SQLError):
        yield None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
