"""Sends a generated answer, streamed or whole, with metrics and the faults of a running model."""

import asyncio
import itertools
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from amalfa.clock import Clock
from tests.upstreams.frames import Frame, Frames
from tests.upstreams.go import rfc3339, to_json
from tests.upstreams.http_server import Exchange
from tests.upstreams.ollama_errors import OllamaError, crashed, native_stream_error, repeat_limit
from tests.upstreams.ollama_host import OllamaHost
from tests.upstreams.ollama_models import OllamaModel
from tests.upstreams.ollama_scheduler import Runner
from tests.upstreams.playing import Head, play_stream, play_whole
from tests.upstreams.script import Step

_PREFILL_NS = 50_000
"""What a prompt token not in the prefix cache is said to cost when no time is really spent on it."""

_NDJSON = Head(200, (("Content-Type", "application/x-ndjson"),), waits=True)
_JSON = Head(200, (("Content-Type", "application/json; charset=utf-8"),))


@dataclass(frozen=True, slots=True)
class Generation:
    """An answer about to be given. `budget` counts thinking and content pieces together."""

    asked: str
    thinking: list[str]
    content: list[str]
    prompt: list[str]
    budget: int
    is_native: bool
    is_raw: bool
    streams: bool
    step: Step
    began_ns: int = 0
    load_ns: int = 0

    def said(self) -> Iterator[tuple[str, str]]:
        """Pieces as (field, text); without end when the step says so."""
        content: Iterator[str] = iter(self.content)
        if self.step.fault_named("endless"):
            content = itertools.chain(self.content, itertools.repeat(self.content[-1] if self.content else "x"))
        elif self.step.fault_named("endless_whitespace"):
            content = itertools.repeat("\n")
        every = itertools.chain((("thinking", one) for one in self.thinking), (("content", one) for one in content))
        is_runaway = self.streams and (self.step.fault_named("endless") or self.step.fault_named("endless_whitespace"))
        return every if is_runaway else itertools.islice(every, self.budget)

    @property
    def done_reason(self) -> str:
        return self.step.finish or ("length" if len(self.thinking) + len(self.content) > self.budget else "stop")


@dataclass(frozen=True, slots=True)
class Lines:
    """Writes the objects of one answer with their keys in Go's order."""

    is_chat: bool
    name: str
    model: OllamaModel
    clock: Clock

    def whole(self, content: str = "", thinking: str = "", *, tools: Any = (), **rest: Any) -> dict[str, Any]:
        remote = {"remote_model": self.model.remote_model, "remote_host": self.model.remote_host}
        line: dict[str, Any] = {"model": self.name, **(remote if self.model.remote_host else {})}
        line["created_at"] = rfc3339(self.clock.now())
        if self.is_chat:
            line["message"] = {
                "role": "assistant",
                "content": content,
                **({"thinking": thinking} if thinking else {}),
                **({"tool_calls": list(tools)} if tools else {}),
            }
        else:
            line |= {"response": content, **({"thinking": thinking} if thinking else {})}
        return line | rest


async def played_generation(
    host: OllamaHost, exchange: Exchange, generation: Generation, lines: Lines, runner: Runner
) -> None:
    """Generate and send. A client that leaves ends the generation; its slot is free at once."""
    host.counters.enter()
    run = _Run(host, generation, lines, runner)
    try:
        await run.prefill()
        if generation.streams:
            await play_stream(exchange, _NDJSON, run.frames(), generation.step)
        else:
            await play_whole(exchange, _JSON, to_json(await run.all_at_once()), generation.step)
        host.counters.served.append(runner.model.name)
    finally:
        host.counters.leave()


class _Run:
    def __init__(self, host: OllamaHost, generation: Generation, lines: Lines, runner: Runner) -> None:
        self._host = host
        self._generation = generation
        self._lines = lines
        self._runner = runner
        self._tokens = 0
        self._prefill_ns = 0
        self._started_ns = 0
        pace = generation.step.token_ms
        self._token_s = (host.token_ms if pace is None else pace) / 1000

    async def prefill(self) -> None:
        prompt = self._generation.prompt
        fresh = len(prompt) - self._runner.cached_tokens(prompt)
        began = time.perf_counter_ns()
        await asyncio.sleep(fresh * self._host.prefill_ms / 1000)
        self._prefill_ns = max(fresh * _PREFILL_NS, time.perf_counter_ns() - began if self._host.prefill_ms else 0)
        self._runner.prompts.append(prompt)
        self._host.counters.tokens_in += len(prompt)
        self._started_ns = time.perf_counter_ns()

    async def frames(self) -> Frames:
        failure = self._failure()
        for field, text in self._generation.said():
            if failure is not None and self._tokens >= failure[0]:
                break
            await self._spend_a_token()
            said = {"thinking": text} if field == "thinking" else {"content": text}
            yield _line(self._lines.whole(**said, done=False))
        if failure is not None:
            if failure[1] is not None:
                yield Frame(failure[1].body() + b"\n", "error")
            return
        tools = self._tool_calls()
        if tools and not self._generation.is_native:
            yield _line(self._lines.whole(tools=tools, done=False))
            tools = []
        yield Frame(to_json(self._lines.whole(tools=tools, **self._ending())) + b"\n", "done")

    async def all_at_once(self) -> dict[str, Any]:
        said = {"thinking": "", "content": ""}
        for field, text in self._generation.said():
            await self._spend_a_token()
            said[field] += text
        failure = self._failure()
        if failure is not None and failure[1] is not None:
            raise failure[1]
        is_unfinished = failure is not None or self._generation.step.fault_named("no_done") is not None
        ending = {"done": False} if is_unfinished else self._ending()
        return self._lines.whole(**said, tools=self._tool_calls(), **ending)

    async def _spend_a_token(self) -> None:
        await asyncio.sleep(self._token_s)
        self._tokens += 1
        self._host.counters.tokens_out += 1

    def _failure(self) -> tuple[float, OllamaError | None] | None:
        """After how many pieces the run fails, and with what; an error of None is a silent end."""
        step = self._generation.step
        if fault := step.fault_named("crash"):
            self._runner.is_dead = True
            return fault.number(2), crashed()
        if fault := step.fault_named("error_line"):
            error = OllamaError(500, step.late_error) if step.late_error else native_stream_error()
            return fault.number(2), error
        if step.fault_named("repeat_guard"):
            return 31, None
        if step.fault_named("repeat_guard_error"):
            return 31, repeat_limit()
        return None

    def _tool_calls(self) -> list[dict[str, Any]]:
        return [
            {
                "id": call.get("id") or f"call_{uuid.uuid4().hex[:8]}",
                "function": {"index": index, "name": call["name"], "arguments": call.get("arguments", {})},
            }
            for index, call in enumerate(self._generation.step.tool_calls)
        ]

    def _ending(self) -> dict[str, Any]:
        """The fields of the last object; counts and times that are zero are left out, as Go leaves them out."""
        generation, usage, now = self._generation, self._generation.step.usage, time.perf_counter_ns()
        has_context = not self._lines.is_chat and not generation.is_raw
        counted = self._host.has_counts
        metrics = {
            "total_duration": now - generation.began_ns,
            "load_duration": generation.load_ns,
            "prompt_eval_count": usage.get("tokens_in", len(generation.prompt)) if counted else 0,
            "prompt_eval_duration": self._prefill_ns,
            "eval_count": usage.get("tokens_out", self._tokens),
            "eval_duration": max(1, now - self._started_ns) if self._tokens else 0,
        }
        return {
            "done": True,
            "done_reason": generation.done_reason,
            **({"context": list(range(min(8, len(generation.prompt))))} if has_context else {}),
            **{name: value for name, value in metrics.items() if value},
        }


def _line(value: dict[str, Any]) -> Frame:
    return Frame(to_json(value) + b"\n")
