"""The provider that needs no model: it answers from the material itself, and says that it only extracts."""

from collections.abc import AsyncGenerator

import anyio.to_thread

from amalfa.calls import EXTRACTIVE, Tier, Usage
from amalfa.clock import Clock
from amalfa.providers.provider import Event, Finished, Host, Presence, Request, TextDelta


class ExtractiveProvider:
    """`embedded:extractive`. It keeps no state, opens nothing, costs nothing, and gives the same reply every time.

    `clock` is read for one thing: which day "last week" in a query counts from.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @property
    def name(self) -> str:
        return EXTRACTIVE.provider

    @property
    def type(self) -> str:
        return "embedded"

    @property
    def tier(self) -> Tier:
        return Tier.EMBEDDED

    @property
    def is_verified_local(self) -> bool:
        return True

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """The reply piece by piece. Raises ModelRefused for work that takes a model, such as filling a free schema."""
        for text in await anyio.to_thread.run_sync(self._reply, request):
            yield TextDelta(text)
        yield Finished(usage=Usage(cost_usd=0.0), model=EXTRACTIVE.model)

    async def look(self) -> Presence:
        return Presence("up", hosts=(Host(url="", state="up", installed=frozenset({EXTRACTIVE.model})),))

    async def aclose(self) -> None:
        """Nothing is open."""

    def _reply(self, request: Request) -> list[str]:
        # Its patterns take 55 ms to compile, which a starting daemon leaves for later.
        from amalfa.providers.embedded.work import reply_to

        return reply_to(request, self._clock.now().astimezone().date())
