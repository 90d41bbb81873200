"""Any API that speaks the chat-completion protocol: OpenAI itself, LM Studio, vLLM."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Unpack
from urllib.parse import urlsplit

from amalfa.calls import JsonSchema
from amalfa.errors import CallError
from amalfa.providers.api import ApiProvider, Means
from amalfa.providers.asked import Asked
from amalfa.providers.chat_completions import FEWEST_TOKENS, ChatCompletions
from amalfa.providers.endpoint import Endpoint
from amalfa.providers.json_shapes import Shape, messages_for, response_format, shapes_for
from amalfa.providers.manners import Remedy
from amalfa.providers.provider import Event, Request
from amalfa.providers.refusals import Refusal, failure_by_status
from amalfa.providers.untrusted_json import JsonObject

_FORMAT = re.compile(r"response_format|json_schema|json_object|structured output|grammar", re.IGNORECASE)
_TEMPERATURE = re.compile(
    r"temperature.{0,40}(?:not support|unsupported|deprecated)|unsupported.{0,40}temperature", re.I
)


class OpenAiCompatibleProvider(ApiProvider):
    """One API at one base URL."""

    def __init__(self, endpoint: Endpoint, **means: Unpack[Means]) -> None:
        super().__init__(endpoint, **means)
        self._chat = ChatCompletions(self._api, _Dialect(endpoint))

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """See `Provider.stream`. For an unknown model the error names the nearest ones the API has."""
        async with aclosing(self._with_nearest(request, self._chat.stream(request))) as events:
            async for event in events:
                yield event


class _Dialect:
    """The protocol as OpenAI defined it."""

    def __init__(self, endpoint: Endpoint) -> None:
        host = urlsplit(endpoint.addresses[0].url).hostname
        # OpenAI's newer models refuse the old name of the limit, other servers do not know the new one.
        self._limit_key = "max_completion_tokens" if host == "api.openai.com" else "max_tokens"

    def shapes(self, schema: JsonSchema | None) -> Sequence[Shape]:
        return shapes_for(schema)

    def body(self, request: Request, shape: Shape) -> JsonObject:
        prompt = request.prompt
        body: dict[str, object] = {
            "model": request.model,
            "messages": messages_for(prompt, shape),
            "temperature": prompt.temperature,
            self._limit_key: max(prompt.max_tokens, FEWEST_TOKENS),
            "stream_options": {"include_usage": True},
        }
        if (wanted := response_format(shape, prompt.schema)) is not None:
            body["response_format"] = wanted
        return body

    def failure(self, refusal: Refusal, asked: Asked, now: datetime) -> CallError:
        return failure_by_status(refusal, asked, now)

    def remedy(self, refusal: Refusal) -> Remedy | None:
        if refusal.status not in (400, 422):
            return None
        if _FORMAT.search(refusal.everything):
            return "looser"
        # The newest models take no temperature but their own.
        return "fewer" if _TEMPERATURE.search(refusal.everything) else None
