"""Finds the secret each provider is asked with: from the environment, the project's `.env` or the configuration."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from amalfa.config.endpoints import Endpoint
from amalfa.config.env_file import EnvFile
from amalfa.config.keypath import KeyPath, show_key
from amalfa.config.known_providers import KNOWN_PROVIDERS
from amalfa.config.origins import Origin, Sourced
from amalfa.config.provider_settings import BasicAuth, HostSettings, ProviderSettings
from amalfa.config.secret import Credential, EnvReference, Secret
from amalfa.errors import Problem


@dataclass(frozen=True, slots=True)
class KeyFound:
    """A secret and the source of its value: a variable of the environment or of `.env`, or a line of a file."""

    secret: Secret
    origin: Origin


@dataclass(frozen=True, slots=True)
class LoginFound:
    """User name and password for a proxy in front of a provider."""

    username: str
    password: KeyFound


@dataclass(frozen=True, slots=True)
class HostKeys:
    """What one host is shown instead of what its provider is shown. `replaces` holds even when nothing was found.

    A host whose own key is not set must not be sent the key of the others.
    """

    key: KeyFound | None = None
    login: LoginFound | None = None
    headers: Mapping[str, KeyFound] = field(default_factory=dict)
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """What each provider is asked with, by provider name; a provider without an entry is asked with nothing.

    `hosts` are the hosts with credentials of their own, by provider and URL.
    """

    by_provider: Mapping[str, KeyFound] = field(default_factory=dict)
    logins: Mapping[str, LoginFound] = field(default_factory=dict)
    headers: Mapping[str, Mapping[str, KeyFound]] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, HostKeys]] = field(default_factory=dict)

    def for_provider(self, name: str) -> KeyFound | None:
        """The provider's key; None when there is none."""
        return self.by_provider.get(name)

    def login_for(self, name: str) -> LoginFound | None:
        return self.logins.get(name)

    def headers_for(self, name: str) -> Mapping[str, KeyFound]:
        """Extra headers to send along."""
        return self.headers.get(name, {})

    def for_host(self, name: str, url: str) -> HostKeys:
        """All that one host of a provider is shown: its own, and of the provider's what its own does not replace."""
        own = self.hosts.get(name, {}).get(url, HostKeys())
        given = {header.lower() for header in own.headers}
        kept = {header: key for header, key in self.headers_for(name).items() if header.lower() not in given}
        headers = {**kept, **own.headers}
        if own.replaces:
            return HostKeys(own.key, own.login, headers, replaces=True)
        return HostKeys(self.by_provider.get(name), self.logins.get(name), headers)

    def joined(self, other: "Keys") -> "Keys":
        """These and the keys of further providers."""
        return Keys(
            {**self.by_provider, **other.by_provider},
            {**self.logins, **other.logins},
            {**self.headers, **other.headers},
            {**self.hosts, **other.hosts},
        )

    def sent_to(self, name: str, url: str) -> tuple[KeyFound, ...]:
        """Everything secret that goes to one host of a provider."""
        return _all_of(self.for_host(name, url))

    def secrets(self) -> frozenset[Secret]:
        """Every secret in use, for whoever must keep them out of texts."""
        names = {*self.by_provider, *self.logins, *self.headers}
        whole = [HostKeys(self.by_provider.get(n), self.logins.get(n), self.headers_for(n)) for n in names]
        own = [keys for hosts in self.hosts.values() for keys in hosts.values()]
        return frozenset(found.secret for keys in (*whole, *own) for found in _all_of(keys))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where names are looked up: the process environment first, then the project's `.env`. Empty means unset."""

    environ: Mapping[str, str] = field(repr=False)
    env_file: EnvFile
    env_path: str

    def find(self, name: str) -> KeyFound | None:
        if value := self.environ.get(name, "").strip():
            return KeyFound(Secret(value), Origin("environment", name=name))
        line = self.env_file.values.get(name)
        if line is None or not line.value.strip():
            return None
        return KeyFound(Secret(line.value.strip()), Origin("dotenv", self.env_path, line.line, name))


def find_keys(
    endpoints: Mapping[str, Endpoint], sourced: Sourced, surroundings: Surroundings
) -> tuple[Keys, tuple[Problem, ...]]:
    """The keys of all providers, and a warning for each named variable that is not set."""
    finder = _Finder(sourced, surroundings)
    keys, logins, headers, hosts = {}, {}, {}, {}
    for name, endpoint in endpoints.items():
        if found := finder.key(endpoint):
            keys[name] = found
        if login := finder.login(endpoint):
            logins[name] = login
        if extra := finder.headers(endpoint):
            headers[name] = extra
        if own := finder.hosts(endpoint):
            hosts[name] = own
    return Keys(keys, logins, headers, hosts), tuple(finder.warnings)


def credentials_in(endpoint: Endpoint) -> Iterator[tuple[KeyPath, Credential]]:
    """Every secret or reference that the configuration holds for a provider, with its key path."""
    key: KeyPath = ("sonar", "providers", endpoint.name)
    yield from _written(endpoint.settings, key)
    # Those of hosts that a stronger source replaced lie in the file as well.
    for index, host in enumerate(endpoint.settings.hosts):
        yield from _written(host, (*key, "hosts", index))


def credentials_sent(endpoint: Endpoint) -> Iterator[tuple[str, KeyPath, Credential]]:
    """The same, each with a URL it is sent to; what no host is sent is left out."""
    shared = tuple(_written(endpoint.settings, ("sonar", "providers", endpoint.name)))
    for url in endpoint.urls:
        own = endpoint.own_hosts.get(url)
        replaces = own is not None and _replaces(own.settings)
        yield from ((url, key, written) for key, written in shared if not replaces or key[-2] == "headers")
        if own is not None:
            yield from ((url, key, written) for key, written in _written(own.settings, own.key))


def _written(settings: ProviderSettings | HostSettings, key: KeyPath) -> Iterator[tuple[KeyPath, Credential]]:
    if settings.api_key is not None:
        yield (*key, "apiKey"), settings.api_key
    if settings.basic_auth is not None:
        yield (*key, "basicAuth", "password"), settings.basic_auth.password
    for header, value in settings.headers.items():
        yield (*key, "headers", header), value


def _replaces(host: HostSettings) -> bool:
    """Whether the host has an Authorization of its own; there is room for one only."""
    return host.api_key is not None or host.basic_auth is not None


def _all_of(keys: HostKeys) -> tuple[KeyFound, ...]:
    found = (keys.key, keys.login.password if keys.login else None, *keys.headers.values())
    return tuple(one for one in found if one)


class _Finder:
    def __init__(self, sourced: Sourced, surroundings: Surroundings) -> None:
        self.warnings: list[Problem] = []
        self._sourced = sourced
        self._surroundings = surroundings

    def key(self, endpoint: Endpoint) -> KeyFound | None:
        """The key of one provider.

        A reference in the configuration replaces the provider's usual variable; a literal key is a configured value
        like any other, so the usual variable beats it.
        """
        written = endpoint.settings.api_key
        if isinstance(written, EnvReference):
            return self._resolved(written, ("sonar", "providers", endpoint.name, "apiKey"))
        known = KNOWN_PROVIDERS.get(endpoint.name)
        usual = self._found(known.key_name) if known and known.key_name else None
        if usual is not None or written is None:
            return usual
        return self._resolved(written, ("sonar", "providers", endpoint.name, "apiKey"))

    def login(self, endpoint: Endpoint) -> LoginFound | None:
        return self._login(endpoint.settings.basic_auth, ("sonar", "providers", endpoint.name))

    def headers(self, endpoint: Endpoint) -> dict[str, KeyFound]:
        return self._headers(endpoint.settings.headers, ("sonar", "providers", endpoint.name))

    def hosts(self, endpoint: Endpoint) -> dict[str, HostKeys]:
        """What the hosts with credentials of their own are shown."""
        found = {}
        for url, own in endpoint.own_hosts.items():
            written = own.settings
            key = self._resolved(written.api_key, (*own.key, "apiKey")) if written.api_key else None
            login, headers = self._login(written.basic_auth, own.key), self._headers(written.headers, own.key)
            found[url] = HostKeys(key, login, headers, replaces=_replaces(written))
        return found

    def _login(self, written: BasicAuth | None, key: KeyPath) -> LoginFound | None:
        if written is None:
            return None
        password = self._resolved(written.password, (*key, "basicAuth", "password"))
        return LoginFound(written.username, password) if password else None

    def _headers(self, written: Mapping[str, Credential], key: KeyPath) -> dict[str, KeyFound]:
        found = {name: self._resolved(value, (*key, "headers", name)) for name, value in written.items()}
        return {name: value for name, value in found.items() if value}

    def _resolved(self, written: Credential, key: KeyPath) -> KeyFound | None:
        origin = self._sourced.origin_of(key)
        if isinstance(written, Secret):
            return KeyFound(written, origin)
        if self._surroundings.find(written.name) is None:
            self.warnings.append(origin.problem(f"{show_key(key)} names {written}, which is not set"))
        return self._found(written.name)

    def _found(self, name: str) -> KeyFound | None:
        found = self._surroundings.find(name)
        if found is not None and not found.secret.is_sendable:
            message = "holds a character that no HTTP header can carry, so it is not used"
            self.warnings.append(found.origin.problem(message))
            return None
        return found
