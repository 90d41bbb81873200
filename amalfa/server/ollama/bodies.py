"""What clients of Ollama send, as types, and what of it a call is made of.

Unknown fields are ignored, as Ollama does; what is known and cannot be done is refused by name. Two are accepted and
not followed: `think`, as the thoughts of models are not passed on, and `keep_alive`, as sonar looks after its models.
"""

import json
from dataclasses import dataclass
from typing import Literal, TypeVar

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.requests import Request

from amalfa.calls import JsonSchema
from amalfa.errors import UsageProblem
from amalfa.messages import Message, Sampling, ToolCall, Tools
from amalfa.server.door_schema import ANY_OBJECT, check_reply_schema
from amalfa.server.work import read_body
from amalfa.tasks.completion import Completion


class OllamaBody(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)


class GivenFunction(OllamaBody):
    name: str = Field(min_length=1, max_length=300)
    arguments: dict[str, object] = {}


class GivenToolCall(OllamaBody):
    id: str = ""
    function: GivenFunction


class GivenMessage(OllamaBody):
    """One turn. `arguments` of a tool call are an object here, where other APIs have JSON in a text."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    images: list[object] | None = None
    tool_calls: list[GivenToolCall] | None = None
    tool_name: str = ""
    tool_call_id: str = ""

    @field_validator("role", mode="before")
    @classmethod
    def _lower(cls, role: object) -> object:
        return role.lower() if isinstance(role, str) else role


class OllamaOptions(OllamaBody):
    """What is taken over of Ollama's options.

    Those of loading (`num_ctx`, `num_gpu`, …) are ignored on purpose: each difference reloads the model for everybody
    who uses it, and sonar keeps one window for each. So are those of sampling that only Ollama has (`top_k`, `min_p`,
    `repeat_penalty`, …), as the model that answers need not run there.
    """

    temperature: float | None = Field(default=None, ge=0, le=2, allow_inf_nan=False)
    num_predict: int | None = None
    top_p: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    seed: int | None = None
    stop: list[str] | str | None = None
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2, allow_inf_nan=False)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2, allow_inf_nan=False)

    @property
    def max_tokens(self) -> int | None:
        """None for Ollama's "without end" (negative) and for 0, which means one thing here and another there."""
        return self.num_predict if self.num_predict and self.num_predict > 0 else None

    @property
    def sampling(self) -> Sampling:
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        # A negative seed is Ollama's way to say "any".
        seed = None if self.seed is None or self.seed < 0 else self.seed
        return Sampling(self.top_p, seed, stop, self.frequency_penalty, self.presence_penalty)


class CallOfModel(OllamaBody):
    """What both ways of asking share. `format` is "json" or a JSON Schema."""

    model: str = Field(default="", max_length=300)
    stream: bool | None = None
    format: Literal["json", ""] | dict[str, object] | None = None
    options: OllamaOptions | None = None
    keep_alive: float | str | None = None

    @property
    def is_streamed(self) -> bool:
        """Streaming is what Ollama does unless told otherwise."""
        return self.stream is not False

    @property
    def chosen_options(self) -> OllamaOptions:
        return self.options or OllamaOptions()

    @property
    def schema_wanted(self) -> JsonSchema | None:
        """The schema to hold the reply to; None for free text."""
        if isinstance(self.format, dict):
            return self.format
        return ANY_OBJECT if self.format == "json" else None

    @property
    def asks_to_unload(self) -> bool:
        """Whether `keep_alive` is zero in one of its spellings."""
        if isinstance(self.keep_alive, str):
            return self.keep_alive.strip() in ("0", "0s", "0m", "0h")
        return self.keep_alive == 0


class OllamaChat(CallOfModel):
    messages: list[GivenMessage] | None = Field(default=None, max_length=1_000)
    tools: list[dict[str, object]] | None = Field(default=None, max_length=128)


class OllamaGenerate(CallOfModel):
    prompt: str = ""
    system: str = ""
    suffix: str = ""
    template: str = ""
    raw: bool | None = None
    images: list[object] | None = None
    context: list[int] | None = None


class OllamaEmbed(OllamaBody):
    """Texts to turn into vectors. A text that is too long is refused, whatever `truncate` says."""

    model: str = Field(default="", max_length=300)
    input: str | list[str] = []
    dimensions: int | None = None
    truncate: bool | None = None


class OllamaShow(OllamaBody):
    """`name` is what the field was called before."""

    model: str = ""
    name: str = ""


BodyT = TypeVar("BodyT", bound=OllamaBody)


async def body_of(request: Request, kind: type[BodyT]) -> BodyT:
    """The request's body. Raises UsageProblem that names what is wrong with it."""
    if not await request.body():
        raise UsageProblem("missing request body", hint="send a JSON object")
    return read_body(kind, await request.json())


@dataclass(frozen=True, slots=True)
class Said:
    """What a request amounts to, whichever way it was asked: turns, tools, and how to reply."""

    messages: tuple[Message, ...]
    tools: Tools | None
    options: OllamaOptions
    schema: JsonSchema | None

    @property
    def completion(self) -> Completion:
        return Completion(
            messages=self.messages,
            max_tokens=self.options.max_tokens,
            temperature=self.options.temperature,
            sampling=self.options.sampling,
            tools=self.tools,
            schema=self.schema,
        )


async def said_in_chat(body: OllamaChat) -> Said:
    """Raises UsageProblem for images, for a tool's result without its call, and for a schema that is none."""
    schema = await _checked_schema(body)
    return Said(_turns(body.messages or []), _tools(body.tools or []), body.chosen_options, schema)


async def said_to_generate(body: OllamaGenerate) -> Said:
    """Raises UsageProblem for what only a model of Ollama itself can do with a prompt."""
    for field in ("suffix", "template", "raw", "context"):
        if getattr(body, field):
            raise UsageProblem(
                f"Sonar does not take {field}.", hint="send the prompt, with system where needed, or use POST /api/chat"
            )
    _refuse_images(body.images)
    schema = await _checked_schema(body)
    system = (Message("system", body.system),) if body.system else ()
    return Said((*system, Message("user", body.prompt)), None, body.chosen_options, schema)


async def _checked_schema(body: CallOfModel) -> JsonSchema | None:
    schema = body.schema_wanted
    if schema is not None and schema is not ANY_OBJECT:
        await anyio.to_thread.run_sync(check_reply_schema, schema)
    return schema


def _turns(given: list[GivenMessage]) -> tuple[Message, ...]:
    """The turns, with every tool's result tied to its call: clients of Ollama may leave the ids out."""
    turns: list[Message] = []
    waiting: list[ToolCall] = []
    for one in given:
        _refuse_images(one.images)
        if one.role == "tool":
            turns.append(Message("tool", one.content or "", tool_call_id=_answered(one, waiting)))
            continue
        calls = tuple(_call(call, len(turns), place) for place, call in enumerate(one.tool_calls or ()))
        waiting = list(calls) or waiting
        turns.append(Message(one.role, one.content or "", calls if one.role == "assistant" else ()))
    return tuple(turns)


def _call(given: GivenToolCall, turn: int, place: int) -> ToolCall:
    arguments = json.dumps(given.function.arguments, ensure_ascii=False)
    return ToolCall(given.id or f"call_{turn}_{place}", given.function.name, arguments)


def _answered(result: GivenMessage, waiting: list[ToolCall]) -> str:
    """The id of the call that a result belongs to: as it says, else by the tool's name, else the next in turn."""
    fitting = (
        next((call for call in waiting if call.id == result.tool_call_id), None)
        or next((call for call in waiting if call.name == result.tool_name), None)
        or next(iter(waiting if not result.tool_name else ()), None)
    )
    if fitting is not None:
        waiting.remove(fitting)
        return fitting.id
    if result.tool_call_id:
        return result.tool_call_id
    raise UsageProblem(
        "A message of the role tool answers no tool call.", hint="send the assistant's message with its tool_calls too"
    )


def _tools(given: list[dict[str, object]]) -> Tools | None:
    for one in given:
        function = one.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
            raise UsageProblem("A tool has no function with a name.", hint='send {"type": "function", "function": {…}}')
    return Tools(tuple({"type": "function", "function": one["function"]} for one in given)) if given else None


def _refuse_images(images: list[object] | None) -> None:
    if images:
        raise UsageProblem("Sonar takes no images.", hint="send text only")
