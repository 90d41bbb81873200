"""Walks the settings: their keys, defaults and meanings, for checks, documents and suggestions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, get_args, get_origin

from pydantic.fields import FieldInfo

from amalfa.config.keypath import KeyPath
from amalfa.config.settings import Settings
from amalfa.config.values import Group

ANY_NAME = "*"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One documented key. `key` has `*` where a name of the user's choice stands, `[]` for list items.

    `default` is the value when nothing is written; None also when there is none. `attribute` is its name in the code.
    """

    key: str
    attribute: str
    default: object
    description: str


@cache
def setting_rows() -> tuple[SettingRow, ...]:
    """Every setting that holds a value, in the order it is documented."""
    return tuple(_rows(Settings, ()))


def keys_at(path: KeyPath) -> tuple[str, ...]:
    """The keys that the object at `path` may have; () where names are free or there is no such object."""
    group: type[Group] | None = Settings
    at = 0
    while group is not None and at < len(path):
        info = _by_key(group).get(str(path[at]))
        inner = _inner(info.annotation) if info else None
        group, at = (inner.group, at + 1 + inner.steps) if inner else (None, at)
    return tuple(_by_key(group)) if group is not None and at == len(path) else ()


@dataclass(frozen=True, slots=True)
class _Inner:
    """A group inside a field's type, and how many steps of a path (a name, an index) lie between."""

    group: type[Group]
    steps: int
    marks: tuple[str, ...]


def _rows(group: type[Group], path: tuple[str, ...]) -> Iterator[SettingRow]:
    for attribute, info in group.model_fields.items():
        here = (*path, info.alias or attribute)
        inner = _inner(info.annotation)
        if inner is None or inner.steps:
            default = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
            yield SettingRow(_joined(here), attribute, default, info.description or "")
        if inner is not None:
            yield from _rows(inner.group, (*here, *inner.marks))


def _joined(path: tuple[str, ...]) -> str:
    return ".".join(path).replace(".[]", "[]")


@cache
def _by_key(group: type[Group]) -> Mapping[str, FieldInfo]:
    return {info.alias or name: info for name, info in group.model_fields.items()}


def _inner(annotation: object) -> _Inner | None:
    """The group in an annotation, through `| None`, Annotated, Mapping and tuple."""
    if isinstance(annotation, type) and issubclass(annotation, Group):
        return _Inner(annotation, 0, ())
    kind, arguments = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        return _inner(arguments[0])
    if kind is tuple and arguments[-1] is ...:
        return _deeper(_inner(arguments[0]), "[]")
    if kind is Mapping:
        return _deeper(_inner(arguments[1]), ANY_NAME)
    found = [inner for argument in arguments if (inner := _inner(argument))]
    return found[0] if len(found) == 1 else None


def _deeper(inner: _Inner | None, mark: str) -> _Inner | None:
    return _Inner(inner.group, inner.steps + 1, (mark, *inner.marks)) if inner else None
