"""The quotable pieces of the passages, each with the words that it and its surroundings show. Rates nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from amalfa.calls import Passage
from amalfa.providers.embedded.homes import Home, bare_path, homes_of
from amalfa.providers.embedded.sentences import Unit, units_of
from amalfa.providers.embedded.terms import Shown, shown_in


@dataclass(frozen=True, slots=True)
class Piece:
    """A unit and where it stands: `number` is its passage's place in the list, counted from 1.

    `said` is the piece's own text, `frame` what stands right above it (section, table header, lead-in), `around`
    what is above the whole passage: breadcrumb, title, path.
    """

    unit: Unit
    number: int
    passage: Passage
    home: Home
    said: Shown
    frame: Shown
    around: Shown

    @property
    def terms(self) -> frozenset[str]:
        return self.said.terms

    @property
    def all_terms(self) -> frozenset[str]:
        return self.said.terms | self.frame.terms | self.around.terms


def pieces_of(passages: Sequence[Passage]) -> list[Piece]:
    """In reading order."""
    homes = homes_of(passages)
    pieces: list[Piece] = []
    for number, passage in enumerate(passages, start=1):
        above, _, section = passage.heading.rpartition(" > ")
        around = shown_in(above or section, passage.title, bare_path(passage.path))
        frames: dict[str, Shown] = {}
        for unit in units_of(passage.text):
            if unit.context not in frames:
                frames[unit.context] = shown_in(*_frame(section if above else "", unit.context, passage.title))
            said, frame = shown_in(unit.text), frames[unit.context]
            pieces.append(Piece(unit, number, passage, homes[passage.path], said, frame, around))
    return pieces


def _frame(section: str, context: str, title: str) -> list[str]:
    """The passage's own section and the unit's headings but for the note's title, which frames every piece alike."""
    return [section, *(part for part in context.split(" > ") if part != title)]
