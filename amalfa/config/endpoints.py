"""Works out where each provider is: which of the settings that may name its host is in force. Dials nothing."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from amalfa.config import hosts
from amalfa.config.keypath import KeyPath, show_key
from amalfa.config.known_providers import KNOWN_PROVIDERS, OLLAMA_CLOUD, RESERVED_NAMES, homes_of
from amalfa.config.origins import DEFAULT, Origin, Sourced
from amalfa.config.provider_settings import HostSettings, ProviderSettings, ProviderType
from amalfa.config.settings import Settings
from amalfa.errors import Problem

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")


@dataclass(frozen=True, slots=True)
class OwnHost:
    """A host with credentials of its own, and the key path they are written at."""

    key: KeyPath
    settings: HostSettings


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One provider as configured: its type, its base URLs without a final slash, and who named them where.

    `settings` are the rest of what is configured for it; `settings.local` is True only when the user's own
    configuration says so. `own_hosts` are those of `urls` that are shown something else than the others; hosts
    that a stronger source replaced are not among them.
    """

    name: str
    type: ProviderType
    urls: tuple[str, ...]
    key: KeyPath
    origin: Origin
    settings: ProviderSettings
    own_hosts: Mapping[str, OwnHost] = field(default_factory=dict)

    @property
    def homes(self) -> frozenset[str]:
        """The origins that are this provider's own."""
        return homes_of(self.name, self.type)


def find_endpoints(settings: Settings, sourced: Sourced) -> tuple[dict[str, Endpoint], tuple[Problem, ...]]:
    """Every provider sonar knows or the configuration names, by name.

    The GPU server of `sonar.cloud.provider: "ollama"` is called `ollama-cloud` and is there only then.
    """
    finder = _Finder(settings, sourced)
    names = {*KNOWN_PROVIDERS, *settings.sonar.providers} - {OLLAMA_CLOUD}
    if settings.sonar.cloud.provider == "ollama":
        names.add(OLLAMA_CLOUD)
    found = (finder.endpoint(name) for name in sorted(names))
    return {endpoint.name: endpoint for endpoint in found if endpoint}, tuple(finder.problems)


@dataclass(frozen=True, slots=True)
class _Named:
    """The hosts that one setting names."""

    key: KeyPath
    hosts: tuple[HostSettings, ...]
    origin: Origin


class _Finder:
    def __init__(self, settings: Settings, sourced: Sourced) -> None:
        self.problems: list[Problem] = []
        self._sonar = settings.sonar
        self._sourced = sourced

    def endpoint(self, name: str) -> Endpoint | None:
        settings = self._sonar.providers.get(name, ProviderSettings())
        known = KNOWN_PROVIDERS.get(name)
        key: KeyPath = ("sonar", "providers", name)
        kind = settings.type or (known.type if known else None)
        if name in RESERVED_NAMES or not _NAME.match(name):
            self._refuse(key, "cannot be the name of a provider")
            return None
        if kind is None:
            self._refuse(key, "needs a type: ollama, openrouter, openai or anthropic")
            return None
        if settings.routing is not None and kind != "openrouter":
            self._refuse((*key, "routing"), "is for providers of type openrouter only")
        named = self._winner(name, settings)
        if named is None and (known is None or known.url is None):
            self._refuse(*self._homeless(name, key))
            return None
        if named is None:
            return Endpoint(name, kind, (str(known.url if known else ""),), key, DEFAULT, settings)
        found = self._hosts(named, name, kind)
        own = {url: host for url, host in found.items() if not host.settings.is_bare}
        return Endpoint(name, kind, tuple(found), named.key, named.origin, settings, own) if found else None

    def _homeless(self, name: str, key: KeyPath) -> tuple[KeyPath, str]:
        if name == OLLAMA_CLOUD:
            return ("sonar", "cloud", "provider"), "is ollama, so sonar.cloud.host must name your server"
        return key, "needs hosts or a baseUrl"

    def _winner(self, name: str, settings: ProviderSettings) -> _Named | None:
        """The setting of the strongest source; of two in one source the provider's own key."""
        named = [candidate for candidate in self._named(name, settings) if candidate.hosts]
        is_twice = [candidate.key[-1] for candidate in named[:2]] == ["baseUrl", "hosts"]
        if is_twice and named[0].origin.rank == named[1].origin.rank:
            self._refuse(named[1].key, "and baseUrl both name its address; keep one of them")
        return max(named, key=lambda candidate: candidate.origin.rank, default=None)

    def _named(self, name: str, settings: ProviderSettings) -> Iterator[_Named]:
        key: KeyPath = ("sonar", "providers", name)
        yield self._one((*key, "baseUrl"), (settings.base_url,) if settings.base_url else ())
        yield self._from((*key, "hosts"), settings.hosts)
        if name == "ollama":
            yield self._one(("sonar", "host"), self._sonar.host)
        serves_the_cloud = name == (OLLAMA_CLOUD if self._sonar.cloud.provider == "ollama" else "openrouter")
        host: KeyPath = ("sonar", "cloud", "host")
        if serves_the_cloud and (name != OLLAMA_CLOUD or self._sourced.at(host)):
            yield self._one(host, (self._sonar.cloud.host,))

    def _one(self, key: KeyPath, texts: tuple[str, ...]) -> _Named:
        return self._from(key, tuple(HostSettings(url=text) for text in texts))

    def _from(self, key: KeyPath, named: tuple[HostSettings, ...]) -> _Named:
        return _Named(key, named, self._sourced.origin_of(key))

    def _hosts(self, named: _Named, name: str, kind: ProviderType) -> dict[str, OwnHost]:
        """The hosts by URL, in order. The same one written twice is one, unless its credentials differ."""
        found: dict[str, OwnHost] = {}
        is_list = isinstance(getattr(self._sourced.at(named.key), "value", None), list)
        for index, host in enumerate(named.hosts):
            key = (*named.key, index) if is_list else named.key
            try:
                url = self._url(host.url, name, kind)
            except hosts.BadHost as error:
                self._refuse(key, str(error))
                continue
            if url not in found:
                found[url] = OwnHost(key, host)
            elif not (host.is_bare and found[url].settings.is_bare):
                self._refuse(key, "names a host that stands in the list already; keep one of them")
        return found

    def _url(self, text: str, name: str, kind: ProviderType) -> str:
        if kind == "ollama":
            return hosts.ollama_url(text)
        url = hosts.cloud_url(text)
        known = KNOWN_PROVIDERS.get(name)
        # "openrouter.ai" alone is often written for its API, whose path is no secret.
        is_bare_home = known is not None and url in known.homes
        return str(known.url).replace(hosts.origin_of(str(known.url)), url) if known and is_bare_home else url

    def _refuse(self, key: KeyPath, message: str) -> None:
        self.problems.append(self._sourced.place_of(key).problem(f"{show_key(key)} {message}"))
