"""Follows the local references of a schema, and tells what its root may be. Validates no value."""

from collections.abc import Iterator, Mapping
from typing import Any

from amalfa.calls import JsonSchema

_CONTAINERS = frozenset({"object", "array"})
_JUMPS_MAX = 20


def resolved(node: object, root: JsonSchema) -> Mapping[str, Any]:
    """A schema node behind its local references; {} for one that says nothing or cannot be found."""
    for _ in range(_JUMPS_MAX):
        if not isinstance(node, Mapping):
            return {}
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return node
        node = pointed_at(reference, root)
    return {}


def pointed_at(reference: str, root: JsonSchema) -> object:
    """What a reference within the schema leads to; None when there is nothing, or when it is an anchor."""
    if reference != "#" and not reference.startswith("#/"):
        # An anchor may stand anywhere; nobody needs it followed here.
        return None
    node: object = root
    for part in reference[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping):
            node = node.get(name)
        elif isinstance(node, list) and name.isdigit() and int(name) < len(node):
            node = node[int(name)]
        else:
            return None
    return node


class Roots:
    """Judges what parts of one schema say of the value itself, however they are combined. Each is looked at once."""

    def __init__(self, root: JsonSchema) -> None:
        self._root = root
        self._ends: set[int] = set()
        self._held: dict[int, bool] = {}

    def is_endless(self, node: object, around: frozenset[int] = frozenset()) -> bool:
        """Whether a part leads back to itself without a step into the value: `{"anyOf": [{"$ref": "#"}]}`."""
        if not isinstance(node, Mapping) or id(node) in self._ends:
            return False
        if id(node) in around:
            return True
        if any(self.is_endless(part, around | {id(node)}) for part in _same_value(node, self._root)):
            return True
        self._ends.add(id(node))
        return False

    def may_hold_parts(self, node: object) -> bool:
        """Whether a value of this part may be an object or an array. The part must not be endless."""
        if not isinstance(node, Mapping):
            return node is not False
        if id(node) not in self._held:
            self._held[id(node)] = self._allows_parts(node)
        return self._held[id(node)]

    def _allows_parts(self, node: Mapping[str, Any]) -> bool:
        kinds = node.get("type", ["object"])
        members = node.get("enum", [node["const"]] if "const" in node else [{}])
        if not _CONTAINERS & set(kinds if isinstance(kinds, list) else [kinds]):
            return False
        if isinstance(members, list) and not any(isinstance(member, dict | list) for member in members):
            return False
        choices = [node[key] for key in ("anyOf", "oneOf") if isinstance(node.get(key), list)]
        if not all(any(self.may_hold_parts(choice) for choice in listed) for listed in choices):
            return False
        return all(self.may_hold_parts(part) for part in _demanded(node, self._root))


def _same_value(node: Mapping[str, Any], root: JsonSchema) -> Iterator[object]:
    """The parts that are about the very value that the node is about."""
    yield from _demanded(node, root)
    for key in ("anyOf", "oneOf"):
        choices = node.get(key)
        yield from choices if isinstance(choices, list) else ()
    yield from (node[key] for key in ("not", "if", "then", "else") if key in node)


def _demanded(node: Mapping[str, Any], root: JsonSchema) -> Iterator[object]:
    parts = node.get("allOf")
    yield from parts if isinstance(parts, list) else ()
    if isinstance(node.get("$ref"), str):
        # What cannot be followed here, such as an anchor, may be anything.
        found = pointed_at(node["$ref"], root)
        yield True if found is None else found
