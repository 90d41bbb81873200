from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.providers.embedded.dates import Span, span_in

FRIDAY = date(2026, 11, 20)


def days(since: str | None, until: str | None) -> Span:
    return Span(date.fromisoformat(since) if since else None, date.fromisoformat(until) if until else None)


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("changes since March 2025", "2025-03-01", None),
        ("since 2025-03-14", "2025-03-14", None),
        ("after 14 March 2025", "2025-03-15", None),
        ("before June 2024", None, "2024-05-31"),
        ("until June 2024", None, "2024-06-30"),
        ("in 2023", "2023-01-01", "2023-12-31"),
        ("during February 2024", "2024-02-01", "2024-02-29"),
        ("on March 3rd, 2025", "2025-03-03", "2025-03-03"),
        ("in Q2 2025", "2025-04-01", "2025-06-30"),
        ("between March 2024 and 2024-05-02", "2024-03-01", "2024-05-02"),
        ("from 2024-01-01 to 2024-02-01", "2024-01-01", "2024-02-01"),
        ("what did I write last week", "2026-11-09", "2026-11-15"),
        ("this week", "2026-11-16", "2026-11-22"),
        ("last month", "2026-10-01", "2026-10-31"),
        ("this year", "2026-01-01", "2026-12-31"),
        ("yesterday's notes", "2026-11-19", "2026-11-19"),
        ("in the last 10 days", "2026-11-10", "2026-11-20"),
        ("since Monday", "2026-11-16", None),
        ("since Friday", "2026-11-13", None),
        ("since December", "2025-12-01", None),
        ("since October", "2026-10-01", None),
        ("seit März 2025", "2025-03-01", None),
        ("2025年3月以降", "2025-03-01", None),
        ("notes of 2025-02-30", None, None),
        ("who may march in may", "2026-05-01", "2026-05-31"),
        ("how do I march", None, None),
        ("port 2024", None, None),
    ],
)
def test_what_people_say_of_days(text: str, since: str | None, until: str | None) -> None:
    assert span_in(text, FRIDAY) == days(since, until)


@given(
    st.text(alphabet="since last week 2025-03-114年月日q", max_size=60), st.dates(date(1990, 1, 1), date(2100, 1, 1))
)
def test_nothing_a_person_types_breaks_it(text: str, today: date) -> None:
    span = span_in(text, today)
    assert span.since is None or span.until is None or span.since <= span.until or "and" in text or "to" in text
