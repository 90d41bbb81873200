"""What the policy knows of one model: facts gathered by others, as one frozen row."""

from dataclasses import dataclass
from typing import Literal

from amalfa.calls import ModelName, Tier

Availability = Literal["ready", "unknown", "missing", "down", "no_key", "parked", "unconfigured"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that could be asked, and what is known of it right now.

    `availability` "unknown" means nobody has looked yet: it may be tried. `detail` explains any state but
    "ready" in a sentence for people. `rank` is the model's place in the configuration among the models of
    its tier (0 first) and settles every tie.
    """

    model: ModelName
    tier: Tier
    is_verified_local: bool
    rank: int
    availability: Availability = "ready"
    detail: str = ""
    is_forwarded: bool = False
    """Whether the host passes this model on to a cloud although the host itself is local."""
    can_promise_zdr: bool = False
    """Whether the provider accepts a demand for no retention and no training."""

    @property
    def is_cloud(self) -> bool:
        """Whether the text ends at somebody else's, whichever host it is handed to first."""
        return self.tier is Tier.CLOUD or self.is_forwarded

    @property
    def leaves_machine(self) -> bool:
        """Whether the text is handed to a machine that nobody has verified to be the user's own."""
        return self.is_cloud or not self.is_verified_local
