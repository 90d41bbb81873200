"""Keeps what was made of notes (title, summary, keywords) beside them in index.db. Ranks nothing, asks no model.

A description is of a text. While the index has that text of the note, it is fresh; afterwards it is kept, but neither
searched nor shown.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

import apsw

from amalfa.knowledge.words import character_pairs
from amalfa.store.rows import fetch, fetch_one

_PUT = """
INSERT INTO description(path, body_hash, source, title, summary, keywords, themes, entities, doc_type)
SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM note WHERE path = ?) RETURNING id
"""
_WORDS = "INSERT INTO described(rowid, title, summary, keywords, themes, entities, pairs) VALUES(?, ?, ?, ?, ?, ?, ?)"
_STANDINGS = """
SELECT n.path, n.body_hash, d.body_hash, coalesce(d.source, 0) FROM note n LEFT JOIN description d ON d.path = n.path
"""
_COUNTS = """
SELECT count(*), coalesce(sum(d.body_hash = n.body_hash), 0), coalesce(sum(d.body_hash <> n.body_hash), 0)
FROM note n LEFT JOIN description d ON d.path = n.path
"""
_SUMMARIES = """
SELECT d.path, d.body_hash, d.summary FROM description d JOIN note n ON n.path = d.path AND n.body_hash = d.body_hash
WHERE d.path IN (SELECT value FROM json_each(?)) AND d.summary <> ''
"""


@dataclass(frozen=True, slots=True)
class Description:
    """What was made of a note whose `body_hash` it names; `source` numbers it, and a later one has a higher number."""

    path: str
    body_hash: str
    source: int
    title: str
    summary: str
    keywords: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    doc_type: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A note of the index and its description. `body_hash` "" = not known yet; `described_hash` None = it has none."""

    body_hash: str
    described_hash: str | None
    source: int


@dataclass(frozen=True, slots=True)
class DescribedCounts:
    """Notes with a description of their text as it is, without any, and with one of an earlier text."""

    fresh: int
    without: int
    stale: int

    @property
    def by_kind(self) -> dict[Literal["with", "without", "stale"], int]:
        return {"with": self.fresh, "without": self.without, "stale": self.stale}


def standings(connection: apsw.Connection) -> dict[str, Standing]:
    """Every note of the index by its path."""
    return {path: Standing(*rest) for path, *rest in fetch(connection, _STANDINGS)}


def put_descriptions(connection: apsw.Connection, descriptions: Iterable[Description]) -> None:
    """Keep descriptions in place of earlier ones; those of notes that are not in the index are left out."""
    for one in descriptions:
        forget_description(connection, one.path)
        lists = ("\n".join(one.keywords), "\n".join(one.themes), "\n".join(one.entities))
        values = (one.path, one.body_hash, one.source, one.title, one.summary, *lists, one.doc_type, one.path)
        kept = fetch_one(connection, _PUT, values)
        if kept is not None:
            everything = "\n".join((one.title, one.summary, *lists))
            pairs = " ".join(character_pairs(everything))
            connection.execute(_WORDS, (kept[0], one.title, one.summary, *lists, pairs))


def forget_description(connection: apsw.Connection, path: str) -> None:
    for row in fetch(connection, "DELETE FROM description WHERE path = ? RETURNING id", (path,)):
        connection.execute("DELETE FROM described WHERE rowid = ?", row)


def learn_body_hashes(connection: apsw.Connection, hashes: Iterable[tuple[str, str]]) -> None:
    """Fill in (path, hash) where the index, written before there were hashes, has none."""
    connection.executemany(
        "UPDATE note SET body_hash = ?2 WHERE path = ?1 AND body_hash = ''", [(path, digest) for path, digest in hashes]
    )


def count_described(connection: apsw.Connection) -> DescribedCounts:
    ((notes, fresh, stale),) = fetch(connection, _COUNTS)
    return DescribedCounts(fresh, notes - fresh - stale, stale)


def has_descriptions(connection: apsw.Connection) -> bool:
    return fetch_one(connection, "SELECT 1 FROM description LIMIT 1") is not None


def summaries(connection: apsw.Connection, paths: Collection[str]) -> dict[str, tuple[str, str]]:
    """For those of the paths with a fresh description: the hash it is of, and its summary."""
    rows = fetch(connection, _SUMMARIES, (json.dumps(list(paths)),))
    return {path: (digest, summary) for path, digest, summary in rows}
