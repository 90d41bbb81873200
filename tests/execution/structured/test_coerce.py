"""Coercion: what a schema may change about a value, and what it must not."""

import pytest

from amalfa.errors import BadReply
from amalfa.execution.structured.coerce import fitted

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "tags": {"type": "array", "items": {"type": "string"}},
        "kind": {"enum": ["note", "spec"]},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "year": {"type": "integer"},
        "draft": {"type": "boolean"},
    },
    "required": ["title", "tags", "kind"],
    "additionalProperties": False,
}
GOOD: dict[str, object] = {"title": "A", "tags": ["x"], "kind": "note"}


@pytest.mark.parametrize(
    ("value", "expected", "repair"),
    [
        pytest.param({**GOOD, "score": "0.8"}, {**GOOD, "score": 0.8}, "type", id="a number in quotes"),
        pytest.param({**GOOD, "year": 3.0}, {**GOOD, "year": 3}, "type", id="a whole float"),
        pytest.param({**GOOD, "year": "2024"}, {**GOOD, "year": 2024}, "type", id="an integer in quotes"),
        pytest.param({**GOOD, "draft": "true"}, {**GOOD, "draft": True}, "type", id="a boolean in quotes"),
        pytest.param({**GOOD, "tags": "x"}, GOOD, "lone_item", id="a lone string"),
        pytest.param({**GOOD, "mood": 1}, GOOD, "extra_key", id="an extra key"),
        pytest.param({**GOOD, "year": None}, GOOD, "optional_null", id="an optional null"),
        pytest.param({"Title": "A", "TAGS": ["x"], "kind": "note"}, GOOD, "key_case", id="letter case of keys"),
        pytest.param({**GOOD, "kind": " Note "}, GOOD, "enum_case", id="letter case and blanks of a listed word"),
        pytest.param({"result": GOOD}, GOOD, "wrapper", id="a wrapper"),
        pytest.param([GOOD], GOOD, "wrapper", id="a list of one"),
    ],
)
def test_what_adds_nothing_is_done_and_named(value: object, expected: object, repair: str) -> None:
    found, repairs = fitted(value, SCHEMA)
    assert repr(found) == repr(expected)
    assert repairs == (repair,)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({**GOOD, "year": 3.5}, id="a fraction as integer"),
        pytest.param({**GOOD, "score": "high"}, id="a word as number"),
        pytest.param({**GOOD, "score": "80%"}, id="a percentage as number"),
        pytest.param({**GOOD, "score": 1.7}, id="a number out of range"),
        pytest.param({**GOOD, "score": "NaN"}, id="NaN in quotes"),
        pytest.param({**GOOD, "draft": 1}, id="1 as boolean"),
        pytest.param({**GOOD, "draft": "yes"}, id="yes as boolean"),
        pytest.param({**GOOD, "title": 42}, id="a number as string"),
        pytest.param({**GOOD, "title": ""}, id="an empty title"),
        pytest.param({**GOOD, "title": None}, id="null for a required key"),
        pytest.param({**GOOD, "tags": "x, y"}, id="a list in commas"),
        pytest.param({**GOOD, "tags": ["x", 1]}, id="one bad item"),
        pytest.param({**GOOD, "tags": {"a": "x"}}, id="an object as list"),
        pytest.param({**GOOD, "kind": "notes"}, id="a plural"),
        pytest.param({**GOOD, "kind": "note|spec"}, id="two of a list"),
        pytest.param({**GOOD, "Title": "A"}, id="keys equal but for case"),
        pytest.param({"name": "A", "tags": [], "kind": "note"}, id="a synonym"),
        pytest.param({"error": "no"}, id="an error"),
        pytest.param({"error": GOOD}, id="an error around a value"),
        pytest.param([GOOD, GOOD], id="a list of two"),
        pytest.param({"a": GOOD, "b": GOOD}, id="two candidates"),
        pytest.param(SCHEMA, id="the schema sent back"),
        pytest.param({"type": "object", "properties": GOOD}, id="the schema with values filled in"),
        pytest.param({"properties": GOOD}, id="the schema's properties as a wrapper"),
    ],
)
def test_what_would_be_a_guess_is_refused(value: object) -> None:
    with pytest.raises(BadReply):
        fitted(value, SCHEMA)


def test_an_object_of_optional_keys_is_not_emptied() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    with pytest.raises(BadReply):
        fitted({"error": "no"}, schema)


def test_only_one_branch_of_a_choice_may_be_reached() -> None:
    either = {"type": "object", "properties": {"n": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]}}}
    assert fitted({"n": "3"}, either)[0] == {"n": 3}
    twice = {"type": "object", "properties": {"n": {"anyOf": [{"type": "integer"}, {"type": "number"}]}}}
    with pytest.raises(BadReply):
        fitted({"n": "3.5.1"}, twice)


def test_references_within_the_schema_are_followed() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"$ref": "#/$defs/count"}},
        "$defs": {"count": {"type": "integer"}},
    }
    assert fitted({"n": "3"}, schema)[0] == {"n": 3}


def test_any_schema_takes_any_object() -> None:
    assert fitted({"result": {"a": "1"}}, {}) == ({"result": {"a": "1"}}, ())


TREE: dict[str, object] = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "parent": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
    "required": ["n"],
    "additionalProperties": False,
}


def test_a_branch_that_leads_to_the_root_is_followed() -> None:
    found, repairs = fitted({"n": "3", "parent": {"N": 2, "parent": {"n": "1", "parent": None, "x": 0}}}, TREE)
    assert found == {"n": 3, "parent": {"n": 2, "parent": {"n": 1, "parent": None}}}
    assert {"type", "key_case", "extra_key"} == set(repairs)
    with pytest.raises(BadReply):
        fitted({"n": 3, "parent": {"parent": None}}, TREE)
