"""Reads the reply of a chat-completion API, streamed or whole, and decides whether it is one. Does no I/O."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Protocol

from amalfa.calls import Finish, Usage
from amalfa.errors import BadReply, CallError, ModelRefused, Truncated, UpstreamBroken
from amalfa.providers.asked import Asked
from amalfa.providers.expected import Expected
from amalfa.providers.manners import FormatRefused, Remedy
from amalfa.providers.provider import Finished, ToolCallDelta
from amalfa.providers.refusals import Refusal, refusal_inside
from amalfa.providers.runaway import RunawayGuard
from amalfa.providers.tool_fragments import CallFragments
from amalfa.providers.untrusted_json import (
    EMPTY,
    JsonObject,
    count_at,
    number_at,
    object_at,
    objects_at,
    parse_object,
    text_at,
)

DONE = "[DONE]"

# It is stored and asked about again, so nothing may pass for an id that is none.
_ID = re.compile(r"[\x21-\x7e]{1,200}")


class Judge(Protocol):
    """What one API's errors amount to."""

    def failure(self, refusal: Refusal, asked: Asked, now: datetime) -> CallError: ...

    def remedy(self, refusal: Refusal) -> Remedy | None:
        """What of the request to leave out so that it might be served; None when that would not help."""
        ...


class ChatReply:
    """One reply as its pieces arrive. Errors are looked for before content, in every piece."""

    def __init__(
        self, asked: Asked, judge: Judge, *, headers: Mapping[str, str], now: datetime, expected: Expected
    ) -> None:
        self.is_done = False
        self.has_text = False
        self._asked = asked
        self._judge = judge
        self._headers = headers
        self._now = now
        self._expected = expected
        self._guard = RunawayGuard(asked.model, max_tokens=expected.max_tokens)
        self._calls = CallFragments()
        self._pieces: list[ToolCallDelta] = []
        self._finish_reason = ""
        self._refused_with = ""
        self._saw_choice = False
        self._is_unbilled = False
        self._usage: JsonObject = EMPTY
        self._model = ""
        self.generation_id = known_id(headers.get("x-generation-id", ""))
        """What the provider calls this reply in its accounts; "" until it has said so."""

    @property
    def is_maybe_paid(self) -> bool:
        """Whether the provider may bill for what came: for anything, unless it failed before its first word."""
        return self._asked.endpoint.bills and not self._is_unbilled

    @property
    def counted_so_far(self) -> Usage | None:
        """What the provider counted, once it has said so; it bills that even when the reply is of no use."""
        return self._counted(0) if self._usage else None

    def take(self, data: str) -> str:
        """The text that one event adds, often none. Raises CallError or FormatRefused."""
        if data.strip() == DONE:
            self.is_done = True
            return ""
        chunk = parse_object(data)
        if chunk is None:
            raise UpstreamBroken(f"{self._asked.where} sent an event that is not a JSON object.")
        return self._take_object(chunk, "delta")

    def take_whole(self, body: bytes) -> str:
        """The text of a reply that came in one piece although a stream was asked for."""
        whole = parse_object(body)
        if whole is None:
            self._is_unbilled = not body.strip()
            what = "an empty reply" if self._is_unbilled else "a reply that is not JSON"
            raise UpstreamBroken(f"{self._asked.where} sent {what}.")
        nested = object_at(whole, "provider")
        if objects_at(nested, "choices") and not objects_at(whole, "choices"):
            whole = nested
        text = self._take_object(whole, "message")
        if not objects_at(whole, "choices"):
            raise UpstreamBroken(f"{self._asked.where} sent a reply without an answer in it.")
        self.is_done = True
        return text

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
        """How the reply ended, where that is well. Some APIs say `stop`, or nothing, after calls of tools."""
        model, has_calls = self._asked.model, self._calls.has_calls
        match self._finish_reason:
            case "stop" | "":
                pass
            case "tool_calls" if has_calls:
                pass
            case "length" if self._expected.may_be_cut:
                return "length"
            case "length":
                raise self._too_long()
            case "content_filter":
                reason = f": {self._asked.shown(self._refused_with)}" if self._refused_with else "."
                raise ModelRefused(f"{model} refused to answer this{reason}", hint="choose another model")
            case "error":
                raise UpstreamBroken(f"{model} failed while answering and did not say why.")
            case other:
                raise BadReply(f"The reply of {model} ended with {self._asked.shown(other)} instead of an answer.")
        if not self._calls.are_named:
            raise BadReply(f"{model} called a tool without saying which.")
        if not self.has_text and not has_calls:
            raise BadReply(f"{model} answered with nothing.")
        return "tool_calls" if has_calls else "stop"

    def _take_object(self, holder: JsonObject, key: str) -> str:
        refusal = refusal_inside(holder, self._headers)
        if refusal is not None:
            raise self._failure(refusal, holder)
        self._model = text_at(holder, "model") or self._model
        self.generation_id = self.generation_id or known_id(text_at(holder, "id"))
        self._usage = object_at(holder, "usage") or self._usage
        # Usage, debug and metadata events have no choice in them.
        choice = next(iter(objects_at(holder, "choices")), EMPTY)
        self._saw_choice = self._saw_choice or choice is not EMPTY
        said = object_at(choice, key)
        self._finish_reason = text_at(choice, "finish_reason") or self._finish_reason
        self._refused_with += text_at(said, "refusal")
        text = text_at(said, "content")
        called = list(self._calls.take(objects_at(said, "tool_calls"))) if self._expected.has_tools else []
        self._pieces += called
        if text or called:
            self._guard.count_piece()
        self.has_text = self.has_text or bool(text)
        return text

    def _failure(self, refusal: Refusal, holder: JsonObject) -> CallError | FormatRefused:
        if self._finish_reason == "length":
            return self._too_long()
        error = self._judge.failure(refusal, self._asked, self._now)
        choice = next(iter(objects_at(holder, "choices")), EMPTY)
        # Routers bill neither what never began nor what ends with this reason; any other break they may.
        self._is_unbilled = not self._saw_choice or text_at(choice, "finish_reason") == "error"
        if not self.has_text and not self._calls.has_calls and (remedy := self._judge.remedy(refusal)):
            return FormatRefused(error, remedy)
        return error

    def _check_whole(self) -> None:
        if self.is_done and (self._finish_reason or self._calls.has_calls):
            return
        if self.has_text or self._finish_reason or self._calls.has_calls:
            raise Truncated(f"The reply of {self._asked.model} ended before it was whole.")
        self._is_unbilled = True
        raise UpstreamBroken(f"{self._asked.where} sent an empty reply for {self._asked.model}.", hint="ask again")

    def _too_long(self) -> Truncated:
        details = object_at(self._usage, "completion_tokens_details")
        thought, written = count_at(details, "reasoning_tokens"), count_at(self._usage, "completion_tokens")
        was_thought = not self.has_text and bool(thought) and thought == written
        how = "spent its whole limit of tokens on thinking" if was_thought else "was cut at its limit of tokens"
        message = f"The reply of {self._asked.model} {how}."
        return Truncated(message, hint="raise maxTokens of the task", is_at_limit=True)

    def _counted(self, ms: int) -> Usage:
        cost_usd = number_at(self._usage, "cost")
        return Usage(
            tokens_in=count_at(self._usage, "prompt_tokens"),
            tokens_out=count_at(self._usage, "completion_tokens"),
            cost_usd=0.0 if cost_usd is None and not self._asked.endpoint.bills else cost_usd,
            ms=ms,
        )


def known_id(text: str) -> str:
    """An id as a provider told it; "" when it can be none."""
    return text if _ID.fullmatch(text) else ""
