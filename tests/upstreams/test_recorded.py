"""The simulator against recordings of a real Ollama: status, headers, framing, keys, order, exact texts."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.ollama_models import OllamaModel
from tests.upstreams.raw_http import RawAnswer, ask

RECORDS = [json.loads(line) for line in Path(__file__).with_name("recorded.jsonl").read_text("utf-8").splitlines()]

_SMALL: dict[str, Any] = {"family": "llama", "parameter_size": "119K", "quantization": "F32", "context_length": 512}
_PLAIN = ("completion",)
_HELLO = ["Hello", " ", "world", "!"]
_TOOL = {"chunks": _HELLO, "tool_calls": [{"id": "abc", "name": "get_x", "arguments": {"b": 1, "a": "z"}}]}

SCRIPTS: dict[str, dict[str, Any]] = {
    "chat-length": {"chunks": _HELLO, "finish": "length"},
    "chat-thinking-native": {"chunks": _HELLO, "thinking": "Let me"},
    "chat-tool-native": {**_TOOL, "thinking": ""},
    "chat-tool-native-stream": {**_TOOL, "thinking": ""},
    "mid-error-native": {"chunks": _HELLO, "thinking": "", "fault": "error_line:2"},
    "mid-error-rendered-silent": {"chunks": _HELLO, "fault": "end_after:2"},
    "mid-crash": {"chunks": _HELLO, "thinking": "", "fault": "crash:2"},
    "mid-crash-nostream": {"chunks": _HELLO, "thinking": "", "fault": "crash:2"},
    "repeat-guard-silent-end": {"fault": "repeat_guard"},
    "repeat-guard-nostream": {"fault": "repeat_guard"},
    "err-ctx-native": {"error": "context_exceeded"},
    "err-ctx-native-stream": {"error": "context_exceeded"},
}
"""How each recording is provoked; all others say "Hello world!"."""

VOLATILE = frozenset(
    ["created_at", "modified_at", "expires_at", "digest", "size", "context", "embedding", "embeddings", "version"]
)


def _simulator(name: str) -> OllamaSimulator:
    embeds = name.startswith("embed")
    tiny = OllamaModel("tiny", ("embedding",) if embeds else _PLAIN, embedding_length=4 if embeds else 64, **_SMALL)
    models = [
        OllamaModel("tiny-b", _PLAIN, embedding_length=64, **_SMALL),
        OllamaModel("tiny-notmpl", _PLAIN, embedding_length=64, path="native", **_SMALL),
        OllamaModel(
            "tiny-think",
            ("tools", "thinking", "completion"),
            path="native",
            embedding_length=64,
            listed_capabilities=_PLAIN,
            **_SMALL,
        ),
        tiny,
        OllamaModel("tiny-sys", _PLAIN, blob=tiny.blob, parent="tiny:latest", embedding_length=64, **_SMALL),
    ]
    sim = OllamaSimulator(models, cloud="disabled", is_offline=True)
    sim.script("*", SCRIPTS.get(name, {"chunks": _HELLO}))
    return sim


async def _prepare(sim: OllamaSimulator, name: str) -> None:
    """Bring the simulator into the state the recorded server was in."""
    if name == "ps-forever":
        await ask(sim.port, "POST", "/api/generate", body={"model": "tiny", "keep_alive": -1})
    if name in ("copy", "delete"):
        sim.install(OllamaModel("d1" if name == "copy" else "d2", _PLAIN, **_SMALL))


async def _replayed(record: dict[str, Any]) -> RawAnswer:
    sim = _simulator(record["name"])
    async with sim:
        await _prepare(sim, record["name"])
        request = record["request"]
        return await ask(sim.port, request["method"], request["path"], headers=request["headers"], body=request["body"])


def _same_headers(record: dict[str, Any]) -> list[str]:
    return [re.sub(r"^(Content-Length): .*", r"\1", line) for line in record["response"]["headers"]]


def _shape(value: Any, key: str = "") -> Any:
    """Keys in order with exact texts and flags; numbers and volatile values only by kind."""
    if isinstance(value, dict):
        return [(name, _shape(item, name)) for name, item in value.items()]
    if key in VOLATILE or (isinstance(value, int | float) and not isinstance(value, bool)):
        return type(value).__name__
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return _without_blanks(value) if isinstance(value, str) and value.startswith('{"error"') else value


def _without_blanks(nested: str) -> str:
    return json.dumps(json.loads(nested))


def _shapes(body: str, content_type: str) -> list[Any]:
    if "json" not in content_type:
        return [body]
    return [_shape(json.loads(line)) for line in body.splitlines()]


@pytest.mark.parametrize("record", [pytest.param(record, id=record["name"]) for record in RECORDS])
async def test_an_answer_looks_like_the_recorded_one(record: dict[str, Any]) -> None:
    answer = await _replayed(record)
    recorded = record["response"]
    assert answer.status == recorded["status"]
    lines = [f"{name}: {value}" for name, value in answer.headers]
    assert [re.sub(r"^(Content-Length): .*", r"\1", line) for line in lines] == _same_headers(record)
    content_type = answer.header("Content-Type") or ""
    assert _shapes(answer.body.decode(), content_type) == _shapes(recorded["body"], content_type)


@pytest.mark.parametrize(
    "record",
    [pytest.param(record, id=record["name"]) for record in RECORDS if "chunk" in record["response"]["framing"]],
)
async def test_a_stream_has_one_chunk_per_line_and_its_end_mark(record: dict[str, Any]) -> None:
    answer = await _replayed(record)
    recorded_sizes = json.loads(record["response"]["framing"].partition(": ")[2])
    assert answer.chunks is not None
    assert len(answer.chunks) == len(recorded_sizes)
    assert answer.is_whole
    assert answer.body.count(b"\n") == record["response"]["body"].count("\n")


@pytest.mark.parametrize("name", ["err-404-embed", "err-think-value", "err-format-nostream", "pull-offline-nostream"])
async def test_a_recorded_error_is_the_same_to_the_byte(name: str) -> None:
    record = next(record for record in RECORDS if record["name"] == name)
    answer = await _replayed(record)
    assert answer.body.decode() == record["response"]["body"]
