"""Finds the secret each provider is asked with: from the environment, the project's `.env` or the configuration."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from amalfa.config.endpoints import Endpoint
from amalfa.config.env_file import EnvFile
from amalfa.config.keypath import KeyPath, show_key
from amalfa.config.known_providers import KNOWN_PROVIDERS
from amalfa.config.origins import Origin, Sourced
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
class Keys:
    """What each provider is asked with, by provider name; a provider without an entry is asked with nothing."""

    by_provider: Mapping[str, KeyFound] = field(default_factory=dict)
    logins: Mapping[str, LoginFound] = field(default_factory=dict)
    headers: Mapping[str, Mapping[str, KeyFound]] = field(default_factory=dict)

    def for_provider(self, name: str) -> KeyFound | None:
        """The provider's key; None when there is none."""
        return self.by_provider.get(name)

    def login_for(self, name: str) -> LoginFound | None:
        return self.logins.get(name)

    def headers_for(self, name: str) -> Mapping[str, KeyFound]:
        """Extra headers to send along."""
        return self.headers.get(name, {})

    def sent_to(self, name: str) -> tuple[KeyFound, ...]:
        """Everything secret that goes to a provider."""
        login = self.logins.get(name)
        found = (self.by_provider.get(name), login.password if login else None, *self.headers_for(name).values())
        return tuple(one for one in found if one)

    def secrets(self) -> frozenset[Secret]:
        """Every secret in use, for whoever must keep them out of texts."""
        names = {*self.by_provider, *self.logins, *self.headers}
        return frozenset(found.secret for name in names for found in self.sent_to(name))


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
    keys, logins, headers = {}, {}, {}
    for name, endpoint in endpoints.items():
        if found := finder.key(endpoint):
            keys[name] = found
        if login := finder.login(endpoint):
            logins[name] = login
        if extra := finder.headers(endpoint):
            headers[name] = extra
    return Keys(keys, logins, headers), tuple(finder.warnings)


def credentials_in(endpoint: Endpoint) -> Iterator[tuple[KeyPath, Credential]]:
    """Every secret or reference that the configuration holds for a provider, with its key path."""
    key: KeyPath = ("sonar", "providers", endpoint.name)
    settings = endpoint.settings
    if settings.api_key is not None:
        yield (*key, "apiKey"), settings.api_key
    if settings.basic_auth is not None:
        yield (*key, "basicAuth", "password"), settings.basic_auth.password
    for header, value in settings.headers.items():
        yield (*key, "headers", header), value


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
        written = endpoint.settings.basic_auth
        if written is None:
            return None
        password = self._resolved(written.password, ("sonar", "providers", endpoint.name, "basicAuth", "password"))
        return LoginFound(written.username, password) if password else None

    def headers(self, endpoint: Endpoint) -> dict[str, KeyFound]:
        key: KeyPath = ("sonar", "providers", endpoint.name, "headers")
        found = {name: self._resolved(value, (*key, name)) for name, value in endpoint.settings.headers.items()}
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
