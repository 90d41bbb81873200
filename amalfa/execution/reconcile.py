"""Asks providers what attempts cost that ended without a cost: after a crash, or when a caller hung up.

A cost that its provider does not tell within a day stays unknown, and what was set aside for it stays set aside.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import anyio

from amalfa.clock import Clock
from amalfa.errors import AmalfaError
from amalfa.execution.attempts import Unsettled
from amalfa.providers.provider import Provider

log = logging.getLogger("amalfa.execution")

GIVE_UP_AFTER = timedelta(days=1)
PAUSES_S = (5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
"""Between two rounds; the last one repeats. Providers know a cost seconds to minutes after the attempt."""
ROUND_MAX = 50
PENDING_MAX = 1_000
ASK_TIMEOUT_S = 10.0


@runtime_checkable
class TellsCosts(Protocol):
    """A provider that can be asked what an attempt cost."""

    async def generation_cost_usd(self, generation_id: str) -> float | None:
        """The cost of an attempt by the provider's name for it; None when it is not known yet. Raises CallError."""
        ...


class Books(Protocol):
    """The ledger, as far as this needs it (`amalfa.execution.ledger.SqliteLedger`)."""

    async def unsettled(self, since: datetime, *, most: int) -> tuple[Unsettled, ...]: ...

    async def settle(self, one: Unsettled, cost_usd: float) -> None: ...


class Reconciler:
    """Looks for unsettled attempts from the start of sonar on.

    `providers` gives those that may be asked at this moment: none of a cloud that is switched off.
    """

    def __init__(
        self,
        books: Books,
        providers: Callable[[], Mapping[str, Provider]],
        *,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._books = books
        self._providers = providers
        self._clock = clock
        self._sleep = sleep
        self._times_asked: dict[int, int] = {}

    async def run(self) -> None:
        """Work until cancelled: soon again when there was something new, ever more rarely otherwise."""
        quiet_rounds = 0
        while True:
            before = self._times_asked.keys()
            await self._settle_quietly()
            quiet_rounds = 0 if self._times_asked.keys() - before else quiet_rounds + 1
            await self._sleep(PAUSES_S[min(quiet_rounds, len(PAUSES_S) - 1)])

    async def settle_some(self) -> None:
        """Ask for attempts of the last day whose cost is unknown, at most `ROUND_MAX`, the least asked first."""
        providers = self._providers()
        pending = await self._books.unsettled(self._clock.now() - GIVE_UP_AFTER, most=PENDING_MAX)
        can_tell = [one for one in pending if isinstance(providers.get(one.provider), TellsCosts)]
        self._times_asked = {one.row: self._times_asked.get(one.row, 0) for one in can_tell}
        for one in sorted(can_tell, key=lambda one: self._times_asked[one.row])[:ROUND_MAX]:
            self._times_asked[one.row] += 1
            cost_usd = await self._ask(one, providers[one.provider])
            if cost_usd is not None:
                await self._books.settle(one, cost_usd)

    async def _ask(self, one: Unsettled, provider: Provider) -> float | None:
        if not isinstance(provider, TellsCosts):
            return None
        try:
            with anyio.move_on_after(ASK_TIMEOUT_S):
                return await provider.generation_cost_usd(one.upstream_id)
        except AmalfaError as error:
            log.info("%s did not tell what %s cost: %s", one.provider, one.upstream_id, error.message)
        return None

    async def _settle_quietly(self) -> None:
        try:
            await self.settle_some()
        except AmalfaError as error:
            # A ledger that cannot be read or written now is tried again at the next round.
            log.warning("unknown costs could not be settled: %s", error)
