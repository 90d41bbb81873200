"""The settings that nothing acts on: those that wait for what will, and limits on a provider that keeps none.

A test keeps this list whole: every setting is read somewhere in sonar or stands here. Keys are as in the documentation;
one that stands for a group stands for all of it.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from amalfa.config.keypath import show_key
from amalfa.config.known_providers import KNOWN_PROVIDERS
from amalfa.config.loaded import leaves
from amalfa.config.origins import DEFAULT, Origin
from amalfa.config.provider_settings import ProviderSettings
from amalfa.config.settings import Settings
from amalfa.errors import Problem

UNREAD: Mapping[str, str] = MappingProxyType({})


def is_unread(key: str) -> bool:
    """Whether a documented key, or the group it belongs to, stands in the list."""
    return any(key == entry or key.startswith((f"{entry}.", f"{entry}[")) for entry in UNREAD)


def find_unread_settings(settings: Settings, origins: Mapping[str, Origin]) -> Iterator[Problem]:
    """A warning for each such setting that was changed: a limit that is not kept must not look as if it were."""
    usual = dict(leaves(Settings()))
    for path, value in leaves(settings):
        key = show_key(path)
        origin = origins.get(key, DEFAULT)
        if origin != DEFAULT and value != usual.get(path) and (entry := _entry_of(key)):
            yield origin.problem(f"{key} is checked but not acted on yet; it waits for {UNREAD[entry]}")
    for name, provider in settings.sonar.providers.items():
        key = show_key(("sonar", "providers", name, "rpm"))
        if provider.rpm is not None and _is_ollama(name, provider):
            message = f"{key} is not kept for Ollama; sonar.concurrency.localPerHost limits the calls of its hosts"
            yield origins.get(key, DEFAULT).problem(message)


def _is_ollama(name: str, provider: ProviderSettings) -> bool:
    known = KNOWN_PROVIDERS.get(name)
    return (provider.type or (known.type if known else None)) == "ollama"


def _entry_of(key: str) -> str | None:
    """The line of the list that covers a concrete key, in which a name stands where the list has a `*`."""
    parts = key.split(".")
    for entry in UNREAD:
        wanted = entry.split(".")
        if len(parts) >= len(wanted) and all(w in ("*", p) for w, p in zip(wanted, parts, strict=False)):
            return entry
    return None
