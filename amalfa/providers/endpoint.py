"""Where a provider is and what may be sent there: the facts a provider is built from, free of settings."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

from amalfa.calls import PrivacyClass, Tier
from amalfa.config.hosts import is_loopback
from amalfa.config.provider_settings import ProviderType
from amalfa.config.secret import Secret
from amalfa.config.values import PUBLIC_HEADERS
from amalfa.providers.provider import Presence

# Fits the prompts of every task with room for the reply, at a few hundred MB for a small model.
DEFAULT_NUM_CTX = 8192


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a host is shown with every request. `key_origin` says where the key came from, for people.

    `key_header` is the header of its own that carries the key; "" where it travels as a bearer in Authorization.
    """

    key: Secret | None = None
    key_origin: str = ""
    basic_auth: tuple[str, Secret] | None = None
    headers: tuple[tuple[str, Secret], ...] = ()
    key_header: str = ""

    @property
    def shown(self) -> str:
        """What authorizes us, as people may see it, with where it came from."""
        if self.basic_auth is not None:
            return f"the password of {self.basic_auth[0]}"
        if self.key is None:
            return "a request without a key"
        origin = f" from {self.key_origin}" if self.key_origin else ""
        return f"the key {self.key.masked}{origin}"

    @property
    def authorization(self) -> Secret | None:
        """The value of the Authorization header; basic auth wins, as it guards the way to whatever is behind it."""
        if self.basic_auth is not None:
            name, password = self.basic_auth
            return Secret("Basic " + base64.b64encode(f"{name}:{password.reveal()}".encode()).decode())
        return Secret(f"Bearer {self.key.reveal()}") if self.key and not self.key_header else None

    @property
    def sent(self) -> dict[str, str]:
        """The headers in clear, for the wire."""
        sent = {name: value.reveal() for name, value in self.headers}
        if (authorization := self.authorization) is not None:
            sent["Authorization"] = authorization.reveal()
        if self.key is not None and self.key_header:
            sent[self.key_header] = self.key.reveal()
        return sent

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every value that must not be shown, however it comes back."""
        found = [value for name, value in self.headers if name.lower() not in PUBLIC_HEADERS]
        if self.key is not None:
            found.append(self.key)
        if self.basic_auth is not None and self.authorization is not None:
            found += [self.basic_auth[1], Secret(self.authorization.reveal().removeprefix("Basic "))]
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Address:
    """One base URL of a provider, without a slash at its end.

    `is_verified_local`: a local provider's loopback host, or one the user's own config marks local. `own` is all
    that this host is shown where it differs from the provider's other hosts; None = what they are shown.
    """

    url: str
    is_verified_local: bool = False
    own: Credentials | None = None


@dataclass(frozen=True)
class Endpoint:
    """One provider as configured. Only Ollama has more than one address.

    `key_origin` says where the key came from, for people ("OPENROUTER_API_KEY in /home/ada/notes/.env").
    `key_hint` says where a key is to be put. `off_reason` is "" unless nothing may be sent to a cloud now;
    it covers models that a local host forwards as well. `attempt_s` bounds each attempt; None leaves that
    to the call's deadline. `num_ctx` is the context window of the Ollama models that `num_ctx_of` does not name.
    `auto_pull`: a model that no Ollama host has is downloaded when it is asked. `slots_per_host` is how many calls of
    one model a host of Ollama works on at once; None: as many as it turns out to. `people_waiting_max` bounds the calls
    of people that wait at one host; None: any number.
    """

    name: str
    type: ProviderType
    tier: Tier
    addresses: tuple[Address, ...]
    key: Secret | None = None
    key_origin: str = ""
    key_hint: str = ""
    needs_key: bool = False
    basic_auth: tuple[str, Secret] | None = None
    headers: tuple[tuple[str, Secret], ...] = ()
    off_reason: str = ""
    attempt_s: float | None = None
    num_ctx: int = DEFAULT_NUM_CTX
    num_ctx_of: Mapping[str, int] = field(default_factory=dict)
    keep_alive: str | int = "5m"
    auto_pull: bool = False
    slots_per_host: int | None = None
    people_waiting_max: int | None = None

    @property
    def is_verified_local(self) -> bool:
        """Whether every address is verified: a call cannot choose which one answers it."""
        return bool(self.addresses) and all(address.is_verified_local for address in self.addresses)

    @property
    def promises_zdr(self) -> bool:
        """Whether a demand for no retention and no training can be sent along."""
        return self.type == "openrouter"

    @property
    def bills(self) -> bool:
        """Whether a call may cost money."""
        return self.tier is Tier.CLOUD and self.type != "ollama"

    def deadline_s(self, call_deadline_s: float, *, now_s: float) -> float:
        """When an attempt that starts now must be over."""
        return call_deadline_s if self.attempt_s is None else min(call_deadline_s, now_s + self.attempt_s)

    def launch_options(self, model: str) -> dict[str, int]:
        """The load-time options of an Ollama model: the same on every call, as any change reloads it."""
        return {"num_ctx": self.num_ctx_of.get(model, self.num_ctx)}

    @property
    def credentials(self) -> Credentials:
        """What every host is shown that has nothing of its own."""
        return Credentials(self.key, self.key_origin, self.basic_auth, self.headers, self.key_header)

    def credentials_at(self, address: Address) -> Credentials:
        """What this host is shown."""
        return self.credentials if address.own is None else replace(address.own, key_header=self.key_header)

    @property
    def authorization(self) -> Secret | None:
        """The value of the Authorization header for hosts that have nothing of their own."""
        return self.credentials.authorization

    @property
    def shown_credential(self) -> str:
        """What we showed the provider, as people may see it, with where it came from."""
        return self.credentials.shown

    def standing(self) -> Presence | None:
        """What forbids trying it at all, found without asking anybody; None when nothing does."""
        if self.needs_key and self.key is None:
            return Presence("no_key", f"There is no key for {self.name}. Fix: {self.key_hint}".removesuffix(" Fix: "))
        if self.tier is Tier.CLOUD and self.off_reason:
            return Presence("parked", self.off_reason)
        return None

    def remedy(self, address: Address) -> str:
        """What to do when nothing answers at `address`."""
        if self.type == "ollama" and is_loopback(address.url):
            return "ollama serve"
        return f"check that {address.url} is the right address of {self.name} and can be reached from here"

    @property
    def key_header(self) -> str:
        """The header of its own that carries the key; "" where it travels as a bearer in Authorization."""
        return "x-api-key" if self.type == "anthropic" else ""

    @cached_property
    def secrets(self) -> tuple[Secret, ...]:
        """Every value that must not be shown, however it comes back."""
        return tuple(secret for shown in self._all_shown for secret in shown.secrets)

    @property
    def _all_shown(self) -> tuple[Credentials, ...]:
        own = (address.own for address in self.addresses if address.own is not None)
        return (self.credentials, *own)

    @cached_property
    def fingerprint(self) -> str:
        """Equal exactly when the configuration, the key included, is equal. Not to be shown."""
        described = (
            *(repr(getattr(self, entry.name)) for entry in fields(self)),
            *(value.reveal() for shown in self._all_shown for _, value in shown.headers),
            *(secret.reveal() for secret in self.secrets),
        )
        return hashlib.sha256(repr(described).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a text would end, as far as privacy is concerned."""

    name: str
    tier: Tier
    is_verified_local: bool
    is_forwarded: bool
    promises_zdr: bool
    off_reason: str


def refusal(privacy: PrivacyClass, destination: Destination) -> str | None:
    """Why a text of this class must not be sent there; None when it may.

    The policy has asked the same before; this is the second, independent answer, given where the
    connection is opened.
    """
    is_cloud = destination.tier is Tier.CLOUD or destination.is_forwarded
    if is_cloud and destination.off_reason:
        return f"Nothing may be sent to {destination.name}: {destination.off_reason}."
    if privacy is PrivacyClass.LOCAL_ONLY and (is_cloud or not destination.is_verified_local):
        return f"This text is local-only and {destination.name} is not verified to be on your own machines."
    if privacy is PrivacyClass.CLOUD_ZDR and is_cloud and not destination.promises_zdr:
        return f"This text needs zero retention, which {destination.name} cannot promise."
    return None
