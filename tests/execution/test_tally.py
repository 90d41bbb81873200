"""Sums of money by day and team, and which day it is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from amalfa.execution import tally
from amalfa.execution.tally import Account, Booked, Calendar, Limit, Tally, Totals, sound_usd
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB

DAILY = Limit("sonar.budget.dailyUsd", "day", 1.0, None)
ADS = Account("2026-11-20", "ads")


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00")


@pytest.mark.parametrize(
    ("seen", "clock", "booked"),
    [
        pytest.param("2026-11-20", "2026-11-20", "2026-11-20", id="the same day"),
        pytest.param("2026-11-20", "2026-11-21", "2026-11-21", id="the next day"),
        pytest.param("2026-11-20", "2026-11-19", "2026-11-20", id="a day back"),
        pytest.param("2026-12-01", "2026-11-30", "2026-12-01", id="back over the end of a month"),
        pytest.param("2026-11-20", "1970-01-01", "2026-11-20", id="a clock that was never set"),
        pytest.param("2036-01-01", "2026-11-20", "2026-11-20", id="a clock that was far ahead is put right"),
    ],
)
def test_which_day_it_is(seen: str, clock: str, booked: str) -> None:
    calendar = Calendar()
    calendar.see(seen)
    assert calendar.day_of(noon(clock)) == booked


def test_a_day_far_ahead_is_forgotten_once_the_clock_is_right() -> None:
    calendar = Calendar()
    for day in ("2036-01-01", "2026-11-20"):
        calendar.see(day)
    assert calendar.day_of(noon("2026-11-19")) == "2026-11-20"


def test_the_day_is_that_of_utc() -> None:
    ahead = datetime.fromisoformat("2026-11-21T00:30:00+02:00")
    assert Calendar().day_of(ahead) == "2026-11-20"


def test_news_that_comes_late_changes_nothing() -> None:
    mirror = Tally()
    mirror.take(Booked(2, {ADS: Totals(0.5, 0.0)}))
    mirror.take(Booked(1, {ADS: Totals(0.1, 0.1)}))
    assert mirror.left((DAILY,), "2026-11-20") == (0.5, DAILY)


def test_the_mirror_keeps_this_month_only() -> None:
    mirror = Tally()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(700):
        day = (start + timedelta(days=number)).date().isoformat()
        mirror.take(Booked(number, {Account(day, ""): Totals(1.0)}))
    assert len(mirror._accounts) <= 31


@pytest.mark.parametrize(
    ("amount", "kept"),
    [(0.1 + 0.2, 0.3), (0.0, 0.0), (None, None), (-0.1, None), (float("nan"), None), (1e-10, 0.0), (2e6, None)],
)
def test_amounts_are_exact_or_unknown(amount: float | None, kept: float | None) -> None:
    assert sound_usd(amount) == kept


async def test_sums_lost_with_a_damaged_file_are_made_again(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "sonar.db", SONAR_DB, application_id=7)
    sql = (
        "INSERT INTO attempt (request_id, task, model, provider, tier, privacy, generation, started_at, boot, team, "
        "cost_usd, reserved_usd) VALUES ('r', 't', 'm', 'p', 'cloud', 'x', 1, ?, 'b', ?, ?, ?)"
    )
    rows = [
        ("2026-10-31T12:00:00+00:00", "", 1.0, 2.0),
        ("2026-11-19T12:00:00+00:00", "", 0.1, 0.4),
        ("2026-11-20T12:00:00+00:00", "ads", 0.2, 0.4),
        ("2026-11-20T12:00:00+00:00", "ads", None, 0.4),
        ("2026-11-20T12:00:00+00:00", "ads", None, None),
    ]
    for row in rows:
        await database.write(lambda connection, row=row: connection.execute(sql, row).fetchall())
    await database.write(lambda connection: tally.rebuild(connection, "2026-11-20"))
    await database.write(lambda connection: tally.rebuild(connection, "2026-11-20"))
    found = await database.read(lambda connection: tally.standing(connection, "2026-01-01"))
    assert found == {Account("2026-11-19", ""): Totals(0.1, 0.0), ADS: Totals(0.2, 0.4)}
    await database.aclose()
