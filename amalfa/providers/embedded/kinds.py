"""Tells from its wording whether a piece shows the kind of thing that is asked for: a number, a time, a place."""

import re
from collections.abc import Container, Mapping

from amalfa.providers.embedded.question import Wanted
from amalfa.providers.embedded.sentences import Unit
from amalfa.providers.embedded.terms import fold, stem

_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_NUMBER_WORDS = "two|three|four|five|six|seven|eight|nine|ten|twelve|dozen|half"

_PLACE = re.compile(
    r"[~./]?\w*/\w|`[^`]*[./][^`]*`|\b(?i:city|town|country|place|address|location|room|lives?)\b"
    r"|\b(?:in|at|under|inside|beside|behind|below|near|to) (?:the|a|an|`|[A-Z])"
)
_PERSON = re.compile(r"\[\[|@\w|(?<=[\s|:(\[*])[A-ZÀ-ÞŁŚŻ][\w’'-]+|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_TIME = re.compile(
    rf"\d{{4}}-\d\d|\b\d{{1,2}}[:.h]\d\d\b|\b(?:19|20)\d\d\b|\d ?(?:am|pm|st|nd|rd|th)\b|\b(?:{_MONTHS})\b"
    r"|\b\d[\d.,]* ?(?:s|ms|seconds?|min(?:utes?)?|h|hours?|days?|weeks?|months?|years?)\b"
    r"|\b(?:at|on|after|before|by|from|until|till|since|every|within|in) (?:the )?\d"
    r"|\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last) (?:day|week|month|year)"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|[年月日時分秒년월일시분]"
    r"|\bonce (?:a|per|it|they|you|the)\b|\b(?:when|after|before|every|each|until|during|as soon)\b"
    r"|\b(?:daily|nightly|weekly|monthly|noon|midnight)\b"
    r"|\bat (?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d|[一二三四五六七八九十百千]")
_IN_LETTERS = re.compile(rf"\b(?:one|{_NUMBER_WORDS})\b", re.IGNORECASE)
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

# Digits that count nothing: those of links, days and names such as `kestrel-03`.
_UNCOUNTED = re.compile(r"\[\[[^\]]*\]\]|\d{4}-\d\d(?:-\d\d)?|\b[A-Za-z]+[-_]?[\w-]*\d[\w-]*", re.ASCII)


def fits_kind(wanted: Wanted, unit: Unit) -> float:
    """1 when the piece shows what is asked for, 0 when that cannot be told, -1 when it surely does not.

    A number in letters is half a sign: it often counts something else.
    """
    sign = _SIGNS.get(wanted)
    if sign is None:
        return 0.0
    text = _UNCOUNTED.sub(" ", unit.text) if wanted is Wanted.NUMBER else unit.text
    if sign.search(text) or (wanted is Wanted.COMMAND and unit.kind == "code"):
        return 1.0
    if wanted is Wanted.NUMBER and _IN_LETTERS.search(text):
        return 0.5
    return -1.0 if wanted in (Wanted.NUMBER, Wanted.TIME) else 0.0


def gives_a_value(unit: Unit, known: Container[str]) -> bool:
    """Whether the piece states a fact: a key with a short value, a figure, a link, a name. `known` names are none."""
    if unit.kind in ("row", "code", "field") or _VALUE.search(unit.text):
        return True
    if unit.key and len(unit.text.split()) <= len(unit.key.split()) + SHORT_VALUE:
        return True
    return any(stem(fold(name)) not in known for name in _NAME.findall(unit.text))


SHORT_VALUE = 6
"""Words after a key, up to which they are its value and no sentence that somebody said."""

_VALUE = re.compile(
    r"\d|\[\[|`|https?:|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?\b|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]"
)
_NAME = re.compile(r"(?<=[^\s.!?:>] )[*_\"“]*([A-ZÀ-ÞŁŚŻ]\w+)")


def speaks_in_general(unit: Unit, singular: Container[str]) -> bool:
    """Whether the piece has one of these stems in the plural only: whoever writes of "phone extensions" gives none."""
    seen = {(stem(word), word) for word in _WORD.findall(fold(unit.text))}
    plural = {found for found, word in seen if word.endswith("s") and not found.endswith("s")}
    return any(found in singular for found in plural - {found for found, word in seen if not word.endswith("s")})


_WORD = re.compile(r"[^\W\d_]{3,}")
