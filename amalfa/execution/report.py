"""What happened to one call, collected while it runs: the attempts, the cost, what left the machine, the route."""

from dataclasses import dataclass, replace
from datetime import datetime

from amalfa.calls import Attempt, CacheUse, Call, Judged, LeftMachine, Route, Tier, Usage
from amalfa.errors import CallError, ConnectFailed, Forbidden, ModelMissing
from amalfa.execution.ledger import CostSource
from amalfa.messages import ToolCall
from amalfa.providers.provider import Finished
from amalfa.routing.plan import Entry, Plan

NO_USAGE = Usage()

# English and code run at about four characters a token; used only where the provider did not count.
CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended. No `error` and no `finished` means that the caller left while it ran.

    `repairs` names what was mended to read it. `usage` holds what it took and cost, with the source of the
    cost, as soon as it has ended.
    """

    text: str = ""
    value: object = None
    finished: Finished | None = None
    error: CallError | None = None
    repairs: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = NO_USAGE
    cost_source: CostSource = "unknown"

    @property
    def is_whole(self) -> bool:
        return self.finished is not None and self.error is None

    @property
    def counted(self) -> Usage | None:
        """What the provider counted, at the end of its reply or before it failed."""
        if self.finished:
            return self.finished.usage
        return self.error.usage if self.error else None

    def costing(self, usage: Usage, source: CostSource) -> "Outcome":
        return replace(self, usage=usage, cost_source=source)


class Report:
    """The running account of one call."""

    def __init__(self, call: Call, plan: Plan, *, generation: int) -> None:
        self._call = call
        self._plan = plan
        self._generation = generation
        self._attempts: list[Attempt] = []
        self._errors: list[CallError] = []
        self._sent: list[tuple[str, int]] = []
        self._skipped: dict[str, Judged] = {}
        self._redactions = 0
        self._repairs: tuple[str, ...] = ()
        self._kept_at: datetime | None = None
        self.cache: CacheUse = "off"

    def add(self, entry: Entry, outcome: Outcome, *, redactions: int = 0) -> None:
        """Write down one attempt that has ended, and how many places of its text were blanked."""
        usage, error = outcome.usage, outcome.error
        self._attempts.append(
            Attempt(
                model=str(entry.model),
                outcome=error.code if error else "ok",
                ms=usage.ms,
                tokens_in=usage.tokens_in,
                tokens_out=usage.tokens_out,
                cost_usd=usage.cost_usd,
                error=_told(error) if error else "",
            )
        )
        self._repairs = outcome.repairs
        if error:
            self._errors.append(error)
        if entry.leaves_machine and not isinstance(error, ConnectFailed | Forbidden):
            self._sent.append((str(entry.model), usage.tokens_in or self._estimated_tokens()))
            self._redactions = max(self._redactions, redactions)

    def reuse(self, outcome: Outcome, at: datetime, use: CacheUse) -> None:
        """Write down that a kept reply serves the call: no model was asked for it."""
        self.cache, self._kept_at = use, at
        self._repairs = outcome.repairs

    def skip(self, entry: Entry, code: str, detail: str) -> None:
        """Write down a planned model that was not asked after all."""
        self._skipped[str(entry.model)] = Judged(str(entry.model), "refused", code, detail)

    @property
    def over_budget(self) -> str:
        """The sentence of a model that was left out for money, as the plan or an attempt found; "" for none."""
        skipped = (one for one in self._skipped.values() if one.code == "over_budget")
        found = next(skipped, None)
        return f"{found.model}: {found.detail}" if found else self._plan.over_budget

    @property
    def errors(self) -> tuple[CallError, ...]:
        return tuple(self._errors)

    def usage(self, ms: int) -> Usage:
        """The counts of the last attempt with the cost of all; the cost is None when any part is unknown.

        A kept reply counts nothing; attempts that failed before it may have cost something.
        """
        last = Usage(0, 0) if self._kept_at else self._attempts[-1]
        costs = [attempt.cost_usd for attempt in self._attempts]
        known = [cost for cost in costs if cost is not None]
        return Usage(last.tokens_in, last.tokens_out, sum(known) if len(known) == len(costs) else None, ms)

    def route(self, entry: Entry | None) -> Route:
        """The route as it stands; `entry` is the model whose reply was whole, None when there is none."""
        return Route(
            model=str(entry.model) if entry else "",
            provider=entry.model.provider if entry else "",
            tier=entry.tier if entry else Tier.EMBEDDED,
            task=self._call.task,
            strategy=self._plan.strategy,
            reason=self._reason(entry) if entry else self.failures(),
            candidates=tuple(self._judged()),
            attempts=tuple(self._attempts),
            generation=self._generation,
            request_id=self._call.request_id,
            left_machine=self._left_machine(),
            repairs=self._repairs,
            cache=self.cache,
        )

    def failures(self) -> str:
        """One sentence for each model that failed or was refused, in the order of the plan."""
        tried = [f"{attempt.model}: {attempt.error}" for attempt in self._attempts if attempt.error]
        # A remedy that stands in the hint is not said twice.
        hint = self.hint()
        refused = [
            f"{one.model}: {one.detail.removesuffix(f' Fix: {hint}')}"
            for one in self._judged()
            if one.verdict == "refused"
        ]
        return " ".join(sentence.rstrip(".") + "." for sentence in (*tried, *refused))

    def hint(self) -> str:
        """What to do about the first failure that says so."""
        hints = [error.hint for error in self._errors]
        hints += [_split_fix(one.detail)[1] for one in sorted(self._judged(), key=lambda one: not one.is_wanted)]
        return next(filter(None, hints), self._usual_hint())

    def _usual_hint(self) -> str:
        codes = {one.code for one in self._plan.judged}
        if self._call.wish.prefer == "cloud" and "cloud_disabled" in codes:
            return "amalfa config set sonar.cloud.enabled true"
        if self._call.wish.prefer == "cloud" and "privacy" in codes:
            return "ask without --cloud, so that a local model may read it"
        if "context_too_short" in codes:
            return "ask about less at once, or a model with a longer context with -m"
        return "amalfa doctor"

    def _judged(self) -> list[Judged]:
        return [self._skipped.get(one.model, one) for one in self._plan.judged]

    def _reason(self, entry: Entry) -> str:
        failed = [f"{attempt.model} failed: {attempt.error.rstrip('.')}" for attempt in self._attempts if attempt.error]
        passed_over = [f"{one.model} was not asked: {one.detail.rstrip('.')}" for one in self._passed_over(entry)]
        return "; ".join((entry.reason, *self._kept(), *failed, *passed_over))

    def _kept(self) -> tuple[str, ...]:
        if self._kept_at is None:
            return ()
        is_old = " (past its age, as no model could serve)" if self.cache == "stale" else ""
        return (f"kept reply from {self._kept_at:%Y-%m-%d %H:%M} UTC{is_old}",)

    def _passed_over(self, entry: Entry) -> list[Judged]:
        """The models that the rules allow but that were not available, and whatever was asked for by name."""
        refused = (one for one in self._judged() if one.verdict == "refused" and one.model != str(entry.model))
        return [one for one in refused if one.is_wanted or one.code in _OUT_OF_REACH]

    def _left_machine(self) -> LeftMachine | None:
        if not self._sent:
            return None
        to = tuple(dict.fromkeys(model for model, _ in self._sent))
        notes = self._call.prompt.material.quoted_notes
        return LeftMachine(to, sum(tokens for _, tokens in self._sent), notes, self._redactions)

    def _estimated_tokens(self) -> int:
        return self._call.prompt.text_length // CHARACTERS_PER_TOKEN


def _split_fix(detail: str) -> tuple[str, str]:
    """A sentence and the remedy that may follow it."""
    sentence, _, fix = detail.partition(" Fix: ")
    return sentence, fix


def _told(error: CallError) -> str:
    """What is said of a failure; of a missing model with the command that gets it."""
    return str(error) if isinstance(error, ModelMissing) else error.message


_OUT_OF_REACH = frozenset(
    {
        "unreachable",
        "not_installed",
        "no_key",
        "parked",
        "unknown_provider",
        "breaker_open",
        "cooling",
        "free_limit",
        "over_budget",
        "price_unknown",
        "context_too_short",
    }
)
