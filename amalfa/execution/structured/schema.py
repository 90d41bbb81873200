"""Validates values against a JSON Schema, and checks a schema that a user brings. Fetches nothing, changes nothing."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from amalfa.calls import JsonSchema
from amalfa.errors import BadReply, UsageProblem

SENTENCES_MAX = 5
_SCALARS = frozenset({"string", "number", "integer", "boolean", "null"})
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_HINT = "see https://json-schema.org for what a schema may hold"


class _Problem(Protocol):
    """What the library says of one rule that a value breaks."""

    validator: str
    validator_value: Any
    instance: object
    absolute_path: Iterable[str | int]


class _Validator(Protocol):
    def iter_errors(self, instance: object) -> Iterator[_Problem]: ...


def check_schema(schema: JsonSchema) -> None:
    """Raises UsageProblem when this is no schema, when it refers to another file, or when its root is a scalar."""
    from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]  # the package ships no types

    try:
        _validator_class(schema).check_schema(dict(schema))
    except SchemaError as problem:
        place = _place(problem.absolute_path) or "its root"
        raise UsageProblem(
            f"The schema is not a JSON Schema: {problem.message[:200]} at {place}.", hint=_HINT
        ) from None
    except RecursionError:
        raise UsageProblem("The schema is nested too deep.") from None
    _check_root(schema)
    for node in _nodes(schema):
        _check_references(node, schema)
        _check_patterns(node)


def problems_of(value: object, schema: JsonSchema) -> tuple[str, ...]:
    """What is wrong with a value, a sentence each, at most five; none when it is valid.

    The sentences quote the schema and never the value. Raises UsageProblem when the schema cannot be applied.
    """
    from referencing.exceptions import Unresolvable

    try:
        errors = sorted(_validator(schema).iter_errors(value), key=lambda error: len(list(error.absolute_path)))
    except Unresolvable:
        raise UsageProblem("The schema refers to a definition that it does not hold.", hint=_HINT) from None
    except RecursionError:
        raise UsageProblem("The schema refers to itself without end.", hint=_HINT) from None
    except re.error:
        raise UsageProblem("The schema holds a pattern that is no regular expression.", hint=_HINT) from None
    return tuple(dict.fromkeys(_sentence(error) for error in errors))[:SENTENCES_MAX]


def is_valid(value: object, schema: JsonSchema) -> bool:
    """Whether the value fits the schema."""
    return not problems_of(value, schema)


def validate(value: object, schema: JsonSchema) -> None:
    """Raises BadReply with the validator's sentences."""
    problems = problems_of(value, schema)
    if problems:
        raise BadReply(" ".join(problems))


def resolved(node: object, root: JsonSchema) -> Mapping[str, Any]:
    """A schema node behind its local references; {} for one that says nothing or cannot be found."""
    for _ in range(20):
        if not isinstance(node, Mapping):
            return {}
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return node
        node = _pointed_at(reference, root)
    return {}


def _validator_class(schema: JsonSchema) -> Any:
    # Imported late: most replies of a daemon's first second need no validator, and the library takes 60 ms.
    from jsonschema.validators import (  # type: ignore[import-untyped]  # the package ships no types
        Draft202012Validator,
        validator_for,
    )

    return validator_for(dict(schema), default=Draft202012Validator)


def _validator(schema: JsonSchema) -> _Validator:
    from referencing.jsonschema import EMPTY_REGISTRY

    # An explicit registry keeps the library from fetching what a reference names.
    made: _Validator = _validator_class(schema)(dict(schema), registry=EMPTY_REGISTRY)
    return made


def _check_root(schema: JsonSchema) -> None:
    kinds = schema.get("type")
    listed = [kinds] if isinstance(kinds, str) else kinds
    is_scalar = isinstance(listed, list) and bool(listed) and all(kind in _SCALARS for kind in listed)
    members = schema.get("enum", [schema["const"]] if "const" in schema else [[]])
    are_scalars = isinstance(members, list) and not any(isinstance(member, dict | list) for member in members)
    if is_scalar or are_scalars:
        raise UsageProblem(
            "The schema asks for a single value; its root must be an object or an array.",
            hint='wrap it: {"type": "object", "properties": {"value": …}, "required": ["value"]}',
        )


def _check_references(node: Mapping[str, Any], root: JsonSchema) -> None:
    for key in _REFERENCES:
        reference = node.get(key)
        if not isinstance(reference, str):
            continue
        if not reference.startswith("#"):
            raise UsageProblem(f"The schema refers to {reference[:100]}; only references within it (#/…) are followed.")
        if key == "$ref" and reference.startswith("#/") and _pointed_at(reference, root) is None:
            raise UsageProblem(f"The schema refers to {reference[:100]}, which it does not hold.")


def _check_patterns(node: Mapping[str, Any]) -> None:
    patterns = [node["pattern"]] if isinstance(node.get("pattern"), str) else []
    by_pattern = node.get("patternProperties")
    patterns += list(by_pattern) if isinstance(by_pattern, Mapping) else []
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as problem:
            raise UsageProblem(f"The schema's pattern {pattern[:100]!r} is no regular expression: {problem}.") from None


_DATA = ("enum", "const", "default", "examples", "required")


def _nodes(schema: JsonSchema) -> Iterator[Mapping[str, Any]]:
    """Every object inside a schema that may be one; the values of `enum` and the like are data."""
    pending: list[object] = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, Mapping):
            yield node
            pending += [child for key, child in node.items() if key not in _DATA]
        elif isinstance(node, list):
            pending += node


def _pointed_at(reference: str, root: JsonSchema) -> object:
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


def _place(path: Any) -> str:
    return ".".join(str(part) for part in path)


def _quoted(values: list[object]) -> str:
    return ", ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in values[:12])


_RULES: dict[str, Callable[[Any], str]] = {
    "type": lambda kind: f"must be of type {' or '.join(kind) if isinstance(kind, list) else kind}",
    "enum": lambda members: f"must be one of {_quoted(members)}",
    "const": lambda member: f"must be {_quoted([member])}",
    "minimum": lambda limit: f"must be at least {limit}",
    "maximum": lambda limit: f"must be at most {limit}",
    "exclusiveMinimum": lambda limit: f"must be above {limit}",
    "exclusiveMaximum": lambda limit: f"must be below {limit}",
    "multipleOf": lambda step: f"must be a multiple of {step}",
    "minLength": lambda count: f"must have at least {count} characters",
    "maxLength": lambda count: f"must have at most {count} characters",
    "minItems": lambda count: f"must have at least {count} items",
    "maxItems": lambda count: f"must have at most {count} items",
    "uniqueItems": lambda _: "must not repeat an item",
    "pattern": lambda pattern: f"must match the pattern {pattern}",
    "additionalProperties": lambda _: "holds keys that are not allowed",
    "anyOf": lambda _: "fits none of the allowed forms",
    "oneOf": lambda _: "must fit exactly one of the allowed forms",
}


def _sentence(error: _Problem) -> str:
    place = _place(error.absolute_path)
    if error.validator == "required" and isinstance(error.instance, dict):
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{place or 'The object'} lacks {_quoted(missing)}."
    rule = _RULES.get(str(error.validator))
    says = rule(error.validator_value) if rule else f"breaks the rule {error.validator}"
    return f"{place or 'The value'} {says}."
