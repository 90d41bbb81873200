"""Any API that speaks the chat-completion protocol: OpenAI itself, Anthropic's door of that kind, LM Studio, vLLM."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from urllib.parse import urlsplit

from amalfa.calls import JsonSchema, Tier
from amalfa.clock import Clock
from amalfa.errors import CallError
from amalfa.providers.asked import Asked
from amalfa.providers.chat_completions import FEWEST_TOKENS, ChatCompletions
from amalfa.providers.endpoint import Endpoint
from amalfa.providers.json_shapes import Shape, messages_for, response_format, shapes_for
from amalfa.providers.patience import Patience
from amalfa.providers.provider import Event, Presence, Request
from amalfa.providers.refusals import Refusal, failure_by_status
from amalfa.providers.untrusted_json import JsonObject
from amalfa.providers.wire import Transport

_FORMAT = re.compile(r"response_format|json_schema|json_object|structured output|grammar", re.IGNORECASE)


class OpenAiCompatibleProvider:
    """One API at one base URL. `type` is `openai`, or `anthropic` for the API that ignores output formats."""

    def __init__(
        self, endpoint: Endpoint, *, clock: Clock, patience: Patience | None = None, transport: Transport | None = None
    ) -> None:
        self.endpoint = endpoint
        self._chat = ChatCompletions(endpoint, _Dialect(endpoint), clock=clock, patience=patience, transport=transport)

    @property
    def name(self) -> str:
        return self.endpoint.name

    @property
    def type(self) -> str:
        return self.endpoint.type

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
        """See `Provider.stream`."""
        async with aclosing(self._chat.stream(request)) as events:
            async for event in events:
                yield event

    def standing(self) -> Presence | None:
        """What forbids trying it, known without asking anybody; None when nothing does."""
        return self.endpoint.standing()

    async def look(self) -> Presence:
        """Whether the API answers and takes the key. See `Provider.look`."""
        return await self._chat.look("/models")

    async def aclose(self) -> None:
        """See `Provider.aclose`."""
        await self._chat.aclose()


class _Dialect:
    """The protocol as OpenAI defined it."""

    def __init__(self, endpoint: Endpoint) -> None:
        host = urlsplit(endpoint.addresses[0].url).hostname
        # OpenAI's newer models refuse the old name of the limit, other servers do not know the new one.
        self._limit_key = "max_completion_tokens" if host == "api.openai.com" else "max_tokens"
        self._knows_formats = endpoint.type != "anthropic"

    def shapes(self, schema: JsonSchema | None) -> Sequence[Shape]:
        return shapes_for(schema) if self._knows_formats or schema is None else ("words",)

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

    def is_about_format(self, refusal: Refusal) -> bool:
        return refusal.status in (400, 422) and bool(_FORMAT.search(refusal.everything))
