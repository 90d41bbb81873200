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

from amalfa.calls import Answer, CacheUse, Call, Prompt, Route, Usage
from amalfa.errors import (
    AmalfaError,
    CallError,
    ContextTooLong,
    OverBudget,
)
from amalfa.execution.asking import Attempter, Order, read_again
from amalfa.execution.cache import KeptReply
from amalfa.execution.cache_key import CacheKey
from amalfa.execution.course import Course
from amalfa.execution.ending import broken_off, corrected, unserved, with_longer_context
from amalfa.execution.means import Means
from amalfa.execution.preparing import Preparer
from amalfa.execution.reading import Read
from amalfa.execution.report import Outcome, Report
from amalfa.execution.retry import WAIT_MAX_S, Again, Corrective, Longer, NextModel, Step, Stop, next_step, pace_step
from amalfa.execution.size import size_of
from amalfa.execution.spans import CallSpan
from amalfa.execution.steps import Chosen, Delta, Emit, Phase, ToolDelta
from amalfa.providers.provider import Provider, TextDelta, ToolCallDelta
from amalfa.routing.plan import Entry, Plan
from amalfa.store.failures import StorageFull

log = logging.getLogger("amalfa.execution")

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
        self._course = Course(call, means.clock)
        self._preparer = Preparer(means, call, self._course, read)
        self._unreadable: str | None = None
        self._full: StorageFull | None = None
        self._looked_up: list[tuple[CacheKey, Order]] = []
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
                self._end(report.route(None), Usage(cost_usd=self._course.spent_usd, ms=self._course.ms()), error, span)
                raise
            answer = Answer(
                outcome.text,
                cast("T", outcome.value),
                report.usage(self._course.ms()),
                report.route(entry),
                outcome.finished.finish if outcome.finished else "stop",
                outcome.tool_calls,
            )
            self._end(answer.route, answer.usage, None, span)
            return answer

    async def _first_whole(self, plan: Plan, report: Report) -> tuple[Entry, Outcome]:
        followers = list(plan.entries)
        while followers and self._course.left_s() > 0:
            entry = followers.pop(0)
            outcome = await self._serve(entry, plan, report, followers)
            if outcome is None:
                continue
            if outcome.is_whole:
                return entry, outcome
            if isinstance(outcome.error, ContextTooLong):
                followers = with_longer_context(followers, outcome.error.limit_tokens or entry.context_tokens)
        for key, order in self._looked_up:
            stale = await self._means.reuse.stale(key)
            if stale and (outcome := await self._reused(order, stale, report, use="stale")):
                return order.entry, outcome
        kept = await self._keep_unreadable()
        raise unserved(self._call, report, left_s=self._course.left_s(), full=self._full, kept=kept)

    async def _serve(self, entry: Entry, plan: Plan, report: Report, followers: list[Entry]) -> Outcome | None:
        """One model's reply: a kept one, that of an equal call under way, or its own. None: it was not asked at all."""
        order = self._preparer.ordered(entry, self._preparer.sized(entry), plan, report, followers)
        if order is None:
            return None
        reuse, provider = self._means.reuse, self._means.providers[entry.model.provider]
        redactor = self._means.redactor if entry.leaves_machine else None
        key = reuse.key(self._call, entry, provider, order.prompt, redactor)
        if key is None:
            return await self._ask(order, plan, report, followers)
        report.cache = "miss"
        self._looked_up.append((key, order))
        async with reuse.turn(key, self._call, deadline_s=order.deadline_s) as turn:
            self._course.elsewhere_s += turn.waited_s
            if turn.is_too_late:
                report.skip(entry, "too_slow", "the same question, asked before, is still waiting for its reply")
                return None
            if turn.reply and (kept := await self._reused(order, turn.reply, report)):
                return kept
            if turn.reply:
                reuse.drop(key)
            outcome = await self._ask(order, plan, report, followers)
            if outcome is not None:
                reuse.keep(key, turn, outcome)
            return outcome

    async def _reused(self, order: Order, kept: KeptReply, report: Report, *, use: CacheUse = "hit") -> Outcome | None:
        """Serve the call with a kept reply; None when it cannot be read any more."""
        outcome = await read_again(kept.text, order)
        if outcome is None:
            return None
        commit = self._call.handling.commit
        opening = replace(order.opening, reserved_usd=0.0, limits=())
        await self._means.ledger.note_cached(
            opening, Usage(0, 0, 0.0, self._course.ms()), commit(outcome.value) if commit else None
        )
        report.reuse(outcome, kept.at, use)
        await self._emit(Chosen(order.entry.model, order.entry.tier, order.entry.reason))
        if outcome.text:
            await self._hear(TextDelta(outcome.text))
        return outcome

    async def _ask(self, order: Order, plan: Plan, report: Report, followers: list[Entry]) -> Outcome | None:
        """Ask one model, again where its failure is worth a wait or a correction. None: it was not asked at all."""
        entry, signals = order.entry, self._means.signals
        provider, tries, outcome = self._means.providers[entry.model.provider], 0, None
        while True:
            ready = await self._preparer.redacted(order, report)
            if ready is None:
                return outcome
            await self._keep_pace(entry, provider)
            if (why := signals.enter(provider, entry.model)) is not None:
                report.skip(entry, "breaker_open", why)
                return outcome
            outcome, tries = await self._attempt(ready, provider, report), tries + 1
            if outcome is None or outcome.error is None:
                return outcome
            step = self._pace_step(outcome.error, tries) or next_step(
                outcome.error,
                tries=tries,
                has_peer=order.has_peer,
                left_s=self._course.left_s(),
                random=signals.random,
                was_heard=self._was_heard,
            )
            if isinstance(step, Stop):
                raise broken_off(outcome.error, report)
            following = await self._following(step, ready.prompt, outcome)
            if following is None:
                return outcome
            again = self._preparer.ordered(entry, following, plan, report, followers)
            if again is None:
                return outcome
            order = again

    def _pace_step(self, error: CallError, tries: int) -> Again | None:
        can_wait = self._is_of_a_job and not self._was_heard
        return pace_step(error, tries=tries, left_s=self._course.left_s()) if can_wait else None

    async def _keep_pace(self, entry: Entry, provider: Provider) -> None:
        """Hold a job's call back as long as its route is only called too fast; people are given another model."""
        while self._is_of_a_job:
            wait_s = self._means.signals.pace_wait_s(provider, entry.model)
            if not 0 < wait_s < min(WAIT_MAX_S + 1, self._course.left_s()):
                return
            await self._wait(wait_s, is_asked=True)

    @property
    def _is_of_a_job(self) -> bool:
        return self._call.handling.lane == "background"

    async def _following(self, step: Step, prompt: Prompt, outcome: Outcome) -> Prompt | None:
        """What to ask the same model next; None when it is another model's turn."""
        match step:
            case Stop() | NextModel():
                return None
            case Corrective():
                self._unreadable = outcome.text
                return corrected(prompt, outcome)
            case Longer():
                return replace(prompt, max_tokens=2 * prompt.max_tokens)
            case Again(wait_s, needs_budget):
                if needs_budget and not self._means.signals.retries.allow():
                    return None
                await self._wait(wait_s, is_asked=not needs_budget)
                return prompt
            case _:
                assert_never(step)

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
        except StorageFull as full:
            if self._call.handling.commit:
                raise
            # A model that costs nothing may still serve, without a row.
            self._full = full
            report.skip(entry, "storage_full", "the disk is full, and what costs money is not asked without a row")
            return None
        finally:
            # Neither a refusal by the budget nor a caller who left says anything of the route.
            if outcome is None:
                signals.left(provider, entry.model)
        self._course.elsewhere_s += outcome.usage.ms / 1000
        self._course.spent_usd += _counted_usd(outcome, order)
        report.add(entry, outcome, redactions=order.redactions)
        if outcome.error is None:
            tokens_in = outcome.usage.tokens_in or size_of(order.prompt).likely_in
            signals.succeeded(provider, entry.model, tokens_in=tokens_in, ms=self._own_ms(outcome))
            signals.outputs.add(self._call.task, str(entry.model), outcome.usage.tokens_out or 0)
        else:
            signals.failed(provider, entry.model, outcome.error)
            # The code alone: a provider's message may quote the prompt.
            log.warning("%s failed in %s: %s", entry.model, self._call.request_id, outcome.error.code)
        return outcome

    def _own_ms(self, outcome: Outcome) -> int:
        """What the model took: a job's time in the line of its provider would make it look slow to people."""
        told_ms = outcome.finished.usage.ms if outcome.finished and self._is_of_a_job else 0
        return told_ms or outcome.usage.ms

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
        self._course.elsewhere_s += wait_s

    async def _keep_unreadable(self) -> Path | None:
        """Keep the reply that could not be read, when nobody else could serve either."""
        if self._unreadable is None:
            return None
        return await anyio.to_thread.run_sync(self._means.kept.keep, self._call.request_id, self._unreadable)

    def _end(self, route: Route, usage: Usage, error: AmalfaError | None, span: CallSpan) -> None:
        span.ended(route, usage, error)
        self._means.witness.ended(self._call, route, usage, error, own_s=self._course.own_s())


def _counted_usd(outcome: Outcome, order: Order) -> float:
    """What an attempt counts for against the call's limit: its cost, or all that was set aside when nobody knows."""
    if outcome.usage.cost_usd is not None:
        return outcome.usage.cost_usd
    return order.opening.reserved_usd or 0.0
