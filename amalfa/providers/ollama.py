"""Ollama through its own API: one or several hosts, models that are loaded on demand, replies as NDJSON."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

import anyio
from anyio.abc import TaskGroup

from amalfa.calls import PrivacyClass, Prompt, Tier
from amalfa.clock import Clock
from amalfa.errors import CallError, ConnectFailed, Stalled, Unauthorized
from amalfa.providers.asked import Asked
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.loading import Loads
from amalfa.providers.ndjson import NdjsonParser
from amalfa.providers.ollama_api import OllamaApi, outgoing_to
from amalfa.providers.ollama_chat import ChatRecords, chat_body
from amalfa.providers.ollama_models import ModelFacts, OllamaModels, PullProgress
from amalfa.providers.ollama_names import full_name, is_hosted
from amalfa.providers.patience import Patience, ReplyClock
from amalfa.providers.pool import HostPool
from amalfa.providers.provider import Event, Presence, Request, Waiting
from amalfa.providers.wire import Outgoing, Transport, Wire

# Longer than any caller waits, so that the next caller finds the load still under way instead of starting it over.
LOAD_MAX_S = 900.0
# A processor reads a prompt at some hundred tokens a second before the first byte of the reply can come.
PROMPT_CHARACTERS_PER_S = 350


class OllamaProvider:
    """A pool of Ollama hosts. `tasks` must outlive it: loads run there, so that no caller can abort them."""

    type = "ollama"

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        tasks: TaskGroup,
        clock: Clock,
        patience: Patience | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._clock = clock
        self._patience = patience or Patience()
        self._wire = Wire(endpoint, clock=clock, patience=self._patience, transport=transport)
        self._api = OllamaApi(endpoint, self._wire)
        self._pool = HostPool(endpoint.addresses)
        self._loads = Loads(tasks)
        self._models = OllamaModels(endpoint, self._api, clock=clock)

    @property
    def name(self) -> str:
        return self.endpoint.name

    @property
    def tier(self) -> Tier:
        return self.endpoint.tier

    @property
    def is_verified_local(self) -> bool:
        return self.endpoint.is_verified_local

    @property
    def fingerprint(self) -> str:
        return self.endpoint.fingerprint

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Ask the best host, and the next one when nothing listens at it. See `Provider.stream`."""
        addresses = await self._addresses_for(request.model, request.privacy)
        for position, address in enumerate(addresses, 1):
            try:
                async with aclosing(self._ask(address, request)) as events:
                    async for event in events:
                        yield event
                return
            except ConnectFailed as error:
                self._pool.saw_down(address, error.message)
                if position == len(addresses):
                    raise

    async def look(self) -> Presence:
        """Ask every host at once what it has. See `Provider.look`."""
        if (standing := self.endpoint.standing()) is not None:
            return standing
        refused: list[CallError] = []
        async with anyio.create_task_group() as group:
            for address in self.endpoint.addresses:
                group.start_soon(self._look_at, address, refused)
        hosts = tuple(view.as_host() for view in self._pool.views)
        if any(host.state == "up" for host in hosts):
            return Presence("up", hosts=hosts)
        return Presence("parked" if refused else "down", " ".join(host.reason for host in hosts), hosts)

    async def aclose(self) -> None:
        """Close all connections and give up loads. See `Provider.aclose`."""
        self._loads.cancel()
        await self._wire.aclose()

    async def pull(self, model: str, *, deadline_s: float) -> AsyncGenerator[PullProgress, None]:
        """Download a model to the first host that is up. Raises CallError; ends after success."""
        async with aclosing(
            self._models.pull(self._asked(self._pool.order(model)[0], model), deadline_s=deadline_s)
        ) as steps:
            async for step in steps:
                yield step

    async def show(self, model: str, *, deadline_s: float) -> ModelFacts:
        """What is known of an installed model. Raises CallError."""
        return await self._models.show(self._asked(self._pool.order(model)[0], model), deadline_s=deadline_s)

    async def embed(
        self, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float
    ) -> tuple[tuple[float, ...], ...]:
        """One vector for each text, in order. Raises CallError."""
        address = (await self._addresses_for(model, privacy))[0]
        asked = self._asked(address, model)
        with self._pool.busy(address):
            return await self._models.embed(asked, texts, privacy=privacy, deadline_s=deadline_s)

    async def _addresses_for(self, model: str, privacy: PrivacyClass) -> Sequence[Address]:
        """The hosts to try, best first. Raises ConnectFailed when none may be tried."""
        # A local host may pass a model on to a cloud, and only its list says so. Where that matters, it comes first.
        is_restricted = privacy is not PrivacyClass.CLOUD_OK or bool(self.endpoint.off_reason)
        must_know = is_restricted and self.tier is Tier.LOCAL
        if self._is_look_due(must_know):
            await self.look()
        addresses = self._allowed(self._pool.order(model), privacy)
        listed = [address for address in addresses if self._pool.view(address).has_list]
        if must_know and not listed:
            reason = self._pool.view(addresses[0]).reason
            raise ConnectFailed(reason or f"{self.name} did not say which models it has.", hint="amalfa doctor")
        return listed if must_know else addresses

    def _is_look_due(self, must_know: bool) -> bool:
        views = self._pool.views
        if must_know and not any(view.has_list for view in views):
            return True
        # One host needs no choice; of several, one that nobody has looked at may be the best.
        return len(views) > 1 and any(view.state == "unknown" for view in views)

    def _allowed(self, addresses: Sequence[Address], privacy: PrivacyClass) -> Sequence[Address]:
        verified = [address for address in addresses if address.is_verified_local]
        # Without a verified host the wire refuses; asking it with the others keeps that decision in one place.
        return verified if privacy is PrivacyClass.LOCAL_ONLY and verified else addresses

    def _asked(self, address: Address, model: str) -> Asked:
        is_forwarded = is_hosted(address.url) or self._pool.is_forwarded(address, model)
        return Asked(self.endpoint, address, model, is_forwarded=is_forwarded)

    async def _ask(self, address: Address, request: Request) -> AsyncGenerator[Event, None]:
        asked = self._asked(address, request.model)
        launch = self.endpoint.launch_options(request.model)
        body = chat_body(request.model, request.prompt, launch=launch, keep_alive=self.endpoint.keep_alive)
        outgoing = outgoing_to(asked, "/api/chat", body, request.privacy)
        # Asked before the model is loaded, not only when the text goes out: a refused call must cost nothing.
        self._wire.check(outgoing)
        deadline_s = self.endpoint.deadline_s(request.deadline_s, now_s=self._clock.monotonic_s())
        is_loaded = asked.is_forwarded or await self._is_loaded(asked, deadline_s)
        if is_loaded is False:
            async with aclosing(self._load(asked, deadline_s)) as phases:
                async for phase in phases:
                    yield phase
        first_byte_s = self._patience.cold_first_byte_s if is_loaded is None else self._warm_s(asked, request.prompt)
        clock = self._wire.reply_clock(deadline_s, first_byte_s=first_byte_s)
        with self._pool.busy(address):
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
                    self._pool.saw_model_loaded(asked.address, asked.model, self._clock.monotonic_s())
                    await reply.drain()
                    return
            raise records.cut_off()

    def _warm_s(self, asked: Asked, prompt: Prompt) -> float:
        """How long the first byte of a loaded model may take: it reads the prompt first, after those before us."""
        own_s = self._patience.first_byte_s + prompt.text_length / PROMPT_CHARACTERS_PER_S
        return own_s * (1 + self._pool.running(asked.address))

    async def _is_loaded(self, asked: Asked, deadline_s: float) -> bool | None:
        """Whether the model is in memory with our options; None when the host cannot tell. Raises ConnectFailed."""
        now_s = self._clock.monotonic_s()
        if not self._pool.knows_loaded(asked.address, now_s):
            look_deadline_s = min(deadline_s, now_s + self._patience.look_s)
            loaded: Mapping[str, int | None] | None
            try:
                loaded = await self._api.loaded(asked.address, look_deadline_s)
            except ConnectFailed:
                raise
            except CallError:
                loaded = None
            self._pool.saw_loaded(asked.address, loaded, self._clock.monotonic_s())
        window = self.endpoint.launch_options(asked.model)["num_ctx"]
        return self._pool.view(asked.address).is_loaded(asked.model, window)

    async def _load(self, asked: Asked, deadline_s: float) -> AsyncGenerator[Waiting, None]:
        """Wait for the model to be loaded, saying so every second. Raises Stalled; the load itself goes on."""
        started_s = now_s = self._clock.monotonic_s()
        latest_s = min(deadline_s, started_s + self._patience.cold_first_byte_s)
        load = self._loads.join((asked.address.url, full_name(asked.model)), lambda: self._preload(asked))
        yield Waiting(f"loading {asked.model}")
        while not await load.wait(min(1.0, latest_s - now_s)):
            now_s = self._clock.monotonic_s()
            if now_s >= latest_s:
                message = f"{asked.model} was still loading after {now_s - started_s:.0f} s; the load goes on."
                raise Stalled(message, hint="ask again in a moment, or allow more time with --timeout")
            yield Waiting(f"loading {asked.model} {now_s - started_s:.0f} s")
        load.check()

    async def _preload(self, asked: Asked) -> None:
        payload = {
            "model": asked.model,
            "stream": False,
            "keep_alive": self.endpoint.keep_alive,
            "options": self.endpoint.launch_options(asked.model),
        }
        deadline_s = self._clock.monotonic_s() + LOAD_MAX_S
        try:
            await self._api.post(asked, "/api/generate", payload, deadline_s=deadline_s)
        finally:
            # Other models may have been pushed out to make room.
            self._pool.forget_loaded(asked.address)

    async def _look_at(self, address: Address, refused: list[CallError]) -> None:
        now_s = self._clock.monotonic_s()
        try:
            view = await self._api.look_at(address, deadline_s=now_s + self._patience.look_s, now_s=now_s)
        except Stalled:
            self._pool.saw_down(
                address, f"{self.name} at {address.url} did not answer within {self._patience.look_s:g} s."
            )
        except CallError as error:
            self._pool.saw_down(address, error.message)
            if isinstance(error, Unauthorized):
                refused.append(error)
        else:
            self._pool.saw(view)
