"""Looks over the JSON Schema that a caller of an open door brings, before anything is held to it."""

from amalfa.calls import JsonSchema
from amalfa.errors import UsageProblem
from amalfa.tasks.brought_schema import check_brought_schema

SCHEMA_MAX_CHARACTERS = 40_000
ANY_OBJECT: JsonSchema = {"type": "object"}
"""What both APIs mean by asking for JSON without a schema."""


def check_reply_schema(schema: JsonSchema) -> None:
    """Raise UsageProblem unless replies can be held to this schema: a sound one of an object. Takes milliseconds."""
    if schema.get("type", "object") != "object":
        raise UsageProblem("The root of the schema is no object.", hint="put what is wanted under a property")
    check_brought_schema(schema, max_characters=SCHEMA_MAX_CHARACTERS, hint="leave out what the reply need not hold")
