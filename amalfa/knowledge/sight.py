"""What a search may see of the index: all of it, or all but some notes, which are then as if they were not there."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import apsw

from amalfa.store.rows import fetch

_COUNT = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
_COUNT_BESIDES = (
    "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? AND rowid NOT IN"
    " (SELECT id FROM passage WHERE note_id IN (SELECT value FROM json_each(?))) LIMIT ?)"
)


@dataclass(frozen=True, slots=True)
class Sight:
    """An index with the ids of the notes that are hidden in it: neither found, nor counted, nor named."""

    connection: apsw.Connection
    hidden: frozenset[int] = frozenset()

    def has(self, query: str) -> bool:
        """Whether some passage matches a full-text query."""
        return self.count(query, 1) > 0

    def count(self, query: str, most: int) -> int:
        """How many passages match a full-text query, counted up to `most`."""
        if not self.hidden:
            return int(fetch(self.connection, _COUNT, (query, most))[0][0])
        hidden = json.dumps(sorted(self.hidden))
        return int(fetch(self.connection, _COUNT_BESIDES, (query, hidden, most))[0][0])

    def sees(self, note_id: int) -> bool:
        return note_id not in self.hidden

    def without_hidden(self, named: dict[str, frozenset[int]]) -> dict[str, frozenset[int]]:
        """Names with the notes they stand for; a name of hidden notes only is none."""
        if not self.hidden:
            return named
        return {name: seen for name, notes in named.items() if (seen := notes - self.hidden)}

    def notes_that(self, matches: Callable[[str], bool] | None) -> frozenset[int] | None:
        """The ids of the notes that may be found: those whose paths match. None = every note there is."""
        if matches is None and not self.hidden:
            return None
        rows = fetch(self.connection, "SELECT id, path FROM note")
        return frozenset(note for note, path in rows if self.sees(note) and (matches is None or matches(path)))


def private_notes(connection: apsw.Connection, stays_here: Callable[[str], bool] | None) -> frozenset[int]:
    """The notes that are private by their front matter, or by a rule for their paths (None = there is no rule)."""
    if stays_here is None:
        return frozenset(note for (note,) in fetch(connection, "SELECT id FROM note WHERE is_private"))
    rows = fetch(connection, "SELECT id, path, is_private FROM note")
    return frozenset(note for note, path, is_private in rows if is_private or stays_here(path))


def state_of(connection: apsw.Connection) -> object:
    """Something that is another whenever a note was read again, added or removed."""
    return fetch(connection, "SELECT count(*), total(is_private), max(seen_ns) FROM note")[0]
