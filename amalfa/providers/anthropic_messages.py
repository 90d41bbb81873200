"""Reads a reply of Anthropic's Messages API, streamed or whole, and decides whether it is one. Does no I/O."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from amalfa.calls import Finish, Usage
from amalfa.errors import BadReply, CallError, ContextTooLong, ModelRefused, Truncated, UpstreamBroken
from amalfa.providers.asked import Asked
from amalfa.providers.chat_reply import known_id
from amalfa.providers.expected import Expected
from amalfa.providers.provider import Finished, ToolCallDelta
from amalfa.providers.refusals import Refusal, refusal_inside
from amalfa.providers.runaway import RunawayGuard
from amalfa.providers.tool_fragments import CallFragments
from amalfa.providers.untrusted_json import (
    JsonObject,
    count_at,
    object_at,
    objects_at,
    parse_object,
    text_at,
)

Failure = Callable[[Refusal, Asked, datetime], CallError]

_INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_ALL_COUNTS = (*_INPUT_COUNTS, "output_tokens")


class MessagesReply:
    """One reply as its events arrive. `is_tool`: the reply is the input of a tool, and other text is not part of it."""

    def __init__(
        self,
        asked: Asked,
        failure: Failure,
        *,
        headers: Mapping[str, str],
        now: datetime,
        expected: Expected,
        is_tool: bool = False,
    ) -> None:
        self.is_done = False
        self.has_text = False
        self.generation_id = ""
        self._asked = asked
        self._failure = failure
        self._headers = headers
        self._now = now
        self._is_tool = is_tool
        self._expected = expected
        self._guard = RunawayGuard(asked.model, max_tokens=expected.max_tokens)
        self._calls = CallFragments()
        self._pieces: list[ToolCallDelta] = []
        self._stop_reason = ""
        self._model = ""
        self._counts: dict[str, int] = {}
        self._has_begun = False
        self._tool_at: object = None

    @property
    def is_maybe_paid(self) -> bool:
        """Whether the provider may bill for what came: for anything, once the reply has begun."""
        return self._asked.endpoint.bills and self._has_begun

    @property
    def counted_so_far(self) -> Usage | None:
        """What the provider counted; None until it has said so."""
        return self._counted(0) if self._counts else None

    def take(self, data: str) -> str:
        """The text that one event adds, often none. Events of unknown kinds add none. Raises CallError."""
        event = parse_object(data)
        if event is None:
            raise UpstreamBroken(f"{self._asked.where} sent an event that is not a JSON object.")
        self._refuse_error(event)
        match text_at(event, "type"):
            case "message_start":
                message = object_at(event, "message")
                self._begin(message)
                # Of the output this event knows a first token at most; the end tells the rest.
                self._count(object_at(message, "usage"), _INPUT_COUNTS)
            case "content_block_start":
                return self._block(event, object_at(event, "content_block"))
            case "content_block_delta":
                return self._added(event, object_at(event, "delta"))
            case "content_block_stop":
                return self._block_end(event)
            case "message_delta":
                self._count(object_at(event, "usage"), _ALL_COUNTS)
                self._stop_reason = text_at(object_at(event, "delta"), "stop_reason") or self._stop_reason
            case "message_stop":
                self.is_done = True
            case _:
                pass
        return ""

    def take_whole(self, body: bytes) -> str:
        """The text of a reply that came in one piece although a stream was asked for. Raises CallError."""
        whole = parse_object(body)
        if whole is None:
            what = "a reply that is not JSON" if body.strip() else "an empty reply"
            raise UpstreamBroken(f"{self._asked.where} sent {what}.")
        self._refuse_error(whole)
        self._begin(whole)
        self._count(object_at(whole, "usage"), _ALL_COUNTS)
        self._stop_reason = text_at(whole, "stop_reason")
        self.is_done = True
        return "".join(map(self._whole_block, objects_at(whole, "content")))

    def calls(self) -> Iterator[ToolCallDelta]:
        """The pieces of tool calls that have come since they were asked for last."""
        pieces, self._pieces = self._pieces, []
        yield from pieces

    def finished(self, ms: int) -> Finished:
        """The terminal event, once the stream has ended. Raises CallError when the reply is not whole."""
        self._check_whole()
        finish = self._finish()
        self._pieces += self._calls.end()
        return Finished(self._counted(ms), self._model or self._asked.model, self.generation_id or None, finish)

    def _finish(self) -> Finish:
        """How the reply ended, where that is well."""
        model = self._asked.model
        match self._stop_reason:
            case "end_turn" | "stop_sequence" | "tool_use":
                pass
            case "max_tokens" if self._expected.may_be_cut:
                return "length"
            case "max_tokens":
                message = f"The reply of {model} was cut at its limit of tokens."
                raise Truncated(message, hint="raise maxTokens of the task", is_at_limit=True)
            case "model_context_window_exceeded":
                message = f"The prompt and the reply are too long for {model}."
                raise ContextTooLong(message, hint="use a model with a longer context")
            case "refusal":
                raise ModelRefused(f"{model} refused to answer this.", hint="choose another model")
            case other:
                raise BadReply(f"The reply of {model} ended with {self._asked.shown(other)} instead of an answer.")
        if self._calls.has_calls:
            return "tool_calls"
        if not self.has_text:
            raise BadReply(f"{model} answered with nothing.")
        return "stop"

    def _refuse_error(self, event: JsonObject) -> None:
        refusal = refusal_inside(event, self._headers)
        if refusal is not None:
            raise self._failure(refusal, self._asked, self._now)

    def _begin(self, message: JsonObject) -> None:
        self._has_begun = True
        self.generation_id = known_id(text_at(message, "id"))
        self._model = text_at(message, "model")

    def _block(self, event: JsonObject, block: JsonObject) -> str:
        if self._is_tool and self._tool_at is None and text_at(block, "type") == "tool_use":
            self._tool_at = event.get("index")
        if self._takes_calls and text_at(block, "type") == "tool_use":
            self._called(event.get("index"), block)
        return "" if self._is_tool else self._said(text_at(block, "text"))

    def _added(self, event: JsonObject, delta: JsonObject) -> str:
        kind = text_at(delta, "type")
        if self._takes_calls and kind == "input_json_delta":
            self._called(event.get("index"), {"input": text_at(delta, "partial_json")})
        if not self._is_tool:
            return self._said(text_at(delta, "text") if kind == "text_delta" else "")
        is_input = kind == "input_json_delta" and event.get("index") == self._tool_at
        return self._said(text_at(delta, "partial_json") if is_input else "")

    def _block_end(self, event: JsonObject) -> str:
        # A tool called with nothing is told without any piece of JSON.
        is_empty = self._tool_at is not None and event.get("index") == self._tool_at and not self.has_text
        return self._said("{}") if is_empty else ""

    def _whole_block(self, block: JsonObject) -> str:
        if self._takes_calls and text_at(block, "type") == "tool_use":
            self._called(None, block)
        if not self._is_tool:
            return self._said(text_at(block, "text") if text_at(block, "type") == "text" else "")
        if text_at(block, "type") != "tool_use" or self.has_text:
            return ""
        return self._said(json.dumps(block.get("input"), ensure_ascii=False))

    @property
    def _takes_calls(self) -> bool:
        return self._expected.has_tools and not self._is_tool

    def _called(self, index: object, block: JsonObject) -> None:
        """Note what a block of a tool's use adds. A block of a stream begins with an empty input, which comes after."""
        given = block.get("input")
        function = {"name": text_at(block, "name"), "arguments": given if given else ""}
        told = {} if index is None else {"index": index}
        called = list(self._calls.take([{**told, "id": text_at(block, "id"), "function": function}]))
        if called:
            self._guard.count_piece()
        self._pieces += called

    def _said(self, text: str) -> str:
        if text:
            self._guard.count_piece()
            self.has_text = True
        return text

    def _check_whole(self) -> None:
        if self.is_done and self._stop_reason:
            return
        if self._has_begun:
            raise Truncated(f"The reply of {self._asked.model} ended before it was whole.")
        raise UpstreamBroken(f"{self._asked.where} sent an empty reply for {self._asked.model}.", hint="ask again")

    def _count(self, usage: JsonObject, keys: tuple[str, ...]) -> None:
        """Later counts replace earlier ones: those of the input may come twice."""
        told = {key: count_at(usage, key) for key in keys}
        self._counts |= {key: count for key, count in told.items() if count is not None}

    def _counted(self, ms: int) -> Usage:
        read = [self._counts[key] for key in _INPUT_COUNTS if key in self._counts]
        return Usage(
            tokens_in=sum(read) if read else None,
            tokens_out=self._counts.get("output_tokens"),
            cost_usd=None if self._asked.endpoint.bills else 0.0,
            ms=ms,
        )
