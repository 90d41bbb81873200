"""How a reply is written for clients of Ollama: one JSON object, or a line of JSON for each piece."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import Response

from amalfa.calls import Finish, Route, Usage
from amalfa.errors import AmalfaError, BadReply
from amalfa.execution.steps import Chosen, Delta, ToolDelta
from amalfa.messages import ToolCall
from amalfa.server.ollama.errors import error_line, error_reply

Record = dict[str, object]

Voice = Callable[[str, list[Record]], Record]
"""Where a text and the tool calls with it stand in a record; the two ways of asking differ in nothing else."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A reply that is whole."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish: Finish
    usage: Usage
    route: Route


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the records of one reply. `model` is the name as it was sent; `since_s` and `now_s` are monotonic."""

    model: str
    voice: Voice
    since_s: float
    now_s: Callable[[], float]

    def whole(self, ended: Ended) -> Record:
        """The one record of a reply that is not streamed. Raises BadReply like `calls`."""
        return self._last(ended, self.voice(ended.text, calls_of(ended.tool_calls)))

    def piece(self, text: str, calls: list[Record]) -> Record:
        return {**self._head(), **self.voice(text, calls), "done": False}

    def last(self, ended: Ended) -> Record:
        """The record that ends a stream."""
        return self._last(ended, self.voice("", []))

    def loaded(self) -> Record:
        return {**self._head(), **self.voice("", []), "done": True, "done_reason": "load"}

    def _last(self, ended: Ended, said: Record) -> Record:
        # Ollama leaves out counts it does not have; how long loading and reading took is known to nobody here.
        counts = {
            "total_duration": round((self.now_s() - self.since_s) * 1e9),
            "prompt_eval_count": ended.usage.tokens_in,
            "eval_count": ended.usage.tokens_out,
        }
        known = {name: count for name, count in counts.items() if count is not None}
        # A reply that waits for its tools has the reason "stop" there.
        reason = "length" if ended.finish == "length" else "stop"
        return {**self._head(), **said, "done": True, "done_reason": reason, **known}

    def _head(self) -> Record:
        return {"model": self.model, "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z")}


def calls_of(tool_calls: tuple[ToolCall, ...]) -> list[Record]:
    """Tool calls with their arguments as objects. Raises BadReply for arguments that are none."""
    return [
        {"id": call.id, "function": {"index": index, "name": call.name, "arguments": _arguments(call)}}
        for index, call in enumerate(tool_calls)
    ]


def _arguments(call: ToolCall) -> Mapping[str, object]:
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise BadReply(f"The model called {call.name} with arguments that are no JSON object.", hint="ask again")
    return arguments


class Lines:
    """The manner of a streamed reply."""

    media_type = "application/x-ndjson"

    def __init__(self, writer: Writer, *, request_id: str) -> None:
        self._writer = writer
        self._request_id = request_id
        self._has_text = False

    def first(self, chosen: Chosen | None) -> bytes:
        return b""

    def piece(self, step: Delta | ToolDelta) -> bytes:
        """A tool call is written at the end: in this API its arguments are never partial."""
        if isinstance(step, ToolDelta):
            return b""
        self._has_text = True
        return _line(self._writer.piece(step.text, []))

    def end(self, result: Ended) -> bytes:
        unsent = "" if self._has_text else result.text
        calls = calls_of(result.tool_calls)
        rest = _line(self._writer.piece(unsent, calls)) if unsent or calls else b""
        return rest + _line(self._writer.last(result))

    def error(self, error: AmalfaError) -> bytes:
        return error_line(error).encode("utf-8", "replace")

    def refusal(self, error: AmalfaError) -> Response:
        return error_reply(error, request_id=self._request_id)

    def ping(self) -> bytes:
        """A piece without text: a blank line is no JSON, and clients stumble over it."""
        return _line(self._writer.piece("", []))


def _line(record: Record) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
