"""Reports over the ledger."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from amalfa.errors import UsageProblem
from amalfa.execution.json_replies import JsonLine, JsonReplies
from amalfa.execution.usage import Count, Grouping, Sums, UsageBook, since_of
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WEEK = NOON - timedelta(days=7)

INSERT = """
INSERT INTO attempt (request_id, task, model, provider, tier, privacy, generation, started_at, boot, state, error_code,
                     tokens_in, tokens_out, cost_usd, ms, repairs, json_gate, team, reason, reserved_usd)
VALUES (:request, :task, :model, 'p', :tier, 'x', 1, :at, 'b', :state, :error, :in, :out, :cost, :ms, :repairs, :gate,
        :team, :reason, :reserved)
"""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.open(tmp_path / "sonar.db", SONAR_DB, application_id=7, synchronous="NORMAL")
    yield opened
    await opened.aclose()


async def fill(database: Database, *rows: dict[str, object]) -> UsageBook:
    usual = {
        "request": "r1",
        "task": "synthesize",
        "model": "ollama:m",
        "tier": "local",
        "at": NOON.isoformat(),
        "state": "ok",
        "error": None,
        "in": 10,
        "out": 3,
        "cost": 0.0,
        "ms": 100,
        "repairs": None,
        "gate": None,
        "team": "",
        "reason": "the local default",
        "reserved": 0.0,
    }
    values = [usual | row for row in rows]
    await database.write(lambda connection: connection.executemany(INSERT, values).fetchall())
    return UsageBook(database)


def cloud(**values: object) -> dict[str, object]:
    return {"model": "openrouter:m", "tier": "cloud", "reason": "the cloud model", **values}


async def test_an_empty_ledger_has_an_empty_report(database: Database) -> None:
    report = await UsageBook(database).report(WEEK, by="model")
    assert (report.groups, report.local_ratio, report.cache_hits) == ((), None, 0)
    assert report.total == Sums("", 0, 0, 0, 0, 0, 0.0, 0, None, None)


async def test_attempts_are_summed_by_model_and_unknown_costs_stand_apart(database: Database) -> None:
    book = await fill(
        database,
        cloud(request="r1", state="failed", error="stalled", cost=None, reserved=0.4, ms=9),
        cloud(request="r1", cost=0.1, ms=900),
        cloud(request="r2", cost=0.2, ms=300),
        {"request": "r3", "cost": None},
        cloud(request="r4", state="started", cost=None, **{"in": None, "out": None, "ms": None}),
    )
    report = await book.report(WEEK, by="model")
    assert report.groups == (
        Sums("openrouter:m", 3, 4, 1, 30, 9, 0.3, 1, 300, 900),
        Sums("ollama:m", 1, 1, 0, 10, 3, 0.0, 0, 100, 100),
    )
    assert report.total == Sums("", 4, 5, 1, 40, 12, 0.3, 1, 300, 900)
    assert report.local_ratio == pytest.approx(1 / 3)
    assert report.reserved_usd == 0.4
    assert report.models == (Count("openrouter:m", 2), Count("ollama:m", 1))
    assert report.reasons == (Count("the cloud model", 2), Count("the local default", 1))
    assert await book.unknown_costs(WEEK) == 1


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("task", ["analyze", "synthesize"]),
        ("team", ["ads", ""]),
        ("day", ["2026-11-20", "2026-11-19"]),
    ],
)
async def test_a_report_can_be_by_something_else(database: Database, by: Grouping, names: list[str]) -> None:
    book = await fill(
        database,
        {"task": "analyze", "team": "ads", "cost": 0.1},
        {"at": (NOON - timedelta(days=1)).isoformat()},
    )
    assert [group.name for group in (await book.report(WEEK, by=by)).groups] == names


async def test_what_is_older_than_the_window_is_left_out(database: Database) -> None:
    book = await fill(database, {"at": (WEEK - timedelta(seconds=1)).isoformat()}, {"at": WEEK.isoformat()})
    assert (await book.report(WEEK, by="model")).total.attempts == 1


@pytest.mark.parametrize("size", [1, 2, 19, 20, 21, 100, 997])
async def test_percentiles_are_exact_by_nearest_rank(database: Database, size: int) -> None:
    luck = random.Random(size)
    times = [luck.choice([5, luck.randrange(10_000)]) for _ in range(size)]
    book = await fill(database, *(dict[str, object](ms=ms) for ms in times), {"ms": 1_000_000, "state": "failed"})
    (group,) = (await book.report(WEEK, by="model")).groups
    ordered = sorted(times)
    assert group.p50_ms == ordered[-(-size * 50 // 100) - 1]
    assert group.p95_ms == ordered[-(-size * 95 // 100) - 1]


def gated(request: str, gate: str | None, **values: object) -> dict[str, object]:
    is_refused = gate not in ("valid", "repaired", None)
    failed = {"state": "failed", "error": "bad_reply"} if is_refused else {}
    return {"request": request, "task": "analyze", "gate": gate, **failed, **values}


JSON_ROWS = (
    gated("a", "valid"),
    gated("b", "repaired", repairs="fence,comma"),
    gated("c", "unparsed"),
    gated("c", "invalid"),
    gated("c", "valid", model="openrouter:m"),
    gated("d", "cut"),
    gated("d", None, state="failed", error="stalled", model="openrouter:m"),
    gated("e", "unfit"),
    gated("f", None, task="synthesize"),
    gated("g", "repaired", task="metadata"),
)


async def test_json_replies_are_told_by_what_became_of_them(database: Database) -> None:
    report = await (await fill(database, *JSON_ROWS)).report(WEEK, by="model")
    assert report.json_replies == JsonReplies(
        replies=8, parsed=6, valid=2, repaired=2, retried=1, escalated=2, refused=4
    )
    assert report.json_lines == ()


async def test_a_report_by_task_tells_json_replies_of_each_model(database: Database) -> None:
    report = await (await fill(database, *JSON_ROWS)).report(WEEK, by="task")
    assert report.json_lines == (
        JsonLine("analyze", "ollama:m", JsonReplies(6, 4, 1, 1, 1, 2, 4)),
        JsonLine("analyze", "openrouter:m", JsonReplies(1, 1, 1, 0, 0, 0, 0)),
        JsonLine("metadata", "ollama:m", JsonReplies(1, 1, 0, 1, 0, 0, 0)),
    )


async def test_json_replies_older_than_the_window_are_left_out(database: Database) -> None:
    old = (WEEK - timedelta(seconds=1)).isoformat()
    report = await (await fill(database, gated("a", "valid", at=old), gated("b", "valid"))).report(WEEK, by="task")
    assert report.json_replies.replies == sum(line.counts.replies for line in report.json_lines) == 1


async def test_a_cached_reply_is_a_hit_and_no_attempt(database: Database) -> None:
    book = await fill(database, {"state": "cached"}, {})
    report = await book.report(WEEK, by="model")
    assert (report.cache_hits, report.total.attempts, report.local_ratio) == (1, 1, 1.0)


async def test_a_report_uses_the_index_of_time(database: Database) -> None:
    plan = await database.read(
        lambda connection: connection.execute(
            "EXPLAIN QUERY PLAN SELECT count(*) FROM attempt WHERE started_at >= 'x' AND state <> 'cached'"
        ).fetchall()
    )
    assert any("attempt_by_time" in str(step) for step in plan)


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("7d", NOON - timedelta(days=7)),
        (" 24h ", NOON - timedelta(hours=24)),
        ("30m", NOON - timedelta(minutes=30)),
        ("2w", NOON - timedelta(weeks=2)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-20T10:00:00+02:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
    ],
)
def test_a_time_to_count_from(text: str, since: datetime) -> None:
    assert since_of(text, NOON) == since


@pytest.mark.parametrize(
    "text",
    ["", "7", "d", "-1d", "yesterday", "2026-13-01", "2027-01-01", "367d", "999999w", "0001-01-01", "1970-01-01"],
)
def test_what_is_no_time_to_count_from_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem) as problem:
        since_of(text, NOON)
    assert problem.value.hint
