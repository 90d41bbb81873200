"""Finds the days that a question speaks of ("since March 2025", "last week"). Knows today only as it is told."""

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from amalfa.providers.embedded.months import MONTH_PATTERN, MONTHS
from amalfa.providers.embedded.terms import fold


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days, both ends included; None = open on that side."""

    since: date | None = None
    until: date | None = None


def span_in(text: str, today: date) -> Span:
    """The days a text limits itself to; an open span when it names none."""
    folded = fold(text)
    if found := _BETWEEN.search(folded):
        first, last = _period(found["first"], today), _period(found["last"], today)
        if first and last:
            # Named the wrong way round they mean the same days.
            return Span(first.since, last.until) if _is_before(first, last) else Span(last.since, first.until)
    for wording, limit in _LIMITS:
        for found in wording.finditer(folded):
            if period := _period(found["when"], today):
                return limit(period)
    return Span()


def _is_before(first: Span, last: Span) -> bool:
    return first.since is None or last.until is None or first.since <= last.until


def _since(period: Span) -> Span:
    return Span(since=period.since)


def _after(period: Span) -> Span:
    return Span(since=period.until and period.until + timedelta(days=1))


def _until(period: Span) -> Span:
    return Span(until=period.until)


def _before(period: Span) -> Span:
    return Span(until=period.since and period.since - timedelta(days=1))


def _within(period: Span) -> Span:
    return period


_WEEKDAYS: Mapping[str, int] = {
    name: number
    for number, name in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))
}
_UNITS: Mapping[str, int] = {"day": 1, "week": 7, "month": 30, "year": 365}

_WHEN = (
    r"(?:\d{4}-\d{1,2}-\d{1,2}|\d{4}-\d{1,2}(?!\d)|\d{4}年(?:\d{1,2}月)?(?:\d{1,2}日)?"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?\.? (?:of )?(?:{MONTH_PATTERN})\.?,? \d{{4}}"
    rf"|(?:{MONTH_PATTERN})\.? \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
    rf"|(?:{MONTH_PATTERN})\.?,? \d{{4}}|q[1-4] \d{{4}}|\b(?:19|20)\d{{2}}\b"
    r"|today|yesterday|(?:this|last|past|previous) (?:week|month|year)"
    r"|(?:the )?(?:last|past) \d{1,3} (?:day|week|month|year)s?"
    rf"|(?:last )?(?:{'|'.join(_WEEKDAYS)})|(?:{MONTH_PATTERN})\b)"
)
_BETWEEN = re.compile(rf"\b(?:between|from) (?P<first>{_WHEN}) (?:and|to|until|till) (?P<last>{_WHEN})")
_LIMITS: tuple[tuple[re.Pattern[str], Callable[[Span], Span]], ...] = (
    (re.compile(rf"\b(?:since|from|seit|depuis|desde|starting) (?P<when>{_WHEN})"), _since),
    (re.compile(rf"(?P<when>{_WHEN})(?:以降|から)"), _since),
    (re.compile(rf"\bafter (?P<when>{_WHEN})"), _after),
    (re.compile(rf"\b(?:until|till|up to|by|bis|jusqu'?a|hasta) (?P<when>{_WHEN})"), _until),
    (re.compile(rf"\b(?:before|vor|avant|antes de) (?P<when>{_WHEN})"), _before),
    (re.compile(rf"\b(?:in|on|during|of|within|over|for|im|en) (?P<when>{_WHEN})"), _within),
    (
        re.compile(
            r"(?<!\w)(?P<when>today|yesterday|(?:this|last|past|previous) (?:week|month|year)"
            r"|(?:last|past) \d{1,3} (?:day|week|month|year)s?)"
        ),
        _within,
    ),
    (re.compile(r"(?P<when>\d{4}-\d{1,2}-\d{1,2}|\d{4}年(?:\d{1,2}月)?(?:\d{1,2}日)?)"), _within),
)


def _period(when: str, today: date) -> Span | None:
    """The days one expression stands for; None when the calendar has no such day."""
    when = when.removeprefix("the ")
    for read in (_read_iso, _read_named, _read_quarter, _read_relative):
        if (found := read(when, today)) is not None:
            return found
    return None


def _read_iso(when: str, _today: date) -> Span | None:
    found = re.fullmatch(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", when)
    found = found or re.fullmatch(r"(\d{4})年(?:(\d{1,2})月(?:(\d{1,2})日)?)?", when)
    return _days(*(int(part) if part else None for part in found.groups())) if found else None


def _read_named(when: str, today: date) -> Span | None:
    words = [word.rstrip(".") for word in re.split(r"[\s,]+", when) if word != "of"]
    month = next((MONTHS[word] for word in words if word in MONTHS), None)
    if month is None:
        return None
    numbers = [int(re.sub(r"\D", "", word)) for word in words if word[0].isdigit()]
    day = next((number for number in numbers if number < 100), None)
    year = next((number for number in numbers if number >= 100), None)
    # A month alone means the latest one that has begun.
    return _days(year or (today.year if month <= today.month else today.year - 1), month, day)


def _read_quarter(when: str, _today: date) -> Span | None:
    found = re.fullmatch(r"q([1-4]) (\d{4})", when)
    if not found:
        return None
    year, first = int(found[2]), int(found[1]) * 3 - 2
    return Span(date(year, first, 1), date(year, first + 2, calendar.monthrange(year, first + 2)[1]))


def _read_relative(when: str, today: date) -> Span | None:
    if when in ("today", "yesterday"):
        day = today - timedelta(days=when == "yesterday")
        return Span(day, day)
    if found := re.fullmatch(r"(?:last|past) (\d{1,3}) (day|week|month|year)s?", when):
        return Span(today - timedelta(days=int(found[1]) * _UNITS[found[2]]), today)
    which, _, unit = when.rpartition(" ")
    if unit in _WEEKDAYS:
        day = today - timedelta(days=(today.weekday() - _WEEKDAYS[unit]) % 7 or 7)
        return Span(day, day)
    return _calendar_period(unit, is_current=which == "this", today=today)


def _calendar_period(unit: str, *, is_current: bool, today: date) -> Span | None:
    if unit == "week":
        monday = today - timedelta(days=today.weekday() + (0 if is_current else 7))
        return Span(monday, monday + timedelta(days=6))
    if unit == "month":
        inside = today if is_current else today.replace(day=1) - timedelta(days=1)
        return _days(inside.year, inside.month, None)
    if unit == "year":
        return _days(today.year if is_current else today.year - 1, None, None)
    return None


def _days(year: int | None, month: int | None = None, day: int | None = None) -> Span | None:
    if year is None:
        return None
    try:
        if month is None:
            return Span(date(year, 1, 1), date(year, 12, 31))
        if day is None:
            return Span(date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1]))
        return Span(date(year, month, day), date(year, month, day))
    except ValueError:
        return None
