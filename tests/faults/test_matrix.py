"""The fault matrix: every fault of an upstream, against both kinds, for listeners and for whole-answer callers."""

import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults import mid_reply, no_reply, refusals
from tests.faults.case import Case, Expected, Mode
from tests.faults.seen import Seen, watch
from tests.faults.stage import KEY, PEER_TEXT, Name, Stage, set_up, shorten_rests
from tests.upstreams.blackhole import blackhole

CASES = (*no_reply.CASES, *refusals.CASES, *mid_reply.CASES)
SMALLEST_USD = 1e-9
RUNS = [(case, name, mode) for case in CASES for name in case.upstreams for mode in case.expected]


def run_id(run: tuple[Case, Name, Mode]) -> str:
    case, name, mode = run
    return f"{case.row.replace(' ', '+')} {case.title} - {name} - {mode}"


@pytest.mark.parametrize(("case", "name", "mode"), RUNS, ids=[run_id(run) for run in RUNS])
async def test_fault(
    case: Case,
    name: Name,
    mode: Mode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    record_property: Any,
) -> None:
    shorten_rests(monkeypatch)
    caplog.set_level(logging.DEBUG, logger="amalfa")
    expected = case.expected[mode]
    async with staged(case, name, tmp_path, monkeypatch) as stage:
        record_property("fault", [*row_and_title(case, mode), name, mode])
        seen = await watch(stage, is_streaming=mode == "streaming")
        record_property("outcome", seen.outcome)
        the_right_one_answered(seen, expected, is_streaming=mode == "streaming")
        each_attempt_is_in_the_ledger(stage, seen, expected)
        the_ledger_agrees_with_the_bill(seen)
        the_clocks_were_kept(seen, expected)
        the_key_stayed_secret(stage, seen, caplog)
        assert await stage.strikes() == expected.strikes, "failures the breaker counted"
        assert await stage.standing() == expected.standing
        if case.check:
            await case.check(stage, seen)


def row_and_title(case: Case, mode: Mode) -> tuple[str, str]:
    """`B2 B3` names one fault with two rows: what a listener gets, and what a whole-answer caller gets."""
    rows = case.row.split()
    return rows[0] if mode == "streaming" else rows[-1], case.title


@asynccontextmanager
async def staged(case: Case, name: Name, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    with host_of(case, monkeypatch) as host:
        async with set_up(name, folder, monkeypatch, host=host) as stage:
            stage.will(*case.steps)
            if case.prepare:
                await case.prepare(stage)
            yield stage


@contextmanager
def host_of(case: Case, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the faulty upstream is looked for; "" is its simulator."""
    match case.host:
        case "blackhole":
            with blackhole() as port:
                yield f"http://127.0.0.1:{port}"
        case "unresolvable":
            resolve = socket.getaddrinfo

            def fail_for_invalid(host: Any, *rest: Any, **more: Any) -> Any:
                if str(host).rstrip(".").endswith("invalid"):
                    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
                return resolve(host, *rest, **more)

            monkeypatch.setattr(socket, "getaddrinfo", fail_for_invalid)
            yield "http://nowhere.invalid:11434"
        case _:
            yield ""


def the_right_one_answered(seen: Seen, expected: Expected, *, is_streaming: bool) -> None:
    assert seen.ends == expected.ends, seen.error
    assert seen.asks == expected.asks, "requests for text at the faulty upstream"
    assert seen.peer_asks == (1 if expected.ends == "peer" else 0)
    match expected.ends:
        case "peer":
            assert seen.text == PEER_TEXT
        case "itself":
            assert seen.text == expected.text
        case _:
            assert seen.heard
            assert PEER_TEXT not in seen.heard
            assert expected.text in ("any", seen.heard)
    if expected.ends != "broken off":
        assert seen.heard == (seen.text if is_streaming else ""), "one model's text from its first word to its last"
    assert expected.says in f"{seen.route.reason} {seen.error}"


def each_attempt_is_in_the_ledger(stage: Stage, seen: Seen, expected: Expected) -> None:
    failed = [row for row in seen.rows if row.state == "failed"]
    assert [(row.model, row.error_code) for row in failed] == [(stage.model, code) for code in expected.codes]
    assert [attempt.outcome for attempt in seen.route.attempts if attempt.outcome != "ok"] == list(expected.codes)
    if expected.ends in ("peer", "itself"):
        served = stage.peer_model if expected.ends == "peer" else stage.model
        assert [(row.model, row.state) for row in seen.rows[len(failed) :]] == [(served, "ok")]
    cost = expected.cost if stage.name == "openrouter" else "nothing"
    for row in failed:
        match cost:
            case "nothing":
                assert row.cost_usd == 0
            case "unknown":
                assert row.cost_usd is None, "what may have been billed is unknown, not zero"
            case "counted":
                assert row.cost_usd


def the_ledger_agrees_with_the_bill(seen: Seen) -> None:
    costs = [row.cost_usd for row in seen.rows]
    known_usd = sum(cost for cost in costs if cost is not None)
    if None in costs:
        assert known_usd <= seen.bill_usd + SMALLEST_USD
    else:
        assert abs(known_usd - seen.bill_usd) < SMALLEST_USD


def the_clocks_were_kept(seen: Seen, expected: Expected) -> None:
    assert expected.at_least_s <= seen.elapsed_s < expected.within_s + expected.at_least_s


def the_key_stayed_secret(stage: Stage, seen: Seen, caplog: pytest.LogCaptureFixture) -> None:
    assert KEY not in f"{seen.route} {seen.error!r} {seen.error}"
    assert KEY not in caplog.text
    assert KEY.encode() not in stage.stored_bytes()
