"""Which keys the values of a schema may hold. Validates nothing."""

from collections.abc import Iterator, Mapping

from amalfa.calls import JsonSchema

_OPEN = frozenset({"patternProperties", "propertyNames", "unevaluatedProperties", "$dynamicRef", "$recursiveRef"})
_COMBINED = frozenset({"anyOf", "oneOf", "allOf", "$ref"})
_SAYS_FORM = frozenset({"type", "enum", "const", "properties", *_COMBINED})
_ONE_PART = ("items", "additionalItems", "contains", "then", "else")
_PARTS = ("items", "prefixItems", "anyOf", "oneOf", "allOf")
_PARTS_BY_NAME = ("properties", "$defs", "definitions")


def names_of(schema: JsonSchema | None) -> frozenset[str] | None:
    """Every key that is named anywhere in the schema, in lower case; None when other keys may be asked for as well.

    An object that only fails to forbid other keys does not ask for them.
    """
    if schema is None:
        return None
    names = set[str]()
    pending: list[object] = [schema]
    while pending:
        node = pending.pop()
        if not isinstance(node, Mapping) or _is_open(node):
            return None
        properties = node.get("properties", {})
        names.update(str(name).casefold() for name in properties)
        pending += (part for part in _parts(node) if part is not False)
    return frozenset(names)


def _is_open(node: Mapping[str, object]) -> bool:
    if node.keys() & _OPEN or node.get("additionalProperties", False) is not False:
        return True
    if not node.keys() & _SAYS_FORM:
        return True
    kinds = node.get("type", ())
    if node.keys() & _COMBINED:
        return False
    holds_any_object = "object" in _listed(kinds) and "properties" not in node
    return holds_any_object or ("array" in _listed(kinds) and not node.keys() & {"items", "prefixItems"})


def _listed(kinds: object) -> list[object]:
    return list(kinds) if isinstance(kinds, list | tuple) else [kinds]


def _parts(node: Mapping[str, object]) -> Iterator[object]:
    for key in _PARTS_BY_NAME:
        by_name = node.get(key)
        yield from by_name.values() if isinstance(by_name, Mapping) else ()
    for key in _PARTS:
        parts = node.get(key)
        yield from parts if isinstance(parts, list | tuple) else ()
    yield from (node[key] for key in _ONE_PART if isinstance(node.get(key), Mapping | bool))
