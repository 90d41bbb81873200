"""Numbers, literals and words that stand without quotes in a broken document."""

import math
import re
from difflib import get_close_matches

from amalfa.execution.structured.cursor import Cursor
from amalfa.execution.structured.marks import QUOTED_MEMBER
from amalfa.execution.structured.policy import Refusal, Repair

_ATOM = re.compile(r"[^\s,;:：，；{}｛｝［］（）\[\]()\"'`“”„‘’‚＂<>=#]+")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LOOSE_NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*(?:_[0-9]+)*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_HEX = re.compile(r"([+-]?)0[xX]([0-9a-fA-F]+)")
_WORD = re.compile(r"[^\W\d][\w\-]*")
_FOLLOWED = re.compile(r"[ \t]*[\w%(\"'`“‘.+*/^°$€-]")
_BROKEN_BY_END = re.compile(r"\s*\Z")

LITERALS: dict[str, object] = {"true": True, "false": False, "null": None, "none": None}
NOT_VALUES = frozenset({"nan", "inf", "infinity", "undefined", "nil", "void"})
# A word this close to a literal is a misspelt one: `fals`, `nul`.
MISSPELT = 0.8
INTEGER_MAX_DIGITS = 4_300


def read_scalar(cursor: Cursor, *, may_end_reply: bool) -> object:
    """The number, literal or word at the cursor. `may_end_reply` lets a number be the reply's last character."""
    start = cursor.at
    found = _ATOM.match(cursor.text, start)
    if found is None or found.group().startswith(("...", "…")):
        cursor.refuse(Refusal.VALUE_EXPECTED if found is None else Refusal.ELIDED)
    atom = found.group()
    cursor.at = found.end()
    is_last = bool(_BROKEN_BY_END.match(cursor.text, cursor.at))
    if atom[0] in "+-.0123456789":
        if not _is_before_member(cursor):
            _check_alone(cursor, Refusal.NUMBER)
        if is_last and not may_end_reply:
            cursor.refuse(Refusal.CUT, start)
        return _number(atom, cursor, start)
    if atom.lower() not in LITERALS or not _is_before_member(cursor):
        _check_alone(cursor, Refusal.NOT_A_VALUE)
    return _word(atom, cursor, start, is_last=is_last)


def _is_before_member(cursor: Cursor) -> bool:
    """Whether blanks and a key in quotes follow, so that only a comma is missing: `{"a": 1 "b": 2}`."""
    behind = _after_blanks(cursor.text, cursor.at)
    return behind > cursor.at and QUOTED_MEMBER.match(cursor.text, behind) is not None


def _check_alone(cursor: Cursor, why: Refusal) -> None:
    """Refuse what goes on after the atom: `5 km`, `Big Note`, `Decimal("1")`, `50 %`."""
    text, at = cursor.text, cursor.at
    if _FOLLOWED.match(text, at) and not text.startswith(("//", "/*"), _after_blanks(text, at)):
        cursor.refuse(why)


def _after_blanks(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    return at


def _word(atom: str, cursor: Cursor, start: int, *, is_last: bool) -> object:
    lowered = atom.lower()
    if lowered in LITERALS:
        if atom not in ("true", "false", "null"):
            cursor.note(Repair.LITERAL)
        return LITERALS[lowered]
    if lowered in NOT_VALUES or not _WORD.fullmatch(atom):
        cursor.refuse(Refusal.NOT_A_VALUE, start)
    if is_last:
        cursor.refuse(Refusal.CUT, start)
    if len(lowered) < 12 and get_close_matches(lowered, [*LITERALS, *NOT_VALUES], n=1, cutoff=MISSPELT):
        cursor.refuse(Refusal.NOT_A_VALUE, start)
    cursor.note(Repair.WORD)
    return atom


def _number(atom: str, cursor: Cursor, start: int) -> int | float:
    if not _JSON_NUMBER.fullmatch(atom):
        cursor.note(Repair.NUMBER)
        if hexadecimal := _HEX.fullmatch(atom):
            _check_length(atom, cursor, start)
            return int(hexadecimal[1] + hexadecimal[2], 16)
        if not _LOOSE_NUMBER.fullmatch(atom):
            cursor.refuse(Refusal.NUMBER, start)
    digits = atom.replace("_", "")
    if any(char in digits for char in ".eE"):
        return _finite(digits, cursor, start)
    _check_length(digits, cursor, start)
    return int(digits)


def _finite(digits: str, cursor: Cursor, start: int) -> float:
    try:
        value = float(digits)
    except ValueError:
        cursor.refuse(Refusal.NUMBER, start)
    if not math.isfinite(value):
        cursor.refuse(Refusal.NUMBER, start)
    return value


def _check_length(digits: str, cursor: Cursor, start: int) -> None:
    if len(digits) > INTEGER_MAX_DIGITS:
        cursor.refuse(Refusal.NUMBER, start)
