"""The server-sent events and the whole body of one answer of a simulated Anthropic."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.upstreams.anthropic_errors import NAMED
from tests.upstreams.frames import Frame, Frames
from tests.upstreams.script import Step


@dataclass(frozen=True, slots=True)
class Call:
    """A tool's use: a block of its own behind the text. `pieces` are those of its input as JSON."""

    id: str
    name: str
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """An answer about to be given. `tool` is the name of the tool whose input it is; "" for text."""

    id: str
    model: str
    pieces: tuple[str, ...]
    thoughts: tuple[str, ...]
    tool: str
    stop_reason: str
    tokens_in: int
    tokens_out: int
    calls: tuple[Call, ...] = ()

    @property
    def has_block(self) -> bool:
        """Whether there is a block before the uses of tools: not when nothing is said besides them."""
        return bool(self.pieces) or not self.calls

    @property
    def usage(self) -> dict[str, int]:
        cached = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        return {"input_tokens": self.tokens_in, **cached, "output_tokens": self.tokens_out}

    def message(self, content: list[dict[str, Any]], stop_reason: str | None) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": self.usage,
        }


def whole_message(said: Said) -> dict[str, Any]:
    text = "".join(said.pieces)
    block: dict[str, Any] = {"type": "text", "text": text}
    if said.tool:
        block = {"type": "tool_use", "id": "toolu_01simulated", "name": said.tool, "input": json.loads(text or "{}")}
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads("".join(call.pieces) or "{}")}
        for call in said.calls
    ]
    return said.message([*([block] if said.has_block else []), *calls], said.stop_reason)


async def frames(said: Said, step: Step, *, token_s: float) -> Frames:
    """One event per frame. A late error ends the stream with an error event after `step.after` pieces."""
    for frame in _opening(said):
        yield frame
    late = step.late_error
    for index, piece in enumerate(_endless(said, step)):
        if late is not None and index >= step.after:
            break
        await asyncio.sleep(token_s)
        for _ in range(step.comments_between):
            yield _event("ping", {"type": "ping"}, "comment")
        yield _event("content_block_delta", _delta(said, piece), "token")
    if late is not None:
        yield _event("error", NAMED[late].content(), "error")
        return
    at = 1 if said.thoughts else 0
    if said.has_block:
        yield _event("content_block_stop", {"type": "content_block_stop", "index": at}, "comment")
    for index, call in enumerate(said.calls, at + 1 if said.has_block else at):
        yield _start(index, {"type": "tool_use", "id": call.id, "name": call.name, "input": {}})
        for piece in call.pieces:
            await asyncio.sleep(token_s)
            delta = {"type": "input_json_delta", "partial_json": piece}
            yield _event(
                "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}, "token"
            )
        yield _event("content_block_stop", {"type": "content_block_stop", "index": index}, "comment")
    ending = {"stop_reason": said.stop_reason, "stop_sequence": None}
    counted = {"output_tokens": said.tokens_out}
    yield _event("message_delta", {"type": "message_delta", "delta": ending, "usage": counted}, "finish")
    yield _event("message_stop", {"type": "message_stop"}, "done")


def _opening(said: Said) -> Iterator[Frame]:
    begun = said.message([], None)
    begun["usage"] = {**said.usage, "output_tokens": 1}
    yield _event("message_start", {"type": "message_start", "message": begun}, "comment")
    if said.thoughts:
        yield _start(0, {"type": "thinking", "thinking": ""})
        for thought in said.thoughts:
            delta = {"type": "thinking_delta", "thinking": thought}
            yield _event("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}, "comment")
        yield _event("content_block_stop", {"type": "content_block_stop", "index": 0}, "comment")
    block: dict[str, Any] = {"type": "text", "text": ""}
    if said.tool:
        block = {"type": "tool_use", "id": "toolu_01simulated", "name": said.tool, "input": {}}
    if said.has_block:
        yield _start(1 if said.thoughts else 0, block)
    yield _event("ping", {"type": "ping"}, "comment")


def _endless(said: Said, step: Step) -> Iterator[str]:
    if step.fault_named("endless_whitespace"):
        yield from itertools.repeat("\n")
    yield from said.pieces
    if step.fault_named("endless"):
        yield from itertools.repeat(said.pieces[-1] if said.pieces else "x")


def _start(index: int, block: dict[str, Any]) -> Frame:
    start = {"type": "content_block_start", "index": index, "content_block": block}
    return _event("content_block_start", start, "comment")


def _delta(said: Said, piece: str) -> dict[str, Any]:
    delta = {"type": "input_json_delta", "partial_json": piece} if said.tool else {"type": "text_delta", "text": piece}
    return {"type": "content_block_delta", "index": 1 if said.thoughts else 0, "delta": delta}


def _event(name: str, value: dict[str, Any], kind: Any) -> Frame:
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Frame(f"event: {name}\ndata: {data}\n\n".encode(), kind)
