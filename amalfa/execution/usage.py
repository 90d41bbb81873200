"""What was used, from the ledger: calls, tokens, money, times, by model, task, team or day. Reads only.

Every sum is made by SQLite over an index of time, percentiles included, so that the length of the ledger costs no
memory. A cost that nobody knows is counted apart and never as 0.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import apsw

from amalfa.errors import UsageProblem
from amalfa.execution.json_replies import JsonLine, JsonReplies, json_lines, json_total
from amalfa.store.database import Database
from amalfa.store.rows import fetch

Grouping = Literal["model", "task", "team", "day"]

WINDOW_MAX_DAYS = 366
GROUPS_MAX = 500
REASONS_MAX = 20

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(\d{1,6})([mhdw])")


@dataclass(frozen=True, slots=True)
class Sums:
    """What the attempts of one group come to. `cost_usd` adds what is known, `unknown_costs` counts the rest.

    Times are of whole replies, by nearest rank; None without one.
    """

    name: str
    calls: int
    attempts: int
    failed: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    unknown_costs: int
    p50_ms: int | None
    p95_ms: int | None


@dataclass(frozen=True, slots=True)
class Count:
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The use since a moment. `local_ratio` is the share of whole replies that no cloud gave; None without any.

    `models` counts whole replies by model, `reasons` by why that model was chosen, the most frequent first.
    `reserved_usd` is set aside for attempts whose cost nobody knows. `json_lines` has the replies that had to be JSON
    by task and model, and is empty in a report by anything but task.
    """

    since: datetime
    by: Grouping
    groups: tuple[Sums, ...]
    total: Sums
    local_ratio: float | None
    cache_hits: int
    reserved_usd: float
    json_replies: JsonReplies
    json_lines: tuple[JsonLine, ...]
    models: tuple[Count, ...]
    reasons: tuple[Count, ...]


def since_of(text: str, now: datetime) -> datetime:
    """The moment that `7d`, `24h`, `30m`, `2w` or a date like `2026-11-01` (UTC) means. Raises UsageProblem."""
    hint = "say 7d, 24h, 30m, 2w or a date like 2026-11-01"
    since = _since(text.strip(), now)
    if since is None:
        raise UsageProblem(f"{text[:40]!r} is no time to count from.", hint=hint)
    if since > now:
        raise UsageProblem(f"{text[:40]!r} is still to come.", hint=hint)
    if now - since > timedelta(days=WINDOW_MAX_DAYS):
        raise UsageProblem(f"Usage is told for at most {WINDOW_MAX_DAYS} days back.", hint=f"say {WINDOW_MAX_DAYS}d")
    return since


def _since(text: str, now: datetime) -> datetime | None:
    age = _AGE.fullmatch(text)
    if age:
        try:
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        return None
    return day.replace(tzinfo=UTC) if day.tzinfo is None else day.astimezone(UTC)


class UsageBook:
    """Reports over the ledger in one database, made on its reading threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(self, since: datetime, *, by: Grouping) -> UsageReport:
        """The use since a moment, grouped. Raises ReadTooLong after 30 s."""
        return await self._database.read(lambda connection: _report(connection, since, by))

    async def unknown_costs(self, since: datetime) -> int:
        """How many attempts since a moment have no known cost."""
        sql = f"SELECT count(*) FROM attempt WHERE {_UNKNOWN} AND started_at >= ?"  # noqa: S608 - a constant
        return int((await self._database.read(lambda connection: fetch(connection, sql, (since.isoformat(),))))[0][0])


_KEYS: dict[Grouping, str] = {
    "model": "model",
    "task": "task",
    "team": "team",
    "day": "substr(started_at, 1, 10)",
}
_UNKNOWN = "cost_usd IS NULL AND tier = 'cloud' AND state <> 'started'"
_WINDOW = "FROM attempt WHERE started_at >= :since AND state <> 'cached'"

_SUMS = f"""
SELECT {{key}} AS name, count(DISTINCT request_id), count(*), count(*) FILTER (WHERE state = 'failed'),
       coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0), round(coalesce(sum(cost_usd), 0.0), 9),
       count(*) FILTER (WHERE {_UNKNOWN})
{_WINDOW} GROUP BY name ORDER BY {{order}} LIMIT {GROUPS_MAX}
"""
_PERCENTILES = f"""
WITH timed AS (SELECT {{key}} AS name, ms, count(*) AS n {_WINDOW} AND state = 'ok' AND ms IS NOT NULL GROUP BY 1, 2),
     ranked AS (SELECT name, ms, sum(n) OVER (PARTITION BY name ORDER BY ms) AS upto,
                       sum(n) OVER (PARTITION BY name) AS total FROM timed)
SELECT name, min(ms) FILTER (WHERE upto * 100 >= total * 50), min(ms) FILTER (WHERE upto * 100 >= total * 95)
FROM ranked GROUP BY name
"""  # noqa: S608 - made of constants
_WHOLE = f"""
SELECT count(*) FILTER (WHERE state = 'ok'), count(*) FILTER (WHERE state = 'ok' AND tier = 'cloud'),
       round(coalesce(sum(reserved_usd) FILTER (WHERE {_UNKNOWN}), 0.0), 9)
{_WINDOW}
"""
_CACHED = "SELECT count(*) FROM attempt WHERE started_at >= :since AND state = 'cached'"
_COUNTS = f"SELECT {{key}}, count(*) {_WINDOW} AND state = 'ok' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {{most}}"


def _report(connection: apsw.Connection, since: datetime, by: Grouping) -> UsageReport:
    window = {"since": since.isoformat()}
    whole, cloud, reserved_usd = fetch(connection, _WHOLE, window)[0]
    ((cache_hits,),) = fetch(connection, _CACHED, window)
    total = _sums(connection, window, "''", "name")
    return UsageReport(
        since=since,
        by=by,
        groups=_sums(connection, window, _KEYS[by], "name DESC" if by == "day" else "7 DESC, 2 DESC, name"),
        total=total[0] if total else Sums("", 0, 0, 0, 0, 0, 0.0, 0, None, None),
        local_ratio=None if not whole else 1 - cloud / whole,
        cache_hits=cache_hits,
        reserved_usd=reserved_usd,
        json_replies=json_total(connection, window["since"]),
        json_lines=json_lines(connection, window["since"]) if by == "task" else (),
        models=_counts(connection, window, "model", GROUPS_MAX),
        reasons=_counts(connection, window, "reason", REASONS_MAX),
    )


def _sums(connection: apsw.Connection, window: dict[str, str], key: str, order: str) -> tuple[Sums, ...]:
    times = {name: (p50, p95) for name, p50, p95 in fetch(connection, _PERCENTILES.format(key=key), window)}
    rows = fetch(connection, _SUMS.format(key=key, order=order), window)
    whole: list[tuple[Any, ...]] = [(*row, *times.get(row[0], (None, None))) for row in rows]
    return tuple(Sums(*values) for values in whole)


def _counts(connection: apsw.Connection, window: dict[str, str], key: str, most: int) -> tuple[Count, ...]:
    rows: Sequence[tuple[str, int]] = fetch(connection, _COUNTS.format(key=key, most=most), window)
    return tuple(Count(name, count) for name, count in rows if name)
