"""Ollama through its own API: one or several hosts, models that are loaded on demand, replies as NDJSON."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from anyio.abc import TaskGroup

from amalfa.calls import PrivacyClass, Prompt, Tier
from amalfa.clock import Clock
from amalfa.errors import (
    CallError,
    ConnectFailed,
    ModelMissing,
    OutOfMemory,
    Overloaded,
    Stalled,
    Truncated,
    Unauthorized,
    UpstreamBroken,
)
from amalfa.providers.asked import Asked
from amalfa.providers.configured import ConfiguredProvider
from amalfa.providers.downloading import Downloads
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.ndjson import NdjsonParser
from amalfa.providers.ollama_api import OllamaApi, outgoing_to
from amalfa.providers.ollama_chat import ChatRecords, chat_body
from amalfa.providers.ollama_hosts import OllamaHosts
from amalfa.providers.ollama_library import OllamaLibrary
from amalfa.providers.ollama_loads import OllamaLoads
from amalfa.providers.ollama_models import OllamaModels
from amalfa.providers.ollama_names import is_cloud_name
from amalfa.providers.patience import Patience, ReplyClock
from amalfa.providers.provider import Event, Presence, Request, TextDelta, Waiting
from amalfa.providers.this_machine import Room, room
from amalfa.providers.wire import Outgoing, Transport, Wire

# A processor reads a prompt at some hundred tokens a second before the first byte of the reply can come.
PROMPT_CHARACTERS_PER_S = 350

_OF_THE_HOST = (ConnectFailed, ModelMissing, OutOfMemory, Overloaded, Stalled, Unauthorized, UpstreamBroken)
"""Failures that another host may not have. All others are about the request, and the same everywhere."""
_BREAKS = (Stalled, Truncated, UpstreamBroken)
"""Failures of a host that may have died."""


class OllamaProvider(ConfiguredProvider):
    """A pool of Ollama hosts. `tasks` must outlive it: loads and downloads run there, so that no caller ends them.

    `library` is how people manage the models. `machine` tells what this machine has room for.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        tasks: TaskGroup,
        clock: Clock,
        patience: Patience | None = None,
        transport: Transport | None = None,
        machine: Callable[[], Room] = room,
    ) -> None:
        super().__init__(endpoint)
        self._clock = clock
        self._patience = patience or Patience()
        self._wire = Wire(endpoint, clock=clock, patience=self._patience, transport=transport)
        self._api = OllamaApi(endpoint, self._wire)
        self._hosts = OllamaHosts(endpoint, self._api, tasks=tasks, clock=clock, patience=self._patience)
        self._pool = self._hosts.pool
        self._loads = OllamaLoads(endpoint, self._api, self._pool, tasks=tasks, clock=clock)
        self._downloads = Downloads(tasks)
        self._models = OllamaModels(endpoint, self._api, clock=clock)
        self.model_library = OllamaLibrary(
            endpoint,
            self._hosts,
            self._models,
            loads=self._loads,
            downloads=self._downloads,
            room=machine,
            clock=clock,
        )

    def can_pull(self, model: str) -> bool:
        """Whether a model that no host has is downloaded when it is asked."""
        return self.endpoint.auto_pull and self.tier is Tier.LOCAL and not is_cloud_name(model)

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Ask the best host, and the next one when that one fails before its first word. See `Provider.stream`."""
        try:
            async with aclosing(self._ask_pool(request)) as events:
                async for event in events:
                    yield event
        except ModelMissing:
            if not self.can_pull(request.model):
                raise
        else:
            return
        async with aclosing(self._pull_for(request)) as phases:
            async for phase in phases:
                yield phase
        async with aclosing(self._ask_pool(request)) as events:
            async for event in events:
                yield event

    async def look(self) -> Presence:
        """Ask every host at once what it has. See `Provider.look`."""
        return await self._hosts.look()

    async def aclose(self) -> None:
        """Close all connections, give up loads and downloads. See `Provider.aclose`."""
        self._loads.cancel()
        self._downloads.cancel()
        await self._wire.aclose()

    async def embed(
        self, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float
    ) -> tuple[tuple[float, ...], ...]:
        """One vector for each text, in order. Raises CallError."""
        addresses = await self._hosts.addresses_for(model, privacy)
        for address in addresses[:-1]:
            try:
                return await self._embed_at(address, model, texts, privacy=privacy, deadline_s=deadline_s)
            except _OF_THE_HOST as error:
                self._note(address, model, error)
                if self._clock.monotonic_s() >= deadline_s:
                    raise
        return await self._embed_at(addresses[-1], model, texts, privacy=privacy, deadline_s=deadline_s)

    async def _embed_at(
        self, address: Address, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float
    ) -> tuple[tuple[float, ...], ...]:
        asked = self._hosts.asked(address, model)
        async with self._pool.busy(address, model, deadline_s=deadline_s):
            return await self._models.embed(asked, texts, privacy=privacy, deadline_s=deadline_s)

    async def _ask_pool(self, request: Request) -> AsyncGenerator[Event, None]:
        addresses = await self._hosts.addresses_for(request.model, request.privacy)
        for position, address in enumerate(addresses, 1):
            was_heard = False
            try:
                async with aclosing(self._ask(address, request)) as events:
                    async for event in events:
                        was_heard = was_heard or isinstance(event, TextDelta)
                        yield event
                return
            except CallError as error:
                self._note(address, request.model, error)
                is_last = position == len(addresses) or self._clock.monotonic_s() >= request.deadline_s
                if was_heard or is_last or not isinstance(error, _OF_THE_HOST):
                    raise

    def _note(self, address: Address, model: str, error: CallError) -> None:
        """Let the pool know at once what a failure tells of a host."""
        if isinstance(error, ConnectFailed):
            self._pool.saw_down(address, error.message)
        elif isinstance(error, ModelMissing):
            self._pool.saw_missing(address, model)
        elif isinstance(error, _BREAKS):
            self._hosts.suspect(address)

    async def _pull_for(self, request: Request) -> AsyncGenerator[Waiting, None]:
        """Wait for the download of a missing model, which goes on without us. Raises Stalled at the deadline."""
        model = request.model
        address = (await self._hosts.addresses_for(model, request.privacy))[0]
        yield Waiting(f"pulling {model}", is_loading=True)
        said = ""
        async with aclosing(self.model_library.download(address, model, is_kept=True, every_s=1.0)) as steps:
            async for step in steps:
                if self._clock.monotonic_s() >= request.deadline_s:
                    raise Stalled(
                        f"{model} is still being downloaded{f' ({said})' if said else ''}; the download goes on.",
                        hint="ask again in a while, or allow more time with --timeout",
                    )
                if step is not None and step.percent is not None and said != f"{step.percent} %":
                    said = f"{step.percent} %"
                    yield Waiting(f"pulling {model} {said}", is_loading=True)

    async def _ask(self, address: Address, request: Request) -> AsyncGenerator[Event, None]:
        asked = self._hosts.asked(address, request.model)
        launch = self.endpoint.launch_options(request.model)
        body = chat_body(request.model, request.prompt, launch=launch, keep_alive=self.endpoint.keep_alive)
        outgoing = outgoing_to(asked, "/api/chat", body, request.privacy)
        # Asked before the model is loaded, not only when the text goes out: a refused call must cost nothing.
        self._wire.check(outgoing)
        deadline_s = self.endpoint.deadline_s(request.deadline_s, now_s=self._clock.monotonic_s())
        if self._pool.is_closed(address):
            yield Waiting(f"waiting for a place at {address.url}")
        async with self._pool.busy(address, request.model, deadline_s=deadline_s):
            is_loaded = asked.is_forwarded or await self._hosts.is_loaded(asked, deadline_s)
            if is_loaded is False:
                latest_s = min(deadline_s, self._clock.monotonic_s() + self._patience.cold_first_byte_s)
                async with aclosing(self._loads.load(asked, latest_s=latest_s)) as phases:
                    async for phase in phases:
                        yield phase
            cold_s = self._patience.cold_first_byte_s
            clock = self._wire.reply_clock(
                deadline_s, first_byte_s=cold_s if is_loaded is None else self._warm_s(asked, request.prompt)
            )
            try:
                async with aclosing(self._converse(asked, outgoing, clock, request.prompt.max_tokens)) as events:
                    async for event in events:
                        yield event
            except CallError:
                self._pool.forget_loaded(address)
                raise

    async def _converse(
        self, asked: Asked, outgoing: Outgoing, clock: ReplyClock, max_tokens: int
    ) -> AsyncGenerator[Event, None]:
        """One reply from its head to its terminal record."""
        started_s = self._clock.monotonic_s()
        parser, records = NdjsonParser(), ChatRecords(asked, max_tokens=max_tokens)
        async with self._api.open(asked, outgoing, clock) as reply:
            while (found := await reply.pieces(parser)) is not None:
                ms = round((self._clock.monotonic_s() - started_s) * 1000)
                for record in found:
                    for event in records.take(record, ms):
                        yield event
                if records.is_done:
                    self._pool.saw_model_loaded(asked.address, asked.model)
                    await reply.drain()
                    return
            raise records.cut_off()

    def _warm_s(self, asked: Asked, prompt: Prompt) -> float:
        """How long the first byte of a loaded model may take: it reads the prompt first, after those before us."""
        own_s = self._patience.first_byte_s + prompt.text_length / PROMPT_CHARACTERS_PER_S
        return own_s * self._pool.running(asked.address)
