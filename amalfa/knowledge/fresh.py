"""Holds passages from the index against the files as they are now, so that nothing stale is shown or cited."""

from collections.abc import Callable, Sequence

from amalfa.calls import Passage, PrivacyClass
from amalfa.knowledge.body import body_hash
from amalfa.knowledge.candidates import Candidate
from amalfa.knowledge.files import NoteFiles, Unreadable
from amalfa.knowledge.notes import is_private

WIDE_MAX_CHARACTERS = 2_400


class FreshReader:
    """Reads each note at most once; made for one search."""

    def __init__(self, files: NoteFiles, is_local_only: Callable[[str], bool]) -> None:
        self._files = files
        self._is_local_only = is_local_only
        self._lines: dict[str, tuple[str, ...] | None] = {}

    def passage(self, stored: Candidate, score: float, neighbour: Candidate | None = None) -> Passage | None:
        """The stored passage as it stands in the file; None when its text is no longer there.

        Lines that moved are followed. A neighbour is taken in when it still adjoins and both stay short.
        """
        lines = self._now(stored.path)
        if lines is None:
            return None
        place = _find(stored, lines, stored.start_line - 1)
        if place is None:
            return None
        if neighbour is not None:
            moved = place.start - (stored.start_line - 1)
            place = _joined(place, _find(neighbour, lines, neighbour.start_line - 1 + moved), lines)
        return Passage(
            path=stored.path,
            start_line=place.start + 1,
            end_line=place.stop,
            heading=stored.heading,
            text="\n".join(lines[place.start : place.stop]),
            score=round(score, 4),
            title=stored.title,
            privacy=self._privacy(stored, lines),
        )

    def summary(self, path: str, known: tuple[str, str] | None) -> str | None:
        """The summary of `known`, a (body hash, summary), when the note's text still is the one it was made of."""
        lines = self._now(path)
        if known is None or lines is None:
            return None
        digest, summary = known
        return summary if body_hash(path, "\n".join(lines)) == digest else None

    def is_private(self, stored: Candidate) -> bool:
        """Whether the passage's note is private as it stands now; one that cannot be read counts as private."""
        lines = self._now(stored.path)
        return lines is None or self._privacy(stored, lines) is PrivacyClass.LOCAL_ONLY

    def _now(self, path: str) -> tuple[str, ...] | None:
        if path not in self._lines:
            self._lines[path] = self._files.lines(path)
        return self._lines[path]

    def _privacy(self, stored: Candidate, lines: Sequence[str]) -> PrivacyClass:
        # The stored flag counts as well: a note does not become public between two looks at it.
        is_local = stored.is_private or self.stays_here(stored.path) or is_private(lines)
        return PrivacyClass.LOCAL_ONLY if is_local else PrivacyClass.CLOUD_OK

    def stays_here(self, path: str) -> bool:
        """Whether a rule keeps a note local, by the name it has or by the place where it really is."""
        try:
            return self._is_local_only(path) or self._is_local_only(self._files.name(path))
        except Unreadable:
            return True  # it is being replaced at this moment, so nothing else is known of it


def _find(stored: Candidate, lines: Sequence[str], expected: int) -> range | None:
    """Where a stored passage stands now, the place nearest to where it was; None when nowhere."""
    wanted = tuple(stored.text.split("\n"))
    size = len(wanted)
    if tuple(lines[expected : expected + size]) == wanted:
        return range(expected, expected + size)
    places = [at for at in range(len(lines) - size + 1) if tuple(lines[at : at + size]) == wanted]
    nearest = min(places, key=lambda at: abs(at - expected), default=None)
    return None if nearest is None else range(nearest, nearest + size)


def _joined(place: range, other: range | None, lines: Sequence[str]) -> range:
    if other is None:
        return place
    wide = range(min(place.start, other.start), max(place.stop, other.stop))
    between = lines[min(place.stop, other.stop) : max(place.start, other.start)]
    is_short = sum(len(lines[number]) + 1 for number in wide) <= WIDE_MAX_CHARACTERS
    return wide if is_short and not any(line.strip() for line in between) else place
