"""What every provider of models can do, and the words it speaks with the layers above."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from amalfa.calls import NO_STEERING, Finish, Lane, PrivacyClass, Prompt, Steering, Tier, Usage


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt: one prompt for one model, by when, and how far its text may travel.

    `deadline_s` is an absolute monotonic reading and bounds the whole attempt. `limit_s` bounds it from the moment it
    leaves the queue of its host; None: the deadline alone counts. `lane` says who goes first in that queue.
    """

    model: str
    prompt: Prompt
    privacy: PrivacyClass
    deadline_s: float
    request_id: str
    task: str
    steering: Steering = NO_STEERING
    lane: Lane = "interactive"
    limit_s: float | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the request and named it in its accounts, before any text: `generation_id`."""

    generation_id: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing to show yet; `phase` says what the provider does ("loading qwen2.5:1.5b").

    `is_loading`: the model is on its way into memory, which goes on without this caller.
    """

    phase: str
    is_loading: bool = False


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the reply, in order; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call. The first one of an `index` has the id and the name; `arguments` are to be joined."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The terminal record arrived: the reply is whole. Always the last event, exactly once.

    `model` is the name the provider says answered (it may differ from the one asked). `generation_id`
    finds the call in the provider's accounts; None where there is no such thing. `finish` is "length" only for a
    prompt whose reply may be cut.
    """

    usage: Usage
    model: str
    generation_id: str | None = None
    finish: Finish = "stop"


Event = Accepted | Waiting | TextDelta | ToolCallDelta | Finished

HostState = Literal["up", "down", "unknown"]


@dataclass(frozen=True, slots=True)
class Line:
    """The calls at one host that holds few models at a time: those of people and of background work that wait.

    `swaps_made` counts models pushed out of memory for another, `swaps_avoided` those that serving the calls in the
    order they came would have made besides; both since sonar has this provider.
    """

    running: int = 0
    people: int = 0
    background: int = 0
    swaps_made: int = 0
    swaps_avoided: int = 0


@dataclass(frozen=True, slots=True)
class Host:
    """One address of a provider as last seen. `installed` None = the provider has no such list."""

    url: str
    state: HostState
    reason: str = ""
    installed: frozenset[str] | None = None
    loaded: tuple[str, ...] = ()
    forwarded: frozenset[str] = frozenset()
    """Models this host sends on to a cloud; asking for one makes the text leave."""
    with_tools: frozenset[str] = frozenset()
    without_tools: frozenset[str] = frozenset()
    """Models of which it is known that they take tools, and that they do not; of any other it is not known."""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a provider can be asked now. `state` "no_key" and "parked" mean it is not even tried."""

    state: Literal["up", "down", "unknown", "no_key", "parked"]
    reason: str = ""
    hosts: tuple[Host, ...] = ()


class Provider(Protocol):
    """A source of replies. Implementations hold connection pools and live as long as one Generation."""

    @property
    def name(self) -> str: ...

    @property
    def type(self) -> str:
        """`ollama`, `openrouter`, `openai`, `anthropic` or `embedded`."""
        ...

    @property
    def tier(self) -> Tier: ...

    @property
    def is_verified_local(self) -> bool:
        """Whether `local-only` text may be sent: loopback, or marked local by the user's own config."""
        ...

    def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Ask a model; events come as they arrive on the wire, `Finished` last.

        Closing the generator closes the upstream connection. Raises a CallError of amalfa.errors and
        nothing else; a stream that ends without its terminal record raises `Truncated`.
        """
        ...

    async def look(self) -> Presence:
        """Find out now whether the provider can be asked; never raises, takes at most 2 s."""
        ...

    async def aclose(self) -> None:
        """Close all connections; running streams end in an error."""
        ...
