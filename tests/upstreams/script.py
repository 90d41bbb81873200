"""What a simulator was told to do next: steps, queued per model, path or occasion, consumed in order."""

import json
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

ABSENT: Any = object()
"""Stands where a step says nothing, because None and "" are things a step can say."""

_INSTEAD = "reset hang close html empty redirect gzip_bomb long_line cloudflare"
_MIDWAY = "cut_before_first cut_after reset_after stall_after end_after half_frame_after bad_chunk_after"
_RUNNING = "no_done no_finish no_usage endless endless_whitespace error_line crash repeat_guard repeat_guard_error"
_WRITTEN = "drip slow_head split merge crlf multiline_data bad_utf8"
_FRAMED = "short_body excess_body no_length gzip wrong_type close_idle"
FAULTS = frozenset(" ".join((_INSTEAD, _MIDWAY, _RUNNING, _WRITTEN, _FRAMED)).split())

_FAILED = "error_only string_code all_null choices_null choices_empty nested choice_error empty_content null_content"
_UNUSUAL = "reasoned_away refusal cut_json no_usage no_details null_upstream_cost unknown_fields native_null"
_SPOILED = "json_defect padding blank padding_cut json_instead_of_sse minimal shuffled"
_STREAMED = "debug_chunk empty_delta bare_comment comments_forever encrypted_reasoning empty_details"
_CALLING = "whole_calls interleaved_calls repeated_ids blank_fragment"
ODDITIES = frozenset(" ".join((_FAILED, _UNUSUAL, _SPOILED, _STREAMED, _CALLING)).split())
LATE_ERRORS = frozenset({"documented", "observed", "first", "no_choices", "string_code", "rate_limited"})
"""The forms of OpenRouter's late errors; for Ollama any text may stand there."""


class BadScript(ValueError):
    """A script holds something the simulators do not know; the message names it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave: `cut_after:3` has name `cut_after` and argument `3` ("" when there is none)."""

    name: str
    argument: str = ""

    def number(self, default: float) -> float:
        return float(self.argument) if self.argument else default


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one request. Every field is optional and all of them combine; see README.md."""

    text: str | None = None
    chunks: tuple[str, ...] | None = None
    json: Any = ABSENT
    thinking: str | None = None
    tool_calls: tuple[Any, ...] = ()
    status: int | None = None
    body: Any = ABSENT
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    fault: tuple[Fault, ...] = ()
    odd: tuple[Fault, ...] = ()
    late_error: str | None = None
    after: int = 1
    finish: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    usage_variant: str | None = None
    comments: int = 0
    comments_between: int = 0
    delay_ms: float = 0.0
    token_ms: float | None = None
    times: int = 1

    def fault_named(self, name: str) -> Fault | None:
        return next((fault for fault in self.fault if fault.name == name), None)

    def odd_named(self, name: str) -> Fault | None:
        return next((odd for odd in self.odd if odd.name == name), None)


_KEYS = tuple(entry.name for entry in fields(Step))


def step_from(given: "Step | str | Mapping[str, Any]") -> Step:
    """Read a step as people write it: a mapping, or a bare string for `{"text": …}`. Raises BadScript."""
    if isinstance(given, Step):
        return given
    if isinstance(given, str):
        return Step(text=given)
    values = dict(given)
    for key in values:
        if key not in _KEYS:
            raise BadScript(f"unknown step key {key!r}{_hint(key, _KEYS)}")
    values["fault"] = tuple(_fault(text, FAULTS) for text in _listed(values.get("fault", ())))
    values["odd"] = tuple(_fault(text, ODDITIES) for text in _listed(values.get("odd", ())))
    for key in ("chunks", "tool_calls"):
        if key in values:
            values[key] = tuple(values[key])
    return Step(**values)


def _listed(value: Any) -> Iterable[str]:
    return (value,) if isinstance(value, str) else tuple(value)


def _fault(text: str, known: frozenset[str]) -> Fault:
    match = re.fullmatch(r"(\w+)(?::(.*))?", text, re.DOTALL)
    name = match[1] if match else text
    if name not in known:
        raise BadScript(f"unknown fault or oddity {text!r}{_hint(name, known)}")
    return Fault(name, (match[2] or "") if match else "")


def _hint(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


@dataclass(slots=True)
class _Queue:
    waiting: deque[Step] = field(default_factory=deque)
    then: Step | None = None

    def take(self) -> Step | None:
        if not self.waiting:
            return self.then
        step = self.waiting[0]
        if step.times <= 1:
            self.waiting.popleft()
        else:
            self.waiting[0] = _once_less(step)
        return step


def _once_less(step: Step) -> Step:
    values = {entry.name: getattr(step, entry.name) for entry in fields(Step)}
    return Step(**{**values, "times": step.times - 1})


class Script:
    """The queues of one simulator. Safe to fill from another thread while requests are answered.

    `errors` are the names a step's `error` may have there.
    """

    def __init__(self, errors: frozenset[str]) -> None:
        self._errors = errors
        self._queues: dict[str, _Queue] = {}

    def add(self, key: str, steps: Iterable[Any], then: Any = None) -> None:
        """Append steps for a model, a path, `*`, `connect` or `load`; `then` stays in force after them."""
        queue = self._queues.setdefault(key, _Queue())
        queue.waiting.extend([self._read(step) for step in steps])
        if then is not None:
            queue.then = self._read(then)

    def _read(self, given: Any) -> Step:
        step = step_from(given)
        if step.error is not None and step.error not in self._errors:
            raise BadScript(f"unknown error {step.error!r}{_hint(step.error, self._errors)}")
        return step

    def clear(self) -> None:
        self._queues.clear()

    def take(self, *keys: str) -> Step | None:
        """The next step of the first key that has one; None when nothing is scripted for any of them."""
        for key in keys:
            if key in self._queues and (step := self._queues[key].take()) is not None:
                return step
        return None

    def load(self, path: Path) -> None:
        """Read a JSON script file. Raises BadScript with the file's name in it."""
        try:
            self.load_text(path.read_text("utf-8"))
        except (OSError, ValueError) as problem:
            raise BadScript(f"{path}: {problem}") from None

    def load_text(self, text: str) -> None:
        content = json.loads(text)
        if isinstance(content, list):
            content = {"*": content}
        if not isinstance(content, dict):
            raise BadScript("a script is a list of steps, or an object of lists per model or path")
        for key, value in content.items():
            if isinstance(value, dict):
                self.add(key, value.get("queue", ()), value.get("then"))
            else:
                self.add(key, value)
