"""Brings models of Ollama into memory: one load for all callers, with the options that every call will send."""

from collections.abc import AsyncGenerator

from anyio.abc import TaskGroup

from amalfa.clock import Clock
from amalfa.errors import Stalled
from amalfa.providers.asked import Asked
from amalfa.providers.endpoint import Endpoint
from amalfa.providers.loading import Loads
from amalfa.providers.ollama_api import OllamaApi
from amalfa.providers.ollama_names import full_name
from amalfa.providers.pool import HostPool
from amalfa.providers.provider import Waiting

# Longer than any caller waits, so that the next caller finds the load still under way instead of starting it over.
LOAD_MAX_S = 900.0


class OllamaLoads:
    """The loads of one provider. They run in `tasks`, so that no caller can abort them."""

    def __init__(self, endpoint: Endpoint, api: OllamaApi, pool: HostPool, *, tasks: TaskGroup, clock: Clock) -> None:
        self._endpoint = endpoint
        self._api = api
        self._pool = pool
        self._clock = clock
        self._loads = Loads(tasks)

    async def load(
        self, asked: Asked, *, latest_s: float, is_embedding: bool = False, keep_alive: str | int | None = None
    ) -> AsyncGenerator[Waiting, None]:
        """Wait for the model to be loaded, saying so every second. Raises Stalled; the load itself goes on.

        `keep_alive` is how long it stays after the load; None: as the provider is configured.
        """
        started_s = now_s = self._clock.monotonic_s()
        kept = self._endpoint.keep_alive if keep_alive is None else keep_alive
        key = (asked.address.url, full_name(asked.model))
        load = self._loads.join(key, lambda: self._preload(asked, is_embedding, kept))
        yield Waiting(f"loading {asked.model}", is_loading=True)
        while not await load.wait(min(1.0, latest_s - now_s)):
            now_s = self._clock.monotonic_s()
            if now_s >= latest_s:
                message = f"{asked.model} was still loading after {now_s - started_s:.0f} s; the load goes on."
                raise Stalled(message, hint="ask again in a moment, or allow more time with --timeout")
            yield Waiting(f"loading {asked.model} {now_s - started_s:.0f} s", is_loading=True)
        load.check()

    async def unload(self, asked: Asked, *, deadline_s: float) -> None:
        """Take the model out of memory; one that is busy leaves when its last call has ended. Raises CallError."""
        payload = {"model": asked.model, "stream": False, "keep_alive": 0}
        try:
            await self._api.post(asked, "/api/generate", payload, deadline_s=deadline_s)
        finally:
            self._pool.forget_loaded(asked.address)

    def cancel(self) -> None:
        """Give up every load; their waiters get an error."""
        self._loads.cancel()

    async def _preload(self, asked: Asked, is_embedding: bool, keep_alive: str | int) -> None:
        # A model that only embeds refuses to generate, even nothing.
        path, nothing = ("/api/embed", {"input": ""}) if is_embedding else ("/api/generate", {"stream": False})
        payload = {
            "model": asked.model,
            **nothing,
            "keep_alive": keep_alive,
            "options": self._endpoint.launch_options(asked.model),
        }
        deadline_s = self._clock.monotonic_s() + LOAD_MAX_S
        try:
            await self._api.post(asked, path, payload, deadline_s=deadline_s)
        finally:
            # Other models may have been pushed out to make room.
            self._pool.forget_loaded(asked.address)
