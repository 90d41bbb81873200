"""Short ways to build endpoints and requests, and to hear a whole reply."""

import time
from collections.abc import Callable
from contextlib import aclosing

from amalfa.calls import JsonSchema, Material, PrivacyClass, Prompt, Tier
from amalfa.config.secret import Secret
from amalfa.errors import CallError
from amalfa.messages import Message
from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.patience import Patience
from amalfa.providers.provider import Event, Finished, Provider, Request, TextDelta, Waiting

QWEN = "qwen2.5:1.5b"
QWEN_72B = "qwen/qwen-2.5-72b-instruct"
KEY = "sk-or-v1-simulated"
ANTHROPIC_KEY = "sk-ant-api03-simulated"
OPUS = "claude-3-opus-20240229"

QUICK = Patience(
    connect_s=0.4,
    first_byte_s=0.5,
    cold_first_byte_s=3.0,
    first_event_s=0.35,
    idle_s=0.25,
    per_token_s=0.02,
    look_s=0.5,
)
"""Limits that real sockets reach within a test's time."""

CITY: JsonSchema = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer", "minimum": 0}},
    "required": ["city", "people"],
    "additionalProperties": False,
}


def ollama_at(*urls: str, is_local: bool = True, off_reason: str = "") -> Endpoint:
    addresses = tuple(Address(url, is_verified_local=is_local) for url in urls)
    return Endpoint("ollama", "ollama", Tier.LOCAL, addresses, off_reason=off_reason)


def openrouter_at(url: str, *, key: str | None = KEY, off_reason: str = "") -> Endpoint:
    return Endpoint(
        "openrouter",
        "openrouter",
        Tier.CLOUD,
        (Address(url),),
        key=Secret(key) if key else None,
        key_origin="/home/ada/notes/.env:3 OPENROUTER_API_KEY",
        key_hint="put OPENROUTER_API_KEY=… into .env",
        needs_key=True,
        off_reason=off_reason,
    )


def anthropic_at(url: str, *, key: str | None = ANTHROPIC_KEY, off_reason: str = "") -> Endpoint:
    return Endpoint(
        "anthropic",
        "anthropic",
        Tier.CLOUD,
        (Address(f"{url}/v1"),),
        key=Secret(key) if key else None,
        key_origin="/home/ada/notes/.env:4 ANTHROPIC_API_KEY",
        key_hint="put ANTHROPIC_API_KEY=… into .env",
        needs_key=True,
        off_reason=off_reason,
    )


def request(
    model: str,
    *,
    text: str = "What is Amalfa?",
    privacy: PrivacyClass = PrivacyClass.CLOUD_OK,
    schema: JsonSchema | None = None,
    max_tokens: int = 200,
    within_s: float = 10.0,
) -> Request:
    prompt = Prompt((Message("user", text),), Material(), max_tokens, 0.3, schema)
    return Request(model, prompt, privacy, time.monotonic() + within_s, "r-1", "chat")


async def hear(provider: Provider, asked: Request, *, each: Callable[[Event], None] | None = None) -> list[Event]:
    """Every event of a whole reply."""
    events: list[Event] = []
    async with aclosing(provider.stream(asked)) as stream:
        async for event in stream:
            events.append(event)
            if each is not None:
                each(event)
    return events


async def failure_of(provider: Provider, asked: Request) -> tuple[CallError, str]:
    """The error a reply ended in, and the text heard before it."""
    events: list[Event] = []
    try:
        await hear(provider, asked, each=events.append)
    except CallError as error:
        return error, text_of(events)
    raise AssertionError(f"the reply was whole: {events}")


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def phases_of(events: list[Event]) -> list[str]:
    return [event.phase for event in events if isinstance(event, Waiting)]


def end_of(events: list[Event]) -> Finished:
    """The terminal event, which is the last one and the only one of its kind."""
    assert [type(event) for event in events].count(Finished) == 1
    assert isinstance(events[-1], Finished)
    return events[-1]
