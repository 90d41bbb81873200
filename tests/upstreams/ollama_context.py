"""Counts prompts and makes them fit the context window, in the two ways of Ollama's two chat paths."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.upstreams.ollama_errors import context_exceeded, prompt_too_long
from tests.upstreams.ollama_models import OllamaModel
from tests.upstreams.words import pieces

_KEPT_HEAD = 5
"""num_keep (4) and the beginning-of-text token: what a token-level cut leaves at the front."""

_LAUNCH_DEFAULTS: dict[str, object] = {
    "num_batch": 512,
    "num_gpu": -1,
    "main_gpu": 0,
    "use_mmap": None,
    "num_thread": 0,
    "draft_num_predict": 4,
}


def window_of(model: OllamaModel, options: Mapping[str, Any], server_default: int) -> int:
    """Request, else Modelfile, else server default; capped by the training context, at least 4."""
    asked = options.get("num_ctx") or model.num_ctx or server_default
    return max(4, min(int(asked), model.context_length))


def launch_options(options: Mapping[str, Any], num_ctx: int, *, shift: bool) -> tuple[tuple[str, object], ...]:
    """What a runner is started with. Two requests share a runner only when this is equal."""
    values = {name: options.get(name, default) for name, default in _LAUNCH_DEFAULTS.items()}
    return (("num_ctx", num_ctx), ("shift", shift), *values.items())


def message_pieces(message: Mapping[str, Any]) -> list[str]:
    """The tokens of one rendered message, its role and markers included."""
    images = ["<image>"] * (768 * len(message.get("images") or ()))
    return [f"<{message.get('role', 'user')}>", *pieces(str(message.get("content") or "")), *images, "<end>"]


def fit_chat(
    messages: Sequence[Mapping[str, Any]], window: int, *, is_native: bool, truncate: bool, shift: bool
) -> list[str]:
    """The tokens that are evaluated. Oldest messages go first, silently; then the last one is cut or refused."""
    rendered = [message_pieces(message) for message in messages]
    total = sum(map(len, rendered))
    if total > window and not truncate:
        raise context_exceeded(total, window)
    kept = list(range(len(messages)))
    for index, message in enumerate(messages[:-1]):
        if sum(len(rendered[i]) for i in kept) <= window:
            break
        if message.get("role") != "system":
            kept.remove(index)
    tokens = [token for index in kept for token in rendered[index]]
    if len(tokens) <= window:
        return tokens
    if is_native:
        raise context_exceeded(len(tokens), window)
    return fit_text(tokens, window, truncate=truncate, shift=shift)


def fit_text(tokens: list[str], window: int, *, truncate: bool, shift: bool) -> list[str]:
    """The rendered path's cut: head and tail, to about half the window."""
    if len(tokens) <= window:
        return tokens
    if not truncate:
        raise context_exceeded(len(tokens), window)
    if not shift:
        raise prompt_too_long()
    keep = min(_KEPT_HEAD, window - 1)
    wanted = window - (window - keep) // 2
    return tokens[:keep] + tokens[len(tokens) - (wanted - keep) :]
