"""Ways to hold a model to JSON, and which of them a schema allows."""

import json

import jsonschema
import pytest

from amalfa.calls import JsonSchema, Material, Prompt
from amalfa.messages import Message
from amalfa.providers.json_shapes import (
    grammar_form,
    messages_for,
    response_format,
    shapes_for,
    spoken_for,
    strict_form,
)
from amalfa.providers.model_facts import Facts
from tests.providers.asking import CITY

OPTIONAL: JsonSchema = {"type": "object", "properties": {"since": {"type": "string"}}, "required": []}
LIST: JsonSchema = {"type": "array", "items": {"type": "string"}}
ANYTHING: JsonSchema = {}


@pytest.mark.parametrize(
    ("schema", "shapes"),
    [
        (None, ("text",)),
        (CITY, ("schema", "object", "words")),
        (OPTIONAL, ("object", "words")),
        (LIST, ("words",)),
        (ANYTHING, ("words",)),
    ],
)
def test_the_most_reliable_shape_comes_first(schema: JsonSchema | None, shapes: tuple[str, ...]) -> None:
    assert shapes_for(schema) == shapes


@pytest.mark.parametrize(
    ("facts", "shapes"),
    [
        (Facts(), ("schema", "object", "words")),
        (Facts(has_json=True), ("schema", "object", "words")),
        (Facts(has_json=False), ("object", "words")),
        (Facts(has_json=False, has_json_object=True), ("object", "words")),
        (Facts(has_json=False, has_json_object=False), ("words",)),
        (Facts(has_json=True, has_json_object=False), ("schema", "words")),
    ],
)
def test_a_shape_that_a_model_is_known_to_lack_is_not_asked_for(facts: Facts, shapes: tuple[str, ...]) -> None:
    assert shapes_for(CITY, facts) == shapes
    assert shapes_for(None, facts) == ("text",)


def test_a_strict_form_closes_every_object_and_leaves_limits_to_the_check() -> None:
    schema: JsonSchema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "names": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/name"}},
            "score": {"anyOf": [{"type": "number", "maximum": 1}, {"type": "null"}]},
        },
        "required": ["score", "names"],
        "$defs": {
            "name": {
                "type": "object",
                "properties": {"first": {"type": "string", "maxLength": 9}},
                "required": ["first"],
            }
        },
    }
    strict = strict_form(schema)
    assert strict == {
        "type": "object",
        "properties": {
            "names": {"type": "array", "items": {"$ref": "#/$defs/name"}},
            "score": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        },
        "required": ["score", "names"],
        "additionalProperties": False,
        "$defs": {
            "name": {
                "type": "object",
                "properties": {"first": {"type": "string"}},
                "required": ["first"],
                "additionalProperties": False,
            }
        },
    }
    jsonschema.Draft202012Validator.check_schema(strict)


@pytest.mark.parametrize(
    "schema",
    [
        OPTIONAL,
        LIST,
        ANYTHING,
        {"type": "object"},
        {"type": "object", "properties": {}, "required": []},
        {"type": "object", "properties": {"a": {"oneOf": []}}, "required": ["a"]},
        {"type": "object", "properties": {"a": OPTIONAL}, "required": ["a"]},
        {"type": "object", "properties": {"a": {"type": "array", "items": OPTIONAL}}, "required": ["a"]},
        {"type": "object", "properties": {"a": {"anyOf": [OPTIONAL]}}, "required": ["a"]},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "allOf": [{}]},
        {"type": "object", "properties": {"a": True}, "required": ["a"]},
        {"type": "object", "properties": [], "required": []},
    ],
)
def test_what_cannot_be_strict_has_no_strict_form(schema: JsonSchema) -> None:
    assert strict_form(schema) is None


def test_only_two_shapes_have_a_response_format() -> None:
    assert response_format("text", None) is None
    assert response_format("words", CITY) is None
    assert response_format("object", CITY) == {"type": "json_object"}
    wanted = response_format("schema", CITY)
    assert wanted is not None
    assert wanted["json_schema"]["strict"] is True  # type: ignore[index]  # a mapping by construction


def test_without_a_constraint_the_schema_stands_in_the_system_message_with_the_word_json() -> None:
    messages = (Message("system", "Be brief."), Message("user", "Which city?"))
    prompt = Prompt(messages, Material(), 100, 0.3, CITY)
    assert messages_for(prompt, "schema") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Which city?"},
    ]
    system, user = spoken_for(prompt, "object")
    assert system.content.startswith("Be brief.\n\n")
    assert "JSON" in system.content
    assert json.dumps(CITY, separators=(",", ":")) in system.content
    assert user.content == "Which city?"


def test_a_prompt_without_a_system_message_gets_one() -> None:
    prompt = Prompt((Message("user", "Which city?"),), Material(), 100, 0.3, CITY)
    assert [message["role"] for message in messages_for(prompt, "words")] == ["system", "user"]


def test_a_grammar_is_spared_long_counts_and_patterns_it_cannot_spell() -> None:
    schema: JsonSchema = {
        "type": "object",
        "properties": {
            "snippet": {"type": "string", "minLength": 1, "maxLength": 4000},
            "code": {"type": "string", "maxLength": 8, "pattern": "^[A-Z]{2}-(7|8)$"},
            "day": {"type": "string", "pattern": r"^\d{4}$"},
            "loose": {"type": "string", "pattern": "abc"},
            "often": {"type": "string", "pattern": "^a{1,500}$"},
            "rows": {
                "type": "array",
                "maxItems": 101,
                "items": {"anyOf": [{"pattern": "^(?=x).*$"}, {"minLength": 300}]},
            },
            "level": {"enum": ["low", "high"]},
            "any": True,
        },
        "required": ["snippet", "level"],
        "additionalProperties": False,
    }
    assert grammar_form(schema) == {
        "type": "object",
        "properties": {
            "snippet": {"type": "string", "minLength": 1},
            "code": {"type": "string", "maxLength": 8, "pattern": "^[A-Z]{2}-(7|8)$"},
            "day": {"type": "string"},
            "loose": {"type": "string"},
            "often": {"type": "string"},
            "rows": {"type": "array", "items": {"anyOf": [{}, {}]}},
            "level": {"enum": ["low", "high"]},
            "any": {},
        },
        "required": ["snippet", "level"],
        "additionalProperties": False,
    }


def test_members_named_like_rules_and_listed_values_are_left_alone() -> None:
    schema: JsonSchema = {
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "properties": {"type": "string", "maxLength": 5000},
            "enum": {"enum": [{"pattern": "x", "maxLength": 900}]},
        },
        "$defs": {"maxItems": {"type": "array", "maxItems": 3}},
    }
    assert grammar_form(schema) == {
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "properties": {"type": "string"},
            "enum": {"enum": [{"pattern": "x", "maxLength": 900}]},
        },
        "$defs": {"maxItems": {"type": "array", "maxItems": 3}},
    }
