"""Works out where each provider is: which of the settings that may name its host is in force. Dials nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from amalfa.config import hosts
from amalfa.config.keypath import KeyPath, show_key
from amalfa.config.known_providers import KNOWN_PROVIDERS, OLLAMA_CLOUD, RESERVED_NAMES, homes_of
from amalfa.config.origins import DEFAULT, Origin, Sourced
from amalfa.config.provider_settings import ProviderSettings, ProviderType
from amalfa.config.settings import Settings
from amalfa.errors import Problem

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One provider as configured: its type, its base URLs without a final slash, and who named them where.

    `settings` are the rest of what is configured for it; `settings.local` is True only when the user's own
    configuration says so.
    """

    name: str
    type: ProviderType
    urls: tuple[str, ...]
    key: KeyPath
    origin: Origin
    settings: ProviderSettings

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
    texts: tuple[str, ...]
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
        named = self._winner(name, settings)
        if named is None and (known is None or known.url is None):
            self._refuse(*self._homeless(name, key))
            return None
        urls = self._urls(named, name, kind) if named else (str(known.url if known else ""),)
        origin = named.origin if named else DEFAULT
        return Endpoint(name, kind, urls, named.key if named else key, origin, settings) if urls else None

    def _homeless(self, name: str, key: KeyPath) -> tuple[KeyPath, str]:
        if name == OLLAMA_CLOUD:
            return ("sonar", "cloud", "provider"), "is ollama, so sonar.cloud.host must name your server"
        return key, "needs hosts or a baseUrl"

    def _winner(self, name: str, settings: ProviderSettings) -> _Named | None:
        """The setting of the strongest source; of two in one source the provider's own key."""
        named = [candidate for candidate in self._named(name, settings) if candidate.texts]
        is_twice = [candidate.key[-1] for candidate in named[:2]] == ["baseUrl", "hosts"]
        if is_twice and named[0].origin.rank == named[1].origin.rank:
            self._refuse(named[1].key, "and baseUrl both name its address; keep one of them")
        return max(named, key=lambda candidate: candidate.origin.rank, default=None)

    def _named(self, name: str, settings: ProviderSettings) -> Iterator[_Named]:
        key: KeyPath = ("sonar", "providers", name)
        yield self._one((*key, "baseUrl"), (settings.base_url,) if settings.base_url else ())
        yield self._one((*key, "hosts"), settings.hosts)
        if name == "ollama":
            yield self._one(("sonar", "host"), self._sonar.host)
        serves_the_cloud = name == (OLLAMA_CLOUD if self._sonar.cloud.provider == "ollama" else "openrouter")
        host: KeyPath = ("sonar", "cloud", "host")
        if serves_the_cloud and (name != OLLAMA_CLOUD or self._sourced.at(host)):
            yield self._one(host, (self._sonar.cloud.host,))

    def _one(self, key: KeyPath, texts: tuple[str, ...]) -> _Named:
        return _Named(key, texts, self._sourced.origin_of(key))

    def _urls(self, named: _Named, name: str, kind: ProviderType) -> tuple[str, ...]:
        urls: dict[str, None] = {}
        for index, text in enumerate(named.texts):
            try:
                urls[self._url(text, name, kind)] = None
            except hosts.BadHost as error:
                is_list = isinstance(getattr(self._sourced.at(named.key), "value", None), list)
                self._refuse((*named.key, index) if is_list else named.key, str(error))
        return tuple(urls)

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
