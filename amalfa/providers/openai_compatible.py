"""Any API that speaks the chat-completion protocol: OpenAI itself, LM Studio, vLLM."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Unpack
from urllib.parse import urlsplit

from amalfa.calls import JsonSchema, PrivacyClass, Usage
from amalfa.errors import CallError
from amalfa.providers.api import ApiProvider, Means
from amalfa.providers.asked import Asked
from amalfa.providers.chat_completions import FEWEST_TOKENS, ChatCompletions
from amalfa.providers.embeddings_api import EmbeddingsApi, Vectors
from amalfa.providers.endpoint import Endpoint
from amalfa.providers.json_shapes import Shape, messages_for, response_format, shapes_for
from amalfa.providers.manners import Remedy
from amalfa.providers.provider import Event, Request
from amalfa.providers.refusals import Refusal, failure_by_status
from amalfa.providers.turns import wishes_of
from amalfa.providers.untrusted_json import JsonObject

_FORMAT = re.compile(r"response_format|json_schema|json_object|structured output|grammar", re.IGNORECASE)
_NUDGE = r"(?:temperature|top_p|seed|frequency_penalty|presence_penalty|parallel_tool_calls)"
_TEMPERATURE = re.compile(
    rf"{_NUDGE}.{{0,40}}(?:not support|unsupported|deprecated|only supported)|unsupported.{{0,40}}{_NUDGE}", re.I
)


class OpenAiCompatibleProvider(ApiProvider):
    """One API at one base URL."""

    def __init__(self, endpoint: Endpoint, **means: Unpack[Means]) -> None:
        super().__init__(endpoint, **means)
        dialect = _Dialect(endpoint)
        self._chat = ChatCompletions(self._api, dialect)
        self._embeddings = EmbeddingsApi(self._api, dialect)

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """See `Provider.stream`. For an unknown model the error names the nearest ones the API has."""
        async with aclosing(self._with_nearest(request, self._chat.stream(request))) as events:
            async for event in events:
                yield event

    async def embed(self, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float) -> Vectors:
        """One vector for each text, in order. Raises CallError."""
        vectors, _ = await self.embed_counted(model, texts, privacy=privacy, deadline_s=deadline_s)
        return vectors

    async def embed_counted(
        self, model: str, texts: Sequence[str], *, privacy: PrivacyClass, deadline_s: float
    ) -> tuple[Vectors, Usage]:
        """The same, with what was counted; None = not told. Raises CallError."""
        return await self._embeddings.embed(model, texts, privacy=privacy, deadline_s=deadline_s)


class _Dialect:
    """The protocol as OpenAI defined it."""

    def __init__(self, endpoint: Endpoint) -> None:
        host = urlsplit(endpoint.addresses[0].url).hostname
        # OpenAI's newer models refuse the old name of the limit, other servers do not know the new one.
        self._limit_key = "max_completion_tokens" if host == "api.openai.com" else "max_tokens"

    def shapes(self, schema: JsonSchema | None, model: str) -> Sequence[Shape]:
        return shapes_for(schema)

    def body(self, request: Request, shape: Shape) -> JsonObject:
        prompt = request.prompt
        body: dict[str, object] = {
            "model": request.model,
            "messages": messages_for(prompt, shape),
            "temperature": prompt.temperature,
            self._limit_key: max(prompt.max_tokens, FEWEST_TOKENS),
            "stream_options": {"include_usage": True},
            **wishes_of(prompt),
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
        # The newest models take no temperature but their own, and nothing else of the kind.
        return "fewer" if _TEMPERATURE.search(refusal.everything) else None
