"""Lists the notes of the index by path, page by page. Reads no file."""

from dataclasses import dataclass

import apsw

from amalfa.store.rows import fetch, fetch_one

_PAGE = "SELECT path, title, mtime_ns, is_private FROM note WHERE path > ? ORDER BY path LIMIT ?"
_ONE = "SELECT path, title, mtime_ns, is_private FROM note WHERE path = ?"


@dataclass(frozen=True, slots=True)
class ListedNote:
    """One note as the index has it. `is_private` is what its front matter says; rules for paths come on top."""

    path: str
    title: str
    modified_ns: int
    is_private: bool


def notes_after(connection: apsw.Connection, after: str, most: int) -> list[ListedNote]:
    """The first notes behind a path, in the order of their paths; "" begins at the first."""
    return [_listed(*row) for row in fetch(connection, _PAGE, (after, most))]


def note_at(connection: apsw.Connection, path: str) -> ListedNote | None:
    """The note with this path; None when the index has none."""
    row = fetch_one(connection, _ONE, (path,))
    return _listed(*row) if row else None


def _listed(path: str, title: str, modified_ns: int, is_private: int) -> ListedNote:
    return ListedNote(path, title, modified_ns, bool(is_private))
