"""Faults A1 to A7: nothing answers, something breaks, or the upstream asks to wait."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from amalfa.errors import ConnectFailed, OutOfMemory, Overloaded, RateLimited, Stalled, UpstreamBroken
from tests.faults.case import WORDS, Case, by_itself, in_both, to_peer
from tests.faults.provoking import is_left_alone, refused, used_a_moment_ago
from tests.faults.seen import Seen, watch
from tests.faults.stage import Stage


async def just_died(stage: Stage) -> None:
    await used_a_moment_ago(stage)
    await stage.faulty.stop()


async def hangs_from_the_start(stage: Stage) -> None:
    stage.faulty.script("connect", then={"fault": "hang"})


async def hangs_from_now_on(stage: Stage) -> None:
    await used_a_moment_ago(stage)
    stage.faulty.script("connect", then={"fault": "hang"})
    stage.will({"fault": "hang"})


async def closed_its_connection(stage: Stage) -> None:
    stage.will({**WORDS, "fault": "close_idle"})
    await watch(stage, is_streaming=False)
    stage.will(WORDS)


async def asks_to_wait_until_a_date(stage: Stage) -> None:
    # A date has no fractions: two seconds from now are between one and two.
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    stage.will(slow_down(date), WORDS)


async def fell_back_at_once(stage: Stage, seen: Seen) -> None:
    assert seen.route.attempts[0].ms < 100
    again = await watch(stage, is_streaming=True)
    assert [row.model for row in again.rows] == [stage.peer_model], "one strike marks the route down"


async def rests_as_long_as_asked(stage: Stage, seen: Seen) -> None:
    await is_left_alone(stage, seen)
    stage.clock.ahead_s += 20
    assert await stage.standing() == "cooling"
    stage.clock.ahead_s += 11
    assert await stage.standing() == "planned"


async def rests_for_hours(stage: Stage, seen: Seen) -> None:
    await is_left_alone(stage, seen)
    stage.clock.ahead_s += 3600
    assert await stage.standing() == "cooling"


async def rests_for_seconds_only(stage: Stage, seen: Seen) -> None:
    """Nonsense is as good as nothing said: a short rest, not the day that a large number would mean."""
    stage.clock.ahead_s += 10
    assert await stage.standing() == "planned"


def slow_down(retry_after: str) -> dict[str, object]:
    return refused(429, "slow down", **{"Retry-After": retry_after})


CASES = (
    Case(
        "A1",
        "connection refused",
        in_both(to_peer(ConnectFailed, standing="unreachable", within_s=1.0)),
        prepare=just_died,
        check=fell_back_at_once,
    ),
    Case(
        "A2",
        "blackhole",
        in_both(to_peer(ConnectFailed, standing="unreachable", within_s=1.5)),
        upstreams=("openrouter",),
        host="blackhole",
        check=is_left_alone,
    ),
    Case(
        "A2",
        "blackhole, found by a look",
        in_both(to_peer(standing="unreachable", within_s=1.5)),
        upstreams=("ollama",),
        host="blackhole",
        check=is_left_alone,
    ),
    Case(
        "A3",
        "name does not resolve",
        in_both(to_peer(ConnectFailed, standing="unreachable", within_s=1.0)),
        upstreams=("openrouter",),
        host="unresolvable",
        check=is_left_alone,
    ),
    Case(
        "A3",
        "name does not resolve, found by a look",
        in_both(to_peer(standing="unreachable", within_s=1.0)),
        upstreams=("ollama",),
        host="unresolvable",
        check=is_left_alone,
    ),
    Case("A4", "accepts and says nothing", in_both(to_peer(Stalled, cost="unknown")), steps=({"fault": "hang"},)),
    Case(
        "A4",
        "accepts and says nothing, to anybody",
        in_both(to_peer(Stalled, cost="unknown", reaches=False, within_s=1.5)),
        upstreams=("openrouter",),
        prepare=hangs_from_the_start,
    ),
    Case(
        "A4",
        "accepts and says nothing, to anybody",
        in_both(to_peer(Stalled, reaches=False, within_s=1.5, standing="unreachable")),
        upstreams=("ollama",),
        prepare=hangs_from_the_start,
    ),
    Case(
        "A4",
        "has just begun to say nothing",
        in_both(to_peer(Stalled, cost="unknown", within_s=1.5)),
        prepare=hangs_from_now_on,
    ),
    Case(
        "A5",
        "closed the kept connection meanwhile",
        in_both(by_itself()),
        prepare=closed_its_connection,
    ),
    Case(
        "A5",
        "reset after the request, once",
        in_both(by_itself(UpstreamBroken, cost="unknown")),
        steps=({"fault": "reset"}, WORDS),
    ),
    Case(
        "A5",
        "reset after the request, always",
        in_both(to_peer(UpstreamBroken, UpstreamBroken, cost="unknown")),
        steps=({"fault": "reset", "times": 9},),
    ),
    *(
        Case("A6", f"{status}, once", in_both(by_itself(kind)), steps=(refused(status, "it broke"), WORDS))
        for status, kind in ((500, UpstreamBroken), (503, Overloaded))
    ),
    *(
        Case(
            "A6",
            f"{status}, always",
            in_both(to_peer(kind, kind)),
            steps=({**refused(status, "it broke"), "times": 9},),
        )
        for status, kind in ((500, UpstreamBroken), (502, UpstreamBroken), (503, Overloaded))
    ),
    Case(
        "A6",
        "529, always",
        in_both(to_peer(Overloaded, Overloaded)),
        steps=({"error": "overloaded_529", "times": 9},),
        upstreams=("openrouter",),
    ),
    Case(
        "A6",
        "500, out of memory",
        in_both(to_peer(OutOfMemory, standing="cooling")),
        steps=({"error": "out_of_memory"},),
        upstreams=("ollama",),
        check=is_left_alone,
    ),
    Case(
        "A7",
        "429, Retry-After: 1",
        in_both(by_itself(RateLimited, at_least_s=1.0)),
        steps=(slow_down("1"), WORDS),
    ),
    Case(
        "A7",
        "429, Retry-After: a date",
        {"whole": by_itself(RateLimited, at_least_s=0.9)},
        prepare=asks_to_wait_until_a_date,
    ),
    Case(
        "A7",
        "429, Retry-After: 0, always",
        in_both(to_peer(RateLimited, RateLimited)),
        steps=({**slow_down("0"), "times": 9},),
    ),
    Case(
        "A7",
        "429, Retry-After: 30",
        in_both(to_peer(RateLimited, standing="cooling")),
        steps=(slow_down("30"),),
        check=rests_as_long_as_asked,
    ),
    Case(
        "A7",
        "429, Retry-After: 1e9",
        in_both(to_peer(RateLimited, standing="cooling")),
        steps=(slow_down("1000000000"),),
        check=rests_for_hours,
    ),
    *(
        Case(
            "A7",
            f"429, Retry-After: {nonsense}",
            in_both(to_peer(RateLimited, standing="cooling")),
            steps=(slow_down(nonsense),),
            check=rests_for_seconds_only,
        )
        for nonsense in ("-5", "soon", "nan", "inf", "")
    ),
)
