"""The notes as they are shown one by one, and as they look to somebody who may not see the private ones."""

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import anyio.to_thread

from amalfa.calls import Passage, PrivacyClass
from amalfa.errors import NotFound
from amalfa.knowledge.index import Index
from amalfa.knowledge.listing import ListedNote, note_at, notes_after

if TYPE_CHECKING:
    from amalfa.daemon.notes import Library
    from amalfa.knowledge.retrieve import Evidence


@dataclass(frozen=True, slots=True)
class OpenNotes:
    """The notes without the private ones: these are neither found, nor read, nor quoted, nor said to be there."""

    notes: "Library"

    async def retrieve(self, question: str, *, k: int, within: tuple[str, ...] = ()) -> "Evidence":
        return await self.notes.retrieve(question, k=k, within=within, without_private=True)

    async def search(self, query: str, *, k: int, within: tuple[str, ...]) -> tuple[Passage, ...]:
        return await self.notes.search(query, k=k, within=within, without_private=True)

    async def read(self, path: str) -> str:
        text = await self.notes.read(path)
        if self.privacy_of(path, text) is PrivacyClass.LOCAL_ONLY:
            raise no_such_note(path)
        return text

    def lines(self, path: str) -> list[str]:
        lines = self.notes.lines(path)
        return [] if self.privacy_of(path, "\n".join(lines)) is PrivacyClass.LOCAL_ONLY else lines

    def privacy_of(self, path: str, text: str) -> PrivacyClass:
        return self.notes.privacy_of(path, text)

    def without_private(self) -> "OpenNotes":
        return self


async def list_notes(
    notes: "Library", index: Index, *, after: str, limit: int, without_private: bool
) -> tuple[ListedNote, ...]:
    """Up to `limit` notes behind a path. Privacy is judged by the files as they stand, not only by the index."""
    shown: list[ListedNote] = []
    while len(shown) < limit:
        page = await index.database.read(partial(notes_after, after=after, most=limit))
        judged = await anyio.to_thread.run_sync(_judged, page, notes)
        shown += [note for note in judged if not (without_private and note.is_private)]
        if len(page) < limit:
            break
        after = page[-1].path
    return tuple(shown[:limit])


async def read_note(notes: "Library", index: Index, path: str, *, without_private: bool) -> tuple[ListedNote, str]:
    """A note of the index and its text as it stands. Raises NotFound, also for a private note that is not shown."""
    found = await index.database.read(partial(note_at, path=path))
    if found is None:
        raise no_such_note(path)
    seen = notes.without_private() if without_private else notes
    text = await seen.read(path)
    is_private = found.is_private or seen.privacy_of(path, text) is PrivacyClass.LOCAL_ONLY
    if is_private and without_private:
        raise no_such_note(path)
    return replace(found, is_private=is_private), text


def no_such_note(path: str) -> NotFound:
    """What is said of a path that is no note, and of a private one in the same words."""
    return NotFound(f"{path} is not among the notes.", hint="amalfa index status")


def _judged(page: list[ListedNote], notes: "Library") -> list[ListedNote]:
    """The notes with their privacy as the files are now. Reads them."""
    return [replace(note, is_private=note.is_private or _stays_here(note, notes)) for note in page]


def _stays_here(note: ListedNote, notes: "Library") -> bool:
    text = "\n".join(notes.lines(note.path))
    return notes.privacy_of(note.path, text) is PrivacyClass.LOCAL_ONLY
