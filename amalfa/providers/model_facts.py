"""What can be known of one model, whoever knows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol, runtime_checkable

from amalfa.calls import Price
from amalfa.providers.provider import Presence


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one model; None = unknown.

    `quality` is 0 to 1 on Amalfa's own rough scale. `has_json`: it can be held to a JSON schema.
    `has_json_object`: it can be held to JSON, if to no schema. `has_tools`: it can call the tools it is offered.
    """

    price: Price | None = None
    quality: float | None = None
    context_tokens: int | None = None
    has_json: bool | None = None
    has_json_object: bool | None = None
    has_tools: bool | None = None

    def over(self, other: "Facts") -> "Facts":
        """These facts, and those of `other` where these are unknown."""
        return Facts(
            other.price if self.price is None else self.price,
            other.quality if self.quality is None else self.quality,
            other.context_tokens if self.context_tokens is None else self.context_tokens,
            other.has_json if self.has_json is None else self.has_json,
            other.has_json_object if self.has_json_object is None else self.has_json_object,
            other.has_tools if self.has_tools is None else self.has_tools,
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """One model of a provider's list. `expires` is the last day it is served, None when no end is planned."""

    facts: Facts
    expires: date | None = None


@runtime_checkable
class Informed(Protocol):
    """A provider that asks its models in the way that is known to suit them."""

    def inform(self, facts: Callable[[str], Facts]) -> None:
        """From now on `facts` tells what is known of a model, by its name at this provider."""
        ...


@runtime_checkable
class Listing(Protocol):
    """A provider that tells its models with what they cost."""

    @property
    def name(self) -> str: ...

    @property
    def list_url(self) -> str:
        """Where the list comes from; a list from elsewhere is not this provider's."""
        ...

    def standing(self) -> Presence | None: ...

    async def model_list(self, *, deadline_s: float) -> Mapping[str, Listed]:
        """The whole list, by name. Raises CallError."""
        ...
