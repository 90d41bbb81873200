"""Runs a plan: one attempt after the other until a reply is whole, each one written down before it is sent.

A live listener hears the text as it comes; once it has heard a word, no other model may go on, so a later
failure ends the call (`BrokenOff`). For everybody else a broken attempt is thrown away and the next model asked.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar, assert_never, cast

import anyio

from amalfa.calls import Answer, Call, Message, Prompt, Tier
from amalfa.clock import Clock
from amalfa.errors import AmalfaError, BadReply, BrokenOff, CallError, NoProvider, OutOfTime, RateLimited, Stalled
from amalfa.execution.ledger import Closing, Ledger, Opening
from amalfa.execution.report import Outcome, Report
from amalfa.execution.steps import Chosen, Delta, Emit, Phase
from amalfa.providers.provider import Finished, Provider, Request, TextDelta, Waiting
from amalfa.routing.plan import Entry, Plan

log = logging.getLogger("amalfa.execution")

# A Retry-After up to this long is waited for; a longer one moves on to the next model at once.
SHORT_WAIT_S = 5.0
# With nothing but the extractive engine left, patience goes as far as the product promises.
LONG_WAIT_S = 60.0
# What an attempt leaves of the deadline to the models behind it: a fifth, at most 2 s.
RESERVE_SHARE, RESERVE_MAX_S = 0.2, 2.0
CLOSE_LEDGER_S = 2.0


class Planner(Protocol):
    async def plan(self, call: Call) -> Plan: ...


class Verdicts(Protocol):
    """Who is told how attempts ended, so that a dead host or a refused key is not tried again at once."""

    def succeeded(self, provider: Provider) -> None: ...

    def failed(self, provider: Provider, error: CallError) -> None: ...


@dataclass(frozen=True, slots=True)
class Means:
    """What a Generation lends to its executor. `ledger` and `verdicts` outlive it and are shared."""

    providers: Mapping[str, Provider]
    planner: Planner
    ledger: Ledger
    verdicts: Verdicts
    clock: Clock
    generation: int


T = TypeVar("T")
Read = Callable[[str], T]
"""Turns a whole reply into a value; raises BadReply with a sentence the model can act on."""


class Executor:
    """Runs the calls of one Generation."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def tell(self, call: Call, emit: Emit) -> Answer[None]:
        """Answer in free text, each piece emitted as it arrives.

        Raises BrokenOff when a reply breaks after its first piece, and what `ask` raises.
        """
        return await _Run(self._means, call, emit, read=_unread, is_live=True).answer()

    async def ask(self, call: Call, emit: Emit, *, read: Read[T]) -> Answer[T]:
        """Answer with the value that `read` makes of the reply; no text is emitted, only what is going on.

        A reply that `read` refuses is asked for once more, then the next model tries. Raises NoProvider
        when no model could serve and OutOfTime at the call's deadline.
        """
        return await _Run(self._means, call, emit, read=read, is_live=False).answer()


def _unread(text: str) -> None:
    """Free text has no value beside itself."""


class _Run(Generic[T]):
    """One call on its way through its plan."""

    def __init__(self, means: Means, call: Call, emit: Emit, *, read: Read[T], is_live: bool) -> None:
        self._means = means
        self._call = call
        self._emit = emit
        self._read = read
        self._is_live = is_live
        self._was_heard = False

    async def answer(self) -> Answer[T]:
        started_s = self._means.clock.monotonic_s()
        plan = await self._means.planner.plan(self._call)
        report = Report(self._call, plan, generation=self._means.generation)
        for position, entry in enumerate(plan.entries):
            if self._left_s() <= 0:
                break
            outcome = await self._serve(entry, report, followers=plan.entries[position + 1 :])
            if outcome.is_whole:
                usage = report.usage(self._ms_since(started_s))
                return Answer(outcome.text, cast("T", outcome.value), usage, report.route(entry))
        raise self._unserved(report)

    async def _serve(self, entry: Entry, report: Report, *, followers: tuple[Entry, ...]) -> Outcome:
        """Ask one model, twice where its failure is worth a wait or a correction."""
        await self._emit(Chosen(entry.model, entry.tier, entry.reason))
        deadline_s = self._attempt_deadline_s(followers)
        outcome = await self._attempt(entry, self._call.prompt, report, deadline_s)
        again = await self._second_chance(outcome, followers)
        if again:
            outcome = await self._attempt(entry, again, report, deadline_s)
        if outcome.error and self._was_heard:
            message = f"The answer broke off: {outcome.error.message}"
            raise BrokenOff(message, hint="ask again", route=report.route(None)) from outcome.error
        return outcome

    async def _second_chance(self, outcome: Outcome, followers: tuple[Entry, ...]) -> Prompt | None:
        """The prompt to ask the same model again with; None when another model should try."""
        error = outcome.error
        if self._was_heard:
            return None
        if isinstance(error, BadReply):
            return _corrected(self._call.prompt, outcome.text, error.message)
        if isinstance(error, RateLimited) and error.retry_after_s is not None:
            return self._call.prompt if await self._waited(error.retry_after_s, followers) else None
        return None

    async def _waited(self, wait_s: float, followers: tuple[Entry, ...]) -> bool:
        has_peer = any(entry.tier is not Tier.EMBEDDED for entry in followers)
        patience_s = SHORT_WAIT_S if has_peer else LONG_WAIT_S
        if wait_s > min(patience_s, self._left_s() - RESERVE_MAX_S):
            return False
        await self._emit(Phase(f"waiting {wait_s:.0f} s, as the provider asked"))
        await anyio.sleep(wait_s)
        return True

    async def _attempt(self, entry: Entry, prompt: Prompt, report: Report, deadline_s: float) -> Outcome:
        """One attempt with its ledger row: committed before anything is sent, closed whatever happens."""
        provider = self._means.providers[entry.model.provider]
        started_s = self._means.clock.monotonic_s()
        row = await self._means.ledger.open(self._opening(entry))
        outcome = Outcome()
        try:
            outcome = await self._converse(entry, provider, replace(self._call, prompt=prompt), deadline_s)
        finally:
            ms = self._ms_since(started_s)
            # A cancelled caller must not take the row's end with it.
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_LEDGER_S):
                await self._means.ledger.close(row, _closing(outcome, ms))
        report.add(entry, outcome, ms)
        self._judge(entry, provider, outcome)
        return outcome

    async def _converse(self, entry: Entry, provider: Provider, call: Call, deadline_s: float) -> Outcome:
        """Listen to one reply until its terminal record, then read it."""
        request = Request(entry.model.model, call.prompt, call.privacy, deadline_s, call.request_id, call.task)
        pieces: list[str] = []
        finished: Finished | None = None
        try:
            async with aclosing(provider.stream(request)) as events:
                async for event in events:
                    match event:
                        case TextDelta(text):
                            pieces.append(text)
                            await self._pass_on(text)
                        case Waiting(phase):
                            await self._emit(Phase(phase))
                        case Finished():
                            finished = event
                        case _:
                            assert_never(event)
        except CallError as error:
            return Outcome(text="".join(pieces), error=error)
        return self._whole("".join(pieces), finished)

    def _whole(self, text: str, finished: Finished | None) -> Outcome:
        if finished is None:
            return Outcome(text=text, error=Stalled("The provider stopped without saying that it was done."))
        try:
            return Outcome(text, self._read(text), finished)
        except BadReply as problem:
            return Outcome(text, None, finished, problem)

    async def _pass_on(self, text: str) -> None:
        if self._is_live:
            self._was_heard = True
            await self._emit(Delta(text))

    def _judge(self, entry: Entry, provider: Provider, outcome: Outcome) -> None:
        if outcome.error is None:
            self._means.verdicts.succeeded(provider)
            return
        self._means.verdicts.failed(provider, outcome.error)
        log.warning("%s failed in %s: %s", entry.model, self._call.request_id, outcome.error.message)

    def _unserved(self, report: Report) -> AmalfaError:
        task, route = self._call.task, report.route(None)
        errors = report.errors
        ran_out = self._left_s() <= 0 or (
            errors and all(isinstance(error, Stalled) for error in errors) and self._left_s() <= RESERVE_MAX_S
        )
        if ran_out:
            message = f"{task} ran out of time. {report.failures()}".strip()
            return OutOfTime(message, hint="allow more time with --timeout", route=route)
        return NoProvider(f"No model could serve {task}. {report.failures()}", hint=report.hint(), route=route)

    def _attempt_deadline_s(self, followers: tuple[Entry, ...]) -> float:
        reserve_s = min(RESERVE_MAX_S, self._left_s() * RESERVE_SHARE) if followers else 0.0
        return self._call.deadline_s - reserve_s

    def _opening(self, entry: Entry) -> Opening:
        return Opening(
            request_id=self._call.request_id,
            task=self._call.task,
            model=str(entry.model),
            provider=entry.model.provider,
            tier=entry.tier,
            privacy=self._call.privacy,
            generation=self._means.generation,
            started_at=self._means.clock.now(),
        )

    def _left_s(self) -> float:
        return self._call.deadline_s - self._means.clock.monotonic_s()

    def _ms_since(self, started_s: float) -> int:
        return round((self._means.clock.monotonic_s() - started_s) * 1000)


def _corrected(prompt: Prompt, bad_reply: str, problem: str) -> Prompt:
    """The same prompt with the bad reply quoted back, as data, and what was wrong with it."""
    correction = Message("user", f"That reply could not be used. {problem} Reply again, with the JSON object alone.")
    return replace(prompt, messages=(*prompt.messages, Message("assistant", bad_reply), correction))


def _closing(outcome: Outcome, ms: int) -> Closing:
    usage = outcome.usage(ms)
    if outcome.error:
        return Closing("failed", usage, outcome.error.code, _upstream_id(outcome))
    return Closing("ok" if outcome.finished else "cancelled", usage, None, _upstream_id(outcome))


def _upstream_id(outcome: Outcome) -> str | None:
    return outcome.finished.generation_id if outcome.finished else None
