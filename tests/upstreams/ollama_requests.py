"""Reads request bodies the way Ollama does: what it accepts, what it refuses, and with which words."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.upstreams.go import FOREVER, json_kind, parse_duration
from tests.upstreams.ollama_errors import OllamaError

_THINK_LEVELS = ("high", "medium", "low", "max")
_FIELDS: dict[str, tuple[type, str]] = {
    "model": (str, "string"),
    "name": (str, "string"),
    "messages": (list, "[]api.Message"),
    "prompt": (str, "string"),
    "suffix": (str, "string"),
    "system": (str, "string"),
    "template": (str, "string"),
    "stream": (bool, "bool"),
    "raw": (bool, "bool"),
    "truncate": (bool, "bool"),
    "shift": (bool, "bool"),
    "insecure": (bool, "bool"),
    "verbose": (bool, "bool"),
    "options": (dict, "map[string]interface {}"),
    "tools": (list, "api.Tools"),
    "top_logprobs": (int, "int"),
    "dimensions": (int, "int"),
    "context": (list, "[]int"),
    "source": (str, "string"),
    "destination": (str, "string"),
}
_WHOLE = "num_ctx num_batch num_gpu main_gpu num_thread draft_num_predict num_keep seed num_predict top_k repeat_last_n"
_FRACTIONS = "top_p min_p typical_p temperature repeat_penalty presence_penalty frequency_penalty"
_INTEGERS, _FLOATS = frozenset(_WHOLE.split()), frozenset(_FRACTIONS.split())


class Body(dict[str, Any]):
    """A request body with lower-case keys, as Go matches them without regard to case."""

    def flag(self, name: str, default: bool) -> bool:
        value = self.get(name)
        return default if value is None else bool(value)

    @property
    def model(self) -> str:
        return str(self.get("model") or "")

    @property
    def options(self) -> Mapping[str, Any]:
        return self.get("options") or {}

    @property
    def keep_alive(self) -> timedelta | None:
        """None = not said; negative values have become "forever"."""
        return _keep_alive(self.get("keep_alive"))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.get("messages") or []


def read_body(raw: bytes, struct: str) -> Body:
    """The JSON object in `raw`, types of known fields checked. Raises OllamaError 400.

    `struct` is the Go name of the request (`ChatRequest`) that appears in type errors.
    """
    if not raw.strip():
        raise OllamaError(400, "missing request body")
    try:
        value, _end = json.JSONDecoder().raw_decode(raw.decode("utf-8", "replace").lstrip())
    except json.JSONDecodeError as problem:
        raise OllamaError(400, _json_problem(problem)) from None
    if not isinstance(value, dict):
        raise OllamaError(400, f"json: cannot unmarshal {json_kind(value)} into Go value of type api.{struct}")
    body = Body({key.lower(): field for key, field in value.items()})
    _check_fields(body, struct)
    for message in body.messages:
        _check_message(message)
    _keep_alive(body.get("keep_alive"))
    _check_think(body.get("think"))
    return body


def _json_problem(problem: json.JSONDecodeError) -> str:
    rest = problem.doc[problem.pos :].lstrip()
    if not rest or "Unterminated" in problem.msg:
        return "unexpected EOF"
    return f"invalid character {rest[0]!r} looking for beginning of value"


def _check_fields(body: Body, struct: str) -> None:
    for name, (kind, go_type) in _FIELDS.items():
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _type_problem(value, f"{struct}.{name}", go_type)


def _check_message(message: Any) -> None:
    if not isinstance(message, dict):
        raise OllamaError(400, f"json: cannot unmarshal {json_kind(message)} into Go value of type api.Alias")
    if not isinstance(message.get("content", ""), str | None):
        raise _type_problem(message["content"], "Alias.content", "string")
    for image in message.get("images") or ():
        check_base64(image)
    for call in message.get("tool_calls") or ():
        arguments = (call.get("function") or {}).get("arguments")
        if not isinstance(arguments, dict | None):
            raise _type_problem(
                arguments, "ToolCallFunction.messages.tool_calls.function.arguments", "api.ToolCallFunctionArguments"
            )


def _type_problem(value: Any, place: str, go_type: str) -> OllamaError:
    return OllamaError(400, f"json: cannot unmarshal {json_kind(value)} into Go struct field {place} of type {go_type}")


def check_base64(image: str) -> None:
    if (bad := re.search(r"[^A-Za-z0-9+/=\r\n]", image)) is not None:
        raise OllamaError(400, f"illegal base64 data at input byte {bad.start()}")


def _keep_alive(value: Any) -> timedelta | None:
    match value:
        case None:
            return None
        case bool():
            raise OllamaError(400, "Unsupported type: 'bool'")
        case int() | float():
            seconds = float(value)
        case str():
            try:
                seconds = parse_duration(value)
            except ValueError as problem:
                raise OllamaError(400, str(problem)) from None
        case _:
            raise OllamaError(400, f"Unsupported type: '{type(value).__name__}'")
    return FOREVER if seconds < 0 else timedelta(seconds=seconds)


def _check_think(value: Any) -> None:
    if value is None or isinstance(value, bool) or value in _THINK_LEVELS:
        return
    if isinstance(value, str):
        said = json.dumps(value, ensure_ascii=False)
        raise OllamaError(400, f'invalid think value: {said} (must be "high", "medium", "low", "max", true, or false)')
    raise OllamaError(400, 'think must be a boolean or string ("high", "medium", "low", "max", true, or false)')


def check_options(options: Mapping[str, Any]) -> None:
    """Wrong types are a 500; unknown options pass."""
    for name, value in options.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None:
            continue
        if name in _INTEGERS and not is_number:
            raise OllamaError(500, f'option "{name}" must be of type integer')
        if name in _FLOATS and not is_number:
            raise OllamaError(500, f'option "{name}" must be of type float32')
        if name == "stop" and not isinstance(value, list):
            raise OllamaError(500, 'option "stop" must be of type array')
        if name == "use_mmap" and not isinstance(value, bool):
            raise OllamaError(500, 'option "use_mmap" must be of type boolean')


@dataclass(frozen=True, slots=True)
class Format:
    """What `format` asks for: nothing, some JSON, or an instance of a schema."""

    is_json: bool = False
    schema: Mapping[str, Any] | None = None


def read_format(value: Any) -> Format:
    """Raises OllamaError 500 as the runner does, after the model has been loaded."""
    if value in (None, ""):
        return Format()
    if value == "json":
        return Format(is_json=True)
    if isinstance(value, dict):
        return Format(is_json=True, schema=value)
    said = json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False)
    raise OllamaError(500, f'invalid format: {said}; expected "json" or a valid JSON Schema object', late=True)
