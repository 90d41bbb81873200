"""What a call tells its listener while it runs, and how it tells it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from amalfa.calls import ModelName, Tier


@dataclass(frozen=True, slots=True)
class Phase:
    """What sonar is busy with, for a person who waits: "searching", "loading qwen2.5:1.5b"."""

    text: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model is being asked now. Comes once for each attempt."""

    model: ModelName
    tier: Tier
    reason: str


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer's text, for a live listener."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolDelta:
    """A piece of a tool call, for a live listener. The first one of an `index` has the id and the name."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is: bytes so far and in all, None where the step has none; `where` is its host's URL."""

    status: str
    completed: int | None
    total: int | None
    where: str


Step = Phase | Chosen | Delta | ToolDelta | Progress
Emit = Callable[[Step], Awaitable[None]]


async def unheard(step: Step) -> None:
    """An `Emit` for callers who only want the result."""
