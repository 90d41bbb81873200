"""Answers /api/chat and /api/generate: checks, loading, generating, in Ollama's order."""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Any

from tests.upstreams.go import to_json
from tests.upstreams.http_server import Exchange
from tests.upstreams.ollama_context import fit_chat, fit_text, launch_options, message_pieces, window_of
from tests.upstreams.ollama_errors import NAMED, OllamaError, bad_schema
from tests.upstreams.ollama_generation import Generation, Lines, played_generation
from tests.upstreams.ollama_host import OllamaHost
from tests.upstreams.ollama_models import OllamaModel
from tests.upstreams.ollama_requests import Body, Format, check_base64, check_options, read_body, read_format
from tests.upstreams.ollama_scheduler import Runner
from tests.upstreams.playing import Head, play_whole
from tests.upstreams.replies import sensible_text
from tests.upstreams.schema_check import conversion_problem
from tests.upstreams.script import ABSENT, Step
from tests.upstreams.words import pieces

_JSON = Head(200, (("Content-Type", "application/json; charset=utf-8"),))


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for text. `name` is the model as the client wrote it, which the answer repeats."""

    is_chat: bool
    name: str
    model: OllamaModel
    body: Body

    @property
    def is_empty(self) -> bool:
        """Nothing to generate: a request to load, or with keep_alive 0 to unload."""
        return not (self.body.messages if self.is_chat else self.body.get("prompt"))

    @property
    def thinks(self) -> bool:
        think = self.body.get("think")
        return self.model.thinks if think is None else bool(think)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What the model sees as a conversation, its own SYSTEM first unless the client brought one."""
        messages = self.body.messages
        if not self.is_chat:
            system = self.body.get("system")
            messages = [{"role": "user", "content": self.body.get("prompt") or ""}]
            messages = [{"role": "system", "content": system}, *messages] if system else messages
        if self.model.system and (not messages or messages[0].get("role") != "system"):
            return [{"role": "system", "content": self.model.system}, *messages]
        return messages


async def answer_inference(host: OllamaHost, exchange: Exchange, step: Step) -> None:
    began = time.perf_counter_ns()
    asked = _read(host, exchange)
    lines = Lines(asked.is_chat, asked.name, asked.model, host.clock)
    keep_alive = asked.body.keep_alive
    if asked.is_empty and keep_alive is not None and not keep_alive:
        host.scheduler.unload(asked.model)
        await play_whole(exchange, _JSON, to_json(lines.whole(done=True, done_reason="unload")), step)
        return
    if not asked.is_empty:
        step = host.model_step(step, asked.name, asked.model, "*")
        await asyncio.sleep(step.delay_ms / 1000)
        if await host.played(exchange, step):
            return
    if asked.model.remote_host:
        await _answer_from_cloud(host, exchange, asked, lines, step)
        return
    _check_capabilities(asked)
    check_options(asked.body.options)
    window = window_of(asked.model, asked.body.options, host.num_ctx)
    launch = launch_options(asked.body.options, window, shift=asked.body.flag("shift", True))
    async with host.scheduler.lease(asked.model, launch, num_ctx=window, keep_alive=keep_alive) as lease:
        if asked.is_empty:
            await play_whole(exchange, _JSON, to_json(lines.whole(done=True, done_reason="load")), step)
            return
        generation = _planned(host, asked, lease.runner, step)
        async with lease.slot():
            generation = replace(generation, began_ns=began, load_ns=lease.load_ns)
            await played_generation(host, exchange, generation, lines, lease.runner)


def _read(host: OllamaHost, exchange: Exchange) -> Asked:
    is_chat = exchange.request.path == "/api/chat"
    body = read_body(exchange.request.body, "ChatRequest" if is_chat else "GenerateRequest")
    name = body.model
    if not 0 <= (body.get("top_logprobs") or 0) <= 20:
        raise OllamaError(400, "top_logprobs must be between 0 and 20")
    if is_chat and not name:
        raise OllamaError(400, "model is required")
    missing = f'model "{name}" not found, try pulling it first' if host.is_old else f"model '{name}' not found"
    model = host.find(name, missing)
    if not is_chat and body.flag("raw", False) and any(body.get(key) for key in ("template", "system", "context")):
        raise OllamaError(400, "raw mode does not support template, system, or context")
    for image in body.get("images") or ():
        check_base64(image)
    return Asked(is_chat, name, model, body)


def _check_capabilities(asked: Asked) -> None:
    model, body = asked.model, asked.body
    if "completion" not in model.capabilities:
        raise OllamaError(400, f'"{asked.name}" does not support {"chat" if asked.is_chat else "generate"}')
    if body.get("tools") and "tools" not in model.capabilities:
        raise OllamaError(400, f"{model.qualified} does not support tools")
    if body.get("suffix") and "insert" not in model.capabilities:
        raise OllamaError(400, f"{model.qualified} does not support insert")
    if body.get("think") and not model.thinks:
        raise OllamaError(400, f'"{asked.name}" does not support thinking')


def _planned(host: OllamaHost, asked: Asked, runner: Runner, step: Step) -> Generation:
    """What will be said. Raises the late errors: format, schema, context."""
    body = asked.body
    form = read_format(body.get("format"))
    if form.schema is not None and (problem := conversion_problem(form.schema)) is not None:
        raise bad_schema(problem)
    truncate, shift = host.is_old or body.flag("truncate", True), host.is_old or body.flag("shift", True)
    is_native = asked.is_chat and asked.model.path == "native" and not host.is_old
    if asked.is_chat:
        prompt = fit_chat(asked.messages, runner.num_ctx, is_native=is_native, truncate=truncate, shift=shift)
    else:
        tokens = [token for message in asked.messages for token in message_pieces(message)]
        prompt = fit_text(tokens, runner.num_ctx, truncate=truncate, shift=shift)
    return Generation(
        asked=asked.name,
        thinking=_thinking(asked, step),
        content=_content(asked, form, step),
        prompt=prompt,
        budget=_budget(body, runner.num_ctx, is_native=is_native),
        is_native=is_native,
        is_raw=body.flag("raw", False),
        streams=body.flag("stream", True),
        step=step,
    )


def _thinking(asked: Asked, step: Step) -> list[str]:
    if not asked.thinks:
        return []
    return pieces("Let me think." if step.thinking is None else step.thinking)


def _content(asked: Asked, form: Format, step: Step) -> list[str]:
    if step.chunks is not None:
        return list(step.chunks)
    if step.fault_named("repeat_guard") or step.fault_named("repeat_guard_error"):
        return ["x"] * 31
    if step.json is not ABSENT:
        return pieces(to_json(step.json).decode())
    if step.text is not None:
        return pieces(step.text)
    if step.tool_calls:
        return []
    texts = [str(message.get("content") or "") for message in asked.messages]
    return pieces(sensible_text(texts, schema=form.schema, is_json=form.is_json))


def _budget(body: Body, window: int, *, is_native: bool) -> int:
    """How many tokens may be generated: ten windows when nothing, a negative or a bigger number is asked."""
    asked = body.options.get("num_predict")
    bound = 10 * window
    if asked is None or asked < 0 or asked > bound:
        return bound
    return int(asked) or (1 if is_native else bound)


async def _answer_from_cloud(host: OllamaHost, exchange: Exchange, asked: Asked, lines: Lines, step: Step) -> None:
    """A model that Ollama forwards: refused by the server's setting, or answered without loading anything."""
    if host.cloud != "on":
        raise replace(NAMED["cloud_disabled" if host.cloud == "disabled" else host.cloud])
    if asked.is_empty:
        await play_whole(exchange, _JSON, to_json(lines.whole(done=True, done_reason="load")), step)
        return
    window = asked.model.context_length
    slots = asyncio.Semaphore(1)
    runner = Runner(asked.model, (), window, host.limits.keep_alive, slots)
    generation = replace(_planned(host, asked, runner, step), began_ns=time.perf_counter_ns())
    await played_generation(host, exchange, generation, lines, runner)
