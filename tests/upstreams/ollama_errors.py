"""Ollama's refusals: exact texts and statuses, and the names by which a script asks for them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.upstreams.go import to_json

_DISABLED = "ollama cloud is disabled: remote model is unavailable"


@dataclass(eq=False)
class OllamaError(Exception):
    """An answer of the form `{"error": text}`. `late` = raised inside the streaming writer, before any chunk."""

    status: int
    text: str
    late: bool = False
    signin_url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        extra = {"signin_url": self.signin_url} if self.signin_url else {}
        return to_json({"error": self.text, **extra})


def nested(message: str, kind: str, **more: int) -> str:
    """A runner's error as Ollama passes it on: a JSON text inside the error string."""
    return json.dumps({"error": {"code": 400, "message": message, "type": kind, **more}}, separators=(",", ":"))


def context_exceeded(tokens: int, window: int) -> OllamaError:
    """`window` is rounded up to a multiple of 256, as the runner allocates it."""
    window = -(-window // 256) * 256
    message = f"request ({tokens} tokens) exceeds the available context size ({window} tokens), try increasing it"
    return OllamaError(
        400, nested(message, "exceed_context_size_error", n_prompt_tokens=tokens, n_ctx=window), late=True
    )


def prompt_too_long() -> OllamaError:
    text = (
        "the prompt is longer than the context length currently available to the model; shorten the prompt, "
        "adjust the context length in settings, or use a model with a longer context length"
    )
    return OllamaError(400, text, late=True)


def bad_schema(problem: str) -> OllamaError:
    message = f"Field 'json_schema': JSON schema conversion failed:\nJSON schema error at #: {problem}"
    return OllamaError(400, nested(message, "invalid_request_error"), late=True)


def queue_full() -> OllamaError:
    return OllamaError(503, "server busy, please try again.  maximum pending requests exceeded")


def crashed() -> OllamaError:
    return OllamaError(500, "an error was encountered while running the model: unexpected EOF")


def native_stream_error() -> OllamaError:
    return OllamaError(
        500, "llama-server chat error: map[code:500 message:Context size has been exceeded. type:server_error]"
    )


def repeat_limit() -> OllamaError:
    return OllamaError(500, "prediction aborted, token repeat limit reached")


def offline(name: str) -> OllamaError:
    model, _, tag = name.partition(":")
    url = f"https://registry.ollama.ai/v2/library/{model}/manifests/{tag or 'latest'}"
    return OllamaError(500, f'pull model manifest: Get "{url}": dial tcp: lookup registry.ollama.ai: no such host')


def signed_out(*, has_key: bool) -> OllamaError:
    url = "https://ollama.com/connect?name=simulator&key=c3NoLWVkMjU1MTk" if has_key else ""
    return OllamaError(401, "unauthorized", signin_url=url)


def cloud_disabled() -> OllamaError:
    return OllamaError(403, _DISABLED)


_ENDED = "llama-server process has terminated: exit status 1:"

NAMED: dict[str, OllamaError] = {
    "queue_full": queue_full(),
    "out_of_memory": OllamaError(500, f"{_ENDED} ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer"),
    "out_of_memory_old": OllamaError(500, "model requires more system memory (7.5 GiB) than is available (5.2 GiB)"),
    "load_failed": OllamaError(500, f"{_ENDED} error loading model"),
    "unknown_architecture": OllamaError(500, f"{_ENDED} unknown model architecture: 'zebra'"),
    "load_timeout": OllamaError(500, "timed out waiting for llama-server to start - "),
    "binary_missing": OllamaError(
        500, "error starting llama-server: llama-server binary not found (checked: /usr/lib/ollama)"
    ),
    "runner_stopped": OllamaError(
        500,
        "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, "
        "check ollama server logs for details",
    ),
    "runner_stopped_old": OllamaError(500, "llama runner process has terminated: exit status 2"),
    "crashed": crashed(),
    "repeat_limit": repeat_limit(),
    "prompt_too_long": prompt_too_long(),
    "context_exceeded": context_exceeded(999, 512),
    "signed_out": signed_out(has_key=True),
    "signed_out_no_key": signed_out(has_key=False),
    "cloud_disabled": cloud_disabled(),
    "usage_limit": OllamaError(429, "you have reached your hourly usage limit, please upgrade to continue"),
    "cloud_unreachable": OllamaError(502, "upstream error"),
}
"""What `{"error": NAME}` in a script stands for."""
