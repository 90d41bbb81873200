"""What follows from the failure of an item: fail, try again, wait for a provider, or pause the job. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from amalfa.calls import Judged, Route
from amalfa.errors import (
    AmalfaError,
    Busy,
    NoProvider,
    OutOfTime,
    OverBudget,
    ShuttingDown,
    UsageProblem,
)
from amalfa.execution.standing_in import PASSING
from amalfa.store.failures import StorageBroken, StorageFull

REASON_MAX_CHARACTERS = 400

# Failures of attempts that say nothing of the note: whoever had asked would have got them.
_PROVIDERS_OWN = frozenset(
    {
        "connect_failed",
        "overloaded",
        "rate_limited",
        "unauthorized",
        "payment_required",
        "model_missing",
    }
)


@dataclass(frozen=True, slots=True)
class Failed:
    """Trying again cannot help."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The attempt counts; another one may go better."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Nothing is wrong with the note: the whole job waits, and no attempt is counted."""

    reason: str


@dataclass(frozen=True, slots=True)
class PauseFor:
    """Only the user can lift it: the job is paused, and no attempt is counted."""

    reason: str


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Sonar is on its way out; the next one takes the item up."""


Verdict = Failed | TryAgain | WaitFor | PauseFor | GiveBack


def verdict_on(error: Exception) -> Verdict:
    """What to do with an item whose run ended in this error."""
    match error:
        case ShuttingDown():
            return GiveBack()
        case OverBudget():
            return PauseFor(_short(str(error)))
        case StorageFull() | StorageBroken() | Busy():
            return WaitFor(_short(error.message))
        case OutOfTime():
            return TryAgain(error.code, _short(error.message))
        case NoProvider() if error.route is not None:
            return _unserved(error, error.route)
        case UsageProblem():
            return Failed(error.code, _short(str(error)))
        case AmalfaError():
            return TryAgain(error.code, _short(error.message))
        case _:
            # The text of an error that nobody foresaw may quote anything, so only its kind is kept.
            return TryAgain("internal", f"Sonar failed unexpectedly ({type(error).__name__}).")


def _unserved(error: NoProvider, route: Route) -> Verdict:
    if route.attempts:
        outcomes = {attempt.outcome for attempt in route.attempts}
        if outcomes <= _PROVIDERS_OWN:
            return WaitFor(_short(" ".join(f"{one.model}: {one.error}" for one in route.attempts[-1:])))
        if outcomes <= {"context_too_long"}:
            return Failed("context_too_long", _short(error.message))
        return TryAgain(error.code, _short(error.message))
    passing = _passing(route.candidates)
    if not passing:
        return Failed(error.code, _short(error.message))
    if all(one.code == "over_budget" for one in passing):
        return PauseFor(_told(passing[0]))
    return WaitFor(told_of(route.candidates))


def told_of(candidates: Sequence[Judged]) -> str:
    """The sentence of the first model that may serve another time; "" for none."""
    passing = sorted(_passing(candidates), key=lambda one: (not one.is_wanted, one.code == "over_budget"))
    return _told(passing[0]) if passing else ""


def _passing(candidates: Sequence[Judged]) -> list[Judged]:
    return [one for one in candidates if one.verdict == "refused" and one.code in PASSING]


def _told(judged: Judged) -> str:
    return _short(f"{judged.model}: {judged.detail}")


def _short(text: str) -> str:
    return text if len(text) <= REASON_MAX_CHARACTERS else f"{text[: REASON_MAX_CHARACTERS - 1]}…"
