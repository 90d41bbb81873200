"""Anthropic's own Messages API: what is sent there and what its errors mean.

A schema is asked for as the input of a tool that has to be called. That is more reliable than words: the API itself
then answers with one JSON object and nothing around it, where a model asked in words may add a fence or a sentence.
"""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from types import MappingProxyType
from typing import Unpack

from amalfa.calls import Prompt
from amalfa.errors import CallError, ContextTooLong, PaymentRequired
from amalfa.messages import Message
from amalfa.providers.anthropic_messages import MessagesReply
from amalfa.providers.anthropic_turns import anthropic_turns, stops_of, tools_of
from amalfa.providers.api import ApiProvider, Means
from amalfa.providers.asked import Asked
from amalfa.providers.endpoint import Endpoint
from amalfa.providers.expected import expected_of
from amalfa.providers.json_shapes import Shape, spoken_for
from amalfa.providers.manners import FormatRefused, Manner, Manners, Remedy
from amalfa.providers.provider import Event, Request
from amalfa.providers.refusals import Refusal, context_too_long, described, failure_by_status, refusal_of_status
from amalfa.providers.reply import Reply
from amalfa.providers.streamed_reply import hear
from amalfa.providers.untrusted_json import JsonObject

API_VERSION = "2023-06-01"
TOOL_NAME = "reply"

_TOO_LONG = re.compile(r"prompt is too long|exceed context limit|exceeds? the context window", re.IGNORECASE)
_LIMIT_COUNTS = re.compile(r"(\d+) \+ (\d+) > (\d+)")
_NO_CREDIT = re.compile(r"credit balance is too low", re.IGNORECASE)
_ABOUT_TOOLS = re.compile(r"tool|input_schema", re.IGNORECASE)
_ABOUT_TEMPERATURE = re.compile(r"temperature", re.IGNORECASE)


class AnthropicProvider(ApiProvider):
    """Anthropic, or a proxy that speaks its Messages API."""

    demanded_headers = MappingProxyType({"anthropic-version": API_VERSION})
    models_path = "/models?limit=1000"

    def __init__(self, endpoint: Endpoint, **means: Unpack[Means]) -> None:
        super().__init__(endpoint, **means)
        self._manners = Manners()

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """See `Provider.stream`. The cost is never told, so a usage has tokens only."""
        self._api.check_key()
        shapes = shapes_for(request.prompt)
        asking = self._manners.stream(request.model, shapes, lambda manner: self._ask(request, manner))
        async with aclosing(self._with_nearest(request, asking)) as events:
            async for event in events:
                yield event

    async def _ask(self, request: Request, manner: Manner) -> AsyncGenerator[Event, None]:
        async with self._api.post("/messages", body_of(request, manner), request) as reply:
            started_s = self._api.clock.monotonic_s()
            if reply.status >= 400:
                raise await self._refusal(reply, request)
            message = MessagesReply(
                self._api.asked(request.model),
                failure,
                headers=reply.headers,
                now=self._api.clock.now(),
                expected=expected_of(request.prompt),
                is_tool=manner.shape == "tool",
            )
            asked = self._api.asked(request.model)
            hearing = hear(reply, message, asked, clock=self._api.clock, started_s=started_s)
            async with aclosing(hearing) as events:
                async for event in events:
                    yield event

    async def _refusal(self, reply: Reply, request: Request) -> CallError | FormatRefused:
        refusal = refusal_of_status(reply.status, reply.headers, await reply.error_text())
        error = failure(refusal, self._api.asked(request.model), self._api.clock.now())
        found = remedy(refusal)
        return FormatRefused(error, found) if found else error


def shapes_for(prompt: Prompt) -> Sequence[Shape]:
    """The output formats to ask for, each for the case that the one before is refused. A tool's input is an object.

    Beside tools of the caller's the schema is told in words: a tool that has to be called would leave them none.
    """
    if prompt.schema is None:
        return ("text",)
    return ("tool", "words") if prompt.schema.get("type") == "object" and prompt.tools is None else ("words",)


def body_of(request: Request, manner: Manner) -> JsonObject:
    """The request's JSON. The API knows neither a seed nor penalties, so they are left out."""
    prompt, sampling = request.prompt, request.prompt.sampling
    system, messages = anthropic_turns(_messages(prompt, manner.shape))
    body: dict[str, object] = {
        "model": request.model,
        "max_tokens": max(prompt.max_tokens, 1),
        "messages": messages,
        "stream": True,
        **stops_of(sampling.stop),
        **tools_of(prompt.tools),
    }
    if sampling.top_p is not None:
        body["top_p"] = sampling.top_p
    if system:
        body["system"] = system
    if manner.has_temperature:
        # The scale of this API ends at 1.
        body["temperature"] = min(prompt.temperature, 1.0)
    if manner.shape == "tool" and prompt.schema is not None:
        body["tools"] = [{"name": TOOL_NAME, "description": "Gives the reply.", "input_schema": prompt.schema}]
        body["tool_choice"] = {"type": "tool", "name": TOOL_NAME, "disable_parallel_tool_use": True}
    return body


def failure(refusal: Refusal, asked: Asked, now: datetime) -> CallError:
    """The error for what Anthropic said instead of answering."""
    if refusal.status in (400, 413) and _TOO_LONG.search(refusal.message):
        return _too_long(refusal, asked)
    if refusal.status == 413 or refusal.word == "request_too_large":
        return ContextTooLong(
            f"The prompt is too big for {asked.where}: {described(refusal, asked)}", hint="shorten the prompt"
        )
    if refusal.status == 400 and _NO_CREDIT.search(refusal.message):
        hint = "add credit at https://console.anthropic.com/settings/billing, or choose another provider"
        return PaymentRequired(f"{asked.where} asks for payment: {described(refusal, asked)}", hint=hint)
    return failure_by_status(refusal, asked, now)


def remedy(refusal: Refusal) -> Remedy | None:
    """What to leave out for the model to be served after all; None when that would not help."""
    if refusal.status != 400 or _TOO_LONG.search(refusal.message):
        return None
    if _ABOUT_TEMPERATURE.search(refusal.message):
        return "fewer"
    return "looser" if _ABOUT_TOOLS.search(refusal.message) else None


def _too_long(refusal: Refusal, asked: Asked) -> ContextTooLong:
    found = _LIMIT_COUNTS.search(refusal.message)
    error = context_too_long(refusal, asked)
    if found:
        error.needed_tokens, error.limit_tokens = int(found[1]) + int(found[2]), int(found[3])
    return error


def _messages(prompt: Prompt, shape: Shape) -> Sequence[Message]:
    if shape != "tool":
        return spoken_for(prompt, shape)
    told = Message("system", f"Reply by calling the tool {TOOL_NAME}: its input is the whole reply.")
    return (*prompt.messages, told)
