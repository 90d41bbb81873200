"""Speaks the chat-completion protocol: always streamed, so that hanging up ends the work and the bill.

What differs between the APIs that share it (fields, errors, output formats) is a `Dialect`.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

from amalfa.calls import JsonSchema
from amalfa.errors import CallError
from amalfa.providers.api import Api
from amalfa.providers.asked import Asked
from amalfa.providers.chat_reply import ChatReply, Judge
from amalfa.providers.expected import expected_of
from amalfa.providers.json_shapes import Shape
from amalfa.providers.manners import FormatRefused, Manner, Manners
from amalfa.providers.provider import Event, Request
from amalfa.providers.refusals import refusal_of_status
from amalfa.providers.reply import Reply
from amalfa.providers.streamed_reply import hear
from amalfa.providers.turns import LEAST_NEEDED
from amalfa.providers.untrusted_json import JsonObject

# Some providers refuse a smaller limit than this.
FEWEST_TOKENS = 16


class Dialect(Judge, Protocol):
    """One API's version of the protocol."""

    def shapes(self, schema: JsonSchema | None, model: str) -> Sequence[Shape]:
        """The output formats to ask the model for, each for the case that the one before is refused."""
        ...

    def body(self, request: Request, shape: Shape) -> JsonObject:
        """The request's JSON, without `stream`."""
        ...


class ChatCompletions:
    """Asks over one API that speaks this protocol."""

    def __init__(self, api: Api, dialect: Dialect) -> None:
        self._api = api
        self._dialect = dialect
        self._manners = Manners()

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """One reply. When nobody serves the model as it is asked, it is asked again in a way that demands less."""
        self._api.check_key()
        shapes = self._dialect.shapes(request.prompt.schema, request.model)
        asking = self._manners.stream(request.model, shapes, lambda manner: self._ask(request, manner))
        async with aclosing(asking) as events:
            async for event in events:
                yield event

    async def _ask(self, request: Request, manner: Manner) -> AsyncGenerator[Event, None]:
        body = {**self._dialect.body(request, manner.shape), "stream": True}
        if not manner.has_temperature:
            body = {key: value for key, value in body.items() if key not in LEAST_NEEDED}
        async with self._api.post("/chat/completions", body, request) as reply:
            started_s = self._api.clock.monotonic_s()
            if reply.status >= 400:
                raise await self._refusal(reply, self._api.asked(request.model))
            chat = self._chat(reply, request)
            hearing = hear(reply, chat, self._api.asked(request.model), clock=self._api.clock, started_s=started_s)
            async with aclosing(hearing) as events:
                async for event in events:
                    yield event

    async def _refusal(self, reply: Reply, asked: Asked) -> CallError | FormatRefused:
        refusal = refusal_of_status(reply.status, reply.headers, await reply.error_text())
        error = self._dialect.failure(refusal, asked, self._api.clock.now())
        remedy = self._dialect.remedy(refusal)
        return FormatRefused(error, remedy) if remedy else error

    def _chat(self, reply: Reply, request: Request) -> ChatReply:
        return ChatReply(
            self._api.asked(request.model),
            self._dialect,
            headers=reply.headers,
            now=self._api.clock.now(),
            expected=expected_of(request.prompt, fewest_tokens=FEWEST_TOKENS),
        )
