"""Reads dates in notes and what a question says about time. Knows no clock: "yesterday" means nothing here.

A date is an ISO text cut to what is known: `2024`, `2024-03` or `2024-03-12`. Such texts compare as they stand; "~"
sorts after every digit, so `2024-03~` is the end of March.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar enero janvier gennaio",
            "february feb februar febrero février fevrier febbraio",
            "march mar märz maerz marzo mars",
            "april apr abril avril aprile",
            "may mai mayo maggio",
            "june jun juni junio juin giugno",
            "july jul juli julio juillet luglio",
            "august aug agosto août aout",
            "september sep sept septiembre septembre settembre",
            "october oct oktober okt octubre octobre ottobre",
            "november nov noviembre novembre",
            "december dec dezember dez diciembre décembre decembre dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_YEAR = r"(?:19|20)\d\d"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_DATE = re.compile(
    rf"(?<![\w.-])(?:"
    rf"(?P<iso>{_YEAR}-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)"
    rf"|(?P<day>{_DAY})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?P<month>{_MONTH})\.?,?\s+(?P<year>{_YEAR})"
    rf"|(?P<month2>{_MONTH})\.?\s+(?P<day2>{_DAY})(?:st|nd|rd|th)?,?\s+(?P<year2>{_YEAR})"
    rf"|(?P<month3>{_MONTH})\.?,?\s+(?:of\s+)?(?P<year3>{_YEAR})"
    rf"|(?P<year4>{_YEAR})"
    rf")(?![\w-]|\.\d)",
    re.IGNORECASE,
)
_HAS_YEAR = re.compile(_YEAR)
_IN_PATH = re.compile(rf"(?<!\d)({_YEAR})([-_/.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")

_AFTER = re.compile(r"\b(after|following|later than|newer than|nach|después de|après|dopo)\s+(the\s+)?$", re.IGNORECASE)
_SINCE = re.compile(r"\b(since|from|starting( in| on)?|seit|ab|desde|depuis|dal?)\s+(the\s+)?$", re.IGNORECASE)
_BEFORE = re.compile(
    r"\b(before|prior to|earlier than|older than|vor|antes de|avant|prima (di|del))\s+(the\s+)?$", re.I
)
_UNTIL = re.compile(
    r"\b(until|till|up to|by|as of|bis|hasta|jusqu'(en|à)|fino a)\s+(the\s+)?(end of\s+)?$", re.IGNORECASE
)

_NEWEST = re.compile(
    r"\b(latest|newest|(?:the )?last (?:change|update|revision|version|edit|time|known)|"
    r"current(ly)?|most recent(ly)?|recently|now(adays)?|today|these days|up[- ]to[- ]date|at present|"
    r"at the moment|aktuell\w*|derzeit|heute|neueste\w*|actual(mente)?|actuel\w*|attual\w*)\b",
    re.IGNORECASE,
)
_OLDEST = re.compile(
    r"\b(earliest|oldest|original(ly)?|initial(ly)?|at first|formerly|previous(ly)?|used to|back then|"
    r"ursprünglich\w*|früher|anfangs|originalmente|initialement)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TimeWish:
    """What a question wants of dates: a span, and which end of it to prefer.

    `since` belongs to the span, `before` does not; "" leaves that end open. `spans` are the stretches of the
    question that said so, as (start, end) offsets.
    """

    since: str = ""
    before: str = ""
    prefers: Literal["newest", "oldest", ""] = ""
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def has_range(self) -> bool:
        return bool(self.since or self.before)

    @property
    def is_narrow(self) -> bool:
        """Whether the span is one day or month or a few, so that notes can be looked up by it."""
        return bool(self.since and self.before) and self.since[:4] == self.before[:4] and len(self.since) > 4

    @property
    def is_day(self) -> bool:
        """Whether it is one single day."""
        return len(self.since) == len("2024-05-14") and self.before.startswith(self.since)

    def may_stand_in(self, text: str) -> bool:
        """Whether it is worth reading the dates of a text; a cheap look that never misses one of the span."""
        if not self.is_narrow or self.since[:7] != self.before[:7]:
            return True
        if self.since[:7] in text:
            return True
        lowered = text.lower()
        return any(name in lowered for name, number in _MONTHS.items() if number == int(self.since[5:7]))

    def allows(self, date: str) -> bool:
        """Whether a date lies in the span; an unknown date ("") does not."""
        return bool(date) and (not self.since or date >= self.since) and (not self.before or date < self.before)


def dates_in(text: str) -> list[str]:
    """All dates of a text in order, each as precise as it is written."""
    return [date for date, _, _ in _found(text)]


def has_year(text: str) -> bool:
    """Whether a text may hold a date at all."""
    return _HAS_YEAR.search(text) is not None


def iso_date_in(path: str) -> str:
    """The day a path is about (`journal/2024-03-12.md`, `20240312 meeting.md`); "" when it names none."""
    match = _IN_PATH.search(path)
    return f"{match[1]}-{match[3]}-{match[4]}" if match else ""


def read_time(question: str) -> TimeWish:
    """What a question says about time; an empty wish when it says nothing."""
    bounds: list[tuple[str, str]] = []
    named: list[str] = []
    spans: list[tuple[int, int]] = []
    for date, start, end in _found(question):
        relation = _relation_before(question, start)
        if relation is None:
            named.append(date)
        else:
            bounds.append(_bounds(date, relation))
        spans.append((relation.start() if relation else start, end))
    if named:  # several plain dates span what lies between them
        bounds.append((min(named), f"{max(named)}~"))
    prefers, word = _preference(question)
    return TimeWish(
        since=max((low for low, _ in bounds), default=""),
        before=min((high for _, high in bounds if high), default=""),
        prefers=prefers,
        spans=(*spans, word) if word else tuple(spans),
    )


def _relation_before(question: str, start: int) -> re.Match[str] | None:
    matches = (pattern.search(question[:start]) for pattern in (_AFTER, _SINCE, _BEFORE, _UNTIL))
    return next((match for match in matches if match), None)


def _bounds(date: str, relation: re.Match[str]) -> tuple[str, str]:
    if relation.re is _AFTER:
        return f"{date}~", ""
    if relation.re is _SINCE:
        return date, ""
    return "", date if relation.re is _BEFORE else f"{date}~"


def _preference(question: str) -> tuple[Literal["newest", "oldest", ""], tuple[int, int] | None]:
    if match := _NEWEST.search(question):
        return "newest", match.span()
    if match := _OLDEST.search(question):
        return "oldest", match.span()
    return "", None


def _found(text: str) -> Iterator[tuple[str, int, int]]:
    if not has_year(text):
        return
    for match in _DATE.finditer(text):
        yield _iso(match.groupdict()), match.start(), match.end()


def _iso(parts: dict[str, str | None]) -> str:
    if iso := parts["iso"]:
        return iso
    year = next(filter(None, (parts[name] for name in ("year", "year2", "year3", "year4"))), "")
    month = parts["month"] or parts["month2"] or parts["month3"]
    day = parts["day"] or parts["day2"]
    if month is None:
        return year
    return f"{year}-{_MONTHS[month.lower()]:02d}" + (f"-{int(day):02d}" if day else "")
