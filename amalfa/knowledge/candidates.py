"""Fetches the passages that may answer a question. Wide and cheap: ranking them is for `rank`."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import apsw

from amalfa.knowledge.naming import notes_named
from amalfa.knowledge.question import Question
from amalfa.knowledge.sight import Sight
from amalfa.knowledge.sought import Sought, match_expression
from amalfa.knowledge.words import fold
from amalfa.store.rows import Row, fetch

MOST = 40
MOST_FOCUSED = 25
MOST_HOPS = 8
MOST_DATED = 30
MOST_ALIKE = 12
MOST_ASKED = 5
"""How many of the things asked are looked for two by two in notes on other things."""

ROWS_PER_QUERY = 4_000
"""How many matching rows a query may have to score (about 1.2 microseconds each); commoner words are left out of it."""

# The weights are those of title, heading, path, tags, body and character pairs.
_BEST = "SELECT rowid, -bm25(words, 6.0, 3.0, 2.0, 2.5, 1.0, 1.0) AS score FROM words WHERE words MATCH ?"
_ANY = "SELECT rowid FROM words WHERE words MATCH ?"
_WIKILINK = re.compile(r"\[\[([^\]|#\n]+)")
_LINK = re.compile(r"\]\(<?([^)\s>#]+)\.(?:md|markdown)\b", re.IGNORECASE)
_CAPITALS = re.compile(r"\b[^\W\d_a-z][\w'’-]*(?:[ ](?:[^\W\d_a-z][\w'’-]*|\d+))*")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage as stored, with what is known of its note. `bm25` grows with relevance; 0 = fetched by its note."""

    id: int
    note_id: int
    path: str
    title: str
    aliases: str
    tags: str
    date: str
    is_private: bool
    start_line: int
    end_line: int
    heading: str
    text: str
    bm25: float = 0.0


def fetch_candidates(
    connection: apsw.Connection, sought: Sequence[Sought], question: Question, notes: frozenset[int] | None
) -> list[Candidate]:
    """Passages that hold some of what is sought, from `notes` only unless that is None."""
    scores: dict[int, float] = {}
    for query, most in _queries(sought, question.last):
        for rowid, score in _search(connection, query, most, notes):
            scores[rowid] = max(score, scores.get(rowid, 0.0))
    if question.time.is_narrow:
        span = (question.time.since, question.time.before, MOST_DATED)
        for (rowid,) in fetch(connection, _OF_DATES, span):
            scores.setdefault(rowid, 0.0)
        for rowid in _of_written_day(connection, sought, question.time.since):
            scores.setdefault(rowid, 0.0)
    return [one for one in _load(connection, scores) if notes is None or one.note_id in notes]


def _of_written_day(connection: apsw.Connection, sought: Sequence[Sought], since: str) -> list[int]:
    """Passages that hold some of what is sought and this day, among others: a journal has many in one passage."""
    terms = [term for one in sought if not one.unit.is_light for term in _as_written(one)]
    if len(since) < len("2024-05-14") or not terms:
        return []
    query = f'"{since}" AND {_any_of(terms)}'
    return [rowid for (rowid,) in fetch(connection, f"{_ANY} LIMIT {MOST_DATED}", (query,))]


def fetch_alike(sight: Sight, sought: Sequence[Sought], folders: Collection[str]) -> list[Candidate]:
    """Passages in these folders that hold two of the things asked and nothing of what is named."""
    asked = [_any_of(_anyhow(one)) for one in sought if one.is_asked][:MOST_ASKED]
    named = [term for one in sought if one.is_named for term in _as_written(one)]
    if len(asked) < 2 or not named or not folders:
        return []
    together = " OR ".join(f"({one} AND {other})" for one, other in combinations(asked, 2))
    beside = _any_of([f'"{folder.replace(chr(34), " ")}"' for folder in sorted(folders)])
    query = f"path : {beside} AND ({together}) NOT {_any_of(named)}"
    rows = fetch(sight.connection, f"{_ANY} LIMIT {MOST_ALIKE}", (query,))
    found = _load(sight.connection, {rowid: 0.0 for (rowid,) in rows})
    return [one for one in found if sight.sees(one.note_id)]


def has_section(sight: Sight, sought: Sequence[Sought], heading: str) -> bool:
    """Whether the words of a heading stand in a passage with everything the question names."""
    named = [_any_of(_as_written(one)) for one in sought if one.is_named]
    words = " ".join(fold(heading).split())
    return not words or sight.has(" AND ".join([*named, f'"{words}"']))


def fetch_linked(
    connection: apsw.Connection, texts: Mapping[int, str], notes: frozenset[int] | None, *, besides: frozenset[int]
) -> dict[int, list[Candidate]]:
    """For each text, under the same key, the passages of the notes it links to or names, `besides` left out."""
    mentions = {key: frozenset(_mentions(text)) for key, text in texts.items()}
    known = notes_named(connection, frozenset[str]().union(*mentions.values()))
    linked = {
        key: [
            note
            for note in sorted({note for name in names for note in known.get(name, ())} - besides)
            if notes is None or note in notes
        ]
        for key, names in mentions.items()
    }
    by_note: dict[int, list[Candidate]] = {}
    for candidate in _of_notes(connection, sorted({note for found in linked.values() for note in found[:MOST_HOPS]})):
        by_note.setdefault(candidate.note_id, []).append(candidate)
    return {key: [one for note in found for one in by_note.get(note, ())] for key, found in linked.items()}


def fetch_by_id(connection: apsw.Connection, ids: Sequence[int]) -> list[Candidate]:
    """The passages with these ids, in the order of the ids; unknown ones are left out."""
    found = {one.id: one for one in _load(connection, dict.fromkeys(ids, 0.0))} if ids else {}
    return [found[passage_id] for passage_id in ids if passage_id in found]


def fetch_neighbour(connection: apsw.Connection, passage: Candidate) -> Candidate | None:
    """The next passage of the same section, else the one before it; None when there is none."""
    for query in (_NEXT, _PREVIOUS):
        rows = fetch(connection, query, (passage.note_id, passage.start_line))
        if rows and rows[0][10] == passage.heading:
            return _candidate(rows[0])
    return None


def _queries(sought: Sequence[Sought], last: str | None) -> Iterator[tuple[str, int]]:
    """A wide query for any of the units, and a focused one for what is named together with what is asked of it."""
    wide = [_any_of(_as_written(one)) for one in _affordable(sought)]
    if last is not None:
        wide.append(f'"{last}" *')
    if wide:
        yield " OR ".join(wide), MOST
    anchors = [one for one in sought if one.is_named and one.count + len(one.same)]
    asked = [term for one in sought if one.is_asked for term in _anyhow(one)]
    for anchor in sorted(anchors, key=lambda one: one.count)[:2]:
        if asked:
            yield f"{_any_of(_as_written(anchor))} AND {_any_of(asked)}", MOST_FOCUSED
    if not anchors and asked:
        rare = [one for one in sought if not one.unit.is_light and 0 < one.count <= ROWS_PER_QUERY // 5]
        terms = [term for one in sorted(rare, key=lambda one: one.count)[:1] for term in _as_written(one)]
        if terms:
            yield f"{_any_of(terms)} AND {_any_of(asked)}", MOST_FOCUSED


def _affordable(sought: Sequence[Sought]) -> list[Sought]:
    """The rarest units first, as many as may be scored; light words only when there is nothing else."""
    present = sorted((one for one in sought if one.count or one.same), key=lambda one: (one.unit.is_light, one.count))
    chosen: list[Sought] = []
    rows = 0
    for one in present:
        rows += one.count
        if chosen and (rows > ROWS_PER_QUERY or one.unit.is_light):
            break
        chosen.append(one)
    return chosen


def _as_written(one: Sought) -> list[str]:
    return [match_expression(one.expression, one.unit.kind), *(match_expression(other) for other in one.same)]


def _anyhow(one: Sought) -> list[str]:
    return [*_as_written(one), *(match_expression(other) for other in one.similar)]


def _any_of(terms: Sequence[str]) -> str:
    return terms[0] if len(terms) == 1 else "(" + " OR ".join(terms) + ")"


def _search(
    connection: apsw.Connection, query: str, most: int, notes: frozenset[int] | None
) -> list[tuple[int, float]]:
    is_focused = most == MOST_FOCUSED
    within, values = "", [query]
    if notes is not None:
        # The plus keeps SQLite from asking for the words once for every passage that may be found.
        within = " AND +rowid IN (SELECT id FROM passage WHERE note_id IN (SELECT value FROM json_each(?)))"
        values.append(json.dumps(sorted(notes)))
    # Scoring counts every term over all notes, so it is left out where a few match and all of them are taken.
    unscored = fetch(connection, f"{_ANY}{within} LIMIT {most + 1}", values) if is_focused else []
    if 0 < len(unscored) <= most:
        return [(rowid, 0.0) for (rowid,) in unscored]
    rows = fetch(connection, f"{_BEST}{within} ORDER BY score DESC LIMIT {most}", values)
    return [(rowid, score) for rowid, score in rows]


_OF_IDS = "SELECT * FROM stored WHERE id IN (SELECT value FROM json_each(?))"
_NEXT = "SELECT * FROM stored WHERE note_id = ? AND start_line > ? ORDER BY start_line LIMIT 1"
_PREVIOUS = "SELECT * FROM stored WHERE note_id = ? AND start_line < ? ORDER BY start_line DESC LIMIT 1"
_OF_DATES = "SELECT id FROM passage WHERE date >= ? AND date < ? ORDER BY date LIMIT ?"
_OF_NOTES = (
    "SELECT * FROM stored WHERE note_id IN (SELECT value FROM json_each(?)) ORDER BY note_id, start_line LIMIT 60"
)


def _load(connection: apsw.Connection, scores: dict[int, float]) -> list[Candidate]:
    rows = fetch(connection, _OF_IDS, (json.dumps(list(scores)),))
    return [_candidate(row, scores[row[0]]) for row in rows]


def _of_notes(connection: apsw.Connection, notes: Sequence[int]) -> list[Candidate]:
    rows = fetch(connection, _OF_NOTES, (json.dumps(list(notes)),))
    return [_candidate(row) for row in rows]


def _candidate(row: Row, bm25: float = 0.0) -> Candidate:
    passage_id, note_id, path, title, aliases, tags, date, is_private, start_line, end_line, heading, text = row
    return Candidate(
        id=passage_id,
        note_id=note_id,
        path=path,
        title=title,
        aliases=aliases,
        tags=tags,
        date=date,
        is_private=bool(is_private),
        start_line=start_line,
        end_line=end_line,
        heading=heading,
        text=text,
        bm25=bm25,
    )


def _mentions(text: str) -> Iterator[str]:
    """Folded names in a text that may be titles of notes."""
    for target in _WIKILINK.findall(text):
        yield fold(target.rsplit("/", 1)[-1].removesuffix(".md"))
    for target in _LINK.findall(text):
        yield fold(target.rsplit("/", 1)[-1].replace("%20", " "))
    for run in _CAPITALS.findall(text):
        words = fold(run).split()
        for size in range(min(4, len(words)), 0, -1):
            yield from (" ".join(words[at : at + size]) for at in range(len(words) - size + 1))
