"""Reads the results of items back out of sonar.db, for whoever keeps something made of them. Plain functions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from amalfa.store.rows import fetch


@dataclass(frozen=True, slots=True)
class ResultKey:
    """A result without its text: later ones have higher numbers."""

    number: int
    path: str
    content_hash: str


def results_after(connection: apsw.Connection, number: int) -> list[ResultKey]:
    """The results behind a number, the oldest first."""
    rows = fetch(connection, "SELECT rowid, path, content_hash FROM result WHERE rowid > ? ORDER BY rowid", (number,))
    return [ResultKey(*row) for row in rows]


def outputs_of(connection: apsw.Connection, numbers: Sequence[int]) -> dict[int, str]:
    """What was made, as JSON, by the number of the result."""
    select = "SELECT rowid, output FROM result WHERE rowid IN (SELECT value FROM json_each(?))"
    return dict(fetch(connection, select, (json.dumps(list(numbers)),)))
