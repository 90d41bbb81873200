"""OpenRouter: its fields, its privacy demands, its errors and its catalogue, over the chat-completion protocol."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from difflib import get_close_matches

import anyio

from amalfa.calls import JsonSchema, PrivacyClass, Tier
from amalfa.clock import Clock
from amalfa.errors import CallError, ModelMissing, UpstreamBroken
from amalfa.providers import openrouter_errors
from amalfa.providers.asked import Asked
from amalfa.providers.chat_completions import FEWEST_TOKENS, ChatCompletions
from amalfa.providers.endpoint import Endpoint
from amalfa.providers.json_shapes import Shape, messages_for, response_format, shapes_for
from amalfa.providers.patience import Patience
from amalfa.providers.provider import Event, Presence, Request
from amalfa.providers.refusals import Refusal
from amalfa.providers.untrusted_json import JsonObject, objects_at, parse_object, text_at
from amalfa.providers.wire import Transport

# How long a failed call may be held up to find out which name was meant.
NEAREST_S = 2.0


class OpenRouterProvider:
    """OpenRouter, or a proxy that speaks like it."""

    type = "openrouter"

    def __init__(
        self, endpoint: Endpoint, *, clock: Clock, patience: Patience | None = None, transport: Transport | None = None
    ) -> None:
        self.endpoint = endpoint
        self._clock = clock
        self._chat = ChatCompletions(endpoint, _Dialect(), clock=clock, patience=patience, transport=transport)
        self._catalogue: Sequence[str] | None = None

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
        """See `Provider.stream`. For an unknown model the error names the nearest ones of the catalogue."""
        try:
            async with aclosing(self._chat.stream(request)) as events:
                async for event in events:
                    yield event
        except ModelMissing as error:
            nearest = await self._nearest(request)
            if nearest:
                error.hint = f"{error.hint}; nearest: {', '.join(nearest)}"
            raise

    def standing(self) -> Presence | None:
        """What forbids trying it, known without asking anybody; None when nothing does."""
        return self.endpoint.standing()

    async def look(self) -> Presence:
        """Whether the key is good. See `Provider.look`."""
        return await self._chat.look("/key")

    async def models(self, *, deadline_s: float) -> Sequence[str]:
        """The ids of the catalogue; asked for once. Raises CallError."""
        if self._catalogue is None:
            status, body = await self._chat.get("/models", deadline_s=deadline_s)
            if status != 200:
                raise UpstreamBroken(f"{self.name} did not tell its models ({status}).")
            # Half a megabyte and more takes too long to parse on the loop.
            self._catalogue = await anyio.to_thread.run_sync(_ids, body)
        return self._catalogue

    async def aclose(self) -> None:
        """See `Provider.aclose`."""
        await self._chat.aclose()

    async def _nearest(self, request: Request) -> list[str]:
        now_s = self._clock.monotonic_s()
        try:
            known = await self.models(deadline_s=min(request.deadline_s, now_s + NEAREST_S))
        except CallError:
            return []
        others = [name for name in known if name != request.model]
        return [f"{self.name}:{name}" for name in get_close_matches(request.model, others, n=3)]


class _Dialect:
    """OpenRouter's version of the protocol."""

    def shapes(self, schema: JsonSchema | None) -> Sequence[Shape]:
        return shapes_for(schema)

    def body(self, request: Request, shape: Shape) -> JsonObject:
        prompt = request.prompt
        body: dict[str, object] = {
            "model": request.model,
            "messages": messages_for(prompt, shape),
            "temperature": prompt.temperature,
            # Without a cap the credit check assumes the model's longest possible reply.
            "max_tokens": max(prompt.max_tokens, FEWEST_TOKENS),
        }
        if (wanted := response_format(shape, prompt.schema)) is not None:
            body["response_format"] = wanted
        if preferences := _preferences(request.privacy, shape):
            body["provider"] = preferences
        return body

    def failure(self, refusal: Refusal, asked: Asked, now: datetime) -> CallError:
        return openrouter_errors.failure(refusal, asked, now)

    def is_about_format(self, refusal: Refusal) -> bool:
        return openrouter_errors.is_about_format(refusal)


def _preferences(privacy: PrivacyClass, shape: Shape) -> JsonObject:
    preferences: dict[str, object] = {}
    if privacy is not PrivacyClass.CLOUD_OK:
        preferences |= {"zdr": True, "data_collection": "deny"}
    if shape == "schema":
        # Otherwise an endpoint that cannot keep to a schema may be chosen and drops it in silence.
        preferences["require_parameters"] = True
    return preferences


def _ids(body: bytes) -> Sequence[str]:
    catalogue = parse_object(body) or {}
    return tuple(text_at(model, "id") for model in objects_at(catalogue, "data"))
