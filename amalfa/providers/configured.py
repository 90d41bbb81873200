"""What every provider tells of itself that is built from an `Endpoint`. Opens nothing."""

from amalfa.calls import Tier
from amalfa.providers.endpoint import Endpoint


class ConfiguredProvider:
    """The facts of a provider, as its configuration gives them."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    @property
    def name(self) -> str:
        return self.endpoint.name

    @property
    def type(self) -> str:
        return self.endpoint.type

    @property
    def tier(self) -> Tier:
        return self.endpoint.tier

    @property
    def is_verified_local(self) -> bool:
        return self.endpoint.is_verified_local

    @property
    def fingerprint(self) -> str:
        return self.endpoint.fingerprint
