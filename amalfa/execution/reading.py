"""What becomes of a whole reply: its value, and what had to be mended to read it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Reading(Generic[T_co]):
    """A value, and the names of the repairs that led to it (`amalfa.execution.structured.policy`)."""

    value: T_co
    repairs: tuple[str, ...] = ()


Read = Callable[[str], Reading[T]]
"""Turns a whole reply into a value; raises BadReply with a sentence the model can act on."""


def unread(text: str) -> Reading[None]:
    """A `Read` for free text, which has no value beside itself."""
    return Reading(None)
