"""What clients of the OpenAI API send, as types. What is not listed is left unread, as that API does."""

from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from amalfa.server.openai.errors import BadParameter

MODEL_NAME_MAX = 300
TOKENS_MAX = 10_000_000
SEED_MAX = 2**63


class Sent(BaseModel):
    """Part of a request. Besides what is named here anything may stand in it and says nothing.

    Known and without effect here: user, metadata, store, service_tier, safety_identifier, prompt_cache_key,
    prompt_cache_retention, prediction, reasoning_effort, verbosity, and a turn's name.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)


class Part(Sent):
    """A part of a turn's content; only parts of text can be read."""

    type: str
    text: str | None = None
    refusal: str | None = None


class CalledFunction(Sent):
    name: str = Field(min_length=1)
    arguments: str = ""


class CalledTool(Sent):
    id: str = Field(min_length=1)
    type: Literal["function"] = "function"
    function: CalledFunction


class TurnBody(Sent):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    refusal: str | None = None
    tool_calls: list[CalledTool] | None = None
    tool_call_id: str | None = None


class FunctionBody(Sent):
    """A function on offer. What else describes it goes to the model as it is."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(min_length=1, max_length=200)


class ToolBody(Sent):
    type: Literal["function"]
    function: FunctionBody


class NamedFunction(Sent):
    name: str


class ToolChoice(Sent):
    type: Literal["function"]
    function: NamedFunction


class SchemaBody(Sent):
    """`schema` under its own name would hide a method of the base class."""

    name: str | None = None
    wanted: dict[str, object] = Field(default={}, alias="schema")
    strict: bool | None = None


class ResponseFormat(Sent):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaBody | None = None


class StreamOptions(Sent):
    include_usage: bool | None = None


class ChatBody(Sent):
    """`POST /v1/chat/completions`. null is the same as not being there."""

    model: str = Field(min_length=1, max_length=MODEL_NAME_MAX)
    messages: list[TurnBody] = Field(min_length=1, max_length=10_000)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=TOKENS_MAX)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=TOKENS_MAX)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    seed: int | None = Field(default=None, ge=-SEED_MAX, lt=SEED_MAX)
    stop: str | list[str] | None = None
    tools: list[ToolBody] | None = Field(default=None, max_length=500)
    tool_choice: Literal["auto", "none", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    modalities: list[str] | None = None
    audio: object = None
    functions: object = None
    function_call: object = None
    web_search_options: object = None


class EmbeddingsBody(Sent):
    """`POST /v1/embeddings`. Lists of token numbers mean nothing here, as every model counts tokens its own way."""

    model: str = Field(min_length=1, max_length=MODEL_NAME_MAX)
    input: str | list[str] | list[int] | list[list[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


T = TypeVar("T", bound=BaseModel)


async def read_sent(model: type[T], request: Request) -> T:
    """The body of a request as its type. Raises BadParameter that names the first wrong field and tells of all."""
    if not await request.body():
        raise BadParameter("The request has no body.", param="", hint="send one JSON object")
    try:
        return model.model_validate(await request.json())
    except ValidationError as problem:
        errors = problem.errors(include_url=False, include_input=False, include_context=False)
        places = [(_place(error["loc"]), error["msg"]) for error in errors[:10]]
        told = "; ".join(dict.fromkeys(f"{place or 'the body'}: {message}" for place, message in places))
        raise BadParameter(f"The request is not valid. {told}.", param=places[0][0]) from None


def _place(location: tuple[int | str, ...]) -> str:
    """`messages[0].content`. The branch of a union that was tried, which pydantic puts at the end, is left out."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.isidentifier() and part.islower() and part not in ("str", "int"):
            text += f".{part}" if text else part
    return text
