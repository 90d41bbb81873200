"""Short ways to build Ollama providers over simulators, and a clock that can be moved on."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup
from typing_extensions import override

from amalfa.clock import Clock, SystemClock
from amalfa.providers.endpoint import Endpoint
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.patience import Patience
from tests.providers.asking import (
    QUICK,
    ollama_at,
)
from tests.upstreams.ollama import OllamaSimulator


class SkippingClock(SystemClock):
    """The real time, and whatever a test adds to it."""

    skipped_s = 0.0

    @override
    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.skipped_s


@asynccontextmanager
async def provider_at(
    tasks: TaskGroup,
    *endpoints: Endpoint | OllamaSimulator,
    patience: Patience = QUICK,
    clock: Clock | None = None,
) -> AsyncIterator[OllamaProvider]:
    urls = [sim.url for sim in endpoints if isinstance(sim, OllamaSimulator)]
    given = [endpoint for endpoint in endpoints if isinstance(endpoint, Endpoint)]
    endpoint = given[0] if given else ollama_at(*urls)
    provider = OllamaProvider(endpoint, tasks=tasks, clock=clock or SystemClock(), patience=patience)
    try:
        yield provider
    finally:
        await provider.aclose()


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(2.0):
        while not condition():  # noqa: ASYNC110  # the other end of the socket has no event to wait for
            await anyio.sleep(0.01)
