"""A schema under an object root allows the same values, and its references still point where they pointed."""

from collections.abc import Mapping

import pytest

from amalfa.execution.structured.schema import is_valid
from amalfa.tasks.object_root import KEY, with_object_root

PERSON = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
TREE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "left": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
    "required": ["name"],
}
ADA, NOBODY = {"name": "Ada"}, {"name": 5}

CASES = [
    pytest.param({"type": "array", "items": PERSON}, [ADA], [NOBODY], id="an array"),
    pytest.param({"anyOf": [PERSON, {"type": "array"}]}, ADA, NOBODY, id="a choice"),
    pytest.param({"$ref": "#/$defs/p", "$defs": {"p": PERSON}}, ADA, NOBODY, id="a reference at the root"),
    pytest.param(
        {"type": "array", "items": {"$ref": "#/definitions/p"}, "definitions": {"p": PERSON}},
        [ADA],
        [NOBODY],
        id="older definitions",
    ),
    pytest.param(TREE, {**ADA, "left": {**ADA, "left": None}}, {**ADA, "left": {"left": None}}, id="a tree"),
    pytest.param(
        {**TREE, "$defs": {"Root": PERSON, "p": {"$ref": "#"}}, "additionalProperties": {"$ref": "#/$defs/p"}},
        {**ADA, "right": ADA},
        {**ADA, "right": NOBODY},
        id="a tree through a definition, with the name taken",
    ),
    pytest.param(
        {"type": "array", "prefixItems": [PERSON], "items": {"$ref": "#/prefixItems/0"}},
        [ADA, ADA],
        [ADA, NOBODY],
        id="a reference into the root",
    ),
    pytest.param(
        {"$id": "https://example.org/tree", **TREE}, {**ADA, "left": ADA}, {**ADA, "left": 1}, id="with an address"
    ),
    pytest.param(
        {"$schema": "https://json-schema.org/draft/2019-09/schema", "items": {"$recursiveRef": "#"}, "type": "array"},
        [[], [[]]],
        [[1]],
        id="a recursive reference of 2019",
    ),
    pytest.param(
        {"type": "array", "items": {"$ref": "#person"}, "$defs": {"p": {"$anchor": "person", **PERSON}}},
        [ADA],
        [NOBODY],
        id="an anchor",
    ),
    pytest.param(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "array",
            "items": {"$ref": "#person"},
            "definitions": {"p/q": {"$id": "#person", **PERSON}},
        },
        [ADA],
        [NOBODY],
        id="an anchor of an older draft",
    ),
    pytest.param(
        {"type": "array", "items": {"$id": "https://example.org/own", "items": {"$ref": "#"}, "type": "array"}},
        [[[]]],
        [[1]],
        id="a part with an address of its own",
    ),
    pytest.param(
        {"type": "array", "items": {"enum": [{"$ref": "#"}]}},
        [{"$ref": "#"}],
        [{"$ref": "#/x"}],
        id="data that looks so",
    ),
    pytest.param(
        {"type": "array", "items": {"properties": {"enum": {"$ref": "#"}}}},
        [{"enum": []}],
        [{"enum": 1}],
        id="a member named like a keyword",
    ),
]


@pytest.mark.parametrize(("schema", "good", "bad"), CASES)
def test_under_an_object_the_same_values_are_valid(schema: Mapping[str, object], good: object, bad: object) -> None:
    root = with_object_root(schema)
    assert root.is_wrapped
    assert root.schema["type"] == "object"
    for value, expected in ((good, True), (bad, False)):
        assert is_valid(value, schema) is expected
        assert is_valid({KEY: value}, root.schema) is expected
        assert is_valid(value, root.bare) is expected
    assert not is_valid({}, root.schema)


def test_a_plain_object_goes_as_it_is() -> None:
    schema = {**PERSON, "properties": {"name": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "string"}}}
    root = with_object_root(schema)
    assert (root.schema, root.is_wrapped) == (schema, False)


def test_what_says_nothing_of_its_form_is_an_object_or_a_list() -> None:
    root = with_object_root({"description": "anything"})
    values: tuple[object, ...] = ({}, [], "x", None)
    assert [is_valid({KEY: value}, root.schema) for value in values] == [True, True, False, False]


def test_the_schema_that_was_given_is_left_alone() -> None:
    before = repr(TREE)
    with_object_root(TREE)
    assert repr(TREE) == before
