"""What was asked of whom: the part of a request that every message about its failure needs."""

from dataclasses import dataclass

from amalfa.providers.endpoint import Address, Endpoint
from amalfa.providers.upstream_text import shown


@dataclass(frozen=True, slots=True)
class Asked:
    """One model at one address of a provider. `is_forwarded`: the host passes the model on to a cloud."""

    endpoint: Endpoint
    address: Address
    model: str
    is_forwarded: bool = False

    @property
    def where(self) -> str:
        return f"{self.endpoint.name} at {self.address.url}"

    @property
    def shown_credential(self) -> str:
        """What we showed this host, as people may see it."""
        return self.endpoint.credentials_at(self.address).shown

    def shown(self, text: str) -> str:
        """Text of the provider, fit for a message."""
        return shown(text, self.endpoint.secrets)
