"""Faults B1 to B13: the upstream fails while its reply is on the way. What was heard is never continued by another."""

import resource

from amalfa.errors import RateLimited, Stalled, Truncated, UpstreamBroken
from tests.faults.case import WORDS, Case, broken_off, by_itself, either, in_both, to_peer
from tests.faults.seen import Seen
from tests.faults.stage import Stage

MIB = 1 << 20
GROWTH_MAX_BYTES = 32 * MIB
# What the sockets and the simulator hold at the moment of the cut comes on top of the one MiB that is read.
LINE_SENT_MAX_BYTES = 16 * MIB
RUNAWAY_MAX_CHARACTERS = 5_000

SMALL_JSON = {"chunks": ['{"answer"', ': "yes"', "}"], "token_ms": 5}


class _Peak:
    """The highest resident size of this process so far; it never falls."""

    bytes_at_start = 0


async def has_no_time_for_it(stage: Stage) -> None:
    stage.call_s = 1.0
    stage.will({"chunks": ["a "] * 500, "token_ms": 15})


async def remember_memory(stage: Stage) -> None:
    _Peak.bytes_at_start = _peak_bytes()
    stage.will({"fault": "gzip_bomb:500", "times": 9})


async def memory_stayed_flat(stage: Stage, seen: Seen) -> None:
    assert _peak_bytes() - _Peak.bytes_at_start < GROWTH_MAX_BYTES


async def was_cut_early(stage: Stage, seen: Seen) -> None:
    await stage.faulty.idle()
    assert all(request.bytes_sent < LINE_SENT_MAX_BYTES for request in stage.asked)


async def was_stopped_near_its_limit(stage: Stage, seen: Seen) -> None:
    assert len(seen.heard) < RUNAWAY_MAX_CHARACTERS


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def cut(title: str, fault: str, *, row: str = "B2 B3") -> Case:
    """The connection breaks after two pieces; whole-answer callers get the peer's text, listeners an explicit end."""
    return Case(
        row,
        title,
        either(streaming=broken_off(Truncated, cost="unknown"), whole=to_peer(Truncated, cost="unknown")),
        steps=({**WORDS, "fault": fault},),
    )


CASES = (
    Case(
        "B1",
        "cut before the first piece",
        in_both(to_peer(Truncated, cost="unknown")),
        steps=({**WORDS, "fault": "cut_before_first", "times": 9},),
        upstreams=("ollama",),
    ),
    Case(
        "B1",
        "cut before the first piece",
        in_both(to_peer(Truncated, cost="unknown")),
        steps=({**WORDS, "fault": "cut_before_first", "comments": 2, "times": 9},),
        upstreams=("openrouter",),
    ),
    Case(
        "B1",
        "closed without a head",
        in_both(to_peer(UpstreamBroken, UpstreamBroken, cost="unknown")),
        steps=({"fault": "close", "times": 9},),
    ),
    cut("cut after two pieces", "cut_after:2"),
    cut("reset after two pieces", "reset_after:2"),
    cut("cut inside a line or an event", "half_frame_after:2"),
    Case(
        "B4",
        "no terminal record, though the text parses",
        either(
            streaming=broken_off(Truncated, cost="counted", text='{"answer": "yes"}'),
            whole=to_peer(Truncated, cost="counted"),
        ),
        steps=({**SMALL_JSON, "fault": "no_done"},),
    ),
    Case(
        "B4",
        "orderly end after two pieces",
        either(streaming=broken_off(Truncated, cost="unknown"), whole=to_peer(Truncated, cost="unknown")),
        steps=({**WORDS, "fault": "end_after:2"},),
    ),
    Case(
        "B4",
        "silent stop at repetitions",
        either(
            streaming=broken_off(Truncated, text="any"),
            whole=to_peer(Truncated),
        ),
        steps=({"fault": "repeat_guard"},),
        upstreams=("ollama",),
    ),
    Case(
        "B4",
        "done without a finish reason",
        either(
            streaming=broken_off(Truncated, cost="counted", text="Amalfa answers questions."),
            whole=to_peer(Truncated, cost="counted"),
        ),
        steps=({**WORDS, "fault": "no_finish"},),
        upstreams=("openrouter",),
    ),
    Case(
        "B5",
        "one byte at a time",
        in_both(to_peer(Stalled, cost="unknown")),
        steps=({**WORDS, "fault": "drip:20"},),
    ),
    Case(
        "B5",
        "pieces below the floor",
        either(
            streaming=broken_off(Stalled, cost="unknown", text="any"),
            whole=to_peer(Stalled, cost="unknown"),
        ),
        steps=({"chunks": ["a"] * 50, "token_ms": 120},),
    ),
    Case(
        "B5",
        "steady, but longer than the call may take",
        either(
            streaming=broken_off(Stalled, cost="unknown", text="any", within_s=1.1),
            whole=to_peer(Stalled, cost="unknown", within_s=1.1),
        ),
        prepare=has_no_time_for_it,
    ),
    Case(
        "B6",
        "silence after two pieces",
        either(streaming=broken_off(Stalled, cost="unknown"), whole=to_peer(Stalled, cost="unknown")),
        steps=({**WORDS, "fault": "stall_after:2"},),
    ),
    Case(
        "B6",
        "comments and nothing else",
        in_both(to_peer(Stalled, cost="unknown")),
        steps=({**WORDS, "odd": "comments_forever"},),
        upstreams=("openrouter",),
    ),
    Case(
        "B7",
        "error line after two pieces",
        either(streaming=broken_off(UpstreamBroken), whole=to_peer(UpstreamBroken, UpstreamBroken)),
        steps=({**WORDS, "fault": "error_line:2", "late_error": "it broke", "times": 9},),
        upstreams=("ollama",),
    ),
    Case(
        "B7",
        "finish_reason error after two pieces",
        either(streaming=broken_off(UpstreamBroken), whole=to_peer(UpstreamBroken, UpstreamBroken)),
        steps=({**WORDS, "late_error": "documented", "after": 2, "times": 9},),
        upstreams=("openrouter",),
    ),
    Case(
        "B7",
        "429 after two pieces",
        either(
            streaming=broken_off(RateLimited, cost="nothing", standing="cooling"),
            whole=to_peer(RateLimited, cost="nothing", standing="cooling"),
        ),
        steps=({**WORDS, "late_error": "rate_limited", "after": 2},),
        upstreams=("openrouter",),
    ),
    Case(
        "B7",
        "an end that nobody explains",
        # It says that the limit of tokens was met, so the same model is asked once more with twice the room.
        either(streaming=broken_off(Truncated, cost="unknown"), whole=to_peer(Truncated, Truncated, cost="unknown")),
        steps=({**WORDS, "late_error": "observed", "after": 2, "times": 2},),
        upstreams=("openrouter",),
    ),
    *(
        Case(
            "B8",
            f"written as {fault}",
            in_both(by_itself()),
            steps=({**WORDS, "fault": fault, "comments": 3, "comments_between": 1},),
        )
        for fault in ("split:1", "merge", "crlf")
    ),
    Case(
        "B8",
        "data over several lines",
        in_both(by_itself()),
        steps=({**WORDS, "fault": "multiline_data", "comments": 3},),
        upstreams=("openrouter",),
    ),
    Case(
        "B9",
        "a line of 50 MB",
        in_both(to_peer(UpstreamBroken, UpstreamBroken, cost="unknown")),
        steps=({"fault": "long_line:50", "headers": {"Content-Type": "text/event-stream"}, "times": 9},),
        upstreams=("openrouter",),
        check=was_cut_early,
    ),
    Case(
        "B9",
        "a line of 50 MB",
        in_both(to_peer(UpstreamBroken, UpstreamBroken)),
        steps=({"fault": "long_line:50", "times": 9},),
        upstreams=("ollama",),
        check=was_cut_early,
    ),
    Case(
        "B10",
        "gzip bomb",
        in_both(to_peer(UpstreamBroken, UpstreamBroken, cost="unknown")),
        prepare=remember_memory,
        check=memory_stayed_flat,
    ),
    Case(
        "B11",
        "endless repetition",
        either(
            streaming=broken_off(Truncated, cost="unknown", text="any"),
            whole=to_peer(Truncated, cost="unknown"),
        ),
        steps=({**WORDS, "fault": "endless", "token_ms": 0},),
        check=was_stopped_near_its_limit,
    ),
    Case(
        "B11",
        "endless white space",
        either(
            streaming=broken_off(Truncated, cost="unknown", text="any"),
            whole=to_peer(Truncated, cost="unknown"),
        ),
        steps=({**WORDS, "fault": "endless_whitespace", "token_ms": 0},),
        check=was_stopped_near_its_limit,
    ),
    cut("an illegal chunk", "bad_chunk_after:2", row="B12"),
    Case(
        "B12",
        "shorter than its Content-Length",
        in_both(to_peer(Truncated, cost="unknown")),
        steps=({"text": "Half.", "odd": "json_instead_of_sse", "fault": "short_body"},),
        upstreams=("openrouter",),
    ),
    Case("B12", "more than its framing promised", in_both(by_itself()), steps=({**WORDS, "fault": "excess_body"},)),
    Case(
        "B12",
        "no length, terminal record",
        in_both(by_itself()),
        steps=({**WORDS, "fault": "no_length"},),
    ),
    Case(
        "B12",
        "no length, cut by the close",
        either(streaming=broken_off(Truncated, cost="unknown"), whole=to_peer(Truncated, cost="unknown")),
        steps=({**WORDS, "fault": ["no_length", "cut_after:2"]},),
    ),
)
