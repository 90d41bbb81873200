"""Finds notes by their descriptions, for searches. A description says less than the note itself, so it counts less."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import apsw

from amalfa.knowledge.candidates import Candidate, fetch_by_id
from amalfa.knowledge.descriptions import has_descriptions
from amalfa.knowledge.held import held
from amalfa.knowledge.passagetext import PassageText
from amalfa.knowledge.question import Kind
from amalfa.knowledge.rank import Scored
from amalfa.knowledge.sought import Sought, match_expression
from amalfa.knowledge.words import Tokenize
from amalfa.store.rows import fetch, fetch_one

SHARE = 0.5
"""What a word counts that only the description holds. A passage that holds half of the query itself stays ahead."""

LEAST_HELD = 0.5
"""The share of what is sought that a description has to hold for its note to be found by it."""

MOST = 24
MOST_MEASURED = 8
ROWS_PER_QUERY = 800
"""How many descriptions a query may have to score (about 1.2 microseconds each); commoner words are left out."""

_COUNT = "SELECT count(*) FROM (SELECT 1 FROM described WHERE described MATCH ?{within} LIMIT ?)"
# The weights are those of title, summary, keywords, themes, entities and character pairs.
_BEST = (
    "SELECT rowid FROM described WHERE described MATCH ?{within}"
    " ORDER BY bm25(described, 3.0, 1.0, 3.0, 2.0, 2.0, 1.0) LIMIT ?"
)
_WITHIN = " AND +rowid IN (SELECT value FROM json_each(?))"
_ALLOWED = (
    "SELECT d.id FROM description d JOIN note n ON n.path = d.path WHERE n.id IN (SELECT value FROM json_each(?))"
)
_FRESH = """
SELECT n.id, d.title, d.summary, d.keywords, d.themes, d.entities
FROM description d JOIN note n ON n.path = d.path AND n.body_hash = d.body_hash WHERE d.id = ?
"""
# A block of facts at the head of a note tells least of it.
_FIRST = "SELECT id FROM passage WHERE note_id = ? ORDER BY text LIKE '---%', start_line LIMIT 1"


@dataclass(frozen=True, slots=True)
class Described:
    """A note found by its description, with a score on the scale of `rank`."""

    note_id: int
    score: float


@dataclass(frozen=True, slots=True)
class _Table:
    """The descriptions that may be found: those with the ids in `allowed`, a JSON list; None = all."""

    connection: apsw.Connection
    allowed: str | None

    def count(self, query: str, most: int) -> int:
        return int(self._fetch(_COUNT, query, most)[0][0])

    def best(self, query: str, most: int) -> list[int]:
        return [row[0] for row in self._fetch(_BEST, query, most)]

    def _fetch(self, sql: str, query: str, most: int) -> list[tuple[int, ...]]:
        if self.allowed is None:
            return fetch(self.connection, sql.format(within=""), (query, most))
        return fetch(self.connection, sql.format(within=_WITHIN), (query, self.allowed, most))


def find_described(
    connection: apsw.Connection, sought: Sequence[Sought], tokenize: Tokenize, notes: frozenset[int] | None
) -> list[Described]:
    """Notes whose fresh description holds enough of what is sought, the best first; from `notes` unless None."""
    telling = [one for one in sought if not one.unit.is_light] or list(sought)
    if not telling or not has_descriptions(connection):
        return []
    query = _affordable(table := _Table(connection, _allowed(connection, notes)), telling)
    if not query:
        return []
    fresh = (row for one in table.best(query, MOST) for row in fetch(connection, _FRESH, (one,)))
    total = sum(one.weight for one in sought)
    measured: list[Described] = []
    for note_id, *words in islice(fresh, MOST_MEASURED):
        text = PassageText(_as_passage(*words), tokenize)
        weight = sum(one.weight * held(one, text) for one in sought)
        if weight >= LEAST_HELD * total:
            measured.append(Described(note_id, SHARE * weight))
    return sorted(measured, key=lambda one: -one.score)


def with_described(
    connection: apsw.Connection, ranked: Sequence[Scored], described: Sequence[Described]
) -> list[Scored]:
    """The ranking with each described note's best passage where its description puts it, or where it was if better.

    All others stay in their order.
    """
    ordered = list(ranked)
    for one in described:
        at = next((n for n, scored in enumerate(ordered) if scored.candidate.note_id == one.note_id), None)
        if at is not None and ordered[at].score >= one.score:
            continue
        candidate = _first_passage(connection, one.note_id) if at is None else ordered.pop(at).candidate
        if candidate is not None:
            place = next((n for n, other in enumerate(ordered) if other.score < one.score), len(ordered))
            ordered.insert(place, _scored(candidate, one.score))
    return ordered


def _allowed(connection: apsw.Connection, notes: frozenset[int] | None) -> str | None:
    if notes is None:
        return None
    return json.dumps([row[0] for row in fetch(connection, _ALLOWED, (json.dumps(sorted(notes)),))])


def _affordable(table: _Table, sought: Sequence[Sought]) -> str:
    """A query for any of the rarest units, as many as may be scored; for all at once where each is too common."""
    expressions = {_expression(one): 0 for one in sought}
    for expression in expressions:
        expressions[expression] = table.count(expression, ROWS_PER_QUERY + 1)
    present = sorted((one for one in expressions if expressions[one]), key=lambda one: expressions[one])
    chosen: list[str] = []
    rows = 0
    for one in present:
        rows += expressions[one]
        if rows > ROWS_PER_QUERY:
            break
        chosen.append(one)
    if chosen or not present:
        return " OR ".join(chosen)
    together = " AND ".join(present)
    return together if table.count(together, ROWS_PER_QUERY + 1) <= ROWS_PER_QUERY else ""


def _expression(one: Sought) -> str:
    """The unit or another name of it, in one place or with its words apart."""
    written = [match_expression(one.expression, one.unit.kind), *(match_expression(other) for other in one.same)]
    words = one.unit.text.replace('"', " ").split()
    if len(words) > 1 and one.unit.kind is not Kind.UNSPACED:
        written.append("(" + " AND ".join(f'"{word}"' for word in words) + ")")
    return "(" + " OR ".join(written) + ")"


def _as_passage(title: str, summary: str, keywords: str, themes: str, entities: str) -> Candidate:
    """A description as what passages are measured by. It belongs to no note: the note's names are not its words."""
    return Candidate(
        id=-1,
        note_id=-1,
        path="",
        title=title,
        aliases="",
        tags=f"{keywords}\n{themes}\n{entities}",
        date="",
        is_private=True,
        start_line=1,
        end_line=1,
        heading="",
        text=f"{summary}\n{keywords}\n{themes}\n{entities}",
    )


def _first_passage(connection: apsw.Connection, note_id: int) -> Candidate | None:
    row = fetch_one(connection, _FIRST, (note_id,))
    return next(iter(fetch_by_id(connection, row)), None) if row else None


def _scored(candidate: Candidate, score: float) -> Scored:
    return Scored(candidate, score, (), (), (), is_about=False, has_value=False, fits_time=None)
