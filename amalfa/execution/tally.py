"""Keeps the sums of money by day and team: in the file with every row of the ledger, and mirrored in memory.

Knows no attempt. Money is counted in billionths of a dollar: each amount and each sum is rounded to nine places, and
below nine million dollars a float holds those exactly, so no order of additions can make a difference.
"""

import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import apsw

from amalfa.errors import OverBudget
from amalfa.store.rows import fetch, fetch_one

PLACES = 9
MOST_USD = 1_000_000.0
"""No attempt costs that much: a provider that says so is not believed."""

CLOCK_SLIP_DAYS = 7
"""How far a wall clock may fall back and still count as wrong; beyond it, what was wrong is the day seen before."""

EARLIEST_DAY = "2026-01-01"
"""Before the first release: a clock that shows less has not been set yet."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit on money: its key in the configuration, and how much in a UTC day or month. `team` None: everybody's."""

    name: str
    period: Literal["day", "month"]
    usd: float
    team: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """Whose money, and of which UTC day ("2026-11-20"). `team` "" is for calls without a team."""

    day: str
    team: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What was spent, and what is set aside for attempts that run or whose cost nobody knows."""

    spent_usd: float = 0.0
    reserved_usd: float = 0.0

    @property
    def used_usd(self) -> float:
        return exact_usd(self.spent_usd + self.reserved_usd)

    def plus(self, other: "Totals") -> "Totals":
        return Totals(exact_usd(self.spent_usd + other.spent_usd), exact_usd(self.reserved_usd + other.reserved_usd))


@dataclass(frozen=True, slots=True)
class Booked:
    """How accounts stand after a commit. Of two, the one with the larger `number` is the later."""

    number: int
    totals: Mapping[Account, Totals]


def exact_usd(amount: float) -> float:
    return round(amount, PLACES)


def sound_usd(amount: float | None) -> float | None:
    """The amount to write down; None for what no attempt can cost (negative, infinite, a million)."""
    if amount is None or not math.isfinite(amount) or not 0 <= amount <= MOST_USD:
        return None
    return exact_usd(amount)


class Calendar:
    """Tells which UTC day it is, in such a way that a day that is over does not come back with the wall clock."""

    def __init__(self) -> None:
        self._newest = ""

    def day_of(self, moment: datetime) -> str:
        """The day to book a moment into: its own, or the newest seen when that is only a little later."""
        day = _utc_day(moment)
        if day >= self._newest:
            return day
        return self._newest if _is_slip(day, self._newest) else day

    def see(self, day: str) -> None:
        self._newest = day if _is_set(day) and not _is_slip(day, self._newest) else self._newest


def _utc_day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()


def _is_set(day: str) -> bool:
    return day >= EARLIEST_DAY


def _is_slip(day: str, newest: str) -> bool:
    if day >= newest:
        return False
    return not _is_set(day) or date.fromisoformat(newest) - date.fromisoformat(day) <= timedelta(days=CLOCK_SLIP_DAYS)


def book(connection: apsw.Connection, account: Account, change: Totals) -> Totals:
    """Add `change` (which may be negative) to an account inside the running transaction; how it stands then."""
    key = (account.day, account.team)
    found = fetch_one(connection, "SELECT spent_usd, reserved_usd FROM tally WHERE day = ? AND team = ?", key)
    totals = (Totals(*found) if found else Totals()).plus(change)
    values = (*key, totals.spent_usd, totals.reserved_usd)
    fetch(connection, "INSERT OR REPLACE INTO tally (day, team, spent_usd, reserved_usd) VALUES (?, ?, ?, ?)", values)
    return totals


def refuse_beyond(connection: apsw.Connection, limits: Iterable[Limit], day: str, asked_usd: float | None) -> None:
    """Raise OverBudget unless `asked_usd` still fits every limit. What is free fits always.

    None is a price nobody knows, for which no limit can be kept.
    """
    if asked_usd == 0:
        return
    for limit in limits:
        used = _used(connection, limit, day)
        if asked_usd is None or not exact_usd(used.used_usd + asked_usd) <= limit.usd:
            raise _over(limit, used, asked_usd)


def rebuild(connection: apsw.Connection, day: str) -> None:
    """Make this month's sums from its rows where there is none: after rows were carried over from a damaged file."""
    first = first_of_month(day)
    if fetch_one(connection, "SELECT 1 FROM tally WHERE day >= ? LIMIT 1", (first,)):
        return
    fetch(connection, "UPDATE attempt SET day = substr(started_at, 1, 10) WHERE started_at >= ? AND day = ''", (first,))
    fetch(connection, _REBUILD, (first, first))


def standing(connection: apsw.Connection, since_day: str) -> dict[Account, Totals]:
    """All accounts from a day on."""
    rows = fetch(connection, "SELECT day, team, spent_usd, reserved_usd FROM tally WHERE day >= ?", (since_day,))
    return {Account(day, team): Totals(spent, reserved) for day, team, spent, reserved in rows}


def newest_day(connection: apsw.Connection) -> str:
    found = fetch_one(connection, "SELECT max(day) FROM tally")
    return str(found[0] or "") if found else ""


def first_of_month(day: str) -> str:
    return f"{day[:7]}-01"


_REBUILD = """
INSERT INTO tally (day, team, spent_usd, reserved_usd)
SELECT day, team, round(coalesce(sum(cost_usd), 0.0), 9),
       round(coalesce(sum(reserved_usd) FILTER (WHERE cost_usd IS NULL), 0.0), 9)
FROM attempt WHERE started_at >= ? AND day >= ? AND (cost_usd > 0 OR (cost_usd IS NULL AND reserved_usd > 0))
GROUP BY day, team
"""


def _used(connection: apsw.Connection, limit: Limit, day: str) -> Totals:
    sql = (
        "SELECT coalesce(sum(spent_usd), 0.0), coalesce(sum(reserved_usd), 0.0) FROM tally "
        "WHERE day BETWEEN :first AND :last AND (:team IS NULL OR team = :team)"
    )
    first, last = _span(limit, day)
    found = fetch_one(connection, sql, {"first": first, "last": last, "team": limit.team})
    return Totals().plus(Totals(*found)) if found else Totals()


def _span(limit: Limit, day: str) -> tuple[str, str]:
    """The first and the last day that count, as texts that sort like dates."""
    return (first_of_month(day), f"{day[:7]}-31") if limit.period == "month" else (day, day)


def _over(limit: Limit, used: Totals, asked_usd: float | None) -> OverBudget:
    left = max(0.0, limit.usd - used.used_usd)
    asked = "may cost any amount, as its price is unknown" if asked_usd is None else f"may cost ${asked_usd:.4f}"
    return OverBudget(
        f"This {asked}, and of {limit.name} (${limit.usd:.2f} a {limit.period}) ${left:.4f} is left: "
        f"${used.spent_usd:.4f} is spent, ${used.reserved_usd:.4f} is set aside.",
        hint=f"raise {limit.name}, ask a local model (--local), or wait for the next {limit.period} (UTC)",
    )


class Tally:
    """The mirror: this month's accounts as of the last commit that was heard of."""

    def __init__(self) -> None:
        self._accounts: dict[Account, tuple[int, Totals]] = {}
        self._lock = threading.Lock()

    def take(self, booked: Booked) -> None:
        """Learn how accounts stand; news that comes late changes nothing."""
        with self._lock:
            later = {
                key: (booked.number, totals) for key, totals in booked.totals.items() if self._is_news(key, booked)
            }
            has_new = not later.keys() <= self._accounts.keys()
            self._accounts |= later
            if has_new:
                self._forget_old()

    def _is_news(self, account: Account, booked: Booked) -> bool:
        known = self._accounts.get(account)
        return known is None or known[0] < booked.number

    def left(self, limits: Iterable[Limit], day: str) -> tuple[float, Limit] | None:
        """The least that is left of any limit, never below 0, and which limit that is; None without limits."""
        shares = ((exact_usd(max(0.0, limit.usd - self._used(limit, day))), limit) for limit in limits)
        return min(shares, key=lambda share: share[0], default=None)

    def _forget_old(self) -> None:
        first = first_of_month(max(account.day for account in self._accounts))
        self._accounts = {account: entry for account, entry in self._accounts.items() if account.day >= first}

    def _used(self, limit: Limit, day: str) -> float:
        first, last = _span(limit, day)
        with self._lock:
            used = [
                totals.used_usd
                for account, (_, totals) in self._accounts.items()
                if first <= account.day <= last and limit.team in (None, account.team)
            ]
        return exact_usd(math.fsum(used))
