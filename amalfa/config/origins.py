"""Where each setting's value came from, and the merging of sources by precedence. Knows no particular setting."""

from dataclasses import dataclass, field
from typing import Literal

from typing_extensions import override

from amalfa.config.jsonc import Json, Node
from amalfa.config.keypath import KeyPath
from amalfa.errors import Problem

OriginKind = Literal["command", "environment", "dotenv", "project", "user", "default"]

LOWEST_FIRST: tuple[OriginKind, ...] = ("default", "user", "project", "dotenv", "environment", "command")

ENVIRONMENT = "environment"
"""Stands for a path in problems of values that came from the process environment."""
COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Origin:
    """The source of one value. `path` and `line` are set for files, `name` for environment variables."""

    kind: OriginKind
    path: str = ""
    line: int | None = None
    name: str = ""

    @override
    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        match self.kind:
            case "command" | "default":
                return self.kind
            case "environment":
                return f"environment {self.name}"
            case "dotenv":
                return f"{place} {self.name}"
            case _:
                return place

    @property
    def rank(self) -> int:
        """Higher wins."""
        return LOWEST_FIRST.index(self.kind)

    @property
    def is_the_users(self) -> bool:
        """Whether the user said so, and not a file that came with the project."""
        return self.kind not in ("project", "dotenv")

    def problem(self, message: str) -> Problem:
        """`message` at the place where the value was written."""
        match self.kind:
            case "environment":
                return Problem(ENVIRONMENT, None, f"{self.name}: {message}")
            case "command":
                return Problem(COMMAND_LINE, None, message)
            case "dotenv":
                return Problem(self.path, self.line, f"{self.name}: {message}")
            case _:
                return Problem(self.path, self.line, message)


DEFAULT = Origin("default")


@dataclass(frozen=True, slots=True)
class Sourced:
    """A JSON value that knows its source; so does everything in it."""

    origin: Origin
    value: "bool | int | float | str | list[Sourced] | dict[str, Sourced] | None" = field(repr=False)

    @property
    def plain(self) -> Json:
        """The value alone, a fresh copy."""
        if isinstance(self.value, dict):
            return {key: inner.plain for key, inner in self.value.items()}
        if isinstance(self.value, list):
            return [inner.plain for inner in self.value]
        return self.value

    def at(self, path: KeyPath) -> "Sourced | None":
        """What stands at `path`; None when nothing does."""
        here: Sourced | None = self
        for part in path:
            here = here.inner(part) if here else None
        return here

    def without(self, path: KeyPath) -> "Sourced":
        """The same tree but for the key at `path`."""
        if not isinstance(self.value, dict) or not path or path[0] not in self.value:
            return self
        inner = {key: value for key, value in self.value.items() if key != path[0]}
        if path[1:]:
            inner[str(path[0])] = self.value[str(path[0])].without(path[1:])
        return Sourced(self.origin, inner)

    def inner(self, part: str | int) -> "Sourced | None":
        if isinstance(self.value, dict) and isinstance(part, str):
            return self.value.get(part)
        if isinstance(self.value, list) and isinstance(part, int):
            return self.value[part] if part < len(self.value) else None
        return None

    def origin_of(self, path: KeyPath) -> Origin:
        """Who set the value at `path`: the default when its object is silent about it."""
        here = self
        for part in path:
            inner = here.inner(part)
            if inner is None:
                # A short form (`"cache": false`) stands for the whole object; an object only for its own keys.
                return DEFAULT if isinstance(here.value, dict) else here.origin
            here = inner
        return here.origin

    def place_of(self, path: KeyPath) -> Origin:
        """The nearest place to point at for a problem with `path`, which need not be there."""
        here = self
        for part in path:
            here = here.inner(part) or here
        return here.origin


def empty(origin: Origin = DEFAULT) -> Sourced:
    """An object without keys."""
    return Sourced(origin, {})


def sourced_file(node: Node, *, kind: OriginKind, path: str, line: int | None = None) -> Sourced:
    """The values of a file read; `line` is that of the key in front of `node`."""
    origin = Origin(kind, path, line or node.line)
    if node.members:
        inner = {m.key: sourced_file(m.node, kind=kind, path=path, line=m.line) for m in node.members}
        return Sourced(origin, inner)
    if node.items:
        return Sourced(origin, [sourced_file(item, kind=kind, path=path) for item in node.items])
    return sourced_value(node.value, origin)


def sourced_value(value: Json, origin: Origin) -> Sourced:
    """A value that has one source throughout."""
    if isinstance(value, dict):
        return Sourced(origin, {key: sourced_value(inner, origin) for key, inner in value.items()})
    if isinstance(value, list):
        return Sourced(origin, [sourced_value(inner, origin) for inner in value])
    return Sourced(origin, value)


def sourced_at(path: KeyPath, value: Json, origin: Origin) -> Sourced:
    """A tree with nothing but `value` at `path`. Raises ValueError for a path through a list."""
    sourced = sourced_value(value, origin)
    for part in reversed(path):
        if isinstance(part, int):
            raise ValueError("a list is replaced as a whole")
        sourced = Sourced(origin, {part: sourced})
    return sourced


def merge(below: Sourced, above: Sourced) -> Sourced:
    """`above` laid over `below`: objects merge key by key, everything else is replaced."""
    if not isinstance(below.value, dict) or not isinstance(above.value, dict):
        return above
    merged = dict(below.value)
    for key, inner in above.value.items():
        merged[key] = merge(merged[key], inner) if key in merged else inner
    return Sourced(above.origin, merged)


def value_in(tree: Json, path: KeyPath) -> Json:
    """The value at `path` of plain JSON; None where there is none."""
    value = tree
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value
