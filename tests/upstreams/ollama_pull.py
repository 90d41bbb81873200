"""Answers /api/pull: progress lines, resumed downloads, errors after the 200."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from tests.upstreams.frames import Frame, FrameKind, Frames
from tests.upstreams.go import to_json
from tests.upstreams.http_server import Exchange
from tests.upstreams.ollama_errors import OllamaError, offline
from tests.upstreams.ollama_host import OllamaHost
from tests.upstreams.ollama_models import OllamaModel, is_valid_name, model_named, with_tag
from tests.upstreams.ollama_registry import Layer
from tests.upstreams.ollama_requests import read_body
from tests.upstreams.playing import Head, play_stream, play_whole
from tests.upstreams.script import Step

Lines = AsyncGenerator[dict[str, Any], None]

_STEPS_PER_LAYER = 10
_STREAM = Head(200, (("Content-Type", "application/x-ndjson"),))
_BARE_JSON = ("Content-Type", "application/json")


async def answer_pull(host: OllamaHost, exchange: Exchange, step: Step) -> None:
    body = read_body(exchange.request.body, "PullRequest")
    name = body.model or str(body.get("name") or "")
    if not name or not is_valid_name(name):
        raise OllamaError(400, "invalid model name")
    progress = _progress(host, name, step)
    if body.flag("stream", True):
        await play_stream(exchange, _STREAM, _as_frames(progress), step)
        return
    last = [line async for line in progress][-1]
    status = 500 if "error" in last else 200
    await play_whole(exchange, Head(status, (_BARE_JSON,)), to_json(last), step)


async def _as_frames(progress: Lines) -> Frames:
    async with aclosing(progress):
        async for line in progress:
            kind: FrameKind = "done" if line.get("status") == "success" else "error" if "error" in line else "token"
            yield Frame(to_json(line) + b"\n", kind)


async def _progress(host: OllamaHost, name: str, step: Step) -> Lines:
    yield {"status": "pulling manifest"}
    model = model_named(with_tag(name))
    if (problem := _problem(host, model, step)) is not None:
        yield {"error": problem}
        return
    layers = host.registry.layers(model.name, model.size)
    for layer in layers:
        pause_s = host.registry.pull_s / len(layers) / _STEPS_PER_LAYER
        async with aclosing(_download(host, layer, pause_s=pause_s)) as lines:
            async for line in lines:
                yield line
                if step.fault_named("error_line") and line.get("completed", 0) * 2 >= layer.total:
                    yield {"error": step.late_error or "max retries exceeded: unexpected EOF"}
                    return
    yield {"status": "verifying sha256 digest"}
    yield {"status": "writing manifest"}
    host.install(model)
    host.counters.pulls.append(model.name)
    yield {"status": "success"}


def _problem(host: OllamaHost, model: OllamaModel, step: Step) -> str | None:
    if host.registry.is_offline:
        return offline(model.name).text
    if not host.registry.has(model.name):
        return "pull model manifest: file does not exist"
    return step.late_error if step.late_error and not step.fault_named("error_line") else None


async def _download(host: OllamaHost, layer: Layer, *, pause_s: float) -> Lines:
    """Progress of one layer; bytes already there from an earlier pull are not fetched again."""
    line = {"status": layer.status, "digest": f"sha256:{layer.digest}", "total": layer.total}
    done = host.registry.done
    if not done.get(layer.digest):
        yield line
    while done.get(layer.digest, 0) < layer.total:
        await asyncio.sleep(pause_s)
        done[layer.digest] = min(layer.total, done.get(layer.digest, 0) + max(1, layer.total // _STEPS_PER_LAYER))
        yield {**line, "completed": done[layer.digest]}
    yield {**line, "completed": layer.total}
