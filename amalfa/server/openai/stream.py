"""The chunks of a streamed chat completion: what each step of a call is on the wire. Sends nothing itself."""

import json
from collections.abc import Mapping

from starlette.responses import Response

from amalfa.errors import AmalfaError
from amalfa.execution.steps import Chosen, Delta, Step, ToolDelta
from amalfa.server.openai.errors import error_event, error_reply
from amalfa.server.openai.replies import Said, tool_call_id
from amalfa.server.openai.shown import tokens_of

DONE = b"data: [DONE]\n\n"


class Chunks:
    """One streamed reply. `asked` is the model's name in the request, `created` its time in seconds since 1970."""

    media_type = "text/event-stream"

    def __init__(self, request_id: str, asked: str, *, created: int, has_usage: bool) -> None:
        self._request_id = request_id
        self._model = asked
        self._created = created
        self._has_usage = has_usage
        self._has_text = False
        self._seen_tools: set[int] = set()

    def notice(self, step: Step) -> None:
        """Hear of a step before it is written: every chunk names the model that is being asked."""
        if isinstance(step, Chosen):
            self._model = str(step.model)

    def first(self, chosen: Chosen | None) -> bytes:
        return self._choice({"role": "assistant", "content": "", "refusal": None})

    def piece(self, step: Delta | ToolDelta) -> bytes:
        if isinstance(step, ToolDelta):
            return self._choice({"tool_calls": [self._tool_piece(step)]})
        self._has_text = True
        return self._choice({"content": step.text})

    def end(self, result: Said) -> bytes:
        unsaid = b"" if self._has_text or not result.text else self._choice({"content": result.text})
        tokens = tokens_of(result.usage) if self._has_usage else None
        last = self._chunk({"choices": [], "usage": tokens.model_dump()}) if tokens else b""
        return unsaid + self._choice({}, finish=result.finish) + last + DONE

    def error(self, error: AmalfaError) -> bytes:
        return error_event(error).encode()

    def refusal(self, error: AmalfaError) -> Response:
        return error_reply(error, request_id=self._request_id)

    def ping(self) -> bytes:
        return b": ping\n\n"

    def _tool_piece(self, step: ToolDelta) -> dict[str, object]:
        is_first = step.index not in self._seen_tools
        self._seen_tools.add(step.index)
        function = {"name": step.name, "arguments": step.arguments} if is_first else {"arguments": step.arguments}
        head = {"id": step.id or tool_call_id(self._request_id, step.index), "type": "function"} if is_first else {}
        return {"index": step.index, **head, "function": function}

    def _choice(self, delta: Mapping[str, object], *, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._chunk({"choices": [choice], **({"usage": None} if self._has_usage else {})})

    def _chunk(self, told: Mapping[str, object]) -> bytes:
        head = {
            "id": completion_id(self._request_id),
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
        }
        body = json.dumps({**head, **told}, ensure_ascii=False, separators=(",", ":"))
        return f"data: {body}\n\n".encode("utf-8", "replace")


def completion_id(request_id: str) -> str:
    return f"chatcmpl-{request_id}"
