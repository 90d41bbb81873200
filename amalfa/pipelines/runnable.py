"""What a hook runs: a command or an HTTP request, made from a function of a pipeline or refused. Runs nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

from amalfa.config.hosts import BadHost, cloud_url, is_loopback
from amalfa.config.jsonc import Json
from amalfa.config.secret import Credential, read_credential
from amalfa.pipelines.graph import Function

TIMEOUT_MAX_S = 600.0

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
METHODS: tuple[Method, ...] = ("GET", "POST", "PUT", "PATCH", "DELETE")

TEXT_VARIABLES = ("INPUT", "OUTPUT", "NODE", "REQUEST_ID")
"""What a request's body may hold, each as `$NAME` anywhere in a text of it."""

VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")

_METADATA_HOST = re.compile(
    r"https?://(?:metadata(?:\.[a-z0-9.-]+)?|instance-data(?:\.[a-z0-9.-]+)?|100\.100\.100\.200|\[fd00:ec2::254\])"
    r"(?:[:/]|\Z)"
)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
_OWN_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding", "upgrade"}
)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments, run without a shell. `env` names the variables it gets beside PATH, HOME, LANG."""

    name: str
    argv: tuple[str, ...]
    timeout_s: float
    env: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. `body` None sends node, input, output and request_id as one JSON object."""

    name: str
    method: Method
    url: str
    timeout_s: float
    headers: tuple[tuple[str, Credential], ...] = ()
    body: Json = None

    @property
    def stays_here(self) -> bool:
        """Whether it goes to this machine."""
        return is_loopback(self.url)

    @property
    def carries_text(self) -> bool:
        """Whether anything of the call's text is in it."""
        return self.method != "GET"


Runnable = Command | Request


class BadFunction(ValueError):
    """The function cannot be run as it is written; `reasons` says why, each a predicate for people."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def runnable(function: Function) -> Runnable:
    """What a function of a pipeline comes to. Raises BadFunction with everything that is wrong with it."""
    reasons: list[str] = []
    read = _command(function, reasons) if function.type == "shell" else _request(function, reasons)
    if not 0 < function.timeout_s <= TIMEOUT_MAX_S:
        reasons.append(f"must have a timeout of more than 0 and at most {TIMEOUT_MAX_S:g} seconds")
    if reasons:
        raise BadFunction(tuple(dict.fromkeys(reasons)))
    return read


def _command(function: Function, reasons: list[str]) -> Command:
    argv = (function.command, *function.args)
    if not function.command.strip():
        reasons.append("has no command")
    for word in argv:
        if found := VARIABLE.search(word):
            reasons.append(
                f"names {found[0]} in its command line, where nothing is ever filled in; "
                "the text comes as JSON on standard input"
            )
        if "\0" in word:
            reasons.append("holds a NUL character, which no argument can")
    reasons += (f"has {one!r} in env, which is no variable's name" for one in function.env if not _ENV_NAME.match(one))
    return Command(function.name, argv, function.timeout_s, tuple(function.env))


def _request(function: Function, reasons: list[str]) -> Request:
    method = function.method.upper()
    if method not in METHODS:
        reasons.append(f"has the method {function.method!r}; there are {', '.join(METHODS)}")
    body = cast("Json", function.body)
    if method == "GET" and body is not None:
        reasons.append("has a body, which GET does not send; use POST")
    for used in sorted(set(_variables(body)) - set(TEXT_VARIABLES)):
        known = ", ".join(f"${one}" for one in TEXT_VARIABLES)
        reasons.append(f"names ${used} in its body; there are {known}, and a key belongs into headers")
    kept: Method = next((one for one in METHODS if one == method), "POST")
    headers = tuple(_headers(function, reasons))
    return Request(function.name, kept, _url(function.url, reasons), function.timeout_s, headers, body)


def _url(written: str, reasons: list[str]) -> str:
    if not written.strip():
        reasons.append("has no url")
        return ""
    if VARIABLE.search(written):
        reasons.append("has a variable in its url, where nothing is ever filled in; use the body")
        return ""
    try:
        url = cloud_url(written)
    except BadHost as error:
        reasons.append(f"has a url that {error}")
        return ""
    if _METADATA_HOST.match(url):
        reasons.append("has the url of a cloud's own metadata service, which no hook may ask")
    return url


def _headers(function: Function, reasons: list[str]) -> Iterator[tuple[str, Credential]]:
    for name, value in function.headers.items():
        if not _HEADER.match(name) or name.lower() in _OWN_HEADERS:
            reasons.append(f"may not set the header {name!r}")
            continue
        try:
            yield name, read_credential(value)
        except ValueError as error:
            reasons.append(f"has the header {name}, which {error}")


def _variables(body: Json) -> Iterator[str]:
    if isinstance(body, str):
        yield from (found[1] or found[2] for found in VARIABLE.finditer(body))
    elif isinstance(body, dict):
        for inner in body.values():
            yield from _variables(inner)
    elif isinstance(body, list):
        for inner in body:
            yield from _variables(inner)
