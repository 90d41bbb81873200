"""The body of an /api/chat request, and the reading of the records that answer it. Does no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass

from amalfa.calls import Finish, Prompt, Usage
from amalfa.errors import BadReply, CallError, Truncated, UpstreamBroken
from amalfa.providers.asked import Asked
from amalfa.providers.expected import Expected
from amalfa.providers.json_shapes import grammar_form, spoken_for
from amalfa.providers.ollama_errors import failure_in_stream
from amalfa.providers.ollama_turns import ollama_sampling, ollama_tools, ollama_turns
from amalfa.providers.provider import Event, Finished, TextDelta
from amalfa.providers.runaway import RunawayGuard
from amalfa.providers.tool_fragments import CallFragments
from amalfa.providers.untrusted_json import JsonObject, count_at, object_at, objects_at, text_at


def chat_body(
    model: str, prompt: Prompt, *, launch: Mapping[str, int], keep_alive: str | int, is_held: bool = True
) -> JsonObject:
    """The request. `launch` are the load-time options: any change of them would make Ollama reload the model.

    `is_held` false leaves the schema to words alone.
    """
    body: dict[str, object] = {
        "model": model,
        "messages": _messages(prompt, is_held=is_held),
        "stream": True,
        # Thinking would run first and unconstrained; every model accepts that it is switched off. Ollama 0.17.6 to
        # 0.20 then forget the format of models that think: what is asked for in words and the check are left.
        "think": False,
        # A prompt that does not fit is refused with its size instead of losing its beginning in silence.
        "truncate": False,
        "keep_alive": keep_alive,
        "options": {
            **launch,
            "temperature": prompt.temperature,
            "num_predict": max(prompt.max_tokens, 1),
            **ollama_sampling(prompt.sampling),
        },
    }
    if tools := ollama_tools(prompt.tools):
        body["tools"] = list(tools)
    if prompt.schema is not None and is_held:
        body["format"] = grammar_form(prompt.schema)
    return body


def _messages(prompt: Prompt, *, is_held: bool) -> list[dict[str, object]]:
    """The messages; Ollama shows no model the schema, so one whose instructions speak of no JSON gets it in words.

    A model that does not know it is to write JSON fights its grammar, with blanks up to the limit.
    """
    is_told = any("JSON" in message.content for message in prompt.messages if message.role == "system")
    return ollama_turns(spoken_for(prompt, "schema" if is_held and is_told else "words"))


@dataclass(frozen=True, slots=True)
class Spent:
    """What the host says of a whole reply: how long the call waited for a slot there, and was worked on.

    `waited_s` None: it did not say enough.
    """

    waited_s: float | None = None
    worked_s: float = 0.0


class ChatRecords:
    """Reads the records of one reply, in order. Only a record with `done: true` makes it whole."""

    def __init__(self, asked: Asked, expected: Expected) -> None:
        self.is_done = False
        self.spent = Spent()
        self._asked = asked
        self._expected = expected
        self._guard = RunawayGuard(asked.model, max_tokens=expected.max_tokens)
        self._calls = CallFragments()
        self._saw_record = False
        self._has_text = False

    def take(self, record: JsonObject, ms: int) -> list[Event]:
        """The events that a record stands for; `ms` is the time since the request. Raises CallError."""
        self._saw_record = True
        if record.get("error"):
            raise failure_in_stream(text_at(record, "error") or "no reason given", self._asked)
        events: list[Event] = []
        message = object_at(record, "message")
        if text := text_at(message, "content"):
            self._guard.count_piece()
            self._has_text = True
            events.append(TextDelta(text))
        if self._expected.has_tools:
            # They come in the last record or in one of their own, each call whole.
            events += self._calls.take(objects_at(message, "tool_calls"))
        if record.get("done") is True:
            finish, usage = self._finish(text_at(record, "done_reason")), self._usage(record, ms)
            if finish == "length" and not self._expected.may_be_cut:
                raise self._too_long(usage)
            self.is_done = True
            self.spent = _spent(record)
            events += self._calls.end()
            events.append(Finished(usage, text_at(record, "model") or self._asked.model, finish=finish))
        return events

    def cut_off(self) -> CallError:
        """The failure of a stream that ended without its last record."""
        if not self._saw_record:
            return UpstreamBroken(f"{self._asked.where} sent an empty reply.")
        return Truncated(f"The reply of {self._asked.model} ended before it was whole.")

    def _finish(self, reason: str) -> Finish:
        """How the reply ended, where that is well; after calls of tools the reason is `stop` as well."""
        model = self._asked.model
        if reason == "length":
            return "length"
        if reason in ("load", "unload"):
            raise UpstreamBroken(f"{self._asked.where} {reason}ed {model} instead of answering.")
        if self._calls.has_calls:
            return "tool_calls"
        if not self._has_text:
            raise BadReply(f"{model} answered with nothing.")
        return "stop"

    def _too_long(self, usage: Usage) -> Truncated:
        cut = Truncated(
            f"The reply of {self._asked.model} was cut at its limit of tokens.",
            hint="raise maxTokens of the task or the context",
            is_at_limit=True,
        )
        cut.usage = usage
        return cut

    def _usage(self, record: JsonObject, ms: int) -> Usage:
        is_free = not self._asked.is_forwarded
        return Usage(
            tokens_in=count_at(record, "prompt_eval_count"),
            tokens_out=count_at(record, "eval_count"),
            cost_usd=0.0 if is_free else None,
            ms=ms,
        )


def _spent(record: JsonObject) -> Spent:
    """Ollama counts in nanoseconds and leaves out what is zero."""
    total = count_at(record, "total_duration")
    loading, reading, writing = (count_at(record, f"{what}_duration") or 0 for what in ("load", "prompt_eval", "eval"))
    worked = reading + writing
    if not total or not worked:
        return Spent()
    return Spent(max(total - loading - worked, 0) / 1e9, worked / 1e9)
