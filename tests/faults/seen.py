"""What one call through the real thing looked like from outside: to its caller, the upstreams and the ledger."""

import time
from dataclasses import dataclass

from amalfa.calls import Answer, Route
from amalfa.errors import BadReply, BrokenOff, Unserved
from amalfa.execution.reading import Reading, unread
from tests.faults.stage import Ear, LedgerRow, Stage


@dataclass(frozen=True, slots=True)
class Seen:
    """`ends` is who answered, "broken off", or the code of the error. `heard` is all that a live listener got.

    `bill_usd` is what the cloud charged for it, by its own books.
    """

    ends: str
    text: str
    heard: str
    route: Route
    error: Unserved | None
    asks: int
    peer_asks: int
    bill_usd: float
    elapsed_s: float
    rows: tuple[LedgerRow, ...]

    @property
    def outcome(self) -> str:
        """For the table: what became of the call, in a few words."""
        who = {"peer": "the peer answered", "itself": "it answered itself"}.get(self.ends, self.ends)
        failures = ", ".join(row.error_code for row in self.rows if row.error_code) or "no failure"
        return f"{who}; {failures}; {self.asks} asked; {self.elapsed_s:.2f} s"


async def watch(stage: Stage, *, is_streaming: bool) -> Seen:
    """Make one call and look at everything it did."""
    call, ear = stage.call(), Ear()
    asks, peer_asks, bill_usd = stage.asks, stage.peer_asks, stage.bill_usd
    answer: Answer[str] | Answer[None] | None = None
    error: Unserved | None = None
    began_s = time.perf_counter()
    async with stage.executor() as executor:
        try:
            answer = await (
                executor.tell(call, ear, read=unread) if is_streaming else executor.ask(call, ear, read=_read)
            )
        except Unserved as problem:
            error = problem
    elapsed_s = time.perf_counter() - began_s
    # What the upstream charges for a reply that broke is settled when its end is over.
    await stage.idle()
    route = answer.route if answer else error.route if error else None
    assert route is not None
    return Seen(
        ends=_ends(stage, answer, error),
        text=answer.text if answer else "",
        heard=ear.text,
        route=route,
        error=error,
        asks=stage.asks - asks,
        peer_asks=stage.peer_asks - peer_asks,
        bill_usd=stage.bill_usd - bill_usd,
        elapsed_s=elapsed_s,
        rows=tuple(stage.ledger(call.request_id)),
    )


def _read(text: str) -> Reading[str]:
    if not text.strip():
        raise BadReply("The reply is empty.")
    return Reading(text)


def _ends(stage: Stage, answer: Answer[str] | Answer[None] | None, error: Unserved | None) -> str:
    if answer is not None:
        return {stage.model: "itself", stage.peer_model: "peer"}.get(answer.route.model, answer.route.model)
    return "broken off" if isinstance(error, BrokenOff) else error.code if error else ""
