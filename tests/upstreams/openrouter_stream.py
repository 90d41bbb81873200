"""The server-sent events of one answer, with OpenRouter's comments, usage variants and late errors."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from tests.upstreams.frames import Frame, Frames
from tests.upstreams.openrouter_bodies import Said, bare_chunk, chunk, event, text_delta, thought_delta, usage
from tests.upstreams.script import Step
from tests.upstreams.words import pieces

COMMENT = Frame(b": OPENROUTER PROCESSING\n\n", "comment")
_DONE = Frame(b"data: [DONE]\n\n", "done")

LATE_FORMS: dict[str, dict[str, Any]] = {
    "documented": {"code": 502, "message": "Provider disconnected", "metadata": {"error_type": "provider_unavailable"}},
    "observed": {"code": 400, "message": "Token limit reached"},
    "first": {"code": 502, "message": "Provider returned error", "metadata": {"provider_name": "Together"}},
    "no_choices": {"code": 502, "message": "Provider disconnected"},
    "string_code": {"code": "server_error", "message": "Provider disconnected unexpectedly"},
    "rate_limited": {"code": 429, "message": "Rate limit exceeded", "metadata": {"error_type": "rate_limit_exceeded"}},
}


class Stream:
    """Yields the frames of one answer; `tokens` counts what was generated so far."""

    def __init__(self, said: Said, step: Step, *, token_s: float, comment_s: float) -> None:
        self.tokens = 0
        self.is_complete = False
        self._said = said
        self._step = step
        self._token_s = token_s
        self._comment_s = comment_s

    async def frames(self) -> Frames:
        for frame in self._preamble():
            yield frame
        async for frame in self._comments(self._step.comments):
            yield frame
        late = self._step.late_error
        for delta in self._deltas():
            if late is not None and (late == "first" or self.tokens >= self._step.after):
                break
            await asyncio.sleep(self._token_s)
            async for frame in self._comments(self._step.comments_between):
                yield frame
            self.tokens += 1
            yield Frame(event(chunk(self._said, delta, **self._extra())))
        for frame in self._ending() if late is None else self._late_ending(late):
            yield frame
        self.is_complete = late is None

    def _preamble(self) -> Iterator[Frame]:
        if self._step.odd_named("debug_chunk"):
            yield Frame(
                event({**bare_chunk(self._said), "choices": [], "debug": {"echo_upstream_body": {}}}), "comment"
            )
        if self._step.odd_named("empty_delta"):
            yield Frame(event(chunk(self._said, {})), "comment")

    async def _comments(self, count: int) -> Frames:
        is_endless = self._step.odd_named("comments_forever") is not None
        frame = Frame(b": \n\n", "comment") if self._step.odd_named("bare_comment") else COMMENT
        for _ in itertools.repeat(None) if is_endless else range(count):
            await asyncio.sleep(self._comment_s)
            yield frame

    def _deltas(self) -> Iterator[dict[str, Any]]:
        said, step = self._said, self._step
        if step.odd_named("encrypted_reasoning"):
            detail = {"type": "reasoning.encrypted", "format": "unknown", "index": 0, "data": "c2VjcmV0"}
            yield {"role": "assistant", "content": "", "reasoning": None, "reasoning_details": [detail]}
        if step.odd_named("empty_details"):
            yield {"role": "assistant", "content": "", "reasoning": None, "reasoning_details": []}
        yield from map(thought_delta, said.thoughts)
        if step.fault_named("endless_whitespace"):
            yield from itertools.repeat(text_delta("\n"))
        yield from map(text_delta, said.pieces)
        if step.fault_named("endless"):
            yield from itertools.repeat(text_delta(said.pieces[-1] if said.pieces else "x"))
        yield from map(_calling, call_fragments(said.tool_calls, step))

    def _extra(self) -> dict[str, Any]:
        if not self._step.odd_named("unknown_fields"):
            return {}
        return {"x_new_field": {"deep": [1, 2]}, "service_tier": None}

    def _ending(self) -> Iterator[Frame]:
        finish = self._said.finish
        yield Frame(event(chunk(self._said, text_delta(""), finish=finish)), "finish")
        counted = usage(self._said)
        # Variant A would repeat the finish_reason that this fault takes away.
        usual = "C" if self._step.fault_named("no_finish") else "A"
        match self._step.usage_variant or usual:
            case "A":
                yield Frame(event(chunk(self._said, text_delta(""), finish=finish, usage=counted)), "usage")
            case "B":
                yield Frame(event({**bare_chunk(self._said), "choices": [], "usage": counted}), "usage")
            case "C":
                yield Frame(event(chunk(self._said, text_delta(""), usage=counted)), "usage")
            case _:
                pass
        yield _DONE

    def _late_ending(self, late: str) -> Iterator[Frame]:
        """The error forms; only the observed one is followed by `[DONE]`."""
        error = LATE_FORMS[late]
        if late == "observed":
            length = Frame(event(chunk(self._said, text_delta(""), finish="length")), "finish")
            yield from (length, length)
            yield Frame(event(chunk(self._said, text_delta(""), error=error, usage=usage(self._said))), "error")
            yield _DONE
            return
        frame = {**bare_chunk(self._said), "error": error}
        if late != "no_choices":
            frame["choices"] = [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]
        yield Frame(event(frame), "error")


def _calling(fragment: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [fragment]}


def call_fragments(calls: Sequence[dict[str, Any]], step: Step) -> Iterator[dict[str, Any]]:
    """The calls in pieces: the first of each has its id and name, the others have the arguments bit by bit."""
    if step.odd_named("whole_calls"):
        yield from ({"index": index, **call} for index, call in enumerate(calls))
        return
    each = [_fragments(index, call, step) for index, call in enumerate(calls)]
    if step.odd_named("interleaved_calls"):
        rounds = itertools.zip_longest(*each)
        yield from (fragment for one in rounds for fragment in one if fragment is not None)
    else:
        yield from itertools.chain.from_iterable(each)


def _fragments(index: int, call: dict[str, Any], step: Step) -> Iterator[dict[str, Any]]:
    function = call["function"]
    yield {"index": index, **call, "function": {**function, "arguments": ""}}
    repeated = {"id": call["id"], "type": "function"} if step.odd_named("repeated_ids") else {}
    name = {"name": function["name"]} if repeated else {}
    for piece in pieces(function["arguments"]):
        yield {"index": index, **repeated, "function": {**name, "arguments": piece}}
    if step.odd_named("blank_fragment"):
        yield {"index": index, "function": {"arguments": " \n"}}
