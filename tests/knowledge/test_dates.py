"""Dates in notes, and what a question says about time."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.knowledge.dates import TimeWish, dates_in, iso_date_in, read_time


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("on 2024-03-12 and 2024-04", ["2024-03-12", "2024-04"]),
        ("12 March 2024", ["2024-03-12"]),
        ("12th of March, 2024", ["2024-03-12"]),
        ("March 12th, 2024", ["2024-03-12"]),
        ("Mar. 3 2024", ["2024-03-03"]),
        ("March 2024", ["2024-03"]),
        ("march of 2024", ["2024-03"]),
        ("in 2024.", ["2024"]),
        ("12. März 2024", ["2024-03-12"]),
        ("3 février 2024", ["2024-02-03"]),
        ("2 de marzo", []),
        ("between 2022 and March 2023", ["2022", "2023-03"]),
        ("1899 and 2100", []),
        ("v1.2024.3, 12024, 2024-13, x2024, 2024-03-12x", []),
        ("", []),
    ],
)
def test_dates_are_as_precise_as_they_are_written(text: str, dates: list[str]) -> None:
    assert dates_in(text) == dates


@pytest.mark.parametrize("text", ["32 March 2024", "99 March 2024", "March 99 2024", "0 March 2024"])
def test_a_day_that_no_month_has_is_no_day(text: str) -> None:
    assert all(len(date) < 10 for date in dates_in(text))


@pytest.mark.parametrize(
    ("path", "date"),
    [
        ("journal/2024-03-12.md", "2024-03-12"),
        ("20240312 meeting.md", "2024-03-12"),
        ("2024/03/12.md", "2024-03-12"),
        ("log_2024_03_12_b.md", "2024-03-12"),
        ("2024.03.12.md", "2024-03-12"),
        ("2024-0312.md", ""),
        ("120240312.md", ""),
        ("202403123.md", ""),
        ("2024-13-12.md", ""),
        ("2024-03.md", ""),
        ("notes.md", ""),
    ],
)
def test_a_path_may_name_its_day(path: str, date: str) -> None:
    assert iso_date_in(path) == date


@pytest.mark.parametrize(
    ("question", "since", "before"),
    [
        ("what changed on 2024-03-12?", "2024-03-12", "2024-03-12~"),
        ("what changed in March 2024?", "2024-03", "2024-03~"),
        ("what changed in 2024?", "2024", "2024~"),
        ("what changed since March 2024?", "2024-03", ""),
        ("what changed after March 2024?", "2024-03~", ""),
        ("what changed before March 2024?", "", "2024-03"),
        ("what changed until March 2024?", "", "2024-03~"),
        ("what changed until the end of 2024?", "", "2024~"),
        ("what changed between 2022 and 2023?", "2022", "2023~"),
        ("what changed after 2022 and before 2024?", "2022~", "2024"),
        ("was hat sich seit März 2024 geändert?", "2024-03", ""),
        ("who owns the kettle?", "", ""),
    ],
)
def test_a_question_names_a_span(question: str, since: str, before: str) -> None:
    wish = read_time(question)
    assert (wish.since, wish.before) == (since, before)
    assert wish.has_range is bool(since or before)


@pytest.mark.parametrize(
    ("question", "prefers"),
    [
        ("what is the latest version?", "newest"),
        ("who currently owns it?", "newest"),
        ("what was the original plan?", "oldest"),
        ("what did we use to do previously?", "oldest"),
        ("what does the kettle hold?", ""),
    ],
)
def test_a_question_may_prefer_one_end(question: str, prefers: str) -> None:
    assert read_time(question).prefers == prefers


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("what changed since March 2024?", ["since March 2024"]),
        ("the latest change in 2024", ["2024", "latest"]),
        ("after the 12 March 2024 talk", ["after the 12 March 2024"]),
    ],
)
def test_the_words_that_said_so_are_known(question: str, said: list[str]) -> None:
    assert [question[start:end] for start, end in read_time(question).spans] == said


@pytest.mark.parametrize(
    ("since", "before", "inside", "outside"),
    [
        ("2024-03", "2024-03~", ["2024-03", "2024-03-01", "2024-03-31"], ["2024-02-29", "2024-04-01", ""]),
        ("2024", "2024~", ["2024", "2024-01", "2024-12-31"], ["2023-12-31", "2025", ""]),
        ("2024-03~", "", ["2024-04", "2025"], ["2024-03-31", "2023", ""]),
        ("", "2024-03", ["2024-02-29", "2023"], ["2024-03", "2024-03-01", ""]),
    ],
)
def test_a_span_holds_its_dates(since: str, before: str, inside: list[str], outside: list[str]) -> None:
    wish = TimeWish(since=since, before=before)
    assert all(wish.allows(date) for date in inside)
    assert not any(wish.allows(date) for date in outside)


@pytest.mark.parametrize(
    ("question", "is_narrow"),
    [
        ("on 2024-03-12", True),
        ("in March 2024", True),
        ("in 2024", False),
        ("since March 2024", False),
        ("ever", False),
    ],
)
def test_a_day_or_month_is_narrow_enough_to_look_notes_up_by(question: str, is_narrow: bool) -> None:
    assert read_time(question).is_narrow is is_narrow


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2099, 12, 31)))
def test_every_day_is_read_from_its_iso_text(day: date) -> None:
    assert dates_in(f"on {day} we met") == [str(day)]
    assert iso_date_in(f"journal/{day}.md") == str(day)
    assert read_time(f"on {day}").allows(str(day))


@given(st.text(alphabet="0123456789-. march2024sinceof\n", max_size=40))
def test_any_question_is_read_without_harm(question: str) -> None:
    wish = read_time(question)
    assert all(0 <= start < end <= len(question) for start, end in wish.spans)
