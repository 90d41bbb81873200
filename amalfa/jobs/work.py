"""Does one item: reads its note, runs its task, keeps the result or draws the consequence of a failure."""

import logging
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, assert_never

import anyio

from amalfa.calls import Handling
from amalfa.errors import AmalfaError
from amalfa.execution.steps import unheard
from amalfa.jobs.job import ATTEMPTS_MAX, Claim, Made
from amalfa.jobs.per_note import per_note
from amalfa.jobs.pinned import Pinned
from amalfa.jobs.store import JobStore
from amalfa.jobs.terms import note_to_do, settings_hash_of
from amalfa.jobs.verdict import Failed, GiveBack, PauseFor, TryAgain, WaitFor, verdict_on
from amalfa.tasks.catalog import CATALOG
from amalfa.tasks.desk import Desk, Terms
from amalfa.tasks.metadata import MetadataInput
from amalfa.tasks.task import Outcome

log = logging.getLogger("amalfa.jobs")

Lease = Callable[[], AbstractAsyncContextManager[Desk]]

CALL_LIMIT_S = 6 * 3600.0
"""How long one item may take with all its waiting in queues, which is nobody's fault."""

TRY_AGAIN_AFTER_S = 2.0


class Worker:
    """Works on claims, one call of `work` for each."""

    def __init__(self, store: JobStore, lease: Lease) -> None:
        self._store = store
        self._lease = lease

    async def work(self, claim: Claim) -> bool:
        """Settle the item or queue it again; True when there is a result of this claim.

        A cancelled item is given back. Raises AmalfaError when the store itself cannot be written.
        """
        try:
            return await self._do(claim)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._store.give_back([claim])
            raise
        except Exception as error:
            if not isinstance(error, AmalfaError):
                log.error("item %d failed unexpectedly", claim.item_id, exc_info=error)
            await self._follow_up(claim, error)
            return False

    async def _do(self, claim: Claim) -> bool:
        async with self._lease() as desk:
            text = await desk.notes.read(claim.note.path)
            claim_now = self._as_it_reads_now(claim, desk, text)
            if claim_now.note != claim.note and not await self._store.exchange_note(claim, claim_now.note):
                return False
            writing = _Writing(self._store, claim_now)
            outcome = await self._run(claim_now, desk, text, writing)
        # A reply that was kept from an earlier call, or came without an attempt, has no row to be written with.
        return writing.is_written or await self._store.finish(claim_now, _made(outcome))

    async def _run(self, claim: Claim, desk: Desk, text: str, writing: "_Writing") -> Outcome[Any]:
        task, path = CATALOG[claim.task], claim.note.path
        handling = Handling("background", limit_s=desk.rules[claim.task].timeout_s, commit=writing.commit)
        terms = Terms(claim.request_id, claim.terms.wish, claim.terms.privacy, CALL_LIMIT_S, handling)
        pinned = replace(desk, notes=Pinned(desk.notes, path, text))
        return await task.run(MetadataInput(path=path), pinned, terms, unheard)

    def _as_it_reads_now(self, claim: Claim, desk: Desk, text: str) -> Claim:
        """The claim with the note and the settings of this moment, which are what the result will be of."""
        rules = desk.rules[claim.task]
        settings_hash = settings_hash_of(per_note(claim.task).revision, claim.terms, rules)
        return replace(claim, note=note_to_do(claim.task, settings_hash, claim.note.path, text))

    async def _follow_up(self, claim: Claim, error: Exception) -> None:
        verdict = verdict_on(error)
        match verdict:
            case GiveBack():
                await self._store.give_back([claim])
            case WaitFor(reason):
                log.info("%s waits: %s", claim.job_id, reason)
                await self._store.hold(claim.job_id, reason)
                await self._store.give_back([claim])
            case PauseFor(reason):
                log.warning("%s is paused: %s", claim.job_id, reason)
                await self._store.pause(claim.job_id, reason)
                await self._store.give_back([claim])
            case TryAgain(code, message) if claim.attempts < ATTEMPTS_MAX:
                in_s = TRY_AGAIN_AFTER_S * claim.attempts * (0.5 + random.random())  # noqa: S311 - spreads, guards nothing
                await self._store.try_again(claim, code=code, message=message, in_s=in_s)
            case Failed(code, message) | TryAgain(code, message):
                await self._store.fail(claim, code=code, message=message)
            case _:
                assert_never(verdict)


class _Writing:
    """Writes the result of one claim in the transaction that ends the ledger's row of a good attempt."""

    def __init__(self, store: JobStore, claim: Claim) -> None:
        self._store = store
        self._claim = claim
        self.is_written = False

    def commit(self, value: object) -> Callable[[Any], None]:
        if not isinstance(value, CATALOG[self._claim.task].made):
            return lambda _: None  # an attempt on the way to the value, not the value
        finish = self._store.finisher(self._claim, Made(value.model_dump_json()))

        def write(connection: Any) -> None:
            self.is_written = finish(connection)

        return write


def _made(outcome: Outcome[Any]) -> Made:
    usage, route = outcome.usage, outcome.route
    return Made(
        outcome.output.model_dump_json(),
        route.model,
        str(route.tier),
        usage.tokens_in,
        usage.tokens_out,
        usage.cost_usd,
        usage.ms,
    )
