"""Turns the `models` of pipelines into providers: one that sonar has already, where it is meant, else one of its own.

Judges no trust: the gate looks at the same addresses and keys, by the same reading of them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import ValidationError

from amalfa.config.endpoints import Endpoint
from amalfa.config.hosts import cloud_url, origin_of
from amalfa.config.keys import Keys, Surroundings
from amalfa.config.known_providers import KNOWN_PROVIDERS, OLLAMA_CLOUD
from amalfa.config.origins import DEFAULT, Sourced, empty, merge, sourced_at
from amalfa.config.provider_settings import ProviderSettings, ProviderType
from amalfa.config.secret import Credential, EnvReference, Secret, read_credential
from amalfa.errors import Problem

_VERSION = re.compile(r"/v[0-9]+(?:[a-z0-9]*)\Z")
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")
_LOOPBACK = re.compile(r"//(?:127\.0\.0\.1|\[::1\])(?=[:/]|\Z)")


@dataclass(frozen=True, slots=True)
class PipelineFound:
    """A pipeline as the configuration has it. `providers` says which provider each of its `models` became."""

    name: str
    document: Sourced = field(repr=False)
    providers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attached:
    """The pipelines with their providers, and the providers that only they have, with the places of their settings."""

    pipelines: Mapping[str, PipelineFound]
    endpoints: Mapping[str, Endpoint]
    sourced: Sourced
    warnings: tuple[Problem, ...]


def attach_models(
    pipelines: Mapping[str, Sourced], endpoints: Mapping[str, Endpoint], keys: Keys, surroundings: Surroundings
) -> Attached:
    """The providers for every pipeline. What names no host is left to the pipeline's check."""
    attacher = _Attacher(endpoints, keys, surroundings)
    found = {name: attacher.pipeline(name, document) for name, document in pipelines.items()}
    return Attached(found, attacher.own, attacher.sourced, tuple(attacher.warnings))


class _Attacher:
    def __init__(self, endpoints: Mapping[str, Endpoint], keys: Keys, surroundings: Surroundings) -> None:
        self.own: dict[str, Endpoint] = {}
        self.sourced = empty(DEFAULT)
        self.warnings: list[Problem] = []
        self._endpoints = endpoints
        self._keys = keys
        self._surroundings = surroundings

    def pipeline(self, name: str, document: Sourced) -> PipelineFound:
        models = document.inner("models")
        entries = models.value if models and isinstance(models.value, dict) else {}
        providers = {}
        for key, entry in entries.items():
            provider = self._provider(name, key, entry, is_users=document.origin.is_the_users)
            if provider:
                providers[key] = provider
        return PipelineFound(name, document, providers)

    def _provider(self, pipeline: str, key: str, entry: Sourced, *, is_users: bool) -> str:
        """The name of the provider for one entry; "" when it says too little."""
        try:
            url = cloud_url(_text(entry, "url"))
            written = _credential(entry)
        except ValueError:
            return ""
        kind: ProviderType = "openai"
        for name, endpoint in self._endpoints.items():
            if _is_at(url, endpoint):
                if self._is_its_key(written, name, endpoint):
                    return name
                kind = endpoint.type
                break
        return self._own(_free_name(pipeline, key, self.own), _based(url, kind), kind, entry, is_users=is_users)

    def _is_its_key(self, written: Credential | None, name: str, endpoint: Endpoint) -> bool:
        """Whether a key is the one that the provider is asked with anyway."""
        if written is None or written == endpoint.settings.api_key:
            return True
        known = KNOWN_PROVIDERS.get(name)
        if isinstance(written, EnvReference) and known is not None and written.name == known.key_name:
            return endpoint.settings.api_key is None
        found = self._surroundings.find(written.name) if isinstance(written, EnvReference) else None
        secret = written if isinstance(written, Secret) else found.secret if found else None
        own = self._keys.for_provider(name)
        return secret is not None and own is not None and own.secret == secret

    def _own(self, name: str, url: str, kind: ProviderType, entry: Sourced, *, is_users: bool) -> str:
        local = entry.inner("local")
        is_local = local is not None and local.value is True
        if is_local and not is_users and local is not None:
            message = "local counts only in your own configuration file, so it is ignored here"
            self.warnings.append(local.origin.problem(message))
        written = {"type": kind, "baseUrl": url} | ({"apiKey": _key_text(entry)} if _key_text(entry) else {})
        try:
            settings = ProviderSettings.model_validate(written | ({"local": True} if is_local and is_users else {}))
        except ValidationError:
            return ""
        for setting in written:
            place = entry.inner({"baseUrl": "url", "apiKey": "api-key"}.get(setting, "type")) or entry
            tree = sourced_at(("sonar", "providers", name, setting), written[setting], place.origin)
            self.sourced = merge(self.sourced, tree)
        origin = (entry.inner("url") or entry).origin
        self.own[name] = Endpoint(name, kind, (url,), ("sonar", "providers", name, "baseUrl"), origin, settings)
        return name


def _is_at(url: str, endpoint: Endpoint) -> bool:
    """Whether an address is a provider's: where it is configured to be, or where it is at home.

    The second holds also for one that is reached through a proxy of the user's: `https://openrouter.ai` in a pipeline
    means OpenRouter, however it is reached.
    """
    origins = {_plain(origin_of(own)) for own in endpoint.urls}
    known = KNOWN_PROVIDERS.get(endpoint.name)
    if known is not None and endpoint.name not in (OLLAMA_CLOUD, "ollama", "lmstudio"):
        origins |= {_plain(home) for home in known.homes}
    return _plain(origin_of(url)) in origins


def _plain(origin: str) -> str:
    return _LOOPBACK.sub("//localhost", origin)


def _based(url: str, kind: ProviderType) -> str:
    """The base of an API whose address people write with `/api`, `/v1`, both or neither."""
    if kind == "ollama":
        return re.sub(r"/(?:v1|api)\Z", "", url)
    if kind == "anthropic" or _VERSION.search(urlsplit(url).path):
        return url
    is_bare_router = kind == "openrouter" and not urlsplit(url).path
    return f"{url}{'/api' if is_bare_router else ''}/v1"


def _free_name(pipeline: str, key: str, taken: Mapping[str, Endpoint]) -> str:
    """`PIPELINE.KEY`, which no provider of the user's can be called; characters that a name cannot have become `-`."""
    plain = ".".join(_ILLEGAL.sub("-", part).strip("-") or "model" for part in (pipeline, key))
    numbered = (plain if number == 1 else f"{plain}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in numbered if name not in taken)


def _credential(entry: Sourced) -> Credential | None:
    text = _key_text(entry)
    return read_credential(text) if text else None


def _key_text(entry: Sourced) -> str:
    return _text(entry, "api-key") or _text(entry, "apiKey")


def _text(entry: Sourced, key: str) -> str:
    inner = entry.inner(key)
    return inner.value.strip() if inner and isinstance(inner.value, str) else ""
