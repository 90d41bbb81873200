"""Finds the lines of one text that match a query best, whole and verbatim."""

from collections.abc import Sequence
from typing import TypedDict

from amalfa.calls import Material, Passage
from amalfa.providers.embedded.naming import Naming
from amalfa.providers.embedded.pieces import Piece, pieces_of
from amalfa.providers.embedded.question import Question, read_question
from amalfa.providers.embedded.scoring import Rated, rate

SNIPPET_MOST_LINES = 12
SNIPPET_MOST_CHARACTERS = 3_600


class Snippet(TypedDict):
    snippet: str
    context: str
    confidence: float


def find_snippet(material: Material) -> Snippet:
    """The best lines of the first document. Without any match: its first lines, and a confidence of 0."""
    path, text = material.documents[0]
    lines = text.splitlines()
    question = read_question(material.question)
    pieces = pieces_of([Passage(path=path, start_line=1, end_line=len(lines), heading="", text=text)])
    rated = [one for one in rate(question, pieces, Naming(question.names, question.phrases)) if one.coverage > 0]
    if not rated:
        return {"snippet": _first_lines(lines), "context": "No line shares a word with the query.", "confidence": 0.0}
    best = rated[0]
    first, last = _grown(best.piece, rated)
    chosen = "\n".join(lines[first : last + 1][:SNIPPET_MOST_LINES])[:SNIPPET_MOST_CHARACTERS]
    return {"snippet": chosen, "context": _why(question, best), "confidence": round(min(1.0, best.coverage), 2)}


def _grown(piece: Piece, rated: Sequence[Rated]) -> tuple[int, int]:
    """The piece's lines, with the neighbours right before and after it that match about as well."""
    first, last = piece.unit.first_line, piece.unit.last_line
    near = [one.piece.unit for one in rated if one.score >= 0.8 * rated[0].score]
    for unit in sorted(near, key=lambda one: one.first_line):
        if unit.first_line <= last + 1 and unit.last_line > last and unit.last_line - first < SNIPPET_MOST_LINES:
            last = unit.last_line
    for unit in sorted(near, key=lambda one: -one.last_line):
        if unit.last_line >= first - 1 and unit.first_line < first and last - unit.first_line < SNIPPET_MOST_LINES:
            first = unit.first_line
    return first, last


def _why(question: Question, best: Rated) -> str:
    held = [term for term in question.terms if term in best.piece.all_terms]
    place = best.piece.unit.context
    under = f' under "{place[:200]}"' if place else ""
    return f"Shares {', '.join(held[:6]) or 'words of like meaning'}{under}."


def _first_lines(lines: Sequence[str]) -> str:
    filled = [line for line in lines if line.strip()]
    return filled[0][:SNIPPET_MOST_CHARACTERS] if filled else ""
