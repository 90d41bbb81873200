"""What is said without a script: quotes, and instances of schemas."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.upstreams.patterns import shortest_match
from tests.upstreams.replies import FIXED_SENTENCE, read_prompt, sensible_text
from tests.upstreams.schema_instances import Hints, instance
from tests.upstreams.words import pieces, unit_vector

NOTES = """--- notes begins ---
[1] a.md:1-2 (Cats)
Cats sleep for most of the day.

[2] b/c.md:7-9 (Ports)
## Ports
The service listens on "3012" by default. The port can be changed in the settings.

Restart it afterwards.
--- notes ends ---

Question: Where can the port of the service be changed?"""


def test_the_quote_comes_from_the_passage_that_shares_most_words() -> None:
    assert sensible_text(["Use [1] to cite.", NOTES]) == '"The port can be changed in the settings." [2]'


def test_passages_end_where_the_marks_or_the_question_begin() -> None:
    reading = read_prompt([NOTES])
    assert [passage.n for passage in reading.passages] == [1, 2]
    assert "Question" not in reading.passages[1].text
    assert "notes ends" not in reading.passages[1].text
    assert reading.question == "Where can the port of the service be changed?"


@pytest.mark.parametrize(
    "header", ["[2] notes/a b.md:12-30", "[2] a.md:3 — heading", "[2] a.md:12-30 (Guide > Install) score 0.7"]
)
def test_headers_of_passages_may_say_more(header: str) -> None:
    text = sensible_text([f"{header}\nInstall it with one command.\n\nHow is it installed?"])
    assert text == '"Install it with one command." [2]'


def test_without_passages_a_fixed_sentence_is_said() -> None:
    assert sensible_text(["What is the capital of France?"]) == FIXED_SENTENCE
    assert json.loads(sensible_text(["x"], is_json=True)) == {"answer": FIXED_SENTENCE}


def test_each_id_of_a_list_is_judged_once() -> None:
    shown = "\n".join(f"--- {name} begins ---\ntext\n--- {name} ends ---" for name in ("p1", "x/y.md", "p 3"))
    item = {"type": "object", "properties": {"id": {"type": "string"}, "relevance": {"type": "number", "maximum": 1}}}
    schema = {"type": "object", "properties": {"results": {"type": "array", "items": item}}}
    value = json.loads(sensible_text([f"{shown}\n\n--- query begins ---\nq\n--- query ends ---"], schema=schema))
    assert [one["id"] for one in value["results"]] == ["p1", "x/y.md", "p 3"]


def test_a_snippet_is_verbatim() -> None:
    text = "# Title\nNothing here.\nSet the retry limit to five.\n"
    prompt = f"--- text begins ---\n{text}\n--- text ends ---\n\n--- query begins ---\nretry limit\n--- query ends ---"
    value = json.loads(sensible_text([prompt], schema={"properties": {"snippet": {"type": "string"}}}))
    assert value == {"snippet": "Set the retry limit to five."}


SCHEMAS: dict[str, Any] = {
    "enum": {"type": "object", "properties": {"a": {"enum": ["x", "y"]}, "b": {"const": 3}}, "required": ["a", "b"]},
    "bounds": {
        "type": "object",
        "properties": {
            "a": {"type": "number", "minimum": 3, "maximum": 4},
            "b": {"type": "number", "exclusiveMinimum": 0.5},
            "c": {"type": "number", "maximum": -7},
            "d": {"type": "integer", "minimum": 10, "multipleOf": 7},
            "e": {"type": "integer", "exclusiveMaximum": 1},
            "f": {"type": "number", "multipleOf": 0.25},
        },
    },
    "strings": {
        "type": "object",
        "properties": {
            "a": {"type": "string", "minLength": 40},
            "b": {"type": "string", "maxLength": 2},
            "c": {"type": "string", "pattern": r"^[a-z]{3}-\d{2,4}(x|y)?$"},
            "d": {"type": "string", "format": "date-time"},
            "e": {"type": "string", "pattern": "^[^0-9]+$", "minLength": 5},
        },
    },
    "arrays": {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
            "b": {"type": "array", "items": {"enum": ["p", "q", "r"]}, "minItems": 2, "uniqueItems": True},
            "c": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "uniqueItems": True},
            "d": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "null"}], "items": False},
            "e": {"type": "array", "items": {}, "maxItems": 0},
        },
    },
    "references": {
        "$defs": {"node": {"type": "object", "properties": {"v": {"type": "integer"}}, "required": ["v"]}},
        "type": "object",
        "properties": {
            "n": {"$ref": "#/$defs/node"},
            "all": {"allOf": [{"$ref": "#/$defs/node"}, {"required": ["w"]}]},
        },
    },
    "alternatives": {
        "type": "object",
        "properties": {
            "a": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            "b": {"oneOf": [{"type": "object", "properties": {"k": {"const": "one"}}}, {"type": "integer"}]},
            "c": {"type": ["null", "integer"]},
            "d": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
    },
    "recursive": {
        "$defs": {"t": {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/t"}}}}},
        "$ref": "#/$defs/t",
    },
    "open object": {"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}},
    "array at the root": {"type": "array", "items": {"type": "object", "required": ["a"]}},
    "nothing": {},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_instance_is_valid(name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMAS[name]).validate(instance(SCHEMAS[name], Hints(("one", "two", "three"))))


def test_the_default_decides_for_null() -> None:
    assert instance(SCHEMAS["alternatives"])["d"] is None
    assert instance(SCHEMAS["alternatives"])["a"] is not None


@given(
    st.recursive(
        st.sampled_from(
            [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"enum": [1, "a"]}, {"type": "number"}]
        ),
        lambda inner: st.one_of(
            st.fixed_dictionaries({"type": st.just("array"), "items": inner, "minItems": st.integers(0, 3)}),
            st.dictionaries(st.sampled_from(["a", "id", "quote", "n", "title"]), inner, max_size=3).map(
                lambda properties: {"type": "object", "properties": properties, "required": sorted(properties)}
            ),
        ),
        max_leaves=6,
    )
)
def test_any_made_up_schema_gets_a_valid_instance(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(schema).validate(instance(schema, Hints(ids=("i1", "i2"))))


@pytest.mark.parametrize("pattern", [r"^\d{4}-\d{2}$", r"^(red|green)+$", r"^[A-Z][\w.-]*$", r"\S+@\S+", r"^a?b{2,}$"])
def test_a_pattern_gets_a_match(pattern: str) -> None:
    assert shortest_match(pattern)


def test_a_pattern_beyond_reach_is_an_error() -> None:
    with pytest.raises(ValueError, match="no string made"):
        shortest_match(r"^(?=.*\d)(?=.*[a-z])zz$")


@given(st.text())
def test_pieces_join_to_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


@given(st.text(), st.integers(4, 64))
def test_every_text_has_a_vector_of_length_one(text: str, dimensions: int) -> None:
    assert sum(value * value for value in unit_vector(text, dimensions)) == pytest.approx(1, abs=1e-4)
