"""Validates values against a JSON Schema, and checks a schema that a user brings. Fetches nothing, changes nothing."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from amalfa.calls import JsonSchema
from amalfa.errors import BadReply, UsageProblem
from amalfa.execution.structured.references import Roots, pointed_at

SENTENCES_MAX = 5
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
        _check_root(schema)
    except SchemaError as problem:
        place = _place(problem.absolute_path) or "its root"
        raise UsageProblem(
            f"The schema is not a JSON Schema: {problem.message[:200]} at {place}.", hint=_HINT
        ) from None
    except RecursionError:
        raise UsageProblem("The schema is nested too deep.") from None
    for node in _nodes(schema):
        _check_references(node, schema)
        _check_patterns(node)


def problems_of(value: object, schema: JsonSchema | bool, root: JsonSchema | None = None) -> tuple[str, ...]:
    """What is wrong with a value, a sentence each, at most five; none when it is valid.

    `root` is the schema that `schema` is a part of, where its references lead. None: it is whole by itself.
    The sentences quote the schema and never the value. Raises UsageProblem when the schema cannot be applied.
    """
    from referencing.exceptions import Unresolvable

    try:
        errors = sorted(_validator(schema, root).iter_errors(value), key=lambda error: len(list(error.absolute_path)))
    except Unresolvable:
        raise UsageProblem("The schema refers to a definition that it does not hold.", hint=_HINT) from None
    except RecursionError:
        raise UsageProblem("The schema refers to itself without end.", hint=_HINT) from None
    except re.error:
        raise UsageProblem("The schema holds a pattern that is no regular expression.", hint=_HINT) from None
    return tuple(dict.fromkeys(_sentence(error) for error in errors))[:SENTENCES_MAX]


def is_valid(value: object, part: JsonSchema | bool, root: JsonSchema | None = None) -> bool:
    """Whether the value fits a schema, or a part of the schema `root`."""
    return not problems_of(value, part, root)


def validate(value: object, schema: JsonSchema) -> None:
    """Raises BadReply with the validator's sentences."""
    problems = problems_of(value, schema)
    if problems:
        raise BadReply(" ".join(problems))


def _validator_class(schema: JsonSchema) -> Any:
    # Imported late: most replies of a daemon's first second need no validator, and the library takes 60 ms.
    from jsonschema.validators import (  # type: ignore[import-untyped]  # the package ships no types
        Draft202012Validator,
        validator_for,
    )

    return validator_for(dict(schema), default=Draft202012Validator)


def _validator(schema: JsonSchema | bool, root: JsonSchema | None) -> _Validator:
    from referencing.jsonschema import EMPTY_REGISTRY

    whole = root if root is not None or isinstance(schema, bool) else schema
    # An explicit registry keeps the library from fetching what a reference names.
    made = _validator_class(whole or {})(dict(whole or {}), registry=EMPTY_REGISTRY)
    found: _Validator = made if root is None else made.evolve(schema=schema)
    return found


def _check_root(schema: JsonSchema) -> None:
    roots = Roots(schema)
    if any(roots.is_endless(node) for node in _nodes(schema)):
        raise UsageProblem("The schema refers to itself without end.", hint=_HINT)
    if not roots.may_hold_parts(schema):
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
        if key == "$ref" and reference.startswith("#/") and pointed_at(reference, root) is None:
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
# Their keys are names of the caller's choice: a property may well be called "default".
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


def _nodes(schema: JsonSchema) -> Iterator[Mapping[str, Any]]:
    """Every object inside a schema that may be one; the values of `enum` and the like are data."""
    pending: list[object] = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, Mapping):
            yield node
            for key, child in node.items():
                if key in _NAMED and isinstance(child, Mapping):
                    pending += child.values()
                elif key not in _DATA:
                    pending.append(child)
        elif isinstance(node, list):
            pending += node


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
