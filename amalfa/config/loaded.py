"""A configuration in force: its settings, where each came from, and how it is shown without its secrets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from amalfa.config.endpoints import Endpoint
from amalfa.config.jsonc import Json
from amalfa.config.keypath import KeyPath, parse_key, show_key
from amalfa.config.keys import KeyFound, Keys
from amalfa.config.origins import DEFAULT, Origin, Sourced, value_in
from amalfa.config.pipeline_models import PipelineFound
from amalfa.config.problems import suggestion
from amalfa.config.settings import Settings
from amalfa.errors import NotFound, Problem


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that is valid: what a Generation is built from.

    `origins` names the source of every setting by its key path. `env_values` are the variables that were read, with
    their sources. Two loads with one `fingerprint` are the same configuration. A change of any of `watched_paths`,
    which need not exist, calls for another load. `pipelines` are as written: whoever
    runs them reads their nodes, and takes `unreadable_pipelines` for problems of the configuration.
    """

    settings: Settings
    origins: Mapping[str, Origin]
    keys: Keys
    endpoints: Mapping[str, Endpoint]
    warnings: tuple[Problem, ...]
    fingerprint: str
    watched_paths: tuple[Path, ...]
    env_values: Mapping[str, KeyFound]
    pipelines: Mapping[str, PipelineFound] = field(default_factory=dict)
    unreadable_pipelines: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """One line of `config show`; secrets in `value` are masked."""

    key: str
    value: Json
    origin: Origin


def show(loaded: Loaded) -> tuple[ShownSetting, ...]:
    """Every setting in the order it is documented, then the keys that were found in the environment, masked.

    Settings that nobody set and that have no default are left out.
    """
    shown = (ShownSetting(show_key(path), value, _origin(loaded, path)) for path, value in leaves(loaded.settings))
    return (*(one for one in shown if one.value not in (None, [], {}) or one.origin != DEFAULT), *_found_keys(loaded))


def _found_keys(loaded: Loaded) -> Iterator[ShownSetting]:
    """The keys that no setting names: a variable alone brought them."""
    for name, found in sorted(loaded.keys.by_provider.items()):
        settings = loaded.settings.sonar.providers.get(name)
        if settings is None or settings.api_key is None:
            yield ShownSetting(show_key(("sonar", "providers", name, "apiKey")), found.secret.masked, found.origin)


def get(loaded: Loaded, key: str) -> Json:
    """The value of one setting or group, secrets masked. Raises UsageProblem for a key that is none."""
    path = parse_key(key)
    tree = plain(loaded.settings)
    if not _exists(tree, path):
        known = [show_key(leaf) for leaf, _ in leaves(loaded.settings)]
        raise NotFound(f"There is no setting {key}{suggestion(key, known)}", hint="amalfa config show")
    return value_in(tree, path)


def find_origins(settings: Settings, sourced: Sourced) -> dict[str, Origin]:
    """The source of every setting, by key path."""
    return {show_key(path): sourced.origin_of(path) for path, _ in leaves(settings)}


def leaves(settings: Settings) -> Iterator[tuple[KeyPath, Json]]:
    """Every value with its key path; a list is one value."""
    yield from _leaves(plain(settings), ())


def plain(settings: Settings) -> Json:
    """The settings as JSON, secrets masked."""
    return cast("Json", settings.model_dump(by_alias=True, mode="json"))


def _leaves(value: Json, path: KeyPath) -> Iterator[tuple[KeyPath, Json]]:
    if not isinstance(value, dict) or not value:
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves(inner, (*path, key))


def _origin(loaded: Loaded, path: KeyPath) -> Origin:
    return loaded.origins.get(show_key(path), DEFAULT)


def _exists(tree: Json, path: KeyPath) -> bool:
    parent = value_in(tree, path[:-1])
    last = path[-1]
    if isinstance(parent, dict):
        return last in parent
    return isinstance(parent, list) and isinstance(last, int) and last < len(parent)
