"""What is to be asked of one model of a plan: its prompt, its money, its deadline, and what has to be blanked."""

from dataclasses import replace

import anyio.to_thread

from amalfa.calls import Call, Prompt, Tier
from amalfa.errors import Forbidden
from amalfa.execution.asking import Order
from amalfa.execution.course import Course
from amalfa.execution.ledger import Opening
from amalfa.execution.means import Means
from amalfa.execution.reading import Read
from amalfa.execution.report import Report
from amalfa.execution.size import size_of
from amalfa.routing.plan import Entry, Plan

# What an attempt leaves of the deadline to the models behind it: a fifth, at most 2 s.
RESERVE_SHARE, RESERVE_MAX_S = 0.2, 2.0
# A longer prompt is searched for what to blank in a thread of its own.
REDACT_ON_LOOP_MAX_CHARACTERS = 64_000


class Preparer:
    """Makes the orders of one call."""

    def __init__(self, means: Means, call: Call, course: Course, read: Read[object]) -> None:
        self._means = means
        self._call = call
        self._course = course
        self._read = read

    def sized(self, entry: Entry) -> Prompt:
        """The prompt with room for a reply of the usual size; only replies with a schema of our own have one."""
        prompt = self._call.prompt
        if prompt.schema is None or prompt.may_be_cut:
            return prompt
        sizes = self._means.signals.outputs
        return replace(prompt, max_tokens=sizes.cap(self._call.task, str(entry.model), prompt.max_tokens))

    def ordered(self, entry: Entry, prompt: Prompt, plan: Plan, report: Report, followers: list[Entry]) -> Order | None:
        """What is to be asked, not redacted yet; None when money or time say that it must not be."""
        most_usd = entry.most_usd(size_of(prompt))
        if plan.cap and most_usd and self._course.spent_usd + most_usd > plan.cap.usd:
            left = max(plan.cap.usd - self._course.spent_usd, 0)
            report.skip(
                entry, "over_budget", f"it may cost up to ${most_usd:.4f}, and {plan.cap.name} leaves ${left:.4f}"
            )
            return None
        if followers and self._is_too_late(entry, plan):
            report.skip(
                entry, "too_slow", f"it usually takes longer than the {self._course.left_s():.1f} s that are left"
            )
            return None
        if entry.temperature is not None:
            prompt = replace(prompt, temperature=entry.temperature)
        return Order(
            call=self._call,
            entry=entry,
            prompt=prompt,
            opening=self._opening(entry, plan, most_usd),
            deadline_s=self._attempt_deadline_s(followers),
            has_peer=any(follower.tier is not Tier.EMBEDDED for follower in followers),
            reads=self._read,
        )

    async def redacted(self, order: Order, report: Report) -> Order | None:
        """What is to be asked, as it may leave; None when privacy says that it must not."""
        if not order.entry.leaves_machine:
            return order
        redact, prompt = self._means.redactor.redacted, order.prompt
        try:
            if prompt.text_length <= REDACT_ON_LOOP_MAX_CHARACTERS:
                prompt, redactions = redact(prompt)
            else:
                prompt, redactions = await anyio.to_thread.run_sync(redact, prompt)
        except Forbidden as error:
            report.skip(order.entry, "privacy", error.message)
            return None
        return replace(order, prompt=prompt, redactions=redactions)

    def _is_too_late(self, entry: Entry, plan: Plan) -> bool:
        """Whether the model usually takes longer than the call still has; one never measured is tried."""
        usual_ms = self._means.signals.latencies.of_size(plan.size.likely_in).get(str(entry.model))
        return usual_ms is not None and usual_ms > self._course.left_s() * 1000

    def _attempt_deadline_s(self, followers: list[Entry]) -> float:
        reserve_s = min(RESERVE_MAX_S, self._course.left_s() * RESERVE_SHARE) if followers else 0.0
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
