"""How a call ends that nobody served, and what is asked of a model whose reply was of no use. Does no I/O."""

from dataclasses import replace
from pathlib import Path

from amalfa.calls import Call, Prompt
from amalfa.errors import AmalfaError, BrokenOff, CallError, NoProvider, OutOfTime, OverBudget, Stalled
from amalfa.execution.preparing import RESERVE_MAX_S
from amalfa.execution.report import Outcome, Report
from amalfa.messages import Message
from amalfa.routing.plan import Entry
from amalfa.store.failures import StorageFull


def broken_off(error: CallError, report: Report) -> BrokenOff:
    """The end of a call whose listener has already heard a part of the reply."""
    broken = BrokenOff(f"The answer broke off: {error.message}", hint="ask again", route=report.route(None))
    broken.__cause__ = error
    return broken


def unserved(call: Call, report: Report, *, left_s: float, full: StorageFull | None, kept: Path | None) -> AmalfaError:
    """Why nobody served a call. `full`: a paid model was left out for want of room; `kept`: where its bad reply is."""
    task, route = call.task, report.route(None)
    errors = report.errors
    ran_out = left_s <= 0 or (
        errors and all(isinstance(error, Stalled) for error in errors) and left_s <= RESERVE_MAX_S
    )
    if ran_out:
        message = f"{task} ran out of time. {report.failures()}".strip()
        return OutOfTime(message, hint="allow more time with --timeout", route=route)
    if full is not None and not errors:
        return StorageFull(f"Nothing was asked for {task}: {full.message}", hint=full.hint)
    if report.over_budget and not errors:
        message = f"Nothing was asked for {task}, because of a limit on money. {report.over_budget}."
        return OverBudget(message, hint="raise the limit, or allow a cheaper model; `amalfa route` shows what it costs")
    hint = f"look at the reply in {kept}, or ask a bigger model with -m" if kept else report.hint()
    return NoProvider(f"No model could serve {task}. {report.failures()}", hint=hint, route=route)


def with_longer_context(followers: list[Entry], limit: int | None) -> list[Entry]:
    """The models behind one whose context was too short, without those whose context is known to be no longer."""
    if limit is None:
        return followers
    return [entry for entry in followers if entry.context_tokens is None or entry.context_tokens > limit]


def corrected(prompt: Prompt, outcome: Outcome) -> Prompt:
    """The same prompt with the bad reply quoted back, as data, and what was wrong with it."""
    problem = outcome.error.message if outcome.error else ""
    correction = Message("user", f"That reply could not be used. {problem} Reply again, with the JSON object alone.")
    return replace(prompt, messages=(*prompt.messages, Message("assistant", outcome.text), correction))
