"""Tells whether a regular expression can keep Python busy for ever, from its shape alone. Runs no pattern on a text.

Python tries every way in which a pattern can match. There is one way only where the next character always decides
between going on and going back ("Amalfi\\s+\\d+"). Where it does not ("(a+)+x"), the ways multiply with each
character. The characters that an element can take are found by trying a sample of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import combinations

WAYS_MAX = 10_000
FEW = 32
"""A repeat with fewer choices than this multiplies the ways; one with more counts as without end."""

_TRIAL_CHARS = (4000, 800, 200)
"""Characters that a pattern may be tried on, by how many of its repeats the next character does not decide.

Each of those multiplies the steps by the number of characters; these keep a trial below some tenths of a second.
"""

_SAMPLE = [chr(code) for code in (*range(9, 14), *range(32, 127), 0xA0, 0xE9, 0x3B1, 0x4E2D, 0x2014, 0x1F600)]
_EVERYTHING = frozenset(_SAMPLE)
_ZERO_WIDTH = re.compile(r"\\[AbBZ]|[\^$]")
_ATOM = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|.)|[^\\]", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_QUANTIFIER = re.compile(r"(?:([*+?])|\{(\d*)(,?)(\d*)\})([?+]?)")
_OPENING = re.compile(r"\((\?(?:P<\w+>|P=\w+\)|[aiLmsux]*(?:-[imsx]+)?[:)]|:|>|<?[=!]|#[^)]*\)|\(\w+\)))?")
_ENDLESS = float("inf")

Characters = frozenset[str]


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a pattern: what it can begin with, whether it can be empty, and how many ways it has.

    `degree` counts the repeats without end whose length the next character does not decide. `first` is all of
    the part that others need; `ways` and `degree` depend on what follows and are computed when that is known.
    """

    kind: str
    parts: tuple["_Part", ...] = ()
    first: Characters = frozenset()
    is_nullable: bool = False
    low: int = 1
    high: float = 1
    is_possessive: bool = False


@dataclass(frozen=True, slots=True)
class _Cost:
    degree: float = 0
    ways: float = 1

    def __add__(self, other: "_Cost") -> "_Cost":
        return _Cost(self.degree + other.degree, self.ways * other.ways)

    def repeated(self, times: float) -> "_Cost":
        degree = self.degree * times if self.degree else 0
        ways = 1 if self.ways == 1 else _ENDLESS if times > FEW else self.ways**times
        return _Cost(degree, ways)


def slow_shape(pattern: str) -> str | None:
    """Why a valid pattern must not be run on a text of any length; None when it may."""
    if re.compile(pattern).flags & re.VERBOSE:
        return "is written in verbose mode, which is not read here"
    cost = _cost_of(pattern)
    if cost.ways > WAYS_MAX or cost.degree == _ENDLESS:
        return "repeats something that can itself match in several ways, so that it could run for ever"
    if cost.degree >= len(_TRIAL_CHARS):
        return "has too many repeats that overlap each other, so that it could run for ever"
    return None


@dataclass(frozen=True, slots=True)
class Pace:
    """How many characters a pattern may be tried on at once, and the power by which its time grows with them."""

    trial_chars: int
    power: int


def pace_of(pattern: str) -> Pace:
    """The pace of a pattern; one that `slow_shape` speaks against is given the slowest."""
    degree = int(min(_cost_of(pattern).degree, len(_TRIAL_CHARS) - 1))
    return Pace(_TRIAL_CHARS[degree], degree + 1)


@lru_cache(maxsize=1024)
def _cost_of(pattern: str) -> _Cost:
    part, _ = _alternatives(pattern, 0)
    return _cost(part, frozenset())


def _cost(part: _Part, follow: Characters) -> _Cost:
    match part.kind:
        case "sequence":
            return reduce(_Cost.__add__, _sequence_costs(part, follow), _Cost())
        case "choice":
            costs = [_cost(branch, follow) for branch in part.parts]
            worst = _Cost(max(one.degree for one in costs), max(one.ways for one in costs))
            return worst + _Cost(ways=len(costs)) if _overlap(part.parts) else worst
        case "repeat":
            return _repeat_cost(part, follow)
        case _:
            return _Cost()


def _sequence_costs(part: _Part, follow: Characters) -> Iterator[_Cost]:
    for piece in reversed(part.parts):
        yield _cost(piece, follow)
        follow = piece.first | follow if piece.is_nullable else piece.first


def _repeat_cost(part: _Part, follow: Characters) -> _Cost:
    (body,) = part.parts
    inner = _cost(body, body.first | follow if part.high > 1 else follow)
    cost = inner.repeated(part.high) if part.high > 1 else inner
    choices = part.high - part.low + 1
    is_decided = part.is_possessive or choices == 1 or not (body.first & follow or body.is_nullable)
    if is_decided:
        return cost
    return cost + (_Cost(degree=1, ways=2) if choices > FEW else _Cost(ways=choices))


def _overlap(branches: tuple[_Part, ...]) -> bool:
    return any(
        one.is_nullable or other.is_nullable or one.first & other.first for one, other in combinations(branches, 2)
    )


def _alternatives(text: str, at: int) -> tuple[_Part, int]:
    """Read up to the end or an unmatched `)`."""
    branches: list[_Part] = []
    pieces: list[_Part] = []
    while at < len(text) and text[at] != ")":
        if text[at] == "|":
            branches.append(_sequence(pieces))
            pieces, at = [], at + 1
            continue
        piece, at = _element(text, at)
        piece, at = _quantified(piece, text, at)
        pieces.append(piece)
    branches.append(_sequence(pieces))
    if len(branches) == 1:
        return branches[0], at
    first = frozenset().union(*(branch.first for branch in branches))
    return _Part("choice", tuple(branches), first, any(branch.is_nullable for branch in branches)), at


def _sequence(pieces: list[_Part]) -> _Part:
    first: Characters = frozenset()
    for piece in pieces:
        first |= piece.first
        if not piece.is_nullable:
            return _Part("sequence", tuple(pieces), first)
    return _Part("sequence", tuple(pieces), first, is_nullable=True)


def _element(text: str, at: int) -> tuple[_Part, int]:
    if text[at] == "(":
        return _group(text, at)
    if empty := _ZERO_WIDTH.match(text, at):
        return _Part("nothing", is_nullable=True), empty.end()
    found = _CLASS.match(text, at) if text[at] == "[" else _ATOM.match(text, at)
    if found is None:
        return _Part("atom", first=_EVERYTHING), at + 1
    if found[0][0] == "\\" and found[0][1:].isdigit():
        # What a group matched before: anything, of any length.
        return _Part("atom", first=_EVERYTHING, is_nullable=True), found.end()
    return _Part("atom", first=_characters(found[0])), found.end()


def _group(text: str, at: int) -> tuple[_Part, int]:
    opening = _OPENING.match(text, at)
    mark = opening[1] or "" if opening else ""
    at = opening.end() if opening else at + 1
    if mark.endswith(")") and not mark.startswith("?("):
        is_reference = mark.startswith("?P=")
        return _Part("atom", first=_EVERYTHING if is_reference else frozenset(), is_nullable=True), at
    body, at = _alternatives(text, at)
    if mark in ("?=", "?!", "?<=", "?<!"):
        # It takes nothing, and what it looks at may be what follows: its own ways count, no character does.
        return _Part("repeat", (body,), is_nullable=True), at + 1
    return body, at + 1


def _quantified(piece: _Part, text: str, at: int) -> tuple[_Part, int]:
    found = _QUANTIFIER.match(text, at)
    if found is None or not (found[1] or found[2] or found[4]):
        return piece, at
    low, high = _bounds(found)
    is_possessive = found[5] == "+"
    repeat = _Part("repeat", (piece,), piece.first, piece.is_nullable or low == 0, low, high, is_possessive)
    return repeat, found.end()


def _bounds(found: re.Match[str]) -> tuple[int, float]:
    if found[1]:
        return {"*": (0, _ENDLESS), "+": (1, _ENDLESS), "?": (0, 1)}[found[1]]
    low = int(found[2] or 0)
    if not found[3]:
        return low, low
    return low, int(found[4]) if found[4] else _ENDLESS


@lru_cache(maxsize=1024)
def _characters(atom: str) -> Characters:
    # Read as widely as any flag could make it.
    compiled = re.compile(atom, re.IGNORECASE | re.DOTALL)
    found = frozenset(character for character in _SAMPLE if compiled.fullmatch(character))
    return found or _EVERYTHING
