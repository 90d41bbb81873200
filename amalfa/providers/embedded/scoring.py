"""Rates each quotable piece of the passages by how well it answers a question. Chooses nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from amalfa.calls import Passage
from amalfa.providers.embedded.homes import Home, bare_path, homes_of
from amalfa.providers.embedded.months import with_iso_days
from amalfa.providers.embedded.naming import Naming
from amalfa.providers.embedded.question import Question, Wanted
from amalfa.providers.embedded.sentences import Unit, units_of
from amalfa.providers.embedded.terms import fold, parts_of, rarity, stem, synonyms_of, terms_of

NEARBY = 0.6
"""What a term is worth when only the piece's headings, table header or lead-in have it."""

ELSEWHERE = 0.4
"""What a name is worth that only another part of the same note has."""

SYNONYM = 0.55
"""What a term is worth when a word of like meaning stands in for it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A unit and where it stands: `number` is its passage's place in the list, counted from 1.

    `around` are the terms of everything that frames it: breadcrumb, title, path, table header, lead-in.
    """

    unit: Unit
    number: int
    passage: Passage
    home: Home
    terms: frozenset[str]
    around: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rated:
    """How well a piece answers. All shares are of the question's weight, so that all of `held` together is at most 1.

    `held` and `stated` go with the question's terms in order: what the piece and its frame hold of each, and what
    the piece itself says. `coverage` is the sum of `held`; `core` is the like without the names, from 0 to 1.
    """

    piece: Piece
    held: tuple[float, ...]
    stated: tuple[float, ...]
    coverage: float
    core: float
    score: float


def pieces_of(passages: Sequence[Passage]) -> list[Piece]:
    homes = homes_of(passages)
    return [
        Piece(
            unit=unit,
            number=number,
            passage=passage,
            home=homes[passage.path],
            terms=frozenset(terms_of(unit.text)),
            around=frozenset(terms_of(f"{passage.heading} {passage.title} {bare_path(passage.path)} {unit.context}")),
        )
        for number, passage in enumerate(passages, start=1)
        for unit in units_of(passage.text)
    ]


def rate(question: Question, pieces: Sequence[Piece], naming: Naming) -> list[Rated]:
    """Every piece with its rating, best first; equals stay in reading order."""
    weights = _weights(question, pieces, naming)
    last = max((piece.number for piece in pieces), default=1)
    rated = [
        _rated(question, piece, weights, names=naming.names, first=1 - (piece.number - 1) / last) for piece in pieces
    ]
    return sorted(rated, key=lambda one: -one.score)


def _weights(question: Question, pieces: Sequence[Piece], naming: Naming) -> dict[str, float]:
    """What each question term counts for. Telling ones count more, words that merely frame the question little."""
    rare = rarity(piece.terms | piece.around for piece in pieces)
    known = [rare[term] for term in question.terms if term in rare]
    usual = sum(known) / len(known) if known else 1.0
    return {
        term: rare.get(term, usual) * (1.0 if term in naming.names else _frame_weight(term, rare))
        for term in question.terms
        if term not in naming.unseen
    }


def _frame_weight(term: str, known: Mapping[str, float]) -> float:
    if term not in _FRAME_STEMS:
        return 1.0
    return FRAME_WEIGHT if term in known else FRAME_WEIGHT / 3


FRAME_WEIGHT = 0.25

_FRAMING_WORDS = """
    mean stand number date day time year place name way kind type thing command option step work possible say happen
    give correct right call current note write last latest newest change according use have take come go
"""
_FRAME_STEMS = frozenset(stem(word) for word in _FRAMING_WORDS.split())


def day_of(passage: Passage) -> str:
    """The day a passage is dated with, in its heading, title or path, as YYYY-MM-DD; "" for none."""
    return max(_DAY.findall(with_iso_days(fold(f"{passage.heading} {passage.title} {passage.path}"))), default="")


_DAY = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")


def _rated(
    question: Question, piece: Piece, weights: Mapping[str, float], *, names: frozenset[str], first: float
) -> Rated:
    total = sum(weights.values()) or 1.0
    held = {term: _held(term, piece, is_name=term in names) * weight / total for term, weight in weights.items()}
    stated = tuple(_stated(term, piece) * weight / total for term, weight in weights.items())
    core = [term for term in weights if term not in question.names and term not in piece.home.identity]
    is_asked = any(term not in _FRAME_STEMS for term in core)
    core_share = sum(held[term] for term in core) * total / sum(weights[term] for term in core) if is_asked else 1.0
    coverage = sum(held.values())
    score = (
        coverage
        + KIND_BONUS * fits_kind(question.wanted, piece.unit)
        + KEY_BONUS * _is_about(question, piece.unit)
        + PAIR_BONUS * _shared_pairs(question, piece.unit)
        + RANK_BONUS * first
        - _awkwardness(piece.unit, question.wanted)
    )
    return Rated(piece, tuple(held.values()), stated, coverage, core_share, score)


KIND_BONUS = 0.14
KEY_BONUS = 0.16
PAIR_BONUS = 0.12
RANK_BONUS = 0.06


def _held(term: str, piece: Piece, *, is_name: bool) -> float:
    stated = _stated(term, piece)
    if stated == 1.0:
        return stated
    if term in piece.around or (is_name and term in piece.home.identity):
        return NEARBY
    if stated:
        return stated
    if is_name and piece.home.has(term):
        return ELSEWHERE
    return SYNONYM * NEARBY if synonyms_of(term) & piece.around else 0.0


def _stated(term: str, piece: Piece) -> float:
    if term in piece.terms:
        return 1.0
    if (parts := parts_of(term)) and all(part in piece.terms for part in parts):
        return 1.0
    return SYNONYM if synonyms_of(term) & piece.terms else 0.0


_PLACE = re.compile(r"[~./]?\w*/\w|`[^`]*[./][^`]*`|\b(?:in|at|under|inside|beside|below) (?:the|a|an|`|[A-Z])")
_PERSON = re.compile(r"\[\[|@\w|(?<=[\s|:(\[*])[A-ZÀ-ÞŁŚŻ][\w’'-]+|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_TIME = re.compile(
    r"\d|(?:mon|tues|wednes|thurs|fri|satur|sun)day|[年月日]"
    r"|\b(?:when|after|before|once|every|each|until|during|as soon|daily|nightly|weekly|noon|midnight)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|once|twice|dozen|half)\b|[一二三四五六七八九十百千]"
)
_COMMAND = re.compile(
    r"`[^`]+`|^(?:\*\*)?(?:set|run|add|use|open|type|edit|put|call|write|press|choose|install|start|stop|create|remove)\b",
    re.IGNORECASE,
)
_MEANING = re.compile(r"\b(?:means?|is|are|stands? for|refers? to)\b|[:=—–]|とは", re.IGNORECASE)
_REASON = re.compile(
    r"\b(?:because|since|so that|due to|reason|therefore|caused?|weil|denn|parce)\b|ため|ので|因为", re.IGNORECASE
)
_SIGNS: Mapping[Wanted, re.Pattern[str]] = {
    Wanted.PLACE: _PLACE,
    Wanted.PERSON: _PERSON,
    Wanted.TIME: _TIME,
    Wanted.NUMBER: _NUMBER,
    Wanted.COMMAND: _COMMAND,
    Wanted.MEANING: _MEANING,
    Wanted.REASON: _REASON,
}


def fits_kind(wanted: Wanted, unit: Unit) -> float:
    """1 when the piece shows what is asked for, 0 when that cannot be told, -1 when it surely does not."""
    sign = _SIGNS.get(wanted)
    if sign is None:
        return 0.0
    if sign.search(unit.text) or (wanted is Wanted.COMMAND and unit.kind == "code"):
        return 1.0
    return -1.0 if wanted in (Wanted.NUMBER, Wanted.TIME) else 0.0


def _is_about(question: Question, unit: Unit) -> float:
    """How much of what the writer marked as the piece's subject is in the question; less than half counts as none."""
    key = [term for term in terms_of(unit.key) if not parts_of(term)]
    share = sum(term in question.terms for term in key) / len(key) if key else 0.0
    return share if share >= 0.5 else 0.0


def _shared_pairs(question: Question, unit: Unit) -> float:
    if not question.pairs:
        return 0.0
    ordered = terms_of(unit.text)
    here = set(pairwise(ordered))
    return len(question.pairs & here) / len(question.pairs)


LONG_PIECE = 300
"""Characters from which on a piece is harder to read than it is worth: long lists match everything."""


def _awkwardness(unit: Unit, wanted: Wanted) -> float:
    """What is taken off pieces that read badly on their own: fragments, walls of text, questions, bare metadata."""
    length = len(fold(unit.text))
    off = 0.2 if unit.text.rstrip().endswith(("?", "？")) else 0.0
    off += 0.25 if unit.kind == "field" else 0.0
    off += 0.08 if unit.kind in ("sentence", "item") and length < 12 else 0.0
    off += min(0.2, (length - LONG_PIECE) / 2500) if length > LONG_PIECE else 0.0
    off += 0.08 if unit.kind == "code" and wanted is not Wanted.COMMAND else 0.0
    return off
