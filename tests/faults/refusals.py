"""Faults A8 to A15: the upstream says no, or what comes is no reply at all."""

from amalfa.errors import ContextTooLong, ModelMissing, Overloaded, PaymentRequired, Unauthorized, UpstreamBroken
from tests.faults.case import WORDS, Case, by_itself, in_both, to_peer
from tests.faults.provoking import is_left_alone, refused, used_a_moment_ago
from tests.faults.seen import Seen
from tests.faults.stage import KEY, MODELS, Stage
from tests.upstreams.ollama import OllamaSimulator

PAGE_MAX_CHARACTERS = 400
"""A page that came instead of a reply is told in 200 characters at most, and the sentence around it is not long."""


async def just_deleted(stage: Stage) -> None:
    await used_a_moment_ago(stage)
    assert isinstance(stage.faulty, OllamaSimulator)
    stage.faulty.uninstall(MODELS["ollama"])


async def points_elsewhere(stage: Stage) -> None:
    stage.will({"fault": f"redirect:{stage.elsewhere.url}/api/chat", "times": 2})


async def status_says_so(stage: Stage, seen: Seen) -> None:
    await is_left_alone(stage, seen)
    shown = next(one for one in (await stage.engine.status()).providers if one.name == stage.name)
    assert shown.state == "parked"
    assert shown.reason
    assert KEY not in shown.reason


async def is_told_briefly(stage: Stage, seen: Seen) -> None:
    message = seen.route.attempts[0].error
    assert message.isprintable()
    assert len(message) < PAGE_MAX_CHARACTERS


async def went_nowhere_else(stage: Stage, seen: Seen) -> None:
    assert stage.elsewhere.connections == 0


CASES = (
    Case(
        "A8",
        "401 that quotes the key",
        in_both(to_peer(Unauthorized, standing="parked")),
        steps=(refused(401, f"bad key {KEY}"),),
        check=status_says_so,
    ),
    Case(
        "A8",
        "403",
        in_both(to_peer(Unauthorized, standing="parked")),
        steps=({"status": 403, "body": ""},),
        check=status_says_so,
    ),
    Case(
        "A9",
        "402 with Retry-After",
        in_both(by_itself(PaymentRequired, at_least_s=1.0)),
        steps=({"error": "in_flight_budget", "headers": {"Retry-After": "1"}}, WORDS),
        upstreams=("openrouter",),
    ),
    Case(
        "A9",
        "402 without Retry-After",
        in_both(to_peer(PaymentRequired, standing="parked")),
        steps=({"error": "insufficient_credits"},),
        upstreams=("openrouter",),
        check=status_says_so,
    ),
    Case(
        "A10",
        "400 for context length",
        in_both(to_peer(ContextTooLong)),
        steps=({"error": "context_exceeded", "times": 9},),
        upstreams=("ollama",),
    ),
    Case(
        "A10",
        "400 for context length",
        in_both(to_peer(ContextTooLong)),
        steps=(
            {
                **refused(
                    400,
                    "This endpoint's maximum context length is 512 tokens. However, you requested about 999 tokens.",
                ),
                "times": 9,
            },
        ),
        upstreams=("openrouter",),
    ),
    Case(
        "A11",
        "404, the model was deleted",
        in_both(to_peer(ModelMissing, says="ollama pull qwen2.5:1.5b", standing="not_installed")),
        upstreams=("ollama",),
        prepare=just_deleted,
    ),
    Case(
        "A11",
        "404, nobody serves the model",
        in_both(to_peer(ModelMissing)),
        steps=(refused(404, f"No endpoints found for {MODELS['openrouter']}."),),
        upstreams=("openrouter",),
    ),
    Case(
        "A12",
        "503, queue full",
        in_both(to_peer(Overloaded, Overloaded)),
        steps=({"error": "queue_full", "times": 9},),
        upstreams=("ollama",),
    ),
    Case(
        "A12",
        "503, overloaded",
        in_both(to_peer(Overloaded, Overloaded)),
        steps=({"error": "overloaded_503", "times": 9},),
        upstreams=("openrouter",),
    ),
    Case(
        "A13",
        "200 with an error for a body",
        in_both(to_peer(UpstreamBroken, UpstreamBroken)),
        steps=({"status": 200, "body": {"error": "it broke"}, "times": 9},),
    ),
    *(
        Case(
            "A13",
            f"200 that is an error: {odd}",
            in_both(to_peer(UpstreamBroken, UpstreamBroken)),
            steps=({"odd": ["json_instead_of_sse", odd], "times": 9},),
            upstreams=("openrouter",),
        )
        for odd in ("error_only", "string_code", "choice_error")
    ),
    Case(
        "A13",
        "200 whose first event is an error",
        in_both(to_peer(UpstreamBroken, UpstreamBroken)),
        steps=({**WORDS, "late_error": "first", "times": 9},),
        upstreams=("openrouter",),
    ),
    Case(
        "A14",
        "HTML page with 502",
        in_both(to_peer(UpstreamBroken, UpstreamBroken)),
        steps=({"fault": "html", "times": 9},),
        check=is_told_briefly,
    ),
    Case(
        "A14",
        "empty 200",
        in_both(to_peer(UpstreamBroken, UpstreamBroken)),
        steps=({"fault": "empty", "times": 9},),
        check=is_told_briefly,
    ),
    Case(
        "A14",
        "200 with a false Content-Type",
        in_both(to_peer(UpstreamBroken, UpstreamBroken, cost="unknown")),
        steps=({**WORDS, "fault": "wrong_type", "times": 9},),
        check=is_told_briefly,
    ),
    Case(
        "A15",
        "307 to another host",
        in_both(to_peer(UpstreamBroken, UpstreamBroken)),
        prepare=points_elsewhere,
        check=went_nowhere_else,
    ),
)
