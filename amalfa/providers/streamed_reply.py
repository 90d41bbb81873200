"""Hears one reply of an API that streams server-sent events, whatever the events mean to it."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Protocol

from amalfa.calls import Usage
from amalfa.clock import Clock
from amalfa.errors import CallError, UpstreamBroken
from amalfa.providers.asked import Asked
from amalfa.providers.provider import Accepted, Event, Finished, TextDelta, ToolCallDelta
from amalfa.providers.reply import Reply
from amalfa.providers.sse import SseParser
from amalfa.providers.upstream_text import shown


class Reader(Protocol):
    """Understands one API's events. What it raises are CallErrors, and FormatRefused while there is no text."""

    @property
    def is_done(self) -> bool:
        """Whether the terminal record has come."""
        ...

    @property
    def generation_id(self) -> str:
        """What the provider calls this reply; "" until it has said so."""
        ...

    @property
    def is_maybe_paid(self) -> bool: ...

    @property
    def counted_so_far(self) -> Usage | None: ...

    def take(self, data: str) -> str:
        """The text that one event adds, often none."""
        ...

    def take_whole(self, body: bytes) -> str:
        """The text of a reply that came in one piece although a stream was asked for."""
        ...

    def calls(self) -> Iterator[ToolCallDelta]:
        """The pieces of tool calls that have come since they were asked for last."""
        ...

    def finished(self, ms: int) -> Finished:
        """The terminal event, once the stream has ended. Raises when the reply is not whole."""
        ...


async def hear(
    reply: Reply, reader: Reader, asked: Asked, *, clock: Clock, started_s: float
) -> AsyncGenerator[Event, None]:
    """The reply's name as soon as it is told, its texts and tool calls in order, and `Finished` when it is whole.

    A failure says whether it may be billed and what was counted before it.
    """
    try:
        async with aclosing(_told(reply, reader, asked)) as events:
            async for event in events:
                yield event
        end = reader.finished(round((clock.monotonic_s() - started_s) * 1000))
        for piece in reader.calls():
            yield piece
        yield end
    except CallError as error:
        error.is_maybe_paid = error.is_maybe_paid or reader.is_maybe_paid
        error.usage = reader.counted_so_far
        raise
    await reply.drain()


async def _told(reply: Reply, reader: Reader, asked: Asked) -> AsyncGenerator[Event, None]:
    named = reader.generation_id
    if named:
        yield Accepted(named)
    async with aclosing(_texts(reply, reader, asked)) as texts:
        async for text in texts:
            if reader.generation_id and not named:
                named = reader.generation_id
                yield Accepted(named)
            if text:
                yield TextDelta(text)
            for piece in reader.calls():
                yield piece


async def _texts(reply: Reply, reader: Reader, asked: Asked) -> AsyncGenerator[str, None]:
    """The text of every event, often none, up to the terminal record or the end."""
    if reply.content_type == "application/json":
        yield reader.take_whole(await reply.body())
        return
    if reply.content_type != "text/event-stream":
        # The body is not quoted: it may be an answer all the same, and hold words of somebody's notes.
        kind = shown(reply.content_type) or "an unnamed type"
        raise UpstreamBroken(f"{asked.where} answered with {kind} instead of a stream.")
    parser = SseParser()
    while not reader.is_done and (events := await reply.pieces(parser)) is not None:
        for event in events:
            yield reader.take(event.data)
