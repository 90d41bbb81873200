"""What the functions of a project's pipelines ask for: commands that would run, hosts that would be sent something.

It reads no more of a function than it takes to name what would happen; whether it can be run is told elsewhere.
"""

import shlex
from collections.abc import Iterator

from amalfa.config.hosts import BadHost, cloud_url, is_loopback, origin_of
from amalfa.config.jsonc import Json
from amalfa.config.origins import Sourced
from amalfa.config.trust import TrustRequest
from amalfa.errors import Problem


def function_requests(provider: str, pipeline: Sourced) -> Iterator[TrustRequest]:
    """The requests of one pipeline, whose functions may come from several files. `provider` is how it is called."""
    functions = pipeline.inner("functions")
    if functions is None or not isinstance(functions.value, dict):
        return
    for name, function in functions.value.items():
        if not _is_all_the_users(function):
            yield from _of_one(provider, name, function)


def _of_one(provider: str, name: str, function: Sourced) -> Iterator[TrustRequest]:
    place = function.origin.problem(f"{provider} function {name}")
    written = function.plain
    if not isinstance(written, dict):
        return
    # Whatever its type says: what is written here is what would happen once the type fits.
    if written.get("command") is not None:
        line, seen = _command_line(written), _seen(written)
        reason = f"the command {line} would run here as you, with the texts of your calls{seen}"
        yield TrustRequest("command", provider, line + seen, reason, place)
    if isinstance(url := written.get("url"), str):
        yield from _host(provider, url, place)


def _host(provider: str, url: str, place: Problem) -> Iterator[TrustRequest]:
    try:
        read = cloud_url(url)
    except BadHost:
        return  # `pipeline check` refuses it
    target = origin_of(read)
    where = "a service on this machine" if is_loopback(read) else target
    yield TrustRequest("host", provider, target, f"the texts of your calls would be sent to {where}", place)


def _command_line(written: dict[str, Json]) -> str:
    args = written.get("args")
    words = [written.get("command"), *(args if isinstance(args, list) else [args] if args is not None else [])]
    return shlex.join(str(word) for word in words)


def _seen(written: dict[str, Json]) -> str:
    names = written.get("env")
    listed = [str(name) for name in names] if isinstance(names, list) else []
    return f" and {', '.join(listed)} of your environment" if listed else ""


def _is_all_the_users(sourced: Sourced) -> bool:
    """Whether every part of it is the user's own word; one part of a project's file can change what all of it does."""
    inner = sourced.value
    if isinstance(inner, dict | list):
        parts = inner.values() if isinstance(inner, dict) else inner
        return sourced.origin.is_the_users and all(map(_is_all_the_users, parts))
    return sourced.origin.is_the_users
