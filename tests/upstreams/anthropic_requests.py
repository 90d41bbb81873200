"""Reads message requests the way Anthropic does, and says what is wrong with them."""

import json
from collections.abc import Mapping
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
        return "\n".join(str(block.get("text", "")) for block in content)
    return str(content or "")


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
        if not _text_of(message.get("content")).strip():
            raise invalid(f"messages.{index}: all messages must have non-empty content")


def _check_values(body: Mapping[str, Any]) -> None:
    if not isinstance(body["max_tokens"], int) or body["max_tokens"] < 1:
        raise invalid("max_tokens: must be greater than or equal to 1")
    if not 0 <= body.get("temperature", 1) <= 1:
        raise invalid("temperature: range: 0..1")
    for index, tool in enumerate(body.get("tools") or ()):
        if tool.get("input_schema", {}).get("type") != "object":
            raise invalid(f"tools.{index}.custom.input_schema.type: Input should be 'object'")
