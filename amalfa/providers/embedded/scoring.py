"""Rates each quotable piece of the passages by how well it answers a question. Chooses nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from amalfa.calls import Passage
from amalfa.providers.embedded.kinds import fits_kind, gives_a_value, speaks_in_general
from amalfa.providers.embedded.months import with_iso_days
from amalfa.providers.embedded.naming import Naming
from amalfa.providers.embedded.pieces import Piece
from amalfa.providers.embedded.question import UNSAID, Question, Wanted
from amalfa.providers.embedded.sentences import Unit
from amalfa.providers.embedded.terms import Shown, fold, parts_of, rarity, shown_in, stem, telling, terms_of

FRAMED = 0.65
"""What a term is worth that only the section's heading, table header or lead-in has."""

NEARBY = 0.6
"""What it is worth when only the note's title or path has it."""

REMARK = 0.1
"""What is left of a piece's match when it mentions the thing asked for and gives no value."""

ELSEWHERE = 0.4
"""What a name is worth that only another part of the same note has."""

SYNONYM = 0.55
"""What a term is worth when a word of like meaning stands in for it."""


@dataclass(frozen=True, slots=True)
class Rated:
    """How well a piece answers. All shares are of the question's weight, so that all of `held` together is at most 1.

    `asked`, `held` and `stated` go with the question's terms in order: what each counts for, what the piece and its
    surroundings hold of it, and what the piece itself says. `coverage` is the sum of `held`. `core` and `core_stated`
    are shares, from 0 to 1, of what is asked about the named thing alone; with nothing asked, 1 and 0.
    """

    piece: Piece
    asked: tuple[float, ...]
    held: tuple[float, ...]
    stated: tuple[float, ...]
    coverage: float
    core: float
    core_stated: float
    score: float


def rate(question: Question, pieces: Sequence[Piece], naming: Naming) -> list[Rated]:
    """Every piece with its rating, best first; equals stay in reading order."""
    weights = _weights(question, pieces, naming)
    last = max((piece.number for piece in pieces), default=1)
    scale = _Scale(question, naming, weights)
    rated = [_rated(scale, piece, first=1 - (piece.number - 1) / last) for piece in pieces]
    return sorted(rated, key=lambda one: -one.score)


def _weights(question: Question, pieces: Sequence[Piece], naming: Naming) -> dict[str, float]:
    """What each question term counts for. Telling ones count more, words that merely frame the question little."""
    rare = rarity(piece.all_terms for piece in pieces)
    known = [rare[term] for term in question.terms if term in rare]
    usual = sum(known) / len(known) if known else 1.0
    return {
        term: rare.get(term, usual)
        * (SCENE_WEIGHT if term in question.scene else 1.0)
        * (1.0 if term in naming.names else _frame_weight(term, rare))
        for term in question.terms
    }


def _frame_weight(term: str, known: Mapping[str, float]) -> float:
    if term not in _FRAME_STEMS:
        return 1.0
    return FRAME_WEIGHT if term in known else FRAME_WEIGHT / 3


FRAME_WEIGHT = 0.25
SCENE_WEIGHT = 0.3

_FRAMING_WORDS = """
    mean stand number date day time year place person part turn name way kind type thing command option step
    work possible say happen give correct right call current note write last latest newest change according use have
    minute week month take come go follow
"""
_FRAME_STEMS = frozenset(stem(word) for word in _FRAMING_WORDS.split())


def day_of(passage: Passage) -> str:
    """The day a passage is dated with, in its heading, title or path, as YYYY-MM-DD; "" for none."""
    return max(_DAY.findall(with_iso_days(fold(f"{passage.heading} {passage.title} {passage.path}"))), default="")


_DAY = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")


@dataclass(frozen=True, slots=True)
class _Scale:
    """What pieces are held against: `weights` by question term, in the question's order."""

    question: Question
    naming: Naming
    weights: Mapping[str, float]

    def held(self, term: str, piece: Piece) -> float:
        """What the piece and its surroundings hold of the term, from 0 to 1."""
        stated = self.stated(term, piece)
        return stated if stated == 1.0 else 1.0 - (1.0 - stated) * (1.0 - self._surrounded(term, piece))

    def stated(self, term: str, piece: Piece) -> float:
        """What the piece itself says of the term."""
        if self._is_in(term, piece.said):
            return 1.0
        if (parts := parts_of(term)) and all(part in piece.terms for part in parts):
            return 1.0
        return SYNONYM if self.question.others.stand_in(term, piece.said) else 0.0

    def core_of(self, piece: Piece) -> list[str]:
        """The terms that say what is asked, not about what, and do not merely frame the question."""
        named = self.naming.names | piece.home.identity.terms
        apart = named | self.question.scene
        return [term for term in self.weights if term not in apart and term not in _FRAME_STEMS]

    def _is_in(self, term: str, shown: Shown) -> bool:
        return self.question.others.says(term, shown) or self.naming.aliases.stand_in(term, shown)

    def _surrounded(self, term: str, piece: Piece) -> float:
        is_name = term in self.naming.names
        if self._is_in(term, piece.frame):
            return FRAMED
        if self._is_in(term, piece.around) or (is_name and self._is_in(term, piece.home.identity)):
            return NEARBY
        if self.question.others.stand_in(term, piece.frame):
            return FRAMED * SYNONYM
        if is_name and piece.home.has(term):
            return ELSEWHERE
        return NEARBY * SYNONYM if self.question.others.stand_in(term, piece.around) else 0.0


def _rated(scale: _Scale, piece: Piece, *, first: float) -> Rated:
    weights = scale.weights
    total = sum(weights.values()) or 1.0
    says = {term: scale.stated(term, piece) for term in weights}
    worth = REMARK if _is_remark(scale.question, piece.unit, says) else 1.0
    held = {term: scale.held(term, piece) * worth * weight / total for term, weight in weights.items()}
    stated = {term: says[term] * worth * weight / total for term, weight in weights.items()}
    core = scale.core_of(piece)
    asked = sum(weights[term] for term in core) / total
    return Rated(
        piece=piece,
        asked=tuple(weight / total for weight in weights.values()),
        held=tuple(held.values()),
        stated=tuple(stated.values()),
        coverage=sum(held.values()),
        core=sum(held[term] for term in core) / asked if core else 1.0,
        core_stated=sum(stated[term] for term in core) / asked if core else 0.0,
        score=sum(held.values()) + RANK_BONUS * first + _bonus(scale.question, piece),
    )


def _bonus(question: Question, piece: Piece) -> float:
    """What a piece earns by its form and place rather than by its words."""
    unit = piece.unit
    return (
        HEADING_BONUS * _headed(question, piece)
        + KIND_BONUS * fits_kind(question.wanted, unit)
        + VALUE_BONUS * states_a_fact(question, unit)
        + KEY_BONUS * _is_about(question, unit)
        + PAIR_BONUS * _shared_pairs(question, unit)
        + OPENING_BONUS * _opens_with_the_deed(question, unit)
        - _awkwardness(unit, question)
    )


OPENING_BONUS = 0.15
HEADING_BONUS = 0.25
ALMOST = 0.6
"""How much of a heading and a question has to be the same for the heading to announce the answer."""

KIND_BONUS = 0.14
VALUE_BONUS = 0.3
KEY_BONUS = 0.16
PAIR_BONUS = 0.12
RANK_BONUS = 0.06


def _headed(question: Question, piece: Piece) -> float:
    """How nearly the heading right above a piece of prose is the question itself, from 0 to 1."""
    if piece.unit.kind not in ("sentence", "item"):
        return 0.0
    heading = piece.unit.context.rpartition(" > ")[2] or piece.passage.heading.rpartition(" > ")[2]
    above, asked = frozenset(telling(terms_of(heading))), frozenset(question.terms)
    share = len(above & asked) / len(above | asked) if above else 0.0
    return share if share >= ALMOST else 0.0


def states_a_fact(question: Question, unit: Unit) -> bool:
    """Whether the piece gives a value, where one is asked for."""
    return question.wants_value and gives_a_value(unit, question.terms)


def _opens_with_the_deed(question: Question, unit: Unit) -> bool:
    """Whether it begins with what the question wants to do: "Stop sonar with …"."""
    opening = shown_in(" ".join(unit.text.split()[:1])) if question.wanted is Wanted.COMMAND else None
    return opening is not None and unit.kind in ("sentence", "item") and not opening.terms.isdisjoint(question.terms)


def _is_remark(question: Question, unit: Unit, says: Mapping[str, float]) -> bool:
    """Whether the piece only mentions what is asked for, without saying what it is."""
    if not question.wants_value or gives_a_value(unit, question.terms):
        return False
    written = [term for term in says if term != UNSAID and (term in question.singular or not term.isalpha())]
    if all(says[term] == 1.0 for term in written):
        return False
    return speaks_in_general(unit, question.singular)


def _is_about(question: Question, unit: Unit) -> float:
    """How much of what the writer marked as the piece's subject is in the question; less than half counts as none."""
    key = [term for term in terms_of(unit.key) if not parts_of(term)]
    shown = shown_in(unit.key)
    is_meant = any(question.others.stand_in(term, shown) for term in question.terms) if key else False
    share = max(sum(term in question.terms for term in key) / len(key), SYNONYM * is_meant) if key else 0.0
    return share if share >= 0.5 else 0.0


def _shared_pairs(question: Question, unit: Unit) -> float:
    if not question.pairs:
        return 0.0
    ordered = terms_of(unit.text)
    here = set(pairwise(ordered))
    return len(question.pairs & here) / len(question.pairs)


LONG_PIECE = 300
"""Characters from which on a piece is harder to read than it is worth: long lists match everything."""


ROW_IN_PROSE = 0.12
"""What a table row has to be better by than a sentence, where an explanation is asked for and no single fact."""


def _awkwardness(unit: Unit, question: Question) -> float:
    """What is taken off pieces that read badly on their own: fragments, walls of text, questions, bare metadata."""
    length = len(fold(unit.text))
    off = 0.2 if unit.text.rstrip().endswith(("?", "？")) else 0.0
    off += 0.25 if unit.kind == "field" else 0.0
    off += ROW_IN_PROSE if unit.kind == "row" and not question.wants_value else 0.0
    off += 0.08 if unit.kind in ("sentence", "item") and length < 12 else 0.0
    off += min(0.2, (length - LONG_PIECE) / 2500) if length > LONG_PIECE else 0.0
    off += 0.08 if unit.kind == "code" and question.wanted is not Wanted.COMMAND else 0.0
    return off
