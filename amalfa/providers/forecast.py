"""What loading, unloading or pulling a model would do, and what speaks against it. Decides only, does nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from amalfa.errors import AmalfaError, OutOfMemory
from amalfa.providers.ollama_models import InMemory, readable
from amalfa.providers.this_machine import Room

# Ollama loads a model beside others only when it takes at most this share of the free memory.
FREE_SHARE = 0.8

Action = Literal["load", "unload", "pull"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would happen at which hosts (URLs), in sentences. `refusal` is the error it would end in, if any.

    `changes` False: everything is as wanted already. `pushed_out` are models that may be taken out of memory.
    """

    action: Action
    model: str
    hosts: tuple[str, ...]
    does: tuple[str, ...]
    changes: bool = True
    warnings: tuple[str, ...] = ()
    pushed_out: tuple[str, ...] = ()
    refusal: AmalfaError | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """How a model fits into the memory of this machine."""

    pushed_out: tuple[str, ...] = ()
    warning: str = ""
    refusal: OutOfMemory | None = None


def fit_of(model: str, size_bytes: int | None, room: Room, loaded: Sequence[InMemory]) -> Fit:
    """Whether a model of that size can be loaded beside `loaded`, or instead of them.

    A refusal only where it is certain: more than memory and swap together, and no GPU that might hold it.
    """
    if size_bytes is None or size_bytes <= FREE_SHARE * room.free_memory_bytes:
        return Fit()
    others = tuple(one.model for one in loaded)
    held = sum((one.size_bytes or 0) - (one.vram_bytes or 0) for one in loaded)
    if size_bytes > room.memory_bytes and not room.has_gpu:
        message = f"{model} needs {readable(size_bytes)} of memory and this machine has {readable(room.memory_bytes)}."
        return Fit(refusal=OutOfMemory(message, hint="choose a smaller model"))
    if size_bytes > room.free_memory_bytes + held:
        free = readable(room.free_memory_bytes + held)
        without = " even without the models that are loaded" if others else ""
        return Fit(others, f"{model} needs {readable(size_bytes)} of memory and {free} are free{without}.")
    return Fit(others)
