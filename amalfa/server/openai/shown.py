"""What clients of the OpenAI API get, as types. A field that is not set is left out of the reply."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from amalfa.calls import Usage


class Reply(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class FunctionShown(Reply):
    name: str
    arguments: str


class ToolCallShown(Reply):
    id: str
    type: Literal["function"]
    function: FunctionShown


class MessageShown(Reply):
    role: Literal["assistant"]
    content: str | None
    refusal: None
    tool_calls: list[ToolCallShown] = []


class ChoiceShown(Reply):
    index: int
    message: MessageShown
    logprobs: None
    finish_reason: Literal["stop", "length", "tool_calls"]


class TokensShown(Reply):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatShown(Reply):
    """`usage` is there only when the provider counted; nothing is estimated."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChoiceShown]
    usage: TokensShown | None = None


class ProblemShown(Reply):
    message: str
    type: str
    param: str | None
    code: str | None


class FailureShown(Reply):
    """What comes instead of any of the others when a request failed."""

    error: ProblemShown


class ModelShown(Reply):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelsShown(Reply):
    object: Literal["list"]
    data: list[ModelShown]


class VectorShown(Reply):
    """`embedding` as text is base64 of little-endian 32-bit floats."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class InputTokensShown(Reply):
    prompt_tokens: int
    total_tokens: int


class VectorsShown(Reply):
    object: Literal["list"]
    data: list[VectorShown]
    model: str
    usage: InputTokensShown | None = None


def tokens_of(usage: Usage) -> TokensShown | None:
    """The counts of the provider; None when it told none, as an estimate would pass for a count."""
    if usage.tokens_in is None or usage.tokens_out is None:
        return None
    total = usage.tokens_in + usage.tokens_out
    return TokensShown(prompt_tokens=usage.tokens_in, completion_tokens=usage.tokens_out, total_tokens=total)
