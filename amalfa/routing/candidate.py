"""What the policy knows of one model: facts gathered by others, as frozen rows."""

from dataclasses import dataclass
from typing import Literal

from amalfa.calls import ModelName, Price, Tier

Availability = Literal[
    "ready",
    "unknown",
    "missing",
    "down",
    "no_key",
    "parked",
    "unconfigured",
    "broken",
    "cooling",
    "free_limit",
]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that could be asked: what is known of it from the configuration and the catalogues.

    `rank` is the model's place in the configuration among the models of its tier (0 first) and settles every
    tie. `price`, `quality`, `context_tokens`, `has_json` and `has_tools` are None where nobody
    told.
    """

    model: ModelName
    tier: Tier
    is_verified_local: bool
    rank: int
    has_verified_host: bool = False
    """Whether some of its hosts are verified where not all are; `local-only` text goes to those alone."""
    is_forwarded: bool = False
    """Whether the host passes this model on to a cloud although the host itself is local."""
    can_promise_zdr: bool = False
    """Whether the provider accepts a demand for no retention and no training."""
    is_loaded_on_demand: bool = False
    """Whether its server loads it when it is asked, so that a call may have to wait for that."""
    takes_max_price: bool = False
    """Whether the provider keeps to a ceiling on its price that is sent along."""
    price: Price | None = None
    quality: float | None = None
    context_tokens: int | None = None
    has_json: bool | None = None
    has_tools: bool | None = None

    @property
    def is_cloud(self) -> bool:
        """Whether the text ends at somebody else's, whichever host it is handed to first."""
        return self.tier is Tier.CLOUD or self.is_forwarded

    @property
    def served_tier(self) -> Tier:
        """The tier where the text ends: what a local host forwards is served by a cloud."""
        return Tier.CLOUD if self.is_cloud else self.tier

    @property
    def leaves_machine(self) -> bool:
        """Whether the text may be handed to a machine that nobody has verified to be the user's own."""
        return self.is_cloud or not self.is_verified_local


@dataclass(frozen=True, slots=True)
class Standing:
    """How a model stands at this moment.

    `availability` "unknown" means nobody has looked yet: it may be tried. `detail` explains any state but
    "ready" in a sentence for people.
    """

    availability: Availability = "ready"
    detail: str = ""
