"""Single requests to Ollama hosts, with its errors turned into ours. Knows the routes, not which host to choose."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio

from amalfa.calls import PrivacyClass
from amalfa.errors import CallError, UpstreamBroken
from amalfa.providers.asked import Asked
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.host_view import HostView
from amalfa.providers.ollama_errors import failure_of_status
from amalfa.providers.ollama_names import full_name
from amalfa.providers.patience import ReplyClock
from amalfa.providers.reply import REPLY_MAX_BYTES, Reply
from amalfa.providers.retry_after import wait_of
from amalfa.providers.untrusted_json import JsonObject, count_at, objects_at, parse_object, text_at, texts_at
from amalfa.providers.upstream_text import shown
from amalfa.providers.wire import Outgoing, Wire

PARSE_ON_LOOP_MAX_BYTES = 64 << 10


class OllamaApi:
    """The routes of Ollama over one wire."""

    def __init__(self, endpoint: Endpoint, wire: Wire) -> None:
        self._endpoint = endpoint
        self._wire = wire

    async def look_at(self, address: Address, *, deadline_s: float, now_s: float, version: str = "") -> HostView:
        """What the host has installed and in memory. Raises CallError when it does not say what it has.

        `version` is the host's own where it is known already; else it is asked for.
        """
        listed = objects_at(await self.get(address, "/api/tags", deadline_s), "models")
        try:
            loaded = await self.loaded(address, deadline_s)
        except CallError:
            loaded = None
        return HostView(
            address,
            state="up",
            installed=frozenset(_name(model) for model in listed),
            forwarded=frozenset(_name(m) for m in listed if text_at(m, "remote_host") or text_at(m, "remote_model")),
            with_tools=frozenset(_name(m) for m in listed if "tools" in texts_at(m, "capabilities")),
            digests={_name(m): text_at(m, "digest") for m in listed},
            loaded=loaded,
            loaded_at_s=now_s,
            version=version or await self.version(address, deadline_s),
        )

    async def version(self, address: Address, deadline_s: float) -> str:
        """What the host says of itself; "" when it does not. Raises nothing."""
        try:
            return shown(text_at(await self.get(address, "/api/version", deadline_s), "version"))
        except CallError:
            return ""

    async def loaded(self, address: Address, deadline_s: float) -> Mapping[str, int | None]:
        """The models in memory and their context windows (None where it does not say). Raises CallError."""
        listed = objects_at(await self.get(address, "/api/ps", deadline_s), "models")
        return {_name(model): count_at(model, "context_length") for model in listed}

    async def get(self, address: Address, path: str, deadline_s: float) -> JsonObject:
        """The JSON object at `path`. Raises CallError."""
        outgoing = Outgoing(address, path, PrivacyClass.CLOUD_OK)
        return await self._whole(outgoing, Asked(self._endpoint, address, "a model"), deadline_s)

    async def post(self, asked: Asked, path: str, payload: JsonObject, *, deadline_s: float) -> JsonObject:
        """The JSON object that answers `payload`, which holds none of the user's text. Raises CallError."""
        outgoing = outgoing_to(asked, path, payload, PrivacyClass.CLOUD_OK)
        return await self._whole(outgoing, asked, deadline_s)

    async def send(self, asked: Asked, outgoing: Outgoing, deadline_s: float) -> JsonObject:
        """The JSON object that answers a prepared request. Raises CallError."""
        return await self._whole(outgoing, asked, deadline_s)

    @asynccontextmanager
    async def open(self, asked: Asked, outgoing: Outgoing, clock: ReplyClock) -> AsyncIterator[Reply]:
        """A reply of status 200 that holds JSON, to be read in pieces. Raises CallError for any other."""
        async with self._wire.open(outgoing, clock) as reply:
            if reply.status != 200:
                wait_s = wait_of(reply.headers.get("retry-after", ""), self._wire.now())
                raise failure_of_status(reply.status, await reply.error_text(), asked, retry_after_s=wait_s)
            if reply.content_type and "json" not in reply.content_type:
                kind = shown(reply.content_type)
                raise UpstreamBroken(f"{asked.where} answered with {kind} instead of JSON; it may not be Ollama.")
            yield reply

    async def _whole(self, outgoing: Outgoing, asked: Asked, deadline_s: float) -> JsonObject:
        # Nothing streams here, so the one clock that counts is the deadline.
        clock = self._wire.reply_clock(deadline_s, first_byte_s=float("inf"))
        async with self.open(asked, outgoing, clock) as reply:
            body = await reply.body()
        is_long = len(body) > PARSE_ON_LOOP_MAX_BYTES
        found = await anyio.to_thread.run_sync(parse_object, body) if is_long else parse_object(body)
        if found is None:
            raise UpstreamBroken(f"{asked.where} answered {outgoing.path} with something that is not a JSON object.")
        return found


def outgoing_to(
    asked: Asked,
    path: str,
    payload: JsonObject,
    privacy: PrivacyClass,
    *,
    max_reply_bytes: int = REPLY_MAX_BYTES,
) -> Outgoing:
    """A POST of `payload` to the host that `asked` names."""
    body = json.dumps(payload, separators=(",", ":"), default=dict).encode()
    return Outgoing(
        asked.address, path, privacy, body=body, is_forwarded=asked.is_forwarded, max_reply_bytes=max_reply_bytes
    )


def _name(model: JsonObject) -> str:
    return full_name(text_at(model, "name") or text_at(model, "model"))
