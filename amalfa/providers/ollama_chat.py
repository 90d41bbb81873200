"""The body of an /api/chat request, and the reading of the records that answer it. Does no I/O."""

from collections.abc import Mapping

from amalfa.calls import Prompt, Usage
from amalfa.errors import BadReply, CallError, Truncated, UpstreamBroken
from amalfa.providers.asked import Asked
from amalfa.providers.json_shapes import grammar_form, messages_for
from amalfa.providers.ollama_errors import failure_in_stream
from amalfa.providers.provider import Event, Finished, TextDelta
from amalfa.providers.runaway import RunawayGuard
from amalfa.providers.untrusted_json import JsonObject, count_at, object_at, text_at


def chat_body(model: str, prompt: Prompt, *, launch: Mapping[str, int], keep_alive: str | int) -> JsonObject:
    """The request. `launch` are the load-time options: any change of them would make Ollama reload the model."""
    body: dict[str, object] = {
        "model": model,
        "messages": _messages(prompt),
        "stream": True,
        # Thinking would run first and unconstrained; every model accepts that it is switched off. Ollama 0.17.6 to
        # 0.20 then forget the format of models that think: what is asked for in words and the check are left.
        "think": False,
        # A prompt that does not fit is refused with its size instead of losing its beginning in silence.
        "truncate": False,
        "keep_alive": keep_alive,
        "options": {**launch, "temperature": prompt.temperature, "num_predict": max(prompt.max_tokens, 1)},
    }
    if prompt.schema is not None:
        body["format"] = grammar_form(prompt.schema)
    return body


def _messages(prompt: Prompt) -> list[dict[str, str]]:
    """The messages; Ollama shows no model the schema, so one whose instructions speak of no JSON gets it in words.

    A model that does not know it is to write JSON fights its grammar, with blanks up to the limit.
    """
    is_told = any("JSON" in message.content for message in prompt.messages if message.role == "system")
    return messages_for(prompt, "schema" if is_told else "words")


class ChatRecords:
    """Reads the records of one reply, in order. Only a record with `done: true` makes it whole."""

    def __init__(self, asked: Asked, *, max_tokens: int) -> None:
        self.is_done = False
        self._asked = asked
        self._guard = RunawayGuard(asked.model, max_tokens=max_tokens)
        self._saw_record = False
        self._has_text = False

    def take(self, record: JsonObject, ms: int) -> list[Event]:
        """The events that a record stands for; `ms` is the time since the request. Raises CallError."""
        self._saw_record = True
        if record.get("error"):
            raise failure_in_stream(text_at(record, "error") or "no reason given", self._asked)
        events: list[Event] = []
        if text := text_at(object_at(record, "message"), "content"):
            self._guard.count_piece()
            self._has_text = True
            events.append(TextDelta(text))
        if record.get("done") is True:
            self._check_end(text_at(record, "done_reason"), self._usage(record, ms))
            self.is_done = True
            events.append(Finished(self._usage(record, ms), text_at(record, "model") or self._asked.model))
        return events

    def cut_off(self) -> CallError:
        """The failure of a stream that ended without its last record."""
        if not self._saw_record:
            return UpstreamBroken(f"{self._asked.where} sent an empty reply.")
        return Truncated(f"The reply of {self._asked.model} ended before it was whole.")

    def _check_end(self, reason: str, usage: Usage) -> None:
        model = self._asked.model
        if reason == "length":
            cut = Truncated(
                f"The reply of {model} was cut at its limit of tokens.",
                hint="raise maxTokens of the task or the context",
                is_at_limit=True,
            )
            cut.usage = usage
            raise cut
        if reason in ("load", "unload"):
            raise UpstreamBroken(f"{self._asked.where} {reason}ed {model} instead of answering.")
        if not self._has_text:
            raise BadReply(f"{model} answered with nothing.")

    def _usage(self, record: JsonObject, ms: int) -> Usage:
        is_free = not self._asked.is_forwarded
        return Usage(
            tokens_in=count_at(record, "prompt_eval_count"),
            tokens_out=count_at(record, "eval_count"),
            cost_usd=0.0 if is_free else None,
            ms=ms,
        )
