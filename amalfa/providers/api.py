"""The line to one API at one base URL: its key, its clocks, plain GETs, and the door for streamed replies."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import ClassVar, NotRequired, TypedDict, Unpack

from amalfa.calls import PrivacyClass, Tier
from amalfa.clock import Clock
from amalfa.errors import CallError, ModelMissing, Stalled, Unauthorized, UpstreamBroken
from amalfa.providers.asked import Asked
from amalfa.providers.configured import ConfiguredProvider
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.pacer import Load, Pace, Pacer
from amalfa.providers.patience import Patience
from amalfa.providers.provider import Event, Host, Presence, Request
from amalfa.providers.reply import Reply
from amalfa.providers.untrusted_json import JsonObject, objects_at, parse_object, text_at
from amalfa.providers.wire import Outgoing, Transport, Wire

# How long a failed call may be held up to find out which name was meant.
NEAREST_S = 2.0


class Means(TypedDict):
    """What every line needs besides its endpoint."""

    clock: Clock
    patience: NotRequired[Patience | None]
    transport: NotRequired[Transport | None]
    pacer: NotRequired[Pacer | None]


class Api:
    """The connections of one provider that has a single address."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        clock: Clock,
        patience: Patience | None = None,
        transport: Transport | None = None,
        pacer: Pacer | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self.patience = _for_tier(patience or Patience(), endpoint)
        self.pacer = pacer or Pacer(Pace(), clock)
        self._headers = headers
        self._wire = Wire(endpoint, clock=clock, patience=self.patience, transport=transport)

    @property
    def address(self) -> Address:
        return self.endpoint.addresses[0]

    def asked(self, model: str) -> Asked:
        return Asked(self.endpoint, self.address, model)

    def check_key(self) -> None:
        """Raise Unauthorized when a request is certain to be refused for want of a key."""
        endpoint = self.endpoint
        if endpoint.needs_key and endpoint.key is None:
            raise Unauthorized(f"There is no key for {endpoint.name}.", hint=endpoint.key_hint)

    @asynccontextmanager
    async def post(self, path: str, body: JsonObject, request: Request) -> AsyncGenerator[Reply, None]:
        """The reply to one attempt, whatever its status, when its turn has come. Leaving the block hangs up."""
        outgoing = Outgoing(
            self.address,
            path,
            request.privacy,
            body=json.dumps(body, separators=(",", ":"), default=dict).encode(),
            headers=self._headers,
        )
        async with self.pacer.turn(request.lane, request.model, self.endpoint.name, request.deadline_s):
            clock = self._wire.reply_clock(self._deadline_s(request))
            async with self._wire.open(outgoing, clock) as reply:
                yield reply

    def _deadline_s(self, request: Request) -> float:
        """When an attempt that starts now must be over."""
        now_s = self.clock.monotonic_s()
        limit_s = float("inf") if request.limit_s is None else request.limit_s
        return self.endpoint.deadline_s(min(request.deadline_s, now_s + limit_s), now_s=now_s)

    async def get(self, path: str, *, deadline_s: float) -> tuple[int, bytes]:
        """Status and body of a GET that holds none of the user's text. Raises CallError."""
        outgoing = Outgoing(self.address, path, PrivacyClass.CLOUD_OK, headers=self._headers)
        # Nothing streams here, so the one clock that counts is the deadline.
        clock = self._wire.reply_clock(deadline_s, first_byte_s=float("inf"))
        async with self._wire.open(outgoing, clock) as reply:
            return reply.status, await reply.body()

    async def look(self, path: str) -> Presence:
        """Whether the API can be asked, found out by a GET of `path`. Never raises."""
        if (standing := self.endpoint.standing()) is not None:
            return standing
        endpoint, url = self.endpoint, self.address.url
        try:
            status, _ = await self.get(path, deadline_s=self.clock.monotonic_s() + self.patience.look_s)
        except Stalled:
            reason = f"{endpoint.name} at {url} did not answer within {self.patience.look_s:g} s."
            return Presence("down", reason, (Host(url, "down", reason),))
        except CallError as error:
            return Presence("down", error.message, (Host(url, "down", error.message),))
        if status in (401, 403):
            reason = f"{endpoint.name} at {url} did not accept {endpoint.shown_credential} ({status})."
            return Presence("parked", reason, (Host(url, "up", reason),))
        # Any other answer shows that somebody is there; not every API has this path.
        return Presence("up", hosts=(Host(url, "up"),))

    async def aclose(self) -> None:
        await self._wire.aclose()


class ApiProvider(ConfiguredProvider):
    """The part of a provider that every API at one address has in common."""

    look_path: ClassVar[str] = "/models"
    """What is asked for to find out whether the API answers and takes the key."""
    demanded_headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Headers without which the API refuses every request."""

    models_path: ClassVar[str] = "/models"
    """Where the API tells what its models are called."""

    def __init__(self, endpoint: Endpoint, **means: Unpack[Means]) -> None:
        super().__init__(endpoint)
        self._api = Api(endpoint, headers=self.demanded_headers, **means)
        self._names: Sequence[str] | None = None

    @property
    def load(self) -> Load:
        """The calls that run and wait now."""
        return self._api.pacer.load

    def standing(self) -> Presence | None:
        """What forbids trying it, known without asking anybody; None when nothing does."""
        return self.endpoint.standing()

    async def models(self, *, deadline_s: float) -> Sequence[str]:
        """The names of the models the API has; asked for once. Raises CallError."""
        if self._names is None:
            status, body = await self._api.get(self.models_path, deadline_s=deadline_s)
            if status != 200:
                raise UpstreamBroken(f"{self.name} did not tell its models ({status}).")
            listed = objects_at(parse_object(body) or {}, "data")
            self._names = tuple(name for model in listed if (name := text_at(model, "id")))
        return self._names

    async def _with_nearest(self, request: Request, asking: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The same events; for an unknown model the error names those that are called much the same."""
        try:
            async with aclosing(asking) as events:
                async for event in events:
                    yield event
        except ModelMissing as error:
            if nearest := await self._nearest(request):
                error.hint = f"{error.hint}; nearest: {', '.join(nearest)}"
            raise

    async def _nearest(self, request: Request) -> list[str]:
        now_s = self._api.clock.monotonic_s()
        try:
            known = await self.models(deadline_s=min(request.deadline_s, now_s + NEAREST_S))
        except CallError:
            return []
        others = [name for name in known if name != request.model and name.isprintable()]
        return [f"{self.name}:{name}" for name in get_close_matches(request.model, others, n=3)]

    async def look(self) -> Presence:
        """Whether the API answers and takes the key. See `Provider.look`."""
        return await self._api.look(self.look_path)

    async def aclose(self) -> None:
        """See `Provider.aclose`."""
        await self._api.aclose()


def _for_tier(patience: Patience, endpoint: Endpoint) -> Patience:
    """A local server may load its model before it answers, and does not say so; big models think before they do."""
    if endpoint.tier is Tier.LOCAL:
        return replace(patience, first_byte_s=patience.cold_first_byte_s, first_event_s=patience.cold_first_byte_s)
    if endpoint.type == "openrouter":
        return patience
    return replace(patience, first_byte_s=patience.first_event_s)
