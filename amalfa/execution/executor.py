"""Runs a plan: one attempt after the other until a reply is whole, within the call's time and its money.

A live listener hears the text as it comes; once it has heard a word, no other model may go on, so a later
failure ends the call (`BrokenOff`). For everybody else a broken attempt is thrown away and the next model asked.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar, assert_never, cast

import anyio
import anyio.to_thread

from amalfa.calls import Answer, Call, Prompt, Route, Tier, Usage
from amalfa.errors import (
    AmalfaError,
    BrokenOff,
    CallError,
    ContextTooLong,
    Forbidden,
    NoProvider,
    OutOfTime,
    OverBudget,
    Stalled,
)
from amalfa.execution.asking import Attempter, Order
from amalfa.execution.ledger import Opening
from amalfa.execution.means import Means
from amalfa.execution.reading import Read
from amalfa.execution.report import Outcome, Report
from amalfa.execution.retry import Again, Corrective, Longer, NextModel, Step, Stop, next_step
from amalfa.execution.size import size_of
from amalfa.execution.spans import CallSpan
from amalfa.execution.steps import Chosen, Delta, Emit, Phase, ToolDelta
from amalfa.messages import Message
from amalfa.providers.provider import Provider, TextDelta, ToolCallDelta
from amalfa.routing.plan import Entry, Plan

log = logging.getLogger("amalfa.execution")

# What an attempt leaves of the deadline to the models behind it: a fifth, at most 2 s.
RESERVE_SHARE, RESERVE_MAX_S = 0.2, 2.0
# A longer prompt is searched for what to blank in a thread of its own.
REDACT_ON_LOOP_MAX_CHARACTERS = 64_000


T = TypeVar("T")


class Executor:
    """Runs the calls of one Generation."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def tell(self, call: Call, emit: Emit, *, read: Read[T]) -> Answer[T]:
        """Answer with each piece emitted as it arrives; `read` then judges the whole.

        Raises BrokenOff when a reply breaks after its first piece or `read` refuses it, and what `ask` raises.
        """
        return await _Run(self._means, call, emit, read=read, is_live=True).answer()

    async def ask(self, call: Call, emit: Emit, *, read: Read[T]) -> Answer[T]:
        """Answer with the value that `read` makes of the reply; no text is emitted, only what is going on.

        A reply that `read` refuses is asked for once more, then the next model tries. Raises NoProvider
        when no model could serve, OverBudget when money is the reason, OutOfTime at the call's deadline.
        """
        return await _Run(self._means, call, emit, read=read, is_live=False).answer()


class _Run(Generic[T]):
    """One call on its way through its plan."""

    def __init__(self, means: Means, call: Call, emit: Emit, *, read: Read[T], is_live: bool) -> None:
        self._means = means
        self._call = call
        self._emit = emit
        self._read = read
        self._is_live = is_live
        self._was_heard = False
        self._started_s = means.clock.monotonic_s()
        self._elsewhere_s = 0.0
        self._spent_usd = 0.0
        self._unreadable: str | None = None
        self._attempter = Attempter(means.ledger, means.clock, means.tracer, emit=emit, hear=self._hear)

    async def answer(self) -> Answer[T]:
        """Serve the call, and tell the witness how it ended."""
        plan = await self._means.planner.plan(self._call)
        report = Report(self._call, plan, generation=self._means.generation)
        self._means.signals.retries.count_call()
        with self._means.tracer.call(self._call) as span:
            try:
                entry, outcome = await self._first_whole(plan, report)
            except AmalfaError as error:
                self._end(report.route(None), Usage(cost_usd=self._spent_usd, ms=self._ms()), error, span)
                raise
            answer = Answer(
                outcome.text,
                cast("T", outcome.value),
                report.usage(self._ms()),
                report.route(entry),
                outcome.finished.finish if outcome.finished else "stop",
                outcome.tool_calls,
            )
            self._end(answer.route, answer.usage, None, span)
            return answer

    async def _first_whole(self, plan: Plan, report: Report) -> tuple[Entry, Outcome]:
        followers = list(plan.entries)
        while followers and self._left_s() > 0:
            entry = followers.pop(0)
            outcome = await self._serve(entry, plan, report, followers)
            if outcome is None:
                continue
            if outcome.is_whole:
                return entry, outcome
            if isinstance(outcome.error, ContextTooLong):
                followers = _with_longer_context(followers, outcome.error.limit_tokens or entry.context_tokens)
        kept = await self._keep_unreadable()
        raise self._unserved(report, kept)

    async def _serve(self, entry: Entry, plan: Plan, report: Report, followers: list[Entry]) -> Outcome | None:
        """Ask one model, again where its failure is worth a wait or a correction. None: it was not asked at all."""
        provider, signals = self._means.providers[entry.model.provider], self._means.signals
        prompt, tries, outcome = self._sized(entry), 0, None
        while True:
            order = await self._prepared(entry, prompt, plan, report, followers)
            if order is None:
                return outcome
            if (why := signals.enter(provider, entry.model)) is not None:
                report.skip(entry, "breaker_open", why)
                return outcome
            outcome, tries = await self._attempt(order, provider, report), tries + 1
            if outcome is None or outcome.error is None:
                return outcome
            step = next_step(
                outcome.error,
                tries=tries,
                has_peer=order.has_peer,
                left_s=self._left_s(),
                random=signals.random,
                was_heard=self._was_heard,
            )
            if isinstance(step, Stop):
                raise self._broken_off(outcome.error, report)
            following = await self._following(step, order.prompt, outcome)
            if following is None:
                return outcome
            prompt = following

    async def _following(self, step: Step, prompt: Prompt, outcome: Outcome) -> Prompt | None:
        """What to ask the same model next; None when it is another model's turn."""
        match step:
            case Stop() | NextModel():
                return None
            case Corrective():
                self._unreadable = outcome.text
                return _corrected(prompt, outcome)
            case Longer():
                return replace(prompt, max_tokens=2 * prompt.max_tokens)
            case Again(wait_s, needs_budget):
                if needs_budget and not self._means.signals.retries.allow():
                    return None
                await self._wait(wait_s, is_asked=not needs_budget)
                return prompt
            case _:
                assert_never(step)

    def _sized(self, entry: Entry) -> Prompt:
        """The prompt with room for a reply of the usual size; only replies with a schema have one."""
        prompt = self._call.prompt
        if prompt.schema is None:
            return prompt
        sizes = self._means.signals.outputs
        return replace(prompt, max_tokens=sizes.cap(self._call.task, str(entry.model), prompt.max_tokens))

    async def _prepared(
        self, entry: Entry, prompt: Prompt, plan: Plan, report: Report, followers: list[Entry]
    ) -> Order | None:
        """What is to be asked, as it may leave; None when money, time or privacy say that it must not be."""
        most_usd = entry.most_usd(size_of(prompt))
        if plan.cap and most_usd and self._spent_usd + most_usd > plan.cap.usd:
            left = max(plan.cap.usd - self._spent_usd, 0)
            report.skip(
                entry, "over_budget", f"it may cost up to ${most_usd:.4f}, and {plan.cap.name} leaves ${left:.4f}"
            )
            return None
        if followers and self._is_too_late(entry, plan):
            report.skip(entry, "too_slow", f"it usually takes longer than the {self._left_s():.1f} s that are left")
            return None
        if entry.temperature is not None:
            prompt = replace(prompt, temperature=entry.temperature)
        try:
            prompt, redactions = await self._redacted(entry, prompt)
        except Forbidden as error:
            report.skip(entry, "privacy", error.message)
            return None
        return Order(
            call=self._call,
            entry=entry,
            prompt=prompt,
            opening=self._opening(entry, plan, most_usd),
            deadline_s=self._attempt_deadline_s(followers),
            has_peer=any(follower.tier is not Tier.EMBEDDED for follower in followers),
            reads=self._read,
            redactions=redactions,
        )

    async def _redacted(self, entry: Entry, prompt: Prompt) -> tuple[Prompt, int]:
        if not entry.leaves_machine:
            return prompt, 0
        redactor = self._means.redactor
        if prompt.text_length <= REDACT_ON_LOOP_MAX_CHARACTERS:
            return redactor.redacted(prompt)
        return await anyio.to_thread.run_sync(redactor.redacted, prompt)

    async def _attempt(self, order: Order, provider: Provider, report: Report) -> Outcome | None:
        """One attempt, judged; None when the budget had no room for it any more."""
        entry, signals = order.entry, self._means.signals
        outcome: Outcome | None = None
        try:
            await self._emit(Chosen(entry.model, entry.tier, entry.reason))
            outcome = await self._attempter.attempt(order, provider)
        except OverBudget as error:
            report.skip(entry, "over_budget", error.message)
            return None
        finally:
            # Neither a refusal by the budget nor a caller who left says anything of the route.
            if outcome is None:
                signals.left(provider, entry.model)
        self._elsewhere_s += outcome.usage.ms / 1000
        self._spent_usd += _counted_usd(outcome, order)
        report.add(entry, outcome, redactions=order.redactions)
        if outcome.error is None:
            tokens_in = outcome.usage.tokens_in or size_of(order.prompt).likely_in
            signals.succeeded(provider, entry.model, tokens_in=tokens_in, ms=outcome.usage.ms)
            signals.outputs.add(self._call.task, str(entry.model), outcome.usage.tokens_out or 0)
        else:
            signals.failed(provider, entry.model, outcome.error)
            # The code alone: a provider's message may quote the prompt.
            log.warning("%s failed in %s: %s", entry.model, self._call.request_id, outcome.error.code)
        return outcome

    async def _hear(self, piece: TextDelta | ToolCallDelta) -> None:
        if not self._is_live:
            return
        self._was_heard = True
        if isinstance(piece, TextDelta):
            await self._emit(Delta(piece.text))
        else:
            await self._emit(ToolDelta(piece.index, piece.id, piece.name, piece.arguments))

    async def _wait(self, wait_s: float, *, is_asked: bool) -> None:
        whose = "as the provider asked" if is_asked else "before the next try"
        await self._emit(Phase(f"waiting {wait_s:.0f} s, {whose}"))
        await anyio.sleep(wait_s)
        self._elsewhere_s += wait_s

    def _is_too_late(self, entry: Entry, plan: Plan) -> bool:
        """Whether the model usually takes longer than the call still has; one never measured is tried."""
        usual_ms = self._means.signals.latencies.of_size(plan.size.likely_in).get(str(entry.model))
        return usual_ms is not None and usual_ms > self._left_s() * 1000

    def _broken_off(self, error: CallError, report: Report) -> BrokenOff:
        broken = BrokenOff(f"The answer broke off: {error.message}", hint="ask again", route=report.route(None))
        broken.__cause__ = error
        return broken

    async def _keep_unreadable(self) -> Path | None:
        """Keep the reply that could not be read, when nobody else could serve either."""
        if self._unreadable is None:
            return None
        return await anyio.to_thread.run_sync(self._means.kept.keep, self._call.request_id, self._unreadable)

    def _unserved(self, report: Report, kept: Path | None) -> AmalfaError:
        task, route = self._call.task, report.route(None)
        errors = report.errors
        ran_out = self._left_s() <= 0 or (
            errors and all(isinstance(error, Stalled) for error in errors) and self._left_s() <= RESERVE_MAX_S
        )
        if ran_out:
            message = f"{task} ran out of time. {report.failures()}".strip()
            return OutOfTime(message, hint="allow more time with --timeout", route=route)
        if report.over_budget and not errors:
            message = f"Nothing was asked for {task}, because of a limit on money. {report.over_budget}."
            return OverBudget(
                message, hint="raise the limit, or allow a cheaper model; `amalfa route` shows what it costs"
            )
        hint = f"look at the reply in {kept}, or ask a bigger model with -m" if kept else report.hint()
        return NoProvider(f"No model could serve {task}. {report.failures()}", hint=hint, route=route)

    def _end(self, route: Route, usage: Usage, error: AmalfaError | None, span: CallSpan) -> None:
        span.ended(route, usage, error)
        own_s = max(self._means.clock.monotonic_s() - self._started_s - self._elsewhere_s, 0.0)
        self._means.witness.ended(self._call, route, usage, error, own_s=own_s)

    def _attempt_deadline_s(self, followers: list[Entry]) -> float:
        reserve_s = min(RESERVE_MAX_S, self._left_s() * RESERVE_SHARE) if followers else 0.0
        return self._call.deadline_s - reserve_s

    def _opening(self, entry: Entry, plan: Plan, most_usd: float | None) -> Opening:
        wish = self._call.wish
        return Opening(
            request_id=self._call.request_id,
            task=self._call.task,
            model=str(entry.model),
            provider=entry.model.provider,
            tier=entry.tier,
            privacy=self._call.privacy,
            generation=self._means.generation,
            started_at=self._means.clock.now(),
            team=wish.team,
            hint=wish.hint,
            strategy=plan.strategy,
            reason=entry.reason,
            reserved_usd=most_usd,
            limits=self._means.planner.limits(wish.team),
        )

    def _left_s(self) -> float:
        return self._call.deadline_s - self._means.clock.monotonic_s()

    def _ms(self) -> int:
        return round((self._means.clock.monotonic_s() - self._started_s) * 1000)


def _counted_usd(outcome: Outcome, order: Order) -> float:
    """What an attempt counts for against the call's limit: its cost, or all that was set aside when nobody knows."""
    if outcome.usage.cost_usd is not None:
        return outcome.usage.cost_usd
    return order.opening.reserved_usd or 0.0


def _with_longer_context(followers: list[Entry], limit: int | None) -> list[Entry]:
    """The models behind one whose context was too short, without those whose context is known to be no longer."""
    if limit is None:
        return followers
    return [entry for entry in followers if entry.context_tokens is None or entry.context_tokens > limit]


def _corrected(prompt: Prompt, outcome: Outcome) -> Prompt:
    """The same prompt with the bad reply quoted back, as data, and what was wrong with it."""
    problem = outcome.error.message if outcome.error else ""
    correction = Message("user", f"That reply could not be used. {problem} Reply again, with the JSON object alone.")
    return replace(prompt, messages=(*prompt.messages, Message("assistant", outcome.text), correction))
