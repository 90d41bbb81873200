"""What follows from each failure of an item."""

from dataclasses import replace

import pytest

from amalfa.calls import Attempt, Judged, Route, Tier
from amalfa.errors import (
    AmalfaError,
    NoProvider,
    NotFound,
    OutOfTime,
    OverBudget,
    ShuttingDown,
)
from amalfa.jobs.verdict import (
    REASON_MAX_CHARACTERS,
    Failed,
    GiveBack,
    PauseFor,
    TryAgain,
    WaitFor,
    verdict_on,
)
from amalfa.store.failures import StorageFull

ROUTE = Route("", "", Tier.EMBEDDED, "metadata", "", "", (), (), 1, "item_1.1")


def refused(*codes: str) -> Exception:
    """No model could even be asked."""
    judged = tuple(Judged(f"ollama:{code}", "refused", code, f"because of {code}") for code in codes)
    return NoProvider("nobody", route=replace(ROUTE, candidates=judged))


def tried(*outcomes: str) -> Exception:
    attempts = tuple(Attempt("ollama:m", outcome, 1, error=f"{outcome}!") for outcome in outcomes)
    return NoProvider("nobody", route=replace(ROUTE, attempts=attempts))


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (NotFound("gone", hint="look"), Failed("not_found", "gone. Fix: look")),
        (refused("privacy", "cloud_disabled"), Failed("no_provider", "nobody")),
        (refused("context_too_short"), Failed("no_provider", "nobody")),
        (tried("context_too_long"), Failed("context_too_long", "nobody")),
        (refused("privacy", "unreachable"), WaitFor("ollama:unreachable: because of unreachable")),
        (refused("over_budget", "parked"), WaitFor("ollama:parked: because of parked")),
        (refused("over_budget"), PauseFor("ollama:over_budget: because of over_budget")),
        (OverBudget("spent"), PauseFor("spent")),
        (tried("connect_failed", "rate_limited"), WaitFor("ollama:m: rate_limited!")),
        (tried("connect_failed", "bad_reply"), TryAgain("no_provider", "nobody")),
        (tried("stalled"), TryAgain("no_provider", "nobody")),
        (OutOfTime("late"), TryAgain("timeout", "late")),
        (AmalfaError("odd"), TryAgain("internal", "odd")),
        (ShuttingDown("bye"), GiveBack()),
        (StorageFull("full"), WaitFor("full")),
        (ValueError("the note says: secret"), TryAgain("internal", "Sonar failed unexpectedly (ValueError).")),
    ],
    ids=str,
)
def test_a_failure_has_one_consequence(error: Exception, verdict: object) -> None:
    assert verdict_on(error) == verdict


def test_a_reason_is_never_long() -> None:
    verdict = verdict_on(OverBudget("x" * 5_000))
    assert isinstance(verdict, PauseFor)
    assert len(verdict.reason) == REASON_MAX_CHARACTERS
