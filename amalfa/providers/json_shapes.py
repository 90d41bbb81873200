"""Ways to hold a model to JSON, and the forms of a schema that strict providers and grammars accept. Does no I/O."""

import json
import re
from collections.abc import Mapping
from typing import Literal

from amalfa.calls import JsonSchema, Prompt
from amalfa.messages import Message
from amalfa.providers.model_facts import Facts
from amalfa.providers.turns import chat_turn

Shape = Literal["text", "schema", "object", "words", "tool"]
"""`text`: nothing asked. `schema`: constrained to a schema. `object`: any JSON object, the schema in words.
`words`: the schema in words alone. `tool`: the input of a tool that has to be called, for APIs without formats."""

_UNKNOWN = Facts()
_KEPT = frozenset({"type", "properties", "required", "items", "enum", "const", "anyOf", "$ref", "$defs", "description"})
# Providers refuse some of these. Without them a reply may break a limit, which the check of the reply finds.
_DROPPED = frozenset(
    {
        *("$schema", "$id", "title", "default", "examples", "format", "pattern", "minLength", "maxLength"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minItems", "maxItems", "uniqueItems", "additionalProperties"),
    }
)


def shapes_for(schema: JsonSchema | None, facts: Facts = _UNKNOWN) -> tuple[Shape, ...]:
    """The shapes to ask for, the most reliable first; each is for providers that refuse the one before.

    A shape that the model is known to lack is not among them.
    """
    lacking = {shape for shape, has in (("schema", facts.has_json), ("object", facts.has_json_object)) if has is False}
    return tuple(shape for shape in _possible(schema) if shape not in lacking)


def _possible(schema: JsonSchema | None) -> tuple[Shape, ...]:
    if schema is None:
        return ("text",)
    if strict_form(schema) is not None:
        return ("schema", "object", "words")
    # The mode for objects would bend a list into an object.
    return ("object", "words") if schema.get("type") == "object" else ("words",)


def strict_form(schema: JsonSchema) -> JsonSchema | None:
    """The schema reduced to what strict modes know; None when that is impossible.

    Every value of the strict form is one of the original's structure; limits on lengths and ranges are
    left to the check of the reply. Optional members make it impossible: strict modes demand every member,
    and a model that must fill in what it does not know makes something up.
    """
    try:
        return _strict(schema) if schema.get("type") == "object" else None
    except (_NotStrict, RecursionError):
        return None


class _NotStrict(Exception):
    """Some part of the schema has no strict form."""


def _strict(schema: object) -> JsonSchema:
    if not isinstance(schema, Mapping) or schema.keys() - _KEPT - _DROPPED:
        raise _NotStrict
    strict = {key: _strict_part(key, part) for key, part in schema.items() if key in _KEPT}
    if schema.get("type") == "object" or "properties" in schema:
        properties, required = schema.get("properties"), schema.get("required")
        if not isinstance(properties, Mapping) or not isinstance(required, list | tuple):
            raise _NotStrict
        if not properties or set(required) != set(properties):
            raise _NotStrict
        strict["additionalProperties"] = False
    return strict


def _strict_part(key: str, part: object) -> object:
    if key in ("properties", "$defs"):
        if not isinstance(part, Mapping):
            raise _NotStrict
        return {name: _strict(member) for name, member in part.items()}
    if key == "items":
        return _strict(part)
    if key == "anyOf":
        if not isinstance(part, list | tuple):
            raise _NotStrict
        return [_strict(choice) for choice in part]
    return part


REPEATS_MAX = 100
"""A grammar spells every repetition out. llama.cpp refuses 2,000 of them, and is slow long before."""

_COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems"})
_DATA = frozenset({"enum", "const", "default", "examples", "required"})
_BY_NAME = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
# Anchored, without classes such as \d, groups with a meaning, or long counts: the rest is refused by some builds.
_PLAIN_PATTERN = re.compile(r"\^(?:[^\\({]|\\[^A-Za-z0-9]|\((?!\?)|\{[0-9]{1,2}(?:,[0-9]{0,2})?\})*\$")


def grammar_form(schema: JsonSchema) -> JsonSchema:
    """The schema as a grammar is made of it: without long counts and patterns that the making fails on.

    Every value of the schema is one of this form; what it allows too is left to the check of the reply.
    """
    try:
        return _grammar(schema)
    except RecursionError:
        return schema


def _grammar(node: Mapping[str, object]) -> JsonSchema:
    return {key: _grammar_rule(key, part) for key, part in node.items() if not _breaks_grammars(key, part)}


def _grammar_rule(key: str, part: object) -> object:
    if key in _DATA or isinstance(part, bool):
        return part
    if key in _BY_NAME and isinstance(part, Mapping):
        return {name: _grammar_part(member) for name, member in part.items()}
    return _grammar_part(part)


def _grammar_part(part: object) -> object:
    if part is True:
        return {}  # the same, in the form that makers of grammars know
    if isinstance(part, Mapping):
        return _grammar(part)
    return [_grammar_part(one) for one in part] if isinstance(part, list | tuple) else part


def _breaks_grammars(key: str, part: object) -> bool:
    if key in _COUNTS:
        return isinstance(part, int | float) and part > REPEATS_MAX
    return key == "pattern" and isinstance(part, str) and not _PLAIN_PATTERN.fullmatch(part)


def response_format(shape: Shape, schema: JsonSchema | None) -> JsonSchema | None:
    """The `response_format` of a chat completion; None when the shape has none."""
    if shape == "object":
        return {"type": "json_object"}
    if shape != "schema" or schema is None:
        return None
    return {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": strict_form(schema)}}


def messages_for(prompt: Prompt, shape: Shape) -> list[dict[str, object]]:
    """The messages of a prompt as chat completions write them; see `spoken_for`."""
    return [chat_turn(message) for message in spoken_for(prompt, shape)]


def spoken_for(prompt: Prompt, shape: Shape) -> list[Message]:
    """The messages of a prompt; where no schema constrains the model, with the schema in words."""
    messages = list(prompt.messages)
    if prompt.schema is not None and shape in ("object", "words"):
        # Some providers refuse the object mode unless the word JSON stands in the messages.
        schema = json.dumps(prompt.schema, default=dict, separators=(",", ":"))
        text = f"Reply with JSON and nothing else: one value that is valid against this JSON Schema: {schema}"
        first = messages[0] if messages and messages[0].role == "system" else None
        rest = messages[1:] if first else messages
        messages = [Message("system", f"{first.content}\n\n{text}" if first else text), *rest]
    return messages
