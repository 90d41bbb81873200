"""One attempt at one model: its ledger row, its conversation, and what it cost. Decides nothing."""

from collections.abc import Awaitable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

import anyio
import anyio.to_thread

from amalfa.calls import Call, Prompt, Usage
from amalfa.clock import Clock
from amalfa.errors import BadReply, CallError, Stalled, Truncated
from amalfa.execution.ledger import Closing, CostSource, JsonGate, Ledger, Opening
from amalfa.execution.reading import Read
from amalfa.execution.report import Outcome
from amalfa.execution.spans import AttemptSpan, Tracer
from amalfa.execution.steps import Emit, Phase
from amalfa.execution.structured.limits import is_long
from amalfa.execution.toolcalls import ToolWishes
from amalfa.providers.provider import Accepted, Finished, Provider, Request, TextDelta, ToolCallDelta, Waiting
from amalfa.routing.plan import Entry

CLOSE_LEDGER_S = 2.0
# A model that takes longer to load than this is not waited for when another one can serve; the load goes on.
LOADING_PATIENCE_S = 10.0


class Hear(Protocol):
    """What to do with each piece of a reply as it comes."""

    def __call__(self, piece: TextDelta | ToolCallDelta) -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of whom: the prompt as it may leave, by when, and whether another model stands by.

    `reads` turns the whole text into its value and raises BadReply. `redactions` counts what was blanked.
    """

    call: Call
    entry: Entry
    prompt: Prompt
    opening: Opening
    deadline_s: float
    has_peer: bool
    reads: Read[object]
    redactions: int = 0


class Attempter:
    """Makes attempts for one call."""

    def __init__(self, ledger: Ledger, clock: Clock, tracer: Tracer, *, emit: Emit, hear: Hear) -> None:
        self._ledger = ledger
        self._clock = clock
        self._tracer = tracer
        self._emit = emit
        self._hear = hear

    async def attempt(self, order: Order, provider: Provider) -> Outcome:
        """Ask once. The row is committed before anything is sent, and closed whatever happens.

        Raises OverBudget, having sent nothing, when a limit on spending leaves too little.
        """
        row = await self._ledger.open(order.opening)
        started_s = self._clock.monotonic_s()
        outcome = Outcome()
        with self._tracer.attempt(order.opening) as span:
            try:
                outcome = await self._converse(order, provider, row)
            finally:
                outcome = priced(outcome, order.entry, round((self._clock.monotonic_s() - started_s) * 1000))
                _tell(span, outcome)
                # A cancelled caller must not take the row's end with it.
                with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_LEDGER_S):
                    await self._ledger.close(row, _closing(outcome, order))
        return outcome

    async def _converse(self, order: Order, provider: Provider, row: int) -> Outcome:
        """Listen to one reply until its terminal record, then read it."""
        call = order.call
        request = Request(
            order.entry.model.model,
            order.prompt,
            call.privacy,
            order.deadline_s,
            call.request_id,
            call.task,
            order.entry.steering,
            call.handling.lane,
            call.handling.limit_s,
        )
        pieces: list[str] = []
        wishes = ToolWishes()
        finished: Finished | None = None
        loading_since_s: float | None = None
        try:
            async with aclosing(provider.stream(request)) as events:
                async for event in events:
                    match event:
                        case TextDelta(text):
                            pieces.append(text)
                            await self._hear(event)
                        case ToolCallDelta():
                            wishes.add(event)
                            await self._hear(event)
                        case Waiting():
                            loading_since_s = self._check_patience(event, loading_since_s, order)
                            await self._emit(Phase(event.phase))
                        case Accepted(generation_id):
                            self._ledger.note_upstream(row, generation_id)
                        case Finished():
                            finished = event
                        case _:
                            assert_never(event)
        except CallError as error:
            return Outcome(text="".join(pieces), error=error)
        return replace(await _whole("".join(pieces), finished, order), tool_calls=wishes.whole())

    def _check_patience(self, event: Waiting, since_s: float | None, order: Order) -> float | None:
        """When the loading began; raises Stalled when it goes on and another model could serve meanwhile."""
        if not event.is_loading:
            return since_s
        now_s = self._clock.monotonic_s()
        began_s = now_s if since_s is None else since_s
        if order.has_peer and now_s - began_s > LOADING_PATIENCE_S:
            message = f"{order.entry.model} is still loading after {LOADING_PATIENCE_S:.0f} s; the load goes on."
            raise Stalled(message, hint="ask again in a moment")
        return began_s


async def _whole(text: str, finished: Finished | None, order: Order) -> Outcome:
    if finished is None:
        return Outcome(text=text, error=Stalled("The provider stopped without saying that it was done."))
    if finished.finish != "stop":
        # Cut short, as its caller allows, or waiting for its tools: not the value that was asked for.
        return Outcome(text, None, finished)
    try:
        # A long reply is read in a thread of its own, so that nobody else waits for it.
        reading = await anyio.to_thread.run_sync(order.reads, text) if is_long(text) else order.reads(text)
    except BadReply as problem:
        return Outcome(text, None, finished, problem)
    return Outcome(text, reading.value, finished, repairs=reading.repairs)


async def read_again(text: str, order: Order) -> Outcome | None:
    """A kept reply as if it had just come; None when it is not what the call asks for any more."""
    finished = Finished(Usage(0, 0, 0.0), order.entry.model.model)
    outcome = await _whole(text, finished, order)
    return outcome if outcome.is_whole else None


def priced(outcome: Outcome, entry: Entry, ms: int) -> Outcome:
    """The outcome with its usage: as the provider counted it, else by its tokens and the price list.

    What certainly was not billed costs 0; what may have been and was not told is unknown.
    """
    counted = outcome.counted
    if counted is None:
        is_free = entry.price is not None and entry.price.is_free
        was_not_billed = outcome.error is not None and not outcome.error.is_maybe_paid
        is_nothing = is_free or was_not_billed
        return outcome.costing(Usage(cost_usd=0.0 if is_nothing else None, ms=ms), "none" if is_nothing else "unknown")
    if counted.cost_usd is not None:
        return outcome.costing(Usage(counted.tokens_in, counted.tokens_out, counted.cost_usd, ms), "reported")
    cost_usd = _by_price(entry, counted)
    source: CostSource = "unknown" if cost_usd is None else "computed"
    return outcome.costing(Usage(counted.tokens_in, counted.tokens_out, cost_usd, ms), source)


def _by_price(entry: Entry, counted: Usage) -> float | None:
    if entry.price is None:
        return None
    if entry.price.is_free:
        return 0.0
    if counted.tokens_in is None or counted.tokens_out is None:
        return None
    return entry.price.cost_usd(counted.tokens_in, counted.tokens_out)


def _tell(span: AttemptSpan, outcome: Outcome) -> None:
    finished = outcome.finished
    span.ended(
        outcome.usage,
        model=finished.model if finished else None,
        generation_id=finished.generation_id if finished else None,
        error=outcome.error,
    )


def _closing(outcome: Outcome, order: Order) -> Closing:
    error, finished = outcome.error, outcome.finished
    is_json, commit = order.prompt.schema is not None, order.call.handling.commit
    return Closing(
        "failed" if error else "ok" if finished else "cancelled",
        outcome.usage,
        error.code if error else None,
        finished.generation_id if finished else None,
        repairs=outcome.repairs,
        cost_source=outcome.cost_source,
        json_gate=_gate(outcome) if is_json else None,
        also=commit(outcome.value) if commit and outcome.is_whole else None,
    )


def _gate(outcome: Outcome) -> JsonGate | None:
    """How far a reply that had to be JSON came; None when there was no reply to speak of."""
    finish = outcome.finished.finish if outcome.finished else "tool_calls"
    match outcome.error:
        case None if finish == "tool_calls":
            return None
        case None if finish == "length":
            return "cut"
        case None:
            return "repaired" if outcome.repairs else "valid"
        case BadReply(gate="parse"):
            return "unparsed"
        case BadReply(gate="schema"):
            return "invalid"
        case BadReply():
            return "unfit"
        case Truncated():
            return "cut"
        case _:
            return None
