"""The last decisions of this run of sonar, in memory: which model served, why, and why not each other one.

Holds no text of a prompt, a reply or a note.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from amalfa.calls import CacheUse, Call, Route, Tier, Usage
from amalfa.errors import AmalfaError

KEPT = 500
REASON_MAX_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Refusal:
    """A model that was not asked, and the fixed code of why."""

    model: str
    code: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One call that has ended. `model` "" means that none served, and `error_code` says how that ended.

    `reason_code` is the verdict's code of the model that served, "" without one. `cost_usd` None is unknown.
    """

    at: datetime
    request_id: str
    task: str
    team: str | None
    hint: str | None
    model: str
    tier: Tier | None
    strategy: str
    reason: str
    reason_code: str
    refused: tuple[Refusal, ...]
    attempts: int
    cost_usd: float | None
    ms: int
    cache: CacheUse
    error_code: str | None


def decision_of(call: Call, route: Route, usage: Usage, error: AmalfaError | None, *, at: datetime) -> Decision:
    """What is kept of a call: of the route's reason only why its model was chosen.

    What else stands there, and all of it when nobody served, tells of failures, which may quote a provider's words.
    """
    planned = {one.model: one.code for one in route.candidates if one.verdict == "planned"}
    refused = (one for one in route.candidates if one.verdict == "refused")
    return Decision(
        at=at,
        request_id=call.request_id,
        task=call.task,
        team=call.wish.team,
        hint=call.wish.hint,
        model=route.model,
        tier=route.tier if route.model else None,
        strategy=route.strategy,
        reason=route.reason.partition("; ")[0][:REASON_MAX_CHARACTERS] if route.model else "",
        reason_code=planned.get(route.model, ""),
        refused=tuple(Refusal(one.model, one.code) for one in refused),
        attempts=len(route.attempts),
        cost_usd=usage.cost_usd,
        ms=usage.ms,
        cache=route.cache,
        error_code=error.code if error else None,
    )


class Decisions:
    """The newest `KEPT` decisions; older ones are forgotten."""

    def __init__(self) -> None:
        self._kept: deque[Decision] = deque(maxlen=KEPT)

    def add(self, decision: Decision) -> None:
        self._kept.append(decision)

    def newest(self, limit: int) -> tuple[Decision, ...]:
        """At most `limit` of them, the newest first."""
        return tuple(decision for decision, _ in zip(reversed(self._kept), range(limit), strict=False))
