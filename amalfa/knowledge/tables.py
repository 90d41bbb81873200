"""The tables of index.db and the statements that fill them. Everything in it can be rebuilt from the notes."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import apsw

from amalfa.knowledge.descriptions import forget_description
from amalfa.knowledge.notes import Note, Section
from amalfa.knowledge.words import TOKENIZER, character_pairs
from amalfa.store.rows import fetch, fetch_one
from amalfa.store.schema import Migration

APPLICATION_ID = 0x414D_4958  # "AMIX"

_NOTES = """
CREATE TABLE note (
    id         INTEGER PRIMARY KEY,
    path       TEXT NOT NULL UNIQUE,
    title      TEXT NOT NULL,
    date       TEXT NOT NULL,
    tags       TEXT NOT NULL,
    aliases    TEXT NOT NULL,
    is_private INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    mtime_ns   INTEGER NOT NULL,
    inode      INTEGER NOT NULL,
    seen_ns    INTEGER NOT NULL,
    hash       BLOB NOT NULL
) STRICT;
CREATE TABLE passage (
    id         INTEGER PRIMARY KEY,
    note_id    INTEGER NOT NULL REFERENCES note ON DELETE CASCADE,
    start_line INTEGER NOT NULL,
    end_line   INTEGER NOT NULL,
    date       TEXT NOT NULL,
    heading    TEXT NOT NULL,
    hash       BLOB NOT NULL,
    text       TEXT NOT NULL
) STRICT;
CREATE INDEX passage_of_note ON passage (note_id, start_line);
CREATE INDEX passage_by_hash ON passage (hash);
CREATE INDEX passage_by_date ON passage (date);
CREATE VIEW stored AS
    SELECT p.id, n.id AS note_id, n.path, n.title, n.aliases, n.tags, p.date, n.is_private,
           p.start_line, p.end_line, p.heading, p.text
    FROM passage p JOIN note n ON n.id = p.note_id;
CREATE TABLE name (
    folded  TEXT NOT NULL,
    target  TEXT NOT NULL,
    note_id INTEGER NOT NULL REFERENCES note ON DELETE CASCADE
) STRICT;
CREATE INDEX name_by_text ON name (folded);
CREATE INDEX name_of_note ON name (note_id);
CREATE TABLE link (
    note_id INTEGER NOT NULL REFERENCES note ON DELETE CASCADE,
    target  TEXT NOT NULL
) STRICT;
CREATE INDEX link_of_note ON link (note_id);
CREATE TABLE skipped (path TEXT PRIMARY KEY, reason TEXT NOT NULL) STRICT;
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE vector (
    hash  BLOB NOT NULL,
    model TEXT NOT NULL,
    signs BLOB NOT NULL,
    data  BLOB NOT NULL,
    PRIMARY KEY (model, hash)
) STRICT;
CREATE VIRTUAL TABLE words USING fts5(
    title, heading, path, tags, body, pairs,
    content='', contentless_delete=1, tokenize='{TOKENIZER}'
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, 'row');
""".replace("{TOKENIZER}", TOKENIZER)

# Names are folded in another way since, and what stands in the index was folded in the old one.
_READ_AGAIN = "UPDATE note SET size = -1, hash = zeroblob(0)"

# Notes that are in the index already get their hash when a description of them comes, without being read again.
_DESCRIPTIONS = """
ALTER TABLE note ADD COLUMN body_hash TEXT NOT NULL DEFAULT '';
CREATE TABLE description (
    id        INTEGER PRIMARY KEY,
    path      TEXT NOT NULL UNIQUE,
    body_hash TEXT NOT NULL,
    source    INTEGER NOT NULL,
    title     TEXT NOT NULL,
    summary   TEXT NOT NULL,
    keywords  TEXT NOT NULL,
    themes    TEXT NOT NULL,
    entities  TEXT NOT NULL,
    doc_type  TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE described USING fts5(
    title, summary, keywords, themes, entities, pairs,
    content='', contentless_delete=1, tokenize='{TOKENIZER}'
);
""".replace("{TOKENIZER}", TOKENIZER)

INDEX_DB: tuple[Migration, ...] = (
    ("notes", _NOTES),
    ("read all notes again", _READ_AGAIN),
    ("descriptions", _DESCRIPTIONS),
)

MAX_SKIPPED = 1_000


@dataclass(frozen=True, slots=True)
class Known:
    """What the index remembers of a file, to tell whether it changed."""

    id: int
    size: int
    mtime_ns: int
    inode: int
    seen_ns: int
    hash: bytes


def known_notes(connection: apsw.Connection) -> dict[str, Known]:
    rows = fetch(connection, "SELECT path, id, size, mtime_ns, inode, seen_ns, hash FROM note")
    return {path: Known(*rest) for path, *rest in rows}


def known_note(connection: apsw.Connection, path: str) -> Known | None:
    select = "SELECT id, size, mtime_ns, inode, seen_ns, hash FROM note WHERE path = ?"
    row = fetch_one(connection, select, (path,))
    return Known(*row) if row else None


def known_among(connection: apsw.Connection, paths: Iterable[str]) -> dict[str, Known]:
    found = ((path, known_note(connection, path)) for path in paths)
    return {path: known for path, known in found if known is not None}


def put_note(connection: apsw.Connection, note: Note) -> bool:
    """Index a note in place of what was known of its path; False when something newer is there already."""
    document = note.document
    known = known_note(connection, document.path)
    # A reading from the future was made before somebody set the clock back, so it tells nothing about the order.
    if known is not None and document.seen_ns < known.seen_ns <= time.time_ns():
        return False
    if known is not None:
        _forget(connection, known.id)
    connection.execute(
        "INSERT INTO note(path, title, date, tags, aliases, is_private, size, mtime_ns, inode, seen_ns,"
        " hash, body_hash) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            document.path,
            note.title,
            note.date,
            " ".join(note.tags),
            "\n".join(note.aliases),
            int(note.is_private),
            document.size,
            document.mtime_ns,
            document.inode,
            document.seen_ns,
            document.hash,
            note.body_hash,
        ),
    )
    note_id = connection.last_insert_rowid()
    _put_names(connection, note_id, note)
    for section in note.sections:
        _put_section(connection, note_id, note, section)
    _put_skipped(connection, document.path, note.problem)
    return True


def touch_note(connection: apsw.Connection, note_id: int, stat: tuple[int, int, int, int]) -> None:
    """Remember new (size, mtime_ns, inode, seen_ns) for unchanged text."""
    connection.execute("UPDATE note SET size=?, mtime_ns=?, inode=?, seen_ns=? WHERE id=?", (*stat, note_id))


def remove_note(connection: apsw.Connection, path: str) -> bool:
    """Forget a path; False when it was not known."""
    connection.execute("DELETE FROM skipped WHERE path = ?", (path,))
    forget_description(connection, path)
    known = known_note(connection, path)
    if known is None:
        return False
    _forget(connection, known.id)
    return True


def put_skipped(connection: apsw.Connection, path: str, reason: str) -> bool:
    """Remember why a path is left out, and forget the note it may have been; True when there was one."""
    was_known = remove_note(connection, path)
    _put_skipped(connection, path, reason)
    return was_known


def set_skipped(connection: apsw.Connection, reasons: Iterable[tuple[str, str]]) -> None:
    """Replace the reasons of paths that are no notes; those of indexed notes stay."""
    connection.execute("DELETE FROM skipped WHERE path NOT IN (SELECT path FROM note)")
    for path, reason in reasons:
        _put_skipped(connection, path, reason)


def stamp(connection: apsw.Connection) -> None:
    """Remember that the index was brought up to date just now."""
    connection.execute(
        "INSERT INTO state VALUES('updated_at', ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value",
        (datetime.now(UTC).isoformat(timespec="seconds"),),
    )


def _put_skipped(connection: apsw.Connection, path: str, reason: str) -> None:
    if not reason:
        connection.execute("DELETE FROM skipped WHERE path = ?", (path,))
        return
    connection.execute(
        "INSERT INTO skipped(path, reason) SELECT ?, ? WHERE (SELECT count(*) FROM skipped) < ?"
        " ON CONFLICT(path) DO UPDATE SET reason = excluded.reason",
        (path, reason, MAX_SKIPPED),
    )


def _forget(connection: apsw.Connection, note_id: int) -> None:
    connection.execute("DELETE FROM words WHERE rowid IN (SELECT id FROM passage WHERE note_id = ?)", (note_id,))
    connection.execute("DELETE FROM note WHERE id = ?", (note_id,))


def _put_names(connection: apsw.Connection, note_id: int, note: Note) -> None:
    rows = [(name, "", note_id) for name in note.names]
    # What others call a note in their links is a name of it as well.
    rows.extend((label, target, note_id) for target, label in note.links if label and label != target)
    connection.executemany("INSERT INTO name(folded, target, note_id) VALUES(?, ?, ?)", rows)
    targets = dict.fromkeys(target for target, _ in note.links)
    connection.executemany("INSERT INTO link(note_id, target) VALUES(?, ?)", [(note_id, target) for target in targets])


def _put_section(connection: apsw.Connection, note_id: int, note: Note, section: Section) -> None:
    connection.execute(
        "INSERT INTO passage(note_id, start_line, end_line, date, heading, hash, text) VALUES(?, ?, ?, ?, ?, ?, ?)",
        (note_id, section.start_line, section.end_line, section.date, section.heading, section.hash, section.text),
    )
    title = " ".join((note.title, *note.aliases))
    everything = f"{title}\n{section.headings}\n{section.text}"
    connection.execute(
        "INSERT INTO words(rowid, title, heading, path, tags, body, pairs) VALUES(?, ?, ?, ?, ?, ?, ?)",
        (
            connection.last_insert_rowid(),
            title,
            section.headings,
            note.document.path,
            " ".join(note.tags),
            section.text,
            " ".join(character_pairs(everything)),
        ),
    )
