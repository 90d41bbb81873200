"""Schemas that callers of the open doors bring."""

from typing import Any

import pytest

from amalfa.errors import TooLarge, UsageProblem
from amalfa.server.door_schema import ANY_OBJECT, SCHEMA_MAX_CHARACTERS, check_reply_schema

TREE = {"$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}, "$ref": "#/$defs/node"}


@pytest.mark.parametrize("schema", [ANY_OBJECT, {}, {"type": "object", "properties": {"a": {"type": "string"}}}, TREE])
def test_the_schema_of_an_object_is_taken(schema: dict[str, Any]) -> None:
    check_reply_schema(schema)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "array"}, "root"),
        ({"type": ["object", "null"]}, "root"),
        ({"type": "object", "properties": 3}, "not a JSON Schema"),
        ({"type": "object", "properties": {"a": {"pattern": "(a+)+$"}}}, "pattern"),
        ({"type": "object", "patternProperties": {"(a+)+$": {}}}, "pattern"),
        ({"type": "object", "properties": {"a": {"$ref": "https://example.org/x"}}}, "refer"),
    ],
)
def test_what_no_reply_can_safely_be_held_to_is_refused(schema: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageProblem, match=words):
        check_reply_schema(schema)


def test_a_huge_schema_is_refused() -> None:
    with pytest.raises(TooLarge):
        check_reply_schema({"type": "object", "description": "x" * SCHEMA_MAX_CHARACTERS})
