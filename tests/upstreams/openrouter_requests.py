"""Reads chat requests the way OpenRouter does, and says what is wrong with them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.upstreams.openrouter_errors import ApiError, input_required, not_json
from tests.upstreams.words import token_count

_PREFERENCES = (
    "order only ignore allow_fallbacks require_parameters data_collection zdr enforce_distillable_text quantizations "
    "sort preferred_min_throughput preferred_max_latency max_price"
)
_ROUTED = (
    "temperature top_p top_k min_p top_a frequency_penalty presence_penalty repetition_penalty seed stop logit_bias "
    "logprobs top_logprobs max_tokens max_completion_tokens tools tool_choice parallel_tool_calls"
)
_PROVIDER_KEYS, _ROUTED_PARAMETERS = frozenset(_PREFERENCES.split()), frozenset(_ROUTED.split())


@dataclass(frozen=True, slots=True)
class Ask:
    """One chat request, presets already folded in. `names` are the models to try, in order."""

    body: Mapping[str, Any]
    names: tuple[str, ...]
    title: str = ""

    @property
    def texts(self) -> list[str]:
        messages = self.body.get("messages")
        if not isinstance(messages, list):
            return [str(self.body.get("prompt") or "")]
        return [_text_of(message.get("content")) for message in messages if isinstance(message, dict)]

    @property
    def prompt_tokens(self) -> int:
        return sum(token_count(text) + 4 for text in self.texts)

    @property
    def max_tokens(self) -> int | None:
        return self.body.get("max_tokens") or self.body.get("max_completion_tokens")

    @property
    def streams(self) -> bool:
        return self.body.get("stream") is True

    @property
    def provider(self) -> Mapping[str, Any]:
        return self.body.get("provider") or {}

    @property
    def format_kind(self) -> str:
        """`text`, `json_object`, `json_schema`, …"""
        return str((self.body.get("response_format") or {}).get("type", "text"))

    @property
    def schema(self) -> Any:
        return ((self.body.get("response_format") or {}).get("json_schema") or {}).get("schema")

    @property
    def is_strict(self) -> bool:
        return bool(((self.body.get("response_format") or {}).get("json_schema") or {}).get("strict"))

    @property
    def tool_to_call(self) -> Mapping[str, Any] | None:
        """The function that has to be called, the first one where any will do; None when none has to."""
        choice = self.body.get("tool_choice")
        offered = [tool.get("function") or {} for tool in self.body.get("tools") or ()]
        if isinstance(choice, dict):
            name = (choice.get("function") or {}).get("name")
            offered = [function for function in offered if function.get("name") == name]
        return offered[0] if offered and (choice == "required" or isinstance(choice, dict)) else None

    def has_plugin(self, name: str) -> bool:
        plugins = self.body.get("plugins") or ()
        return any(plugin.get("id") == name and plugin.get("enabled", True) for plugin in plugins)

    @property
    def parameters(self) -> set[str]:
        """The parameters `require_parameters` holds against an endpoint."""
        asked = {name for name in _ROUTED_PARAMETERS if self.body.get(name) is not None}
        if self.format_kind != "text":
            asked.add("structured_outputs" if self.format_kind == "json_schema" else "response_format")
        return asked


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def read_ask(raw: bytes, presets: Mapping[str, Mapping[str, Any]], *, default_model: str, title: str) -> Ask:
    """Parse and check a chat body. Raises ApiError 400 with OpenRouter's words."""
    try:
        body = json.loads(raw)
    except ValueError:
        raise not_json() from None
    if not isinstance(body, dict):
        raise not_json()
    body = _with_preset(body, presets)
    if not isinstance(body.get("messages"), list) and not isinstance(body.get("prompt"), str):
        raise input_required()
    if not (body.get("messages") or body.get("prompt")):
        raise not_json()
    fallbacks = body.get("models") or []
    if len(fallbacks) > 3:
        raise ApiError(400, "'models' array must have 3 items or fewer.")
    for key in body.get("provider") or {}:
        if key not in _PROVIDER_KEYS:
            raise ApiError(400, f"Unrecognized key(s) in object: '{key}'")
    first = body.get("model") or ("" if fallbacks else default_model)
    names = dict.fromkeys([*([first] if first else []), *fallbacks])
    return Ask(body, tuple(names), title)


def _with_preset(body: dict[str, Any], presets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    model, at, slug = str(body.get("model") or "").partition("@preset/")
    slug = slug if at else str(body.get("preset") or "")
    if not slug:
        return body
    if slug not in presets:
        raise ApiError(404, f"Preset {slug} not found")
    own = {key: value for key, value in body.items() if key not in ("model", "preset")}
    chosen = {"model": model.rstrip("/")} if model else {}
    return {**presets[slug], **own, **chosen}
