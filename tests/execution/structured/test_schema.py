"""Schemas: what is checked of a user's own, and what is said of values that do not fit."""

import pytest

from amalfa.errors import BadReply, UsageProblem
from amalfa.execution.structured.schema import check_schema, problems_of, validate

NOTE = {
    "type": "object",
    "properties": {"kind": {"enum": ["note", "log"]}, "score": {"type": "number", "maximum": 1}},
    "required": ["kind"],
}


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"type": "objekt"}, id="a type that does not exist"),
        pytest.param({"type": "string"}, id="a bare scalar"),
        pytest.param({"type": ["integer", "null"]}, id="a choice of scalars"),
        pytest.param({"enum": ["a", "b"]}, id="a list of words"),
        pytest.param({"anyOf": [{"type": "string"}, {"type": "null"}]}, id="a choice of scalars in parts"),
        pytest.param({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, id="a scalar behind a reference"),
        pytest.param({"allOf": [{"minLength": 1}, {"type": "string"}]}, id="a scalar in one of several parts"),
        pytest.param({"oneOf": [{"const": 1}, {"enum": ["a"]}]}, id="a choice of constants"),
        pytest.param({"anyOf": [{"$ref": "#"}, {"type": "object"}]}, id="a root that leads to itself"),
        pytest.param(
            {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}},
            id="a part that leads to itself",
        ),
        pytest.param({"$ref": "https://example.org/x.json"}, id="a reference to another file"),
        pytest.param({"type": "object", "properties": {"a": {"$ref": "#/$defs/no"}}}, id="a dangling reference"),
        pytest.param({"type": "object", "properties": {"a": {"pattern": "("}}}, id="a broken pattern"),
        pytest.param({"properties": []}, id="properties that are a list"),
    ],
)
def test_a_bad_schema_is_refused_with_a_reason(schema: dict[str, object]) -> None:
    with pytest.raises(UsageProblem, match="schema"):
        check_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        NOTE,
        {"type": "array", "items": {"type": "string"}},
        {"anyOf": [{"type": "string"}, {"type": "array"}]},
        {"$ref": "#/$defs/a", "$defs": {"a": NOTE}},
        {"type": "object", "properties": {"child": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}},
        {"type": "object", "properties": {"enum": {"type": "string"}, "$ref": {"type": "string"}}},
    ],
)
def test_a_legal_schema_passes(schema: dict[str, object]) -> None:
    check_schema(schema)


def test_the_sentences_name_the_place_and_the_rule_and_never_the_value() -> None:
    found = problems_of({"kind": "secret word", "score": 7}, NOTE)
    assert found == ('kind must be one of "note", "log".', "score must be at most 1.")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(BadReply, match='The object lacks "kind"'):
        validate({}, NOTE)


@pytest.mark.parametrize("name", ["default", "enum", "const", "examples", "required"])
def test_a_property_may_be_called_like_a_keyword_and_is_looked_into(name: str) -> None:
    with pytest.raises(UsageProblem, match="which it does not hold"):
        check_schema({"type": "object", "properties": {name: {"$ref": "#/$defs/absent"}}})


def test_a_reference_without_end_is_a_problem_of_the_schema() -> None:
    with pytest.raises(UsageProblem, match="without end"):
        problems_of({}, {"$ref": "#"})


def test_a_schema_of_many_shared_parts_is_checked_in_no_time() -> None:
    doubled = {f"d{at}": {"allOf": [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(60)}
    check_schema({"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**doubled, "d60": {}}})


def test_a_chain_of_references_without_measure_is_told() -> None:
    chained = {f"d{at}": {"$ref": f"#/$defs/d{at + 1}"} for at in range(2_000)}
    with pytest.raises(UsageProblem, match="too deep"):
        check_schema({"$ref": "#/$defs/d0", "$defs": {**chained, "d2000": {"type": "object"}}})
