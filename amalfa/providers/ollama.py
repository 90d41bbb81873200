"""Ollama through its own API: one or several hosts, models that are loaded on demand, replies as NDJSON."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from anyio.abc import TaskGroup

from amalfa.calls import PrivacyClass, Prompt, Tier, Usage
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
from amalfa.providers.expected import expected_of
from amalfa.providers.host_lines import Need, prefix_of
from amalfa.providers.host_queue import MovedAway, Place
from amalfa.providers.ndjson import NdjsonParser
from amalfa.providers.ollama_api import OllamaApi, outgoing_to
from amalfa.providers.ollama_chat import ChatRecords, chat_body
from amalfa.providers.ollama_errors import FormatRefused, ToolsRefused
from amalfa.providers.ollama_hosts import OllamaHosts
from amalfa.providers.ollama_library import OllamaLibrary
from amalfa.providers.ollama_loads import OllamaLoads
from amalfa.providers.ollama_models import OllamaModels, Vectors
from amalfa.providers.ollama_names import full_name, is_cloud_name
from amalfa.providers.patience import Patience
from amalfa.providers.provider import Event, Line, Presence, Request, TextDelta, ToolCallDelta, Waiting
from amalfa.providers.staying import keep_alive
from amalfa.providers.this_machine import Room, room
from amalfa.providers.wire import Outgoing, Transport, Wire

# A processor reads a prompt at some hundred tokens a second before the first byte of the reply can come.
PROMPT_CHARACTERS_PER_S = 350

_OF_THE_HOST = (ConnectFailed, ModelMissing, OutOfMemory, Overloaded, Stalled, Unauthorized, UpstreamBroken)
"""Failures that another host may not have. All others are about the request, and the same everywhere."""
_BREAKS = (Stalled, Truncated, UpstreamBroken)
"""Failures of a host that may have died."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One attempt that has its place at a host."""

    asked: Asked
    request: Request
    place: Place
    deadline_s: float


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

    @property
    def lines(self) -> Mapping[str, Line]:
        """The calls that wait and run now, by the URL of the host."""
        return {view.address.url: self._pool.lines.line(view.address) for view in self._pool.views}

    def digest_of(self, model: str) -> str:
        """Which build of a model the hosts have, as last seen; "" where none says. One pulled again has another."""
        found = {view.digests.get(full_name(model), "") for view in self._pool.views}
        return " ".join(sorted(found - {""}))

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

    async def embed(self, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float) -> Vectors:
        """One vector for each text, in order. Raises CallError."""
        vectors, _ = await self.embed_counted(model, texts, privacy=privacy, deadline_s=deadline_s)
        return vectors

    async def embed_counted(
        self, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float
    ) -> tuple[Vectors, Usage]:
        """The same, with what was counted. Raises CallError."""
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
    ) -> tuple[Vectors, Usage]:
        asked = self._hosts.asked(address, model)
        # One text is a question that somebody waits for; many are notes on their way into the index.
        need = Need(model, "interactive" if len(texts) == 1 else "background", is_forwarded=asked.is_forwarded)
        async with self._pool.busy(address, need, deadline_s=deadline_s) as place:
            began_s = self._clock.monotonic_s()
            found = await self._models.embed(asked, texts, privacy=privacy, deadline_s=deadline_s)
            if not (asked.is_forwarded or self._pool.view(address).holds(model)):
                await self._hosts.note_load(asked, place, self._clock.monotonic_s() - began_s)
            return found

    async def _ask_pool(self, request: Request) -> AsyncGenerator[Event, None]:
        left = list(await self._hosts.addresses_for(request.model, request.privacy, lane=request.lane))
        while left:
            address = left.pop(0)
            was_heard = False
            try:
                async with aclosing(self._ask(address, request, self._pool.alike(request.model, left))) as events:
                    async for event in events:
                        was_heard = was_heard or isinstance(event, TextDelta | ToolCallDelta)
                        yield event
                return
            except MovedAway as moved:
                # The one it waited for is asked again only when the others fail.
                left = [one for at_once in (True, False) for one in left if (one.url == moved.url) is at_once]
                left.append(address)
            except CallError as error:
                self._note(address, request.model, error)
                is_last = not left or self._clock.monotonic_s() >= request.deadline_s
                if was_heard or is_last or not isinstance(error, _OF_THE_HOST):
                    raise

    def _note(self, address: Address, model: str, error: CallError) -> None:
        """Let the pool know at once what a failure tells of a host."""
        if isinstance(error, ConnectFailed):
            self._pool.saw_down(address, error.message)
        elif isinstance(error, ModelMissing):
            self._pool.saw_missing(address, model)
        elif isinstance(error, ToolsRefused):
            self._pool.saw_tools(address, model, takes_tools=False)
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

    async def _ask(
        self, address: Address, request: Request, others: tuple[Address, ...]
    ) -> AsyncGenerator[Event, None]:
        asked = self._hosts.asked(address, request.model)
        # Asked before the model is loaded, not only when the text goes out: a refused call must cost nothing.
        self._wire.check(outgoing_to(asked, "/api/chat", {}, request.privacy))
        deadline_s = self._deadline_s(request.deadline_s)
        if request.prompt.tools:
            await self._hosts.check_tools(asked, deadline_s)
        need = Need(request.model, request.lane, prefix_of(request.prompt), others, asked.is_forwarded)
        if self._pool.lines.must_wait(address, need):
            yield Waiting(f"waiting for a place at {address.url}")
        # With a limit of its own, an attempt begins when it has its place, however long that took.
        wait_until_s = deadline_s if request.limit_s is None else request.deadline_s
        async with self._pool.busy(address, need, deadline_s=wait_until_s) as place:
            if request.limit_s is not None:
                now_s = self._clock.monotonic_s()
                deadline_s = self._deadline_s(min(request.deadline_s, now_s + request.limit_s))
            async with aclosing(self._answered(Turn(asked, request, place, deadline_s))) as events:
                async for event in events:
                    yield event

    def _deadline_s(self, call_deadline_s: float) -> float:
        return self.endpoint.deadline_s(call_deadline_s, now_s=self._clock.monotonic_s())

    async def _answered(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """One reply at a place, with the model brought into memory before it."""
        asked, cold_s = turn.asked, self._patience.cold_first_byte_s
        is_loaded = asked.is_forwarded or await self._hosts.is_loaded(asked, turn.deadline_s)
        if is_loaded is False:
            began_s = self._clock.monotonic_s()
            latest_s, stay = min(turn.deadline_s, began_s + cold_s), self._keep_alive(turn.place)
            try:
                async with aclosing(self._loads.load(asked, latest_s=latest_s, keep_alive=stay)) as phases:
                    async for phase in phases:
                        yield phase
            except CallError:
                turn.place.not_loaded()
                raise
            await self._hosts.note_load(asked, turn.place, self._clock.monotonic_s() - began_s)
        first_byte_s = cold_s if is_loaded is None else self._warm_s(asked, turn.request.prompt)
        try:
            async with aclosing(self._held(turn, first_byte_s)) as events:
                async for event in events:
                    yield event
        except CallError:
            self._pool.forget_loaded(asked.address)
            raise

    def _keep_alive(self, place: Place) -> str | int:
        return keep_alive(self.endpoint.keep_alive, is_wanted=place.is_wanted, is_of_people=place.is_of_people)

    async def _held(self, turn: Turn, first_byte_s: float) -> AsyncGenerator[Event, None]:
        """One reply; once more with the schema in words when the host can make no grammar of it."""
        try:
            async with aclosing(self._converse(turn, first_byte_s)) as events:
                async for event in events:
                    yield event
            return
        except FormatRefused:
            if turn.request.prompt.schema is None:
                raise
        yield Waiting(f"{turn.request.model} cannot be held to this schema, asking for JSON in words")
        async with aclosing(self._converse(turn, first_byte_s, is_held=False)) as events:
            async for event in events:
                yield event

    def _outgoing(self, asked: Asked, request: Request, stay: str | int, *, is_held: bool = True) -> Outgoing:
        launch = self.endpoint.launch_options(request.model)
        body = chat_body(request.model, request.prompt, launch=launch, keep_alive=stay, is_held=is_held)
        return outgoing_to(asked, "/api/chat", body, request.privacy)

    async def _converse(self, turn: Turn, first_byte_s: float, *, is_held: bool = True) -> AsyncGenerator[Event, None]:
        """One reply from its head to its terminal record."""
        asked, started_s = turn.asked, self._clock.monotonic_s()
        parser, records = NdjsonParser(), ChatRecords(asked, expected_of(turn.request.prompt))
        outgoing = self._outgoing(asked, turn.request, self._keep_alive(turn.place), is_held=is_held)
        clock = self._wire.reply_clock(turn.deadline_s, first_byte_s=first_byte_s)
        async with self._api.open(asked, outgoing, clock) as reply:
            while (found := await reply.pieces(parser)) is not None:
                ms = round((self._clock.monotonic_s() - started_s) * 1000)
                for record in found:
                    for event in records.take(record, ms):
                        yield event
                if records.is_done:
                    self._pool.saw_model_loaded(asked.address, asked.model)
                    turn.place.measured(waited_s=records.spent.waited_s, worked_s=records.spent.worked_s)
                    await reply.drain()
                    return
            raise records.cut_off()

    def _warm_s(self, asked: Asked, prompt: Prompt) -> float:
        """How long the first byte of a loaded model may take: it reads the prompt first, after those before us."""
        own_s = self._patience.first_byte_s + prompt.text_length / PROMPT_CHARACTERS_PER_S
        return own_s * self._pool.running(asked.address)
