"""Fetches rows whole. apsw runs a statement only as far as its rows are drawn, which a half-read cursor leaves open."""

from collections.abc import Mapping, Sequence
from typing import Any

import apsw

Row = tuple[Any, ...]
Values = Sequence[Any] | Mapping[str, Any]


def fetch(connection: apsw.Connection, sql: str, values: Values = ()) -> list[Row]:
    """All rows of a statement, which has run to its end on return."""
    return connection.execute(sql, values).fetchall()


def fetch_one(connection: apsw.Connection, sql: str, values: Values = ()) -> Row | None:
    """The first row, or None; the statement has run to its end in either case."""
    return next(iter(fetch(connection, sql, values)), None)
