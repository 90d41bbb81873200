"""Looks over a JSON Schema that a caller brings, before anything is held to it. What its root may be others decide."""

import json
from collections.abc import Iterator, Mapping

from amalfa.calls import JsonSchema
from amalfa.config.pattern_shape import slow_shape
from amalfa.errors import TooLarge, UsageProblem


def check_brought_schema(schema: JsonSchema, *, max_characters: int, hint: str) -> None:
    """Raise UsageProblem unless replies can be held to this schema; `hint` is for one that is longer than the limit.

    Its length is counted as compact JSON. Takes milliseconds.
    """
    from amalfa.execution.structured.schema import check_schema

    size = len(json.dumps(schema, ensure_ascii=False, separators=(",", ":")))
    if size > max_characters:
        raise TooLarge(f"The schema has {size:,} characters; at most {max_characters:,} are taken.", hint=hint)
    check_schema(schema)
    for pattern in _patterns(schema):
        # It is run on what a model wrote, and nothing could stop it.
        why = slow_shape(pattern)
        if why:
            raise UsageProblem(f"The schema's pattern {pattern[:100]!r} {why}.", hint="write it more simply")


def _patterns(node: object) -> Iterator[str]:
    """Every regular expression in a schema. Examples and the like are looked at too, which does no harm."""
    if isinstance(node, list):
        for item in node:
            yield from _patterns(item)
    if not isinstance(node, Mapping):
        return
    by_pattern = node.get("patternProperties")
    yield from by_pattern if isinstance(by_pattern, Mapping) else ()
    for key, part in node.items():
        if key == "pattern" and isinstance(part, str):
            yield part
        yield from _patterns(part)
