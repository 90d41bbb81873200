"""Speaks the chat-completion protocol: always streamed, so that hanging up ends the work and the bill.

What differs between the APIs that share it (fields, errors, output formats) is a `Dialect`.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from amalfa.calls import JsonSchema, PrivacyClass, Tier
from amalfa.clock import Clock
from amalfa.errors import CallError, Stalled, Unauthorized, UpstreamBroken
from amalfa.providers.asked import Asked
from amalfa.providers.chat_reply import ChatReply, FormatRefused, Judge
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.json_shapes import Shape
from amalfa.providers.patience import Patience
from amalfa.providers.provider import Event, Host, Presence, Request, TextDelta, Waiting
from amalfa.providers.refusals import refusal_of_status
from amalfa.providers.reply import Reply
from amalfa.providers.sse import SseParser
from amalfa.providers.untrusted_json import JsonObject
from amalfa.providers.upstream_text import shown
from amalfa.providers.wire import Outgoing, Transport, Wire

# Some providers refuse a smaller limit than this.
FEWEST_TOKENS = 16

_LOOSER: dict[Shape, str] = {"object": "any JSON object", "words": "JSON in words"}


class Dialect(Judge, Protocol):
    """One API's version of the protocol."""

    def shapes(self, schema: JsonSchema | None) -> Sequence[Shape]:
        """The output formats to ask for, each for the case that the one before is refused."""
        ...

    def body(self, request: Request, shape: Shape) -> JsonObject:
        """The request's JSON, without `stream`."""
        ...


class ChatCompletions:
    """The connection of one provider that speaks this protocol."""

    def __init__(
        self,
        endpoint: Endpoint,
        dialect: Dialect,
        *,
        clock: Clock,
        patience: Patience | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.patience = _for_tier(patience or Patience(), endpoint)
        self._dialect = dialect
        self._clock = clock
        self._wire = Wire(endpoint, clock=clock, patience=self.patience, transport=transport)
        # What was refused for a model once is not tried again on every call.
        self._refused: dict[str, set[Shape]] = {}

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """One reply. When nobody serves the model with an output format, it asks again with a looser one."""
        self._check_key()
        shapes = self._shapes(request)
        for shape, next_shape in zip(shapes, [*shapes[1:], None], strict=True):
            try:
                async with aclosing(self._ask(request, shape)) as events:
                    async for event in events:
                        yield event
                return
            except FormatRefused as refused:
                if next_shape is None:
                    raise refused.error from None
                self._refused.setdefault(request.model, set()).add(shape)
                yield Waiting(f"{request.model} is not served with this format, asking for {_LOOSER[next_shape]}")

    async def look(self, path: str) -> Presence:
        """Whether the API can be asked, found out by a GET of `path`. Never raises."""
        if (standing := self.endpoint.standing()) is not None:
            return standing
        endpoint, url = self.endpoint, self._address.url
        try:
            status, _ = await self.get(path, deadline_s=self._clock.monotonic_s() + self.patience.look_s)
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

    async def get(self, path: str, *, deadline_s: float) -> tuple[int, bytes]:
        """Status and body of a GET that holds none of the user's text. Raises CallError."""
        outgoing = Outgoing(self._address, path, PrivacyClass.CLOUD_OK)
        # Nothing streams here, so the one clock that counts is the deadline.
        clock = self._wire.reply_clock(deadline_s, first_byte_s=float("inf"))
        async with self._wire.open(outgoing, clock) as reply:
            return reply.status, await reply.body()

    def asked(self, model: str) -> Asked:
        return Asked(self.endpoint, self._address, model)

    async def aclose(self) -> None:
        await self._wire.aclose()

    @property
    def _address(self) -> Address:
        return self.endpoint.addresses[0]

    def _check_key(self) -> None:
        endpoint = self.endpoint
        if endpoint.needs_key and endpoint.key is None:
            raise Unauthorized(f"There is no key for {endpoint.name}.", hint=endpoint.key_hint)

    def _shapes(self, request: Request) -> list[Shape]:
        refused = self._refused.get(request.model, set())
        return [shape for shape in self._dialect.shapes(request.prompt.schema) if shape not in refused]

    async def _ask(self, request: Request, shape: Shape) -> AsyncGenerator[Event, None]:
        started_s = self._clock.monotonic_s()
        asked = self.asked(request.model)
        body = {**self._dialect.body(request, shape), "stream": True}
        outgoing = Outgoing(
            self._address,
            "/chat/completions",
            request.privacy,
            body=json.dumps(body, separators=(",", ":"), default=dict).encode(),
        )
        clock = self._wire.reply_clock(self.endpoint.deadline_s(request.deadline_s, now_s=started_s))
        async with self._wire.open(outgoing, clock) as reply:
            if reply.status >= 400:
                raise await self._refusal(reply, asked)
            chat = self._chat(reply, request)
            try:
                async with aclosing(self._pieces(reply, chat)) as pieces:
                    async for text in pieces:
                        yield TextDelta(text)
                yield chat.finished(round((self._clock.monotonic_s() - started_s) * 1000))
            except CallError as error:
                error.is_maybe_paid = error.is_maybe_paid or chat.is_maybe_paid
                error.usage = chat.counted_so_far
                raise
            await reply.drain()

    async def _refusal(self, reply: Reply, asked: Asked) -> CallError | FormatRefused:
        refusal = refusal_of_status(reply.status, reply.headers, await reply.error_text())
        error = self._dialect.failure(refusal, asked, self._clock.now())
        return FormatRefused(error) if self._dialect.is_about_format(refusal) else error

    def _chat(self, reply: Reply, request: Request) -> ChatReply:
        return ChatReply(
            self.asked(request.model),
            self._dialect,
            headers=reply.headers,
            now=self._clock.now(),
            max_tokens=max(request.prompt.max_tokens, FEWEST_TOKENS),
        )

    async def _pieces(self, reply: Reply, chat: ChatReply) -> AsyncGenerator[str, None]:
        """The texts of a reply, in order, up to its terminal record or its end."""
        if reply.content_type == "application/json":
            if text := chat.take_whole(await reply.body()):
                yield text
            return
        if reply.content_type != "text/event-stream":
            # The body is not quoted: it may be an answer all the same, and hold words of somebody's notes.
            kind = shown(reply.content_type) or "an unnamed type"
            raise UpstreamBroken(f"{self.asked('').where} answered with {kind} instead of a stream.")
        parser = SseParser()
        while not chat.is_done and (events := await reply.pieces(parser)) is not None:
            for event in events:
                if text := chat.take(event.data):
                    yield text


def _for_tier(patience: Patience, endpoint: Endpoint) -> Patience:
    """A local server may load its model before it answers, and does not say so; big models think before they do."""
    if endpoint.tier is Tier.LOCAL:
        return replace(patience, first_byte_s=patience.cold_first_byte_s, first_event_s=patience.cold_first_byte_s)
    if endpoint.type == "openrouter":
        return patience
    return replace(patience, first_byte_s=patience.first_event_s)
