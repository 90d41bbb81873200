"""Finds where a string of a broken document ends, and decodes it. Two possible ends are a refusal."""

import re
from functools import cache
from typing import Literal

from amalfa.execution.structured.cursor import Cursor, after_gap
from amalfa.execution.structured.marks import (
    BARE_MEMBER,
    CLOSERS,
    COMMAS,
    ELISION,
    END_MARK,
    ENDS_OF,
    FULLWIDTH,
    OPENERS,
    QUOTED_MEMBER,
    TRIPLES,
)
from amalfa.execution.structured.policy import Refusal, Repair

Place = Literal["key", "member", "item"]
"""Where a string stands: it decides what may follow its end."""

# How far behind a possible end another one is looked for; beyond this the string counts as ambiguous.
LOOK_AHEAD_CHARACTERS = 4_000
# Inner quote marks of one string; each costs a look at what follows it.
INNER_MAX = 1_000

_NEXT_VALUE = re.compile(r"[-+.\d]|true\b|false\b|null\b|none\b|undefined\b|nan\b|infinity\b", re.IGNORECASE)
_BEFORE_MEMBERS = COMMAS + OPENERS + "，；｛"
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[\s\S])")
_PLAIN = {'"': '"', "'": "'", "`": "`", "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATES = re.compile("([\ud800-\udbff])([\udc00-\udfff])")
_CONTROL = re.compile(r"[\x00-\x1f]")


def read_string(cursor: Cursor, place: Place, *, depth: int) -> str:
    """The string that starts at the cursor, which is then behind its closing mark."""
    text, start = cursor.text, cursor.at
    if text.startswith(TRIPLES, start):
        return _triple(cursor, place)
    ends = ENDS_OF[text[start]]
    end = _end(cursor, ends, place, depth)
    content = text[start + 1 : end]
    if place == "key" and "\n" in content and ":" in content:
        cursor.refuse(Refusal.STRING_END)  # two keys, between which quote marks were lost
    if text[start] != '"':
        cursor.note(Repair.QUOTES)
    cursor.at = end + 1
    return decoded(content, cursor, start)


def _triple(cursor: Cursor, place: Place) -> str:
    start = cursor.at
    end = cursor.text.find(cursor.text[start : start + 3], start + 3)
    if end < 0 or not _fits(cursor.text, end + 3, place, is_clean=False):
        cursor.refuse(Refusal.STRING_END)
    cursor.at = end + 3
    cursor.note(Repair.QUOTES)
    return decoded(cursor.text[start + 3 : end], cursor, start)


@cache
def _marks(ends: str) -> re.Pattern[str]:
    return re.compile(rf"\\[\s\S]|[{ends}]")


def _end(cursor: Cursor, ends: str, place: Place, depth: int) -> int:
    """Where the closing mark is: the first one that what follows allows, if nothing speaks for another."""
    text, start = cursor.text, cursor.at
    inner: list[int] = []
    end = -1
    for found in _marks(ends).finditer(text, start + 1):
        if found.group()[0] == "\\":
            continue
        at = found.start()
        if _fits(text, at + 1, place, is_clean=not inner, depth=depth):
            end = at
            break
        inner.append(at)
        if len(inner) > INNER_MAX:
            cursor.refuse(Refusal.STRING_END)
    if end < 0:
        cursor.refuse(Refusal.STRING_END if inner else Refusal.CUT)
    if inner:
        _check_inner(cursor, inner, end, place)
        cursor.note(Repair.INNER_QUOTE)
    return end


def _check_inner(cursor: Cursor, inner: list[int], end: int, place: Place) -> None:
    """Refuse a string whose inner marks may as well be the ends of other strings.

    Marks between letters are apostrophes. The others must come in pairs, as quotations do; without a pair
    they pass as inches and genitives do, after a digit or an s, where no other end is possible.
    """
    text, start = cursor.text, cursor.at
    marks = [at for at in inner if not _is_apostrophe(text, at)]
    if not marks:
        return
    named = [number for number, at in enumerate(marks) if text[after_gap(text, at + 1)] in ":="]
    if place != "key" and _are_pairs(text, start, marks):
        if all(number % 2 and _is_no_key(cursor, marks[number - 1], marks[number]) for number in named):
            return
        cursor.refuse(Refusal.STRING_END)
    is_measure = all(text[at - 1].isdigit() or (text[at] == "'" and text[at - 1] == "s") for at in marks)
    if place == "key" or named or not is_measure or _has_other_end(text, end, ENDS_OF[text[start]], place):
        cursor.refuse(Refusal.STRING_END)


def _is_no_key(cursor: Cursor, opens: int, closes: int) -> bool:
    """Whether quoted words before a colon are text: no key of the schema, or where no member could start."""
    if cursor.names is not None:
        return cursor.text[opens + 1 : closes].strip().casefold() not in cursor.names
    before = cursor.text[max(cursor.at + 1, opens - 200) : opens].rstrip()
    return bool(before) and before[-1] not in _BEFORE_MEMBERS


def _is_apostrophe(text: str, at: int) -> bool:
    return text[at] in "'’" and text[at - 1].isalnum() and text[at + 1].isalnum()


def _are_pairs(text: str, start: int, marks: list[int]) -> bool:
    is_open = False
    for at in marks:
        opens = at == start + 1 or not (text[at - 1].isalnum() or text[at - 1] in ".,!?…)'\"")
        if at == start + 1 or is_open != opens:
            is_open = not is_open
        else:
            return False
        if is_open != opens:
            return False
    return not is_open


def _has_other_end(text: str, end: int, ends: str, place: Place) -> bool:
    for found in _marks(ends).finditer(text, end + 1, end + LOOK_AHEAD_CHARACTERS):
        if found.group()[0] != "\\" and _fits(text, found.end(), place, is_clean=False):
            return True
    return len(text) > end + LOOK_AHEAD_CHARACTERS


def _fits(text: str, at: int, place: Place, *, is_clean: bool, depth: int = 1) -> bool:
    """Whether a string may end before `at`. A clean one has no quote mark inside, so less must speak for its end."""
    at = after_gap(text, at)
    char = text[at : at + 1]
    char = FULLWIDTH.get(char, char)
    if place == "key":
        return bool(char) and char in ":="
    if not char or END_MARK.match(text, at):
        return is_clean
    if char in COMMAS:
        return _comma_fits(text, at + 1, place, is_clean=is_clean)
    if char in CLOSERS:
        is_own = char != "}" if place == "item" else char == "}"
        return (is_own or is_clean) and _closers_fit(text, at, depth)
    if place == "member":
        return bool(QUOTED_MEMBER.match(text, at)) or (is_clean and char == "+")
    return is_clean and (char in ENDS_OF or char in OPENERS or char == "+")


def _comma_fits(text: str, at: int, place: Place, *, is_clean: bool) -> bool:
    at = after_gap(text, at)
    char = text[at : at + 1]
    char = FULLWIDTH.get(char, char)
    if not char or char in CLOSERS or char in COMMAS:
        return is_clean or (char in CLOSERS and bool(char))
    if ELISION.match(text, at):
        return True
    if QUOTED_MEMBER.match(text, at) or BARE_MEMBER.match(text, at):
        return place == "member" or is_clean
    if place == "item":
        return char in ENDS_OF or char in OPENERS or bool(_NEXT_VALUE.match(text, at))
    # What is left of a key that the end of the reply cut off.
    return is_clean and (char in ENDS_OF or char in OPENERS)


def _closers_fit(text: str, at: int, depth: int) -> bool:
    closed = 0
    while at < len(text) and FULLWIDTH.get(text[at], text[at]) in CLOSERS and closed <= depth + 8:
        closed += 1
        at = after_gap(text, at + 1)
    if at >= len(text) or END_MARK.match(text, at):
        return True
    char = FULLWIDTH.get(text[at], text[at])
    if char in COMMAS:
        return True
    return closed >= depth and char not in ':="' if closed else False


def decoded(content: str, cursor: Cursor, start: int) -> str:
    """The string that `content` means. What JSON cannot hold raw stays as it is."""
    if _CONTROL.search(content):
        cursor.note(Repair.RAW_NEWLINE)
    if "\\" not in content:
        return content
    escapes = _ESCAPE.findall(content)
    foreign = [mark for mark in escapes if mark[0] not in _PLAIN and len(mark) == 1]
    if any(mark in ("u", "x", "\n", "\r") for mark in foreign):
        cursor.refuse(Refusal.BROKEN_ESCAPE, start)
    # Beside an escape that JSON lacks, one that it has may be a plain backslash too: \new in C:\docs\new.
    if foreign and any(mark not in ('"', "'") and mark not in foreign for mark in escapes):
        cursor.refuse(Refusal.ESCAPES, start)
    if foreign or "'" in escapes or "`" in escapes:
        cursor.note(Repair.ESCAPE)
    return _SURROGATES.sub(_joined_pair, _ESCAPE.sub(_meant, content))


def _meant(escape: re.Match[str]) -> str:
    mark = escape.group(1)
    if len(mark) > 1:
        return chr(int(mark[1:], 16))
    return _PLAIN.get(mark, escape.group())


def _joined_pair(pair: re.Match[str]) -> str:
    return pair.group().encode("utf-16", "surrogatepass").decode("utf-16")
