"""The keys of a schema: which there are, and what they tell of quote marks inside a text."""

import pytest

from amalfa.calls import JsonSchema
from amalfa.errors import BadReply
from amalfa.execution.structured.names import names_of
from amalfa.execution.structured.read import read_reply

SAYING: JsonSchema = {
    "type": "object",
    "properties": {"say": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["say"],
}


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        (None, None),
        (SAYING, {"say", "n"}),
        ({"type": "array", "items": SAYING}, {"say", "n"}),
        ({"properties": {"A": {"$ref": "#/$defs/b"}}, "$defs": {"b": SAYING}}, {"a", "say", "n"}),
        ({"anyOf": [SAYING, {"type": "null"}]}, {"say", "n"}),
        ({}, None),
        ({"type": "object"}, None),
        ({"type": "array"}, None),
        ({"type": "array", "items": True}, None),
        ({**SAYING, "additionalProperties": {"type": "string"}}, None),
        ({**SAYING, "additionalProperties": False}, {"say", "n"}),
        ({**SAYING, "patternProperties": {"^x": {"type": "string"}}}, None),
        ({"properties": {"a": {}}}, None),
    ],
)
def test_the_keys_of_a_schema_are_known_unless_it_asks_for_any(
    schema: JsonSchema | None, names: set[str] | None
) -> None:
    assert names_of(schema) == names


@pytest.mark.parametrize(
    ("raw", "say"),
    [
        ('{"say": "Set "a": 1, "b": 2 in the file.", "n": 2}', 'Set "a": 1, "b": 2 in the file.'),
        ('{"say": ""a": 1 is set", "n": 2}', '"a": 1 is set'),
        ('{"say": "{"a": 1, "b": "c"}", "n": 2}', '{"a": 1, "b": "c"}'),
    ],
)
def test_quoted_words_that_are_no_key_of_the_schema_are_text(raw: str, say: str) -> None:
    assert read_reply(raw, SAYING).value == {"say": say, "n": 2}


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param('{"say": "Set "n": 1, "b": 2 in the file.", "n": 2}', id="a key of the schema"),
        pytest.param('{"say": "x, "N": 1, "b": y", "n": 2}', id="a key of the schema in another case"),
        pytest.param('{"say": "x, "b": "y", "n": 2}', id="a lost quote mark"),
        pytest.param('{"say": "He said "yes", "no": maybe", "n": 2}', id="two ends"),
    ],
)
def test_what_may_be_a_member_is_not_taken_for_text(raw: str) -> None:
    with pytest.raises(BadReply):
        read_reply(raw, SAYING)
