"""What is said to a model and how it is to say its part: turns, tools, sampling."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish that the caller runs one of its tools. `arguments` is JSON as the model wrote it, unchecked."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `tool_calls` belong to the assistant's turns; `tool_call_id` says whose result a tool's turn is."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model picks its words, besides the temperature. None leaves it to the provider."""

    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    frequency_penalty: float | None = None
    presence_penalty: float | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools a caller offers, as the chat-completion protocol writes them, and which of them may be used.

    `choice` is "auto", "none", "required" or the name of the one function to call.
    """

    definitions: tuple[Mapping[str, object], ...]
    choice: str = "auto"
    is_parallel: bool | None = None

    @property
    def are_offered(self) -> bool:
        """Whether there is any tool that the model may use."""
        return bool(self.definitions) and self.choice != "none"


PLAIN_SAMPLING = Sampling()
