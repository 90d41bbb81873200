"""The JSON that goes out to clients of Ollama, as types."""

from pydantic import BaseModel, ConfigDict, RootModel

NEVER = "0001-01-01T00:00:00Z"
"""The zero of Go's times, which its clients read as "unknown"; sonar is not told when a model was changed."""


class OllamaShown(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class FunctionCalled(OllamaShown):
    index: int
    name: str
    arguments: dict[str, object]


class ToolCalled(OllamaShown):
    id: str
    function: FunctionCalled


class SaidByModel(OllamaShown):
    role: str
    content: str
    tool_calls: list[ToolCalled] | None = None


class OllamaReply(OllamaShown):
    """One record. `done` marks the last one; counts nobody knows are left out. Durations are nanoseconds."""

    model: str
    created_at: str
    done: bool
    done_reason: str | None = None
    total_duration: int | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None


class OllamaChatReply(OllamaReply):
    message: SaidByModel


class OllamaGenerateReply(OllamaReply):
    response: str


class OllamaVectors(OllamaShown):
    """One vector for each text, in order."""

    model: str
    embeddings: list[list[float]]
    total_duration: int
    prompt_eval_count: int | None = None


class OllamaDetails(OllamaShown):
    """What a model is made of; "" for what nobody knows."""

    parent_model: str = ""
    format: str = ""
    family: str = ""
    families: list[str] = []
    parameter_size: str = ""
    quantization_level: str = ""


class OllamaTag(OllamaShown):
    """One model of the list. `size` is in bytes, 0 for unknown or none."""

    name: str
    model: str
    modified_at: str = NEVER
    size: int = 0
    digest: str = ""
    details: OllamaDetails = OllamaDetails()
    capabilities: list[str] = ["completion"]


class OllamaTags(OllamaShown):
    models: list[OllamaTag]


class OllamaModel(OllamaShown):
    """One model. `model_info` holds what is known under the names that GGUF files use."""

    license: str = ""
    modelfile: str = ""
    parameters: str = ""
    template: str = ""
    system: str = ""
    details: OllamaDetails = OllamaDetails()
    model_info: dict[str, str | int] = {}
    capabilities: list[str] = ["completion"]
    modified_at: str = NEVER


class OllamaVersion(OllamaShown):
    version: str


class OllamaFailure(OllamaShown):
    """What comes instead of any of the others when a request failed, and as the last line of a broken stream."""

    error: str


class Greeting(RootModel[str]):
    """Plain text, for clients that look whether anybody is there."""
