"""The models of one Ollama provider as people manage them: list, describe, load, unload, pull, over all its hosts."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

import anyio

from amalfa.clock import Clock
from amalfa.config.hosts import is_loopback
from amalfa.errors import AmalfaError, Busy, CallError, ConnectFailed, ModelMissing, UsageProblem
from amalfa.providers.downloading import Downloads, PullProgress
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.forecast import Fit, Forecast, fit_of
from amalfa.providers.ollama_errors import pull_hint
from amalfa.providers.ollama_hosts import OllamaHosts
from amalfa.providers.ollama_loads import OllamaLoads
from amalfa.providers.ollama_models import InMemory, ModelFacts, OllamaModels, readable
from amalfa.providers.ollama_names import full_name, is_cloud_name, is_hosted
from amalfa.providers.provider import Waiting
from amalfa.providers.this_machine import Room

LIST_S = 5.0
ALL_HOSTS = "all"
# A download may take a night on a slow line.
PULL_MAX_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class ModelAtHost:
    """One installed model at one host. `memory` None = not loaded; `running` counts our own calls to it."""

    url: str
    facts: ModelFacts
    memory: InMemory | None
    running: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What was found, and the hosts (URL, reason) that could not be asked."""

    models: tuple[ModelAtHost, ...]
    unreachable: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PullStep:
    """How far a download is at one host."""

    url: str
    progress: PullProgress


class OllamaLibrary:
    """What people do with models. What a call needs of them is in `OllamaProvider`."""

    def __init__(
        self,
        endpoint: Endpoint,
        hosts: OllamaHosts,
        models: OllamaModels,
        *,
        loads: OllamaLoads,
        downloads: Downloads,
        room: Callable[[], Room],
        clock: Clock,
    ) -> None:
        self._endpoint = endpoint
        self._hosts = hosts
        self._models = models
        self._loads = loads
        self._downloads = downloads
        self._room = room
        self._clock = clock

    async def list_models(self) -> Listing:
        """Every model of every host, asked now. Raises nothing."""
        if (standing := self._endpoint.standing()) is not None:
            reasons = ((address.url, standing.reason) for address in self._endpoint.addresses)
            return Listing((), tuple(reasons))
        found: dict[str, tuple[ModelAtHost, ...] | str] = {}
        async with anyio.create_task_group() as group:
            for address in self._endpoint.addresses:
                group.start_soon(self._list_at, address, found)
        in_order = [(address.url, found[address.url]) for address in self._endpoint.addresses]
        models = (model for _, listed in in_order if not isinstance(listed, str) for model in listed)
        unreachable = ((url, listed) for url, listed in in_order if isinstance(listed, str))
        return Listing(tuple(models), tuple(unreachable))

    async def info(self, model: str, *, deadline_s: float) -> tuple[ModelFacts, tuple[ModelAtHost, ...]]:
        """What is known of an installed model, and where it is. Raises CallError; ModelMissing when nobody has it."""
        listing = await self.list_models()
        places = tuple(one for one in listing.models if one.facts.model == full_name(model))
        if not places:
            raise self._absent(model, listing)
        address = self._address(places[0].url)
        shown = await self._models.show(self._hosts.asked(address, model), deadline_s=deadline_s)
        return shown, places

    async def forecast_load(self, model: str, *, host: str | None = None) -> Forecast:
        """What loading would do. Raises CallError or UsageProblem when that cannot be found out."""
        self._refuse_forwarded(model, "loaded")
        listing = await self.list_models()
        place = self._place_for(model, host, listing)
        if place.facts.is_forwarded:
            raise self._forwarded(model, "loaded")
        address = self._address(place.url)
        window = self._endpoint.launch_options(model)["num_ctx"]
        if place.memory is not None and place.memory.window_tokens in (None, window):
            return Forecast(
                "load", model, (place.url,), (f"{model} is in memory at {place.url} already.",), changes=False
            )
        others = [one.memory for one in listing.models if one.url == place.url and one.memory and one != place]
        fit = fit_of(model, place.facts.size_bytes, self._room(), others) if is_loopback(address.url) else Fit()
        size = f" ({readable(place.facts.size_bytes)})" if place.facts.size_bytes else ""
        does = [f"{model}{size} would be loaded at {place.url} with a window of {window} tokens."]
        if place.memory is not None:
            does.append(f"It is in memory with a window of {place.memory.window_tokens} tokens and is loaded anew.")
        if fit.pushed_out:
            does.append(f"To make room, Ollama may take out {', '.join(fit.pushed_out)}.")
        warnings = (fit.warning,) if fit.warning else ()
        return Forecast(
            "load", model, (place.url,), tuple(does), warnings=warnings, pushed_out=fit.pushed_out, refusal=fit.refusal
        )

    async def load(self, forecast: Forecast, *, deadline_s: float) -> AsyncGenerator[Waiting, None]:
        """Do what the forecast says, together with callers that wait for the same. Raises its refusal, or CallError."""
        if forecast.refusal is not None:
            raise forecast.refusal
        if not forecast.changes:
            return
        asked = self._hosts.asked(self._address(forecast.hosts[0]), forecast.model)
        facts = await self._models.show(asked, deadline_s=deadline_s)
        is_embedding = "embedding" in facts.capabilities and "completion" not in facts.capabilities
        async with aclosing(self._loads.load(asked, latest_s=deadline_s, is_embedding=is_embedding)) as phases:
            async for phase in phases:
                yield phase

    async def forecast_unload(self, model: str, *, host: str | None = None, is_forced: bool = False) -> Forecast:
        """What unloading would do: at one host, or wherever the model is in memory. Raises as `forecast_load` does."""
        self._refuse_forwarded(model, "unloaded")
        listing = await self.list_models()
        self._place_for(model, host, listing)
        chosen = {self._hosts.named(host).url} if host else {address.url for address in self._endpoint.addresses}
        places = [
            one
            for one in listing.models
            if one.facts.model == full_name(model) and one.memory is not None and one.url in chosen
        ]
        urls = tuple(one.url for one in places)
        if not places:
            where = f" at {next(iter(chosen))}" if host else ""
            return Forecast("unload", model, (), (f"{model} is not in memory{where}.",), changes=False)
        running = sum(one.running for one in places)
        does = [f"{model} would be taken out of memory at {url}." for url in urls]
        refusal: AmalfaError | None = None
        if running and is_forced:
            does.append(f"{running} calls of ours are running on it; it leaves when they have ended.")
        elif running:
            refusal = Busy(f"{model} is in use by {running} calls.", hint="try again shortly, or add --force")
        return Forecast("unload", model, urls, tuple(does), refusal=refusal)

    async def unload(self, forecast: Forecast, *, deadline_s: float) -> None:
        """Do what the forecast says. Raises its refusal, or CallError."""
        if forecast.refusal is not None:
            raise forecast.refusal
        for url in forecast.hosts:
            asked = self._hosts.asked(self._address(url), forecast.model)
            await self._loads.unload(asked, deadline_s=deadline_s)

    async def forecast_pull(self, model: str, *, host: str | None = None) -> Forecast:
        """What pulling would do, at `host`, at every host that is up for "all", else at the first that is up.

        How large the model is shows only when the download begins.
        """
        self._refuse_forwarded(model, "pulled")
        listing = await self.list_models()
        down = dict(listing.unreachable)
        up = [address for address in self._endpoint.addresses if address.url not in down]
        chosen = [self._hosts.named(host)] if host and host != ALL_HOSTS else up if host else up[:1]
        if not chosen or chosen[0].url in down:
            raise ConnectFailed(" ".join(down.values()), hint=self._endpoint.remedy(self._endpoint.addresses[0]))
        has = {one.url for one in listing.models if one.facts.model == full_name(model)}
        does = [
            f"{model} is installed at {address.url}; Ollama would look for a newer one."
            if address.url in has
            else f"{model} would be downloaded to {address.url}{self._disk_at(address)}."
            for address in chosen
        ]
        return Forecast("pull", model, tuple(address.url for address in chosen), tuple(does))

    async def pull(self, forecast: Forecast) -> AsyncGenerator[PullStep, None]:
        """Do what the forecast says, one host after the other. Leaving it stops the download; the next one resumes."""
        for url in forecast.hosts:
            async with aclosing(self.download(self._address(url), forecast.model, is_kept=False)) as steps:
                async for progress in steps:
                    if progress is not None:
                        yield PullStep(url, progress)

    async def download(
        self, address: Address, model: str, *, is_kept: bool, every_s: float = float("inf")
    ) -> AsyncGenerator[PullProgress | None, None]:
        """Follow the one download of the model to that host, begun by whoever came first. See `Download.follow`.

        `is_kept`: it goes on when everybody has left.
        """
        asked = self._hosts.asked(address, model)

        async def pull() -> AsyncGenerator[PullProgress, None]:
            deadline_s = self._clock.monotonic_s() + PULL_MAX_S
            free_disk = (lambda: self._room().disk_bytes) if is_loopback(address.url) else (lambda: None)
            async with aclosing(self._models.pull(asked, deadline_s=deadline_s, free_disk=free_disk)) as steps:
                async for step in steps:
                    yield step
            self._hosts.pool.saw_pulled(address, model)

        shared = self._downloads.join((address.url, full_name(model)), pull, is_kept=is_kept)
        async with aclosing(shared.follow(every_s=every_s)) as steps:
            async for step in steps:
                yield step

    async def _list_at(self, address: Address, found: dict[str, tuple[ModelAtHost, ...] | str]) -> None:
        deadline_s = self._clock.monotonic_s() + LIST_S
        try:
            installed = await self._models.installed(address, deadline_s=deadline_s)
            loaded = await self._models.in_memory(address, deadline_s=deadline_s)
        except CallError as error:
            found[address.url] = error.message
            return
        memory = {one.model: one for one in loaded}
        found[address.url] = tuple(
            ModelAtHost(address.url, facts, memory.get(facts.model), self._hosts.pool.running_of(address, facts.model))
            for facts in installed
        )

    def _place_for(self, model: str, host: str | None, listing: Listing) -> ModelAtHost:
        """Where the model is to be loaded: the named host, else the one a call would go to."""
        places = {one.url: one for one in listing.models if one.facts.model == full_name(model)}
        if host:
            url = self._hosts.named(host).url
            if reason := dict(listing.unreachable).get(url):
                raise ConnectFailed(reason, hint=self._endpoint.remedy(self._address(url)))
            if url in places:
                return places[url]
            raise ModelMissing(f"{model} is not installed at {url}.", hint=f"amalfa models pull {model} --host {url}")
        if not places:
            raise self._absent(model, listing)
        order = [address.url for address in self._hosts.pool.order(model)]
        return next((places[url] for url in order if url in places), next(iter(places.values())))

    def _absent(self, model: str, listing: Listing) -> CallError:
        if listing.unreachable and not listing.models:
            reasons = " ".join(reason for _, reason in listing.unreachable)
            return ConnectFailed(reasons, hint=self._endpoint.remedy(self._endpoint.addresses[0]))
        where = " or ".join(address.url for address in self._endpoint.addresses)
        return ModelMissing(f"{model} is not installed on {self._endpoint.name} at {where}.", hint=pull_hint(model))

    def _refuse_forwarded(self, model: str, done: str) -> None:
        if is_cloud_name(model) or all(is_hosted(address.url) for address in self._endpoint.addresses):
            raise self._forwarded(model, done)

    def _forwarded(self, model: str, done: str) -> UsageProblem:
        return UsageProblem(f"{model} runs in Ollama's cloud; it is never {done}.", hint="amalfa models list")

    def _disk_at(self, address: Address) -> str:
        free = self._room().disk_bytes if is_loopback(address.url) else None
        return f", where {readable(free)} are free" if free is not None else ""

    def _address(self, url: str) -> Address:
        return next(address for address in self._endpoint.addresses if address.url == url)
