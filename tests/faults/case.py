"""One fault and what must come of it: what the upstream does, and what the caller, the ledger and the routes show."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from amalfa.errors import (
    CallError,
    ConnectFailed,
    Overloaded,
    Stalled,
    Truncated,
    UpstreamBroken,
)
from tests.faults.seen import Seen
from tests.faults.stage import Name, Stage

Mode = Literal["streaming", "whole"]
Ends = Literal["peer", "itself", "broken off"]
Cost = Literal["nothing", "unknown", "counted"]

BOTH: tuple[Name, ...] = ("ollama", "openrouter")
COUNTED: frozenset[str] = frozenset(
    kind.code for kind in (ConnectFailed, UpstreamBroken, Stalled, Truncated, Overloaded)
)
NOT_SENT: frozenset[str] = frozenset({ConnectFailed.code})

WORDS: Mapping[str, object] = {"chunks": ["Amalfa ", "answers ", "questions."], "token_ms": 5}
WHOLE_TEXT = "Amalfa answers questions."
HALF_TEXT = "Amalfa answers "


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of a fault.

    `ends`: who answers, or that the reply breaks off in the listener's ear. `codes`: the errors of the failed
    attempts at the faulty model, in order. `cost`: what the ledger says of each of them at a provider that bills
    ("counted": what that provider said); a model of one's own always costs nothing. `standing`: what the next
    plan says of the model. `at_least_s`: a wait that somebody asked for. `says` must stand in the reply's route.
    `reaches` False: the request never gets as far as being understood.
    """

    ends: Ends
    codes: tuple[str, ...] = ()
    cost: Cost = "nothing"
    standing: str = "planned"
    text: str = ""
    says: str = ""
    within_s: float = 3.0
    at_least_s: float = 0.0
    reaches: bool = True

    @property
    def asks(self) -> int:
        """How many requests for text reach the faulty upstream."""
        sent = sum(code != ConnectFailed.code for code in self.codes) if self.reaches else 0
        return sent + (1 if self.ends == "itself" else 0)

    @property
    def strikes(self) -> int:
        """How many failures in a row the breaker has counted afterwards."""
        return 0 if self.ends == "itself" else sum(code in COUNTED for code in self.codes)


Prepare = Callable[[Stage], Awaitable[None]]
Check = Callable[[Stage, Seen], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """One fault, for the kinds of callers that `expected` names.

    `steps` script the upstream, `prepare` does what a script cannot, `host` is where the upstream is looked for.
    """

    row: str
    title: str
    expected: Mapping[Mode, Expected]
    steps: tuple[Mapping[str, object], ...] = ()
    upstreams: tuple[Name, ...] = BOTH
    prepare: Prepare | None = None
    host: Literal["", "blackhole", "unresolvable"] = ""
    check: Check | None = None


def to_peer(*kinds: type[CallError], **more: object) -> Expected:
    """The failed attempts, and then the peer answers."""
    return replace(Expected("peer", _codes(kinds)), **more)  # type: ignore[arg-type]  # named as in Expected


def by_itself(*kinds: type[CallError], **more: object) -> Expected:
    """The failed attempts, and then the same model answers after all."""
    return replace(Expected("itself", _codes(kinds), text=WHOLE_TEXT), **more)  # type: ignore[arg-type]  # as above


def broken_off(kind: type[CallError], **more: object) -> Expected:
    """The listener has heard something, so the call ends there."""
    return replace(Expected("broken off", _codes((kind,)), text=HALF_TEXT), **more)  # type: ignore[arg-type]  # as above


def in_both(expected: Expected) -> Mapping[Mode, Expected]:
    return {"streaming": expected, "whole": expected}


def either(*, streaming: Expected, whole: Expected) -> Mapping[Mode, Expected]:
    return {"streaming": streaming, "whole": whole}


def _codes(kinds: tuple[type[CallError], ...]) -> tuple[str, ...]:
    return tuple(kind.code for kind in kinds)
