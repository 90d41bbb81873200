"""What is learnt from call to call and outlives configurations: who fails, who asked for rest, who is fast."""

from dataclasses import dataclass
from random import Random
from typing import Protocol

from amalfa.calls import ModelName
from amalfa.clock import Clock
from amalfa.errors import CallError, OutOfMemory, PaymentRequired, RateLimited
from amalfa.execution.breaker import Breakers, RouteKey
from amalfa.execution.cooling import OUT_OF_MEMORY_S, Cooling
from amalfa.execution.free_tier import FreeTier
from amalfa.execution.latency import Latencies
from amalfa.execution.outputs import OutputSizes
from amalfa.execution.retry import RetryBudget
from amalfa.providers.provider import Provider

# A provider that asks to slow down without saying for how long is left alone for this long.
UNSAID_REST_S = 5.0


class Verdicts(Protocol):
    """Who is told how attempts ended, so that a dead host or a refused key is not tried again at once."""

    def succeeded(self, provider: Provider) -> None: ...

    def failed(self, provider: Provider, error: CallError) -> None: ...


@dataclass(frozen=True, slots=True)
class Signals:
    """One for the process. Whoever `enter`s ends with `succeeded`, `failed` or `left`."""

    verdicts: Verdicts
    breakers: Breakers
    cooling: Cooling
    free_tier: FreeTier
    latencies: Latencies
    retries: RetryBudget
    outputs: OutputSizes
    random: Random

    def pace_wait_s(self, provider: Provider, model: ModelName) -> float:
        """How long a job waits before it asks a route that is called too fast; people are given another model."""
        key = route_key(provider, model)
        return max(self.free_tier.pace_wait_s(key[0], model.model), self.cooling.pace_wait_s(key))

    def enter(self, provider: Provider, model: ModelName) -> str | None:
        """Begin an attempt; why not, when another call has just found the route broken."""
        key = route_key(provider, model)
        if not self.breakers.enter(key):
            return self.breakers.why_blocked(key) or "another call is trying it right now"
        self.free_tier.count(key[0], model.model)
        return None

    def succeeded(self, provider: Provider, model: ModelName, *, tokens_in: int, ms: int) -> None:
        """A whole reply came."""
        self.verdicts.succeeded(provider)
        self.breakers.succeeded(route_key(provider, model))
        self.latencies.add(str(model), tokens_in=tokens_in, ms=ms)

    def failed(self, provider: Provider, model: ModelName, error: CallError) -> None:
        """The attempt ended in `error`."""
        key = route_key(provider, model)
        self.verdicts.failed(provider, error)
        self.breakers.failed(key, error)
        self.free_tier.heard(key[0], error)
        rest_s = _rest_s(error)
        if rest_s is not None:
            self.cooling.cool(key, rest_s, error.message, is_pace=isinstance(error, RateLimited))

    def left(self, provider: Provider, model: ModelName) -> None:
        """The caller went away while the attempt ran, which says nothing of the route."""
        self.breakers.left(route_key(provider, model))


def new_signals(verdicts: Verdicts, *, clock: Clock, random: Random | None = None) -> Signals:
    """Signals that know nothing yet. `random` spreads waits, so that callers do not come back in step."""
    chance = random or Random()  # noqa: S311 - jitter, nothing secret
    return Signals(
        verdicts,
        Breakers(clock=clock, random=chance),
        Cooling(clock=clock),
        FreeTier(clock=clock),
        Latencies(),
        RetryBudget(clock=clock),
        OutputSizes(),
        chance,
    )


def route_key(provider: Provider, model: ModelName) -> RouteKey:
    """Under what breakers and rests know a model: a changed key or address of its provider begins afresh."""
    return (str(getattr(provider, "fingerprint", provider.name)), model.model)


def _rest_s(error: CallError) -> float | None:
    """How long the route should rest after this failure; None for no rest."""
    match error:
        case RateLimited(retry_after_s=None):
            return UNSAID_REST_S
        case RateLimited() | PaymentRequired():
            return error.retry_after_s
        case OutOfMemory():
            return OUT_OF_MEMORY_S
        case _:
            return None
