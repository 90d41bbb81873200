"""The JSON of OpenRouter's answers: completions, stream chunks, usage."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.upstreams.openrouter_gates import Choice


@dataclass(frozen=True, slots=True)
class Said:
    """An answer about to be given; `pieces` are the tokens of the text, `thoughts` those of the reasoning."""

    id: str
    created: int
    choice: Choice
    pieces: tuple[str, ...]
    thoughts: tuple[str, ...]
    tool_calls: tuple[dict[str, Any], ...]
    finish: str | None
    prompt_tokens: int
    cost_override: Decimal | None = None
    completion_override: int | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def completion_tokens(self) -> int:
        counted = len(self.pieces) + len(self.thoughts)
        return counted if self.completion_override is None else self.completion_override

    def cost(self, completion_tokens: int | None = None) -> Decimal:
        """USD for the whole answer, or for what of it was generated so far."""
        if self.cost_override is not None:
            return self.cost_override
        count = self.completion_tokens if completion_tokens is None else completion_tokens
        return self.prompt_tokens * self.choice.prompt_usd + count * self.choice.completion_usd


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


_NATIVE = {"stop": "stop", "length": "max_tokens", "content_filter": "content_filter", "tool_calls": "tool_calls"}


def completion(said: Said) -> dict[str, Any]:
    """A whole reply, all usage fields present."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": said.text,
        "refusal": said.text if said.finish == "content_filter" else None,
        "reasoning": "".join(said.thoughts) or None,
        "reasoning_details": _details(said),
    }
    if said.tool_calls:
        message["tool_calls"] = list(said.tool_calls)
    choice = {
        "index": 0,
        "logprobs": None,
        "finish_reason": said.finish,
        "native_finish_reason": _NATIVE.get(said.finish or "", said.finish),
        "message": message,
    }
    return {
        **_frame(said, "chat.completion"),
        "system_fingerprint": None,
        "service_tier": None,
        "choices": [choice],
        "usage": usage(said),
    }


def _details(said: Said) -> list[dict[str, Any]]:
    if not said.thoughts:
        return []
    return [{"type": "reasoning.text", "format": "unknown", "index": 0, "text": "".join(said.thoughts)}]


def _frame(said: Said, kind: str) -> dict[str, Any]:
    return {
        "id": said.id,
        "object": kind,
        "created": said.created,
        "model": said.choice.model.slug,
        "provider": said.choice.endpoint.provider,
    }


def usage(said: Said) -> dict[str, Any]:
    prompt = said.prompt_tokens * said.choice.prompt_usd
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.completion_tokens,
        "total_tokens": said.prompt_tokens + said.completion_tokens,
        "cost": float(said.cost()),
        "is_byok": False,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0, "video_tokens": 0},
        "cost_details": {
            "upstream_inference_cost": float(said.cost()),
            "upstream_inference_prompt_cost": float(prompt),
            "upstream_inference_completions_cost": float(said.cost() - prompt),
        },
        "completion_tokens_details": {"reasoning_tokens": len(said.thoughts), "image_tokens": 0, "audio_tokens": 0},
    }


def chunk(said: Said, delta: dict[str, Any], *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One stream chunk with one choice."""
    choice = {
        "index": 0,
        "delta": delta,
        "finish_reason": finish,
        "native_finish_reason": _NATIVE.get(finish or "", finish),
        "logprobs": None,
    }
    return {**bare_chunk(said), "choices": [choice], **more}


def bare_chunk(said: Said) -> dict[str, Any]:
    frame = _frame(said, "chat.completion.chunk")
    order = ("id", "provider", "model", "object", "created")
    return {name: frame[name] for name in order}


def text_delta(text: str) -> dict[str, Any]:
    """Each delta repeats the role, with empty content when there is no text."""
    return {"role": "assistant", "content": text}


def thought_delta(text: str) -> dict[str, Any]:
    detail = {"type": "reasoning.text", "format": "unknown", "index": 0, "text": text}
    return {"role": "assistant", "content": "", "reasoning": text, "reasoning_details": [detail]}


def event(value: dict[str, Any]) -> bytes:
    return b"data: " + compact(value) + b"\n\n"
