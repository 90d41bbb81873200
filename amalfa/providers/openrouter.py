"""OpenRouter: its fields, its privacy demands, its account and its list, over the chat-completion protocol."""

import hashlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Unpack
from urllib.parse import quote

import anyio
from typing_extensions import override

from amalfa.calls import JsonSchema, PrivacyClass, Usage
from amalfa.config.openrouter_settings import OpenRouterRouting
from amalfa.errors import CallError, UpstreamBroken
from amalfa.providers import openrouter_errors
from amalfa.providers.api import ApiProvider, Means
from amalfa.providers.asked import Asked
from amalfa.providers.chat_completions import FEWEST_TOKENS, ChatCompletions
from amalfa.providers.embeddings_api import EmbeddingsApi, Vectors
from amalfa.providers.endpoint import Endpoint
from amalfa.providers.json_shapes import Shape, messages_for, response_format, shapes_for
from amalfa.providers.manners import Remedy
from amalfa.providers.model_facts import Facts, Listed
from amalfa.providers.openrouter_account import KeyLimits, read_cost_usd, read_key_limits
from amalfa.providers.openrouter_catalogue import read_page
from amalfa.providers.openrouter_routing import NOTHING, fallback_models, preferences
from amalfa.providers.provider import Event, Request
from amalfa.providers.refusals import Refusal, refusal_of_status
from amalfa.providers.turns import wishes_of
from amalfa.providers.untrusted_json import JsonObject

ACCOUNT_S = 10.0
# The whole list comes as one page unless a proxy cuts it.
PAGES_MAX = 50


class OpenRouterProvider(ApiProvider):
    """OpenRouter, or a proxy that speaks like it. `routing` is what the user says about who may serve."""

    look_path = "/key"

    def __init__(self, endpoint: Endpoint, *, routing: OpenRouterRouting | None = None, **means: Unpack[Means]) -> None:
        super().__init__(endpoint, **means)
        self._routing = routing or NOTHING
        self._dialect = _Dialect(self._routing)
        self._chat = ChatCompletions(self._api, self._dialect)
        self._embeddings = EmbeddingsApi(self._api, self._dialect, extra=self._dialect.demands)

    def inform(self, facts: Callable[[str], Facts]) -> None:
        """See `Informed.inform`. What a model's entry says of output formats decides which one it is asked for."""
        self._dialect.facts = facts

    @property
    @override
    def fingerprint(self) -> str:
        described = f"{self.endpoint.fingerprint} {self._routing!r}"
        return hashlib.sha256(described.encode()).hexdigest()

    @property
    def list_url(self) -> str:
        """See `Listing.list_url`."""
        return self._api.address.url

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """See `Provider.stream`. For an unknown model the error names the nearest ones of the list."""
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

    @override
    async def models(self, *, deadline_s: float) -> Sequence[str]:
        """The names on the list; asked for once. Raises CallError."""
        if self._names is None:
            self._names = tuple(await self.model_list(deadline_s=deadline_s))
        return self._names

    async def model_list(self, *, deadline_s: float) -> Mapping[str, Listed]:
        """Every model with its price, window and abilities, asked for anew. Raises CallError."""
        found: dict[str, Listed] = {}
        path, asked = "/models", set[str]()
        while path and path not in asked and len(asked) < PAGES_MAX:
            asked.add(path)
            status, body = await self._api.get(path, deadline_s=deadline_s)
            # Half a megabyte and more takes too long to parse on the loop.
            page = await anyio.to_thread.run_sync(read_page, body, self.list_url) if status == 200 else None
            if page is None:
                raise UpstreamBroken(f"{self.name} did not tell its models ({status}).")
            found |= page.models
            path = page.next_path
        if not found:
            raise UpstreamBroken(f"{self.name} told of no model at all.")
        self._names = tuple(found)
        return found

    async def generation_cost_usd(self, generation_id: str) -> float | None:
        """What a finished call cost, by the id it was accepted under; None while the account does not know it.

        It learns of a call seconds to minutes after its end. Raises CallError.
        """
        status, body = await self._account(f"/generation?id={quote(generation_id, safe='')}")
        return None if status == 404 else read_cost_usd(self._good(status, body))

    async def key_limits(self) -> KeyLimits:
        """What the key may still do today. Raises CallError."""
        status, body = await self._account("/key")
        limits = read_key_limits(self._good(status, body))
        if limits is None:
            raise UpstreamBroken(f"{self.name} did not tell the limits of its key.")
        return limits

    async def _account(self, path: str) -> tuple[int, bytes]:
        self._api.check_key()
        return await self._api.get(path, deadline_s=self._api.clock.monotonic_s() + ACCOUNT_S)

    def _good(self, status: int, body: bytes) -> bytes:
        if status >= 400:
            refusal = refusal_of_status(status, {}, body.decode("utf-8", "replace"))
            raise openrouter_errors.failure(refusal, self._api.asked("its account"), self._api.clock.now())
        return body


def _nothing_known(_model: str) -> Facts:
    return Facts()


class _Dialect:
    """OpenRouter's version of the protocol."""

    def __init__(self, routing: OpenRouterRouting) -> None:
        self._routing = routing
        self.facts: Callable[[str], Facts] = _nothing_known

    def shapes(self, schema: JsonSchema | None, model: str) -> Sequence[Shape]:
        return shapes_for(schema, self.facts(model))

    def body(self, request: Request, shape: Shape) -> JsonObject:
        prompt = request.prompt
        body: dict[str, object] = {
            # The router's own name has this prefix; people write `openrouter:auto`.
            "model": "openrouter/auto" if request.model == "auto" else request.model,
            "messages": messages_for(prompt, shape),
            "temperature": prompt.temperature,
            # Without a cap the credit check assumes the model's longest possible reply.
            "max_tokens": max(prompt.max_tokens, FEWEST_TOKENS),
            **wishes_of(prompt),
        }
        if others := fallback_models(request, self._routing):
            body["models"] = others
        if (wanted := response_format(shape, prompt.schema)) is not None:
            body["response_format"] = wanted
        # Otherwise an endpoint that cannot keep to a schema may be chosen and drops it in silence.
        if wishes := preferences(request, self._routing, needs_parameters=shape == "schema"):
            body["provider"] = wishes
        return body

    def demands(self, request: Request) -> JsonObject:
        """What a request without a conversation says of who may serve it."""
        wishes = preferences(request, self._routing, needs_parameters=False)
        return {"provider": wishes} if wishes else {}

    def failure(self, refusal: Refusal, asked: Asked, now: datetime) -> CallError:
        return openrouter_errors.failure(refusal, asked, now)

    def remedy(self, refusal: Refusal) -> Remedy | None:
        return openrouter_errors.remedy(refusal)
