"""Tells which JSON schemas a grammar converter refuses: unknown types and references to nowhere."""

from collections.abc import Mapping
from typing import Any

_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")


def conversion_problem(schema: Any) -> str | None:
    """The converter's complaint, None when it accepts the schema."""
    return _problem(schema, schema)


def _problem(node: Any, root: Mapping[str, Any]) -> str | None:
    if isinstance(node, list):
        return next((found for item in node if (found := _problem(item, root))), None)
    if not isinstance(node, Mapping):
        return None
    reference, kind = node.get("$ref"), node.get("type")
    if isinstance(reference, str) and (missing := _missing_part(reference, root)) is not None:
        return f"cannot resolve $ref {reference}, {missing} not found"
    if isinstance(kind, str) and kind not in _TYPES:
        return f"Unrecognized schema type: {kind}"
    children = [value for key, value in node.items() if key not in ("enum", "const", "default", "examples")]
    return next((found for child in children if (found := _problem(child, root))), None)


def _missing_part(reference: str, root: Mapping[str, Any]) -> str | None:
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or name not in found:
            return name
        found = found[name]
    return None
