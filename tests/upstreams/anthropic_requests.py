"""Reads message requests the way Anthropic does, and says what is wrong with them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.upstreams.anthropic_errors import invalid, not_a_model, over_the_window, too_long
from tests.upstreams.words import token_count

_NAMES = (
    "model messages max_tokens system temperature top_p top_k stop_sequences stream tools tool_choice metadata "
    "thinking service_tier"
)
_KEYS = frozenset(_NAMES.split())


@dataclass(frozen=True, slots=True)
class Ask:
    """One checked request."""

    body: Mapping[str, Any]

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def texts(self) -> list[str]:
        system = self.body.get("system")
        messages = self.body["messages"]
        return [*([_text_of(system)] if system else []), *(_text_of(message["content"]) for message in messages)]

    @property
    def tokens(self) -> int:
        return sum(token_count(text) + 4 for text in self.texts)

    @property
    def max_tokens(self) -> int:
        return int(self.body["max_tokens"])

    @property
    def streams(self) -> bool:
        return self.body.get("stream") is True

    @property
    def tool(self) -> Mapping[str, Any] | None:
        """The tool that has to be called; None when none has to."""
        choice = self.body.get("tool_choice") or {}
        named = [tool for tool in self.body.get("tools") or () if tool["name"] == choice.get("name")]
        return named[0] if choice.get("type") == "tool" and named else None


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(_text_of_block(block) for block in content)
    return str(content or "")


def _text_of_block(block: Mapping[str, Any]) -> str:
    if block.get("type") == "tool_use":
        return json.dumps(block.get("input"))
    return _text_of(block["content"]) if block.get("content") else str(block.get("text", ""))


def read_ask(raw: bytes, models: Mapping[str, int]) -> Ask:
    """Parse and check a body; `models` are context windows by name. Raises ApiError."""
    try:
        body = json.loads(raw)
    except ValueError:
        raise invalid("The request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise invalid("The request body is not a JSON object")
    for key in ("model", "messages", "max_tokens"):
        if key not in body:
            raise invalid(f"{key}: Field required")
    for key in body:
        if key not in _KEYS:
            raise invalid(f"{key}: Extra inputs are not permitted")
    _check_messages(body["messages"])
    _check_values(body)
    if body["model"] not in models:
        raise not_a_model(body["model"])
    ask = Ask(body)
    window = models[ask.model]
    if ask.tokens > window:
        raise too_long(ask.tokens, window)
    if ask.tokens + ask.max_tokens > window:
        raise over_the_window(ask.tokens, ask.max_tokens, window)
    return ask


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise invalid("messages: at least one message is required")
    for index, message in enumerate(messages):
        if message.get("role") not in ("user", "assistant"):
            raise invalid(f'messages.{index}.role: Unexpected role "{message.get("role")}"')
        content = message.get("content")
        has_blocks = isinstance(content, list) and any(block.get("type") != "text" for block in content)
        if not has_blocks and not _text_of(content).strip():
            raise invalid(f"messages.{index}: all messages must have non-empty content")
        _check_uses(messages, index)


def _check_uses(messages: Sequence[Any], index: int) -> None:
    """Every use of a tool is answered by the next message, and nothing else is."""
    before = _ids(messages[index - 1], "tool_use", "id") if index else set()
    answered = _ids(messages[index], "tool_result", "tool_use_id")
    if missing := before - answered:
        ids = ", ".join(sorted(missing))
        message = f"`tool_use` ids were found without `tool_result` blocks immediately after: {ids}."
        raise invalid(f"messages.{index - 1}: {message}")
    if unexpected := answered - before:
        raise invalid(f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {min(unexpected)}.")
    for block in messages[index]["content"] if isinstance(messages[index]["content"], list) else ():
        if block.get("type") == "tool_use" and not isinstance(block.get("input"), dict):
            raise invalid(f"messages.{index}.content.0.tool_use.input: Input should be a valid dictionary")
        if block.get("type") == "tool_use" and not re.fullmatch(r"[a-zA-Z0-9_-]+", block.get("id", "")):
            raise invalid(f"messages.{index}.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")


def _ids(message: Mapping[str, Any], kind: str, key: str) -> set[str]:
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    return {str(block.get(key)) for block in blocks if block.get("type") == kind}


def _check_values(body: Mapping[str, Any]) -> None:
    if not isinstance(body["max_tokens"], int) or body["max_tokens"] < 1:
        raise invalid("max_tokens: must be greater than or equal to 1")
    if not 0 <= body.get("temperature", 1) <= 1:
        raise invalid("temperature: range: 0..1")
    for index, tool in enumerate(body.get("tools") or ()):
        if tool.get("input_schema", {}).get("type") != "object":
            raise invalid(f"tools.{index}.custom.input_schema.type: Input should be 'object'")
