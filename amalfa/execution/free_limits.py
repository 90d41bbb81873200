"""Asks providers how many free calls an account may still make, as soon as and as long as it makes any."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, runtime_checkable

import anyio

from amalfa.clock import Clock
from amalfa.errors import AmalfaError
from amalfa.execution.free_tier import FreeTier
from amalfa.providers.openrouter_account import KeyLimits
from amalfa.providers.provider import Provider

log = logging.getLogger("amalfa.execution")

LOOK_S = 15.0
ASK_AGAIN_S = 600.0


@runtime_checkable
class TellsLimits(Protocol):
    """A provider that knows what its key may still do (`amalfa.providers.openrouter`)."""

    @property
    def fingerprint(self) -> str: ...

    async def key_limits(self) -> KeyLimits:
        """Raises CallError."""
        ...


class FreeLimits:
    """Our own count begins at nothing with each start of sonar, and others may use the same account.

    `providers` gives those that may be asked at this moment: none of a cloud that is switched off.
    """

    def __init__(
        self,
        free_tier: FreeTier,
        providers: Callable[[], Mapping[str, Provider]],
        *,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._free_tier = free_tier
        self._providers = providers
        self._clock = clock
        self._sleep = sleep
        self._asked_s: dict[str, float] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.learn()
            await self._sleep(LOOK_S)

    async def learn(self) -> None:
        """Ask for every account in use that was not asked for lately."""
        for provider in self._providers().values():
            if isinstance(provider, TellsLimits) and self._is_due(provider.fingerprint):
                self._asked_s[provider.fingerprint] = self._clock.monotonic_s()
                await self._ask(provider)

    def _is_due(self, account: str) -> bool:
        asked_s = self._asked_s.get(account, float("-inf"))
        return self._free_tier.is_used(account) and self._clock.monotonic_s() - asked_s >= ASK_AGAIN_S

    async def _ask(self, provider: TellsLimits) -> None:
        try:
            limits = await provider.key_limits()
        except AmalfaError as error:
            log.info("the limits of a key were not told: %s", error.code)
            return
        self._free_tier.learn(provider.fingerprint, limits.free_daily_limit, limits.free_daily_used)
