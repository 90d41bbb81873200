"""Decides what a project's files may ask for by themselves: a key goes to its own home, notes come from the root.

Everything else is a request to the user. Hosts, keys and paths that the user's own configuration, environment or
command names are never asked about.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from amalfa.config.endpoints import Endpoint
from amalfa.config.function_gate import function_requests
from amalfa.config.hosts import BadHost, cloud_url, is_loopback, origin_of
from amalfa.config.keypath import KeyPath, show_key
from amalfa.config.keys import Keys, Surroundings, credentials_sent
from amalfa.config.known_providers import KNOWN_PROVIDERS, homes_of_key
from amalfa.config.origins import Sourced
from amalfa.config.secret import EnvReference, read_credential
from amalfa.config.trust import TrustRequest
from amalfa.errors import Problem

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Asking:
    """Everything the gate looks at. `users_origins` are the hosts that the user's own sources name."""

    root: Path
    sourced: Sourced
    endpoints: Mapping[str, Endpoint]
    keys: Keys
    surroundings: Surroundings
    users_origins: frozenset[str]


def find_requests(asking: Asking, pipelines: Mapping[str, Sourced]) -> tuple[TrustRequest, ...]:
    """What the project's files ask for, in the order of the configuration, each request once.

    `pipelines` are the layered pipelines by name, those kept in files of their own included.
    """
    found: dict[tuple[str, str, str], TrustRequest] = {}
    functions = (one for name, pipeline in pipelines.items() for one in _functions(name, pipeline, asking))
    requests = (*_hosts(asking), *_keys(asking), *_pipeline_hosts(asking, pipelines), *functions, *_paths(asking))
    for request in requests:
        found.setdefault(request.approval, request)
    return tuple(found.values())


def _hosts(asking: Asking) -> Iterator[TrustRequest]:
    """Providers whose address comes from the project's files and is not their own."""
    for endpoint in asking.endpoints.values():
        place = _where_the_project_speaks(endpoint, asking)
        if place is None:
            continue
        for url in endpoint.urls:
            target = origin_of(url)
            if target in endpoint.homes or target in asking.users_origins or _brings_its_keys(endpoint, url, asking):
                continue
            reason = (
                f"{target} is not {endpoint.name}'s own host; {_what_would_go(endpoint, url, asking)} would go there"
            )
            yield TrustRequest("host", endpoint.name, target, reason, place)


def _where_the_project_speaks(endpoint: Endpoint, asking: Asking) -> Problem | None:
    """The project's word in an address. A type or provider counts too: it decides scheme, port and key."""
    keys: list[KeyPath] = [endpoint.key, ("sonar", "providers", endpoint.name, "type")]
    if endpoint.key == ("sonar", "cloud", "host"):
        keys.append(("sonar", "cloud", "provider"))
    origins = ((key, asking.sourced.origin_of(key)) for key in keys)
    return next((origin.problem(show_key(key)) for key, origin in origins if not origin.is_the_users), None)


def _brings_its_keys(endpoint: Endpoint, url: str, asking: Asking) -> bool:
    """Whether nothing of the user's is at stake: the key comes from the project's own `.env`, or stays here."""
    sent = asking.keys.sent_to(endpoint.name, url)
    if sent and all(key.origin.kind == "dotenv" for key in sent):
        return True
    return is_loopback(url) and not any(key.origin.is_the_users for key in sent)


def _what_would_go(endpoint: Endpoint, url: str, asking: Asking) -> str:
    names = [str(key.origin) for key in asking.keys.sent_to(endpoint.name, url) if key.origin.is_the_users]
    return f"your key ({', '.join(dict.fromkeys(names))}) and your notes" if names else "your notes"


def _keys(asking: Asking) -> Iterator[TrustRequest]:
    """Variables of the user's environment that the project's files want sent where they do not belong."""
    for endpoint in asking.endpoints.values():
        for url, key, written in credentials_sent(endpoint):
            origin = asking.sourced.origin_of(key)
            if not origin.is_the_users and isinstance(written, EnvReference):
                place = origin.problem(show_key(key))
                yield from _misdirected(written.name, url, endpoint.name, place, asking.surroundings)


def _misdirected(
    name: str, url: str, provider: str, place: Problem, surroundings: Surroundings
) -> Iterator[TrustRequest]:
    found, target = surroundings.find(name), origin_of(url)
    if found and found.origin.kind == "environment" and target not in homes_of_key(name):
        reason = f"{name} of your environment would be sent to {target}, which it is not meant for"
        yield TrustRequest("key", provider, f"{name} -> {target}", reason, place)


def _pipeline_hosts(asking: Asking, pipelines: Mapping[str, Sourced]) -> Iterator[TrustRequest]:
    """Addresses inside pipelines, which name hosts and keys of their own."""
    for name, pipeline in pipelines.items():
        models = pipeline.inner("models")
        for model_name, model in (models.value if models and isinstance(models.value, dict) else {}).items():
            if not pipeline.origin.is_the_users:
                yield from _pipeline_host(f"pipeline:{name}", model_name, model, asking)


def _pipeline_host(provider: str, model_name: str, model: Sourced, asking: Asking) -> Iterator[TrustRequest]:
    try:
        url = cloud_url(_text(model, "url"))
    except BadHost:
        return  # no address, or one that `pipeline check` will refuse
    key_name = _referenced(_text(model, "api-key") or _text(model, "apiKey"))
    place = model.origin.problem(f"{provider} model {model_name}")
    key = asking.surroundings.find(key_name) if key_name else None
    if key and key.origin.kind == "dotenv":
        return
    if key_name:
        yield from _misdirected(key_name, url, provider, place, asking.surroundings)
    target = origin_of(url)
    homes = frozenset().union(*(known.homes for known in KNOWN_PROVIDERS.values()))
    if target not in homes | asking.users_origins and not (is_loopback(url) and key is None):
        yield TrustRequest("host", provider, target, f"your notes would go to {target}", place)


def _functions(name: str, pipeline: Sourced, asking: Asking) -> Iterator[TrustRequest]:
    """What hooks would run and whom they would tell, and the user's variables that their headers name."""
    provider = f"pipeline:{name}"
    yield from function_requests(provider, pipeline)
    functions = pipeline.inner("functions")
    for function in functions.value.values() if functions and isinstance(functions.value, dict) else []:
        headers = function.inner("headers")
        try:
            url = cloud_url(_text(function, "url"))
        except BadHost:
            continue
        for header, value in headers.value.items() if headers and isinstance(headers.value, dict) else []:
            if not value.origin.is_the_users and (key_name := _referenced(str(value.value))):
                place = value.origin.problem(f"{provider} header {header}")
                yield from _misdirected(key_name, url, provider, place, asking.surroundings)


def _text(model: Sourced, key: str) -> str:
    inner = model.inner(key)
    return inner.value if inner and isinstance(inner.value, str) else ""


def _referenced(text: str) -> str:
    try:
        written = read_credential(text)
    except ValueError:
        return ""
    return written.name if isinstance(written, EnvReference) else ""


def _paths(asking: Asking) -> Iterator[TrustRequest]:
    """Notes and pipelines outside the root, links followed."""
    sources = asking.sourced.at(("docs", "sources"))
    for source in sources.value if sources and isinstance(sources.value, list) else []:
        yield from _outside(source, asking.root, "the notes there would be read")
    pipelines = asking.sourced.at(("sonar", "pipelines"))
    for pipeline in pipelines.value.values() if pipelines and isinstance(pipelines.value, dict) else []:
        yield from _outside(pipeline, asking.root, "the file there would be read")


def _outside(written: Sourced, root: Path, reason: str) -> Iterator[TrustRequest]:
    if written.origin.is_the_users or not isinstance(written.value, str):
        return
    real, real_root = os.path.realpath(place_of(written.value, root)), os.path.realpath(root)
    if os.path.commonpath((real, real_root)) != real_root:
        place = written.origin.problem(written.value)
        yield TrustRequest("path", "", real, f"lies outside the project, at {real}; {reason}", place)


def place_of(written: str, root: Path) -> Path:
    """The file or folder that a path of the configuration names; of a glob, the folder it searches."""
    path = root / os.path.expanduser(written)  # noqa: PTH111 - Path.expanduser raises for a user that does not exist
    plain = next((index for index, part in enumerate(path.parts) if _WILD.search(part)), None)
    return path if plain is None or path.exists() else Path(*path.parts[:plain])
