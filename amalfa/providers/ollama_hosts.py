"""The hosts of one Ollama provider as they are seen: looking at them, and which of them may be asked what."""

from collections.abc import Mapping, Sequence

import anyio
from anyio.abc import TaskGroup

from amalfa.calls import Lane, PrivacyClass, Tier
from amalfa.clock import Clock
from amalfa.errors import CallError, ConnectFailed, ModelMissing, Stalled, Unauthorized, UsageProblem
from amalfa.providers.asked import Asked
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.host_lines import QueueTerms
from amalfa.providers.host_queue import Place
from amalfa.providers.ollama_api import OllamaApi
from amalfa.providers.ollama_errors import tools_refused
from amalfa.providers.ollama_names import is_hosted
from amalfa.providers.patience import Patience
from amalfa.providers.pool import HostPool
from amalfa.providers.provider import Presence
from amalfa.providers.slot_count import fixed
from amalfa.providers.untrusted_json import texts_at


class OllamaHosts:
    """Looks at the hosts and keeps the pool informed. `tasks` must outlive every caller."""

    def __init__(
        self, endpoint: Endpoint, api: OllamaApi, *, tasks: TaskGroup, clock: Clock, patience: Patience
    ) -> None:
        self.pool = HostPool(endpoint.addresses, clock, _terms(endpoint))
        self._endpoint = endpoint
        self._api = api
        self._tasks = tasks
        self._clock = clock
        self._patience = patience

    async def look(self) -> Presence:
        """Ask at once every host that is due what it has. See `Provider.look`."""
        if (standing := self._endpoint.standing()) is not None:
            return standing
        refused: list[CallError] = []
        async with anyio.create_task_group() as group:
            for address in self.pool.due():
                group.start_soon(self._look_at, address, refused)
        hosts = tuple(view.as_host() for view in self.pool.views)
        if any(host.state == "up" for host in hosts):
            return Presence("up", hosts=hosts)
        return Presence("parked" if refused else "down", " ".join(host.reason for host in hosts), hosts)

    def suspect(self, address: Address) -> None:
        """A call there broke off: it is asked last from now on, until a look, which begins at once, clears it."""
        if self.pool.view(address).is_suspect:
            return
        self.pool.saw_break(address)
        self._tasks.start_soon(self._look_at, address, [])

    async def addresses_for(
        self, model: str, privacy: PrivacyClass, *, lane: Lane = "interactive"
    ) -> Sequence[Address]:
        """The hosts to try, best first. Raises ConnectFailed when none may be tried."""
        # A local host may pass a model on to a cloud, and only its list says so. Where that matters, it comes first.
        is_restricted = privacy is not PrivacyClass.CLOUD_OK or bool(self._endpoint.off_reason)
        must_know = is_restricted and self._endpoint.tier is Tier.LOCAL
        if self._is_look_due(must_know):
            await self.look()
        addresses = self.pool.order(model, self._allowed(privacy), lane=lane)
        listed = [address for address in addresses if self.pool.view(address).has_list]
        if must_know and not listed:
            reason = self.pool.view(addresses[0]).reason
            raise ConnectFailed(
                reason or f"{self._endpoint.name} did not say which models it has.", hint="amalfa doctor"
            )
        return listed if must_know else addresses

    def named(self, host: str) -> Address:
        """The host that people mean: its URL, or any part of it that only one has. Raises UsageProblem."""
        wanted = host.strip().rstrip("/").lower()
        urls = {address.url: address for address in self._endpoint.addresses}
        found = [address for url, address in urls.items() if url == wanted] or [
            address for url, address in urls.items() if wanted and wanted in url
        ]
        if len(found) != 1:
            what = "is not a host" if not found else "is more than one host"
            raise UsageProblem(f"{host!r} {what} of {self._endpoint.name}.", hint=f"use one of {', '.join(urls)}")
        return found[0]

    def asked(self, address: Address, model: str) -> Asked:
        is_forwarded = is_hosted(address.url) or self.pool.is_forwarded(address, model)
        return Asked(self._endpoint, address, model, is_forwarded=is_forwarded)

    async def is_loaded(self, asked: Asked, deadline_s: float) -> bool | None:
        """Whether the model is in memory with our options; None when the host cannot tell.

        Raises ConnectFailed and Stalled.
        """
        if not self.pool.knows_loaded(asked.address):
            look_deadline_s = min(deadline_s, self._clock.monotonic_s() + self._patience.look_s)
            loaded: Mapping[str, int | None] | None
            try:
                loaded = await self._api.loaded(asked.address, look_deadline_s)
            except (ConnectFailed, Stalled):
                # A host that is silent even about this would be silent to the call as well.
                raise
            except CallError:
                loaded = None
            self.pool.saw_loaded(asked.address, loaded)
        window = self._endpoint.launch_options(asked.model)["num_ctx"]
        return self.pool.view(asked.address).is_loaded(asked.model, window)

    async def note_load(self, asked: Asked, place: Place, load_s: float) -> None:
        """Find out what is in memory after a load, which may have pushed other models out. Raises nothing."""
        deadline_s = self._clock.monotonic_s() + self._patience.look_s
        loaded: Mapping[str, int | None] | None = None
        try:
            loaded = await self._api.loaded(asked.address, deadline_s)
        except CallError:
            self.pool.forget_loaded(asked.address)
        self.pool.saw_load(asked.address, place, load_s, loaded)

    async def check_tools(self, asked: Asked, deadline_s: float) -> None:
        """Raise ToolsRefused when the model takes no tools, before it is loaded for nothing.

        The list of a host may leave tools out where the model takes them; what it says of the one model counts.
        """
        takes_tools = self.pool.takes_tools(asked.address, asked.model)
        if takes_tools is None:
            look_deadline_s = min(deadline_s, self._clock.monotonic_s() + self._patience.look_s)
            takes_tools = await self._told_of_tools(asked, look_deadline_s)
            if takes_tools is not None:
                self.pool.saw_tools(asked.address, asked.model, takes_tools=takes_tools)
        if takes_tools is False:
            raise tools_refused(asked)

    async def _told_of_tools(self, asked: Asked, deadline_s: float) -> bool | None:
        """What the host says of the model; None when it says nothing, as old servers do."""
        try:
            said = await self._api.post(asked, "/api/show", {"model": asked.model}, deadline_s=deadline_s)
        except (ConnectFailed, ModelMissing):
            raise
        except CallError:
            return None
        abilities = texts_at(said, "capabilities")
        return "tools" in abilities if abilities else None

    def _is_look_due(self, must_know: bool) -> bool:
        views = self.pool.views
        if must_know and not any(view.has_list for view in views):
            return True
        # One host needs no choice; of several, one that nobody has looked at may be the best.
        return len(views) > 1 and any(view.state == "unknown" for view in views)

    def _allowed(self, privacy: PrivacyClass) -> Sequence[Address]:
        addresses = self._endpoint.addresses
        verified = [address for address in addresses if address.is_verified_local]
        # Without a verified host the wire refuses; asking it with the others keeps that decision in one place.
        return verified if privacy is PrivacyClass.LOCAL_ONLY and verified else addresses

    async def _look_at(self, address: Address, refused: list[CallError]) -> None:
        now_s = self._clock.monotonic_s()
        deadline_s = now_s + self._patience.look_s
        version = self.pool.view(address).version
        try:
            view = await self._api.look_at(address, deadline_s=deadline_s, now_s=now_s, version=version)
        except Stalled:
            name, seconds = self._endpoint.name, self._patience.look_s
            self.pool.saw_down(address, f"{name} at {address.url} did not answer within {seconds:g} s.")
        except CallError as error:
            self.pool.saw_down(address, error.message)
            if isinstance(error, Unauthorized):
                refused.append(error)
        else:
            self.pool.saw(view)


def _terms(endpoint: Endpoint) -> QueueTerms:
    slots, people = endpoint.slots_per_host, endpoint.people_waiting_max
    return QueueTerms(
        slots=None if slots is None else fixed(slots),
        most_people=float("inf") if people is None else people,
        window_of=lambda model: endpoint.launch_options(model)["num_ctx"],
    )
