"""Brings a parsed value into a schema's form where nothing is invented: a table of what each type accepts."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from amalfa.calls import JsonSchema
from amalfa.errors import BadReply
from amalfa.execution.structured.policy import Repair
from amalfa.execution.structured.references import resolved
from amalfa.execution.structured.schema import is_valid, validate

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,300})(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,300})")
_LISTED = re.compile(r"[,;|\n]")
_NOT_WRAPPERS = frozenset({"error", "errors", "properties", "$schema", "$defs", "definitions", "schema"})
EXACT_MAX = 2**53

Notes = dict[Repair, None]


def fitted(value: object, schema: JsonSchema) -> tuple[object, tuple[Repair, ...]]:
    """The value in the schema's form, and what was done to it. Raises BadReply with the validator's sentences."""
    if _is_schema(value, schema):
        raise BadReply("The reply is the schema, not a value for it.")
    try:
        return _fitted_as_is(value, schema)
    except BadReply as problem:
        inner = _unwrapped(value, schema)
        if inner is None:
            raise
        try:
            found, repairs = _fitted_as_is(inner, schema)
        except BadReply:
            raise problem from None
        return found, (Repair.WRAPPER, *repairs)


def _fitted_as_is(value: object, schema: JsonSchema) -> tuple[object, tuple[Repair, ...]]:
    notes: Notes = {}
    found = _Coercion(schema, notes).value(value, schema)
    validate(found, schema)
    return found, tuple(notes)


def _is_schema(value: object, schema: JsonSchema) -> bool:
    """Whether a model sent the schema back, perhaps with values in it."""
    if not isinstance(value, dict):
        return False
    known = _properties(resolved(schema, schema))
    if isinstance(value.get("properties"), dict) and "properties" not in known:
        return True
    return ("$schema" in value and "$schema" not in known) or value == schema != {}


def _unwrapped(value: object, schema: JsonSchema) -> object | None:
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        return None if _is_schema(value[0], schema) else value[0]
    if not isinstance(value, dict) or len(value) != 1:
        return None
    key, inner = next(iter(value.items()))
    known = {name.casefold() for name in _properties(resolved(schema, schema))}
    if key.casefold() in known or key.casefold() in _NOT_WRAPPERS or not isinstance(inner, dict | list):
        return None
    return None if _is_schema(inner, schema) else inner


def _properties(node: Mapping[str, Any]) -> Mapping[str, Any]:
    found = node.get("properties")
    return found if isinstance(found, Mapping) else {}


class _Coercion:
    """Walks value and schema side by side; a value that already fits is changed only from 3.0 to 3."""

    def __init__(self, root: JsonSchema, notes: Notes) -> None:
        self._root = root
        self._notes = notes

    def value(self, value: object, schema: object) -> object:
        node = resolved(schema, self._root)
        for part in node.get("allOf", []):
            value = self.value(value, part)
        branches = [*node.get("anyOf", []), *node.get("oneOf", [])]
        if branches:
            value = self._branch(value, branches)
        value = self._typed(value, node)
        if isinstance(value, dict):
            return self._object(value, node)
        if isinstance(value, list):
            return self._list(value, node)
        return self._member(value, node)

    def _branch(self, value: object, branches: list[object]) -> object:
        """The value in the form of the only branch that it can be brought into; as it is when several take it."""
        if any(self._fits(value, branch) for branch in branches):
            return value
        fits: list[tuple[object, Notes]] = []
        for branch in branches:
            notes: Notes = {}
            found = _Coercion(self._root, notes).value(value, branch)
            if self._fits(found, branch):
                fits.append((found, notes))
        if len(fits) != 1:
            return value
        self._notes.update(fits[0][1])
        return fits[0][0]

    def _fits(self, value: object, part: object) -> bool:
        return is_valid(value, part if isinstance(part, Mapping | bool) else {}, self._root)

    def _typed(self, value: object, node: Mapping[str, Any]) -> object:
        kinds = node.get("type")
        wanted = [kinds] if isinstance(kinds, str) else [kind for kind in kinds or () if kind != "null"]
        if len(wanted) != 1:
            return value
        change = _CHANGES.get((type(value), wanted[0]))
        if change is None:
            return value
        found = change(value)
        if found is None:
            return value
        if isinstance(found, list):
            items = resolved(node.get("items"), self._root)
            if items.get("type", "string") != "string":
                return value
            self._notes[Repair.LONE_ITEM] = None
        else:
            self._notes[Repair.TYPE] = None
        return found

    def _object(self, value: dict[str, object], node: Mapping[str, Any]) -> object:
        properties = _properties(node)
        named = self._renamed(value, properties)
        kept: dict[str, object] = {}
        for key, item in named.items():
            if key in properties:
                if item is None and self._is_absent(key, node):
                    self._notes[Repair.OPTIONAL_NULL] = None
                else:
                    kept[key] = self.value(item, properties[key])
            elif not self._is_extra(key, node):
                others = node.get("additionalProperties")
                kept[key] = self.value(item, others) if isinstance(others, Mapping) else item
        if len(kept) < len(named) and not any(key in properties for key in named):
            raise BadReply("The object holds none of the keys that were asked for.")
        if any(key not in kept and key not in properties for key in named):
            self._notes[Repair.EXTRA_KEY] = None
        return kept

    def _renamed(self, value: dict[str, object], properties: Mapping[str, Any]) -> dict[str, object]:
        """The members under the schema's spelling of their keys; two keys equal but for case are refused."""
        spelling: dict[str, list[str]] = {}
        for name in properties:
            spelling.setdefault(name.casefold(), []).append(name)
        found: dict[str, object] = {}
        for key, item in value.items():
            meant = spelling.get(key.casefold(), [])
            name = meant[0] if key not in properties and len(meant) == 1 else key
            if name in found or (len(meant) == 1 and name != key and name in value):
                raise BadReply(f'The object holds "{name}" twice, in different letter case.')
            if name != key:
                self._notes[Repair.KEY_CASE] = None
            found[name] = item
        return found

    def _is_absent(self, key: str, node: Mapping[str, Any]) -> bool:
        """Whether null stands for an optional member that is not there."""
        return key not in node.get("required", ()) and not self._fits(None, _properties(node)[key])

    def _is_extra(self, key: str, node: Mapping[str, Any]) -> bool:
        if node.get("additionalProperties", node.get("unevaluatedProperties")) is not False:
            return False
        # Parts that are combined may allow what this part does not name.
        if any(word in node for word in ("allOf", "anyOf", "oneOf", "if")):
            return False
        return not any(re.search(pattern, key) for pattern in node.get("patternProperties", ()))

    def _list(self, value: list[object], node: Mapping[str, Any]) -> object:
        first = node.get("prefixItems", ())
        rest = node.get("items", {})
        if isinstance(rest, list):  # how drafts before 2020 spell prefixItems
            first, rest = rest, node.get("additionalItems", {})
        return [self.value(item, first[at] if at < len(first) else rest) for at, item in enumerate(value)]

    def _member(self, value: object, node: Mapping[str, Any]) -> object:
        members = node.get("enum", [node["const"]] if "const" in node else [])
        if not isinstance(value, str) or not members or value in members:
            return value
        wanted = value.strip().casefold()
        meant = [member for member in members if isinstance(member, str) and member.casefold() == wanted]
        if len(meant) != 1:
            return value
        self._notes[Repair.ENUM_CASE] = None
        return meant[0]


def _number(value: Any) -> object | None:
    digits = value.strip()
    if _INTEGER.fullmatch(digits):
        return int(digits)
    if not _NUMBER.fullmatch(digits):
        return None
    found = float(digits)
    return found if abs(found) != float("inf") else None


def _integer(value: Any) -> object | None:
    digits = value.strip()
    return int(digits) if _INTEGER.fullmatch(digits) else None


def _whole(value: Any) -> object | None:
    """3 for 3.0; a float too large to be exact stays what it is."""
    return int(value) if value.is_integer() and abs(value) <= EXACT_MAX else None


def _boolean(value: Any) -> object | None:
    return {"true": True, "false": False}.get(value.strip().casefold())


def _lone_item(value: Any) -> object | None:
    return None if not value.strip() or _LISTED.search(value) else [value]


_CHANGES: dict[tuple[type, str], Callable[[Any], object | None]] = {
    (str, "number"): _number,
    (str, "integer"): _integer,
    (str, "boolean"): _boolean,
    (str, "array"): _lone_item,
    (float, "integer"): _whole,
}
"""What a value's type may become for a schema's type; None from a change means that it cannot."""
