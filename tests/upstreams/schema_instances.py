"""Makes one valid instance of a JSON schema, filled with words of the prompt where strings are free."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.upstreams.patterns import shortest_match

_FORMATS = {
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "date-time": "2026-01-31T12:00:00Z",
    "duration": "P1D",
    "email": "someone@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_DEEPEST = 12
_PATHS = ("related_docs", "read")


@dataclass(frozen=True, slots=True)
class Hints:
    """What the prompt offers: its words, the answer in free text, a verbatim quote, ids and paths it names."""

    words: tuple[str, ...] = ("word",)
    sentence: str = "This is a simulated reply."
    quote: str = "This is a simulated reply."
    title: str = ""
    n: int = 1
    ids: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(slots=True)
class _Maker:
    root: Any
    hints: Hints
    used: int = 0
    id_index: int = 0


def instance(schema: Any, hints: Hints | None = None) -> Any:
    """One value that satisfies the schema.

    Enums give their first member, numbers 0.5 or what their bounds allow, arrays 1 to 3 items, every
    declared property is present. A root without a type becomes an object.
    """
    maker = _Maker(schema, hints or Hints())
    if not isinstance(schema, Mapping) or not (set(schema) - {"$schema", "$id", "title", "description", "$defs"}):
        return {}
    return _make(maker, schema, "", 0)


def _make(maker: _Maker, schema: Any, name: str, depth: int) -> Any:
    if not isinstance(schema, Mapping):
        return _word(maker)
    schema = _resolved(maker, schema, depth)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    kind = _type_of(schema)
    if kind == "object":
        return _object(maker, schema, depth)
    if kind == "array":
        return _array(maker, schema, name, depth)
    if kind in ("boolean", "null"):
        return True if kind == "boolean" else None
    return _scalar(maker, schema, name, kind=kind)


def _scalar(maker: _Maker, schema: Mapping[str, Any], name: str, *, kind: str) -> Any:
    if kind == "integer":
        return _integer(maker, schema, name)
    return _number(schema) if kind == "number" else _string(maker, schema, name)


def _resolved(maker: _Maker, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """The schema with its reference followed and its `allOf` and first usable alternative folded in."""
    merged = dict(schema)
    for _ in range(_DEEPEST):
        if "$ref" in merged:
            merged = {**_target(maker.root, str(merged.pop("$ref"))), **merged}
        elif "allOf" in merged:
            for part in merged.pop("allOf"):
                merged = _merge(merged, _resolved(maker, part, depth))
        elif alternatives := merged.pop("anyOf", None) or merged.pop("oneOf", None):
            wants_null = depth > 4 or merged.get("default", 0) is None
            merged = _merge(merged, _chosen(maker, alternatives, depth, wants_null=wants_null))
        else:
            break
    return merged


def _chosen(maker: _Maker, alternatives: list[Any], depth: int, *, wants_null: bool) -> dict[str, Any]:
    """The first alternative that is not null; null is the default's wish, and the way out of a recursion."""
    is_null = [isinstance(one, Mapping) and one.get("type") == "null" for one in alternatives]
    index = next((i for i, null in enumerate(is_null) if null is wants_null), 0)
    chosen = alternatives[index]
    return _resolved(maker, chosen, depth) if isinstance(chosen, Mapping) else {}


def _merge(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    merged = {**other, **one}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**other["properties"], **one["properties"]}
    if "required" in one and "required" in other:
        merged["required"] = [*one["required"], *other["required"]]
    return merged


def _target(root: Any, reference: str) -> dict[str, Any]:
    found = root
    for part in reference.removeprefix("#").split("/")[1:]:
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return dict(found)


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    return "number" if {"minimum", "maximum", "multipleOf"} & set(schema) else "string"


def _object(maker: _Maker, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    required = list(schema.get("required", ()))
    names = required if depth > 4 else [*properties, *(name for name in required if name not in properties)]
    made = {name: _make(maker, properties.get(name, {}), name, depth + 1) for name in names}
    extra = schema.get("additionalProperties", {})
    while len(made) < schema.get("minProperties", 0) and extra is not False:
        made[f"key_{len(made) + 1}"] = _make(maker, extra, "", depth + 1)
    return made


def _array(maker: _Maker, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
    made = [_make(maker, item, name, depth + 1) for item in schema.get("prefixItems", ())]
    items = schema.get("items", {})
    if items is False:
        return made
    least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
    wanted = max(least, min(2, most)) if depth <= 4 else least
    if name in _PATHS:
        wanted = max(least, min(len(maker.hints.paths), 2, most))
    if _has_ids(items) and maker.hints.ids:
        maker.id_index = 0
        wanted = max(least, min(len(maker.hints.ids), most))
    while len(made) < wanted:
        if name in _PATHS and len(made) < len(maker.hints.paths):
            made.append(maker.hints.paths[len(made)])
            continue
        made.append(_make(maker, items, _singular(name), depth + 1))
        if schema.get("uniqueItems") and made[-1] in made[:-1]:
            if (varied := _another(items, made[:-1])) is None:
                made.pop()
                break
            made[-1] = varied
    return made


def _has_ids(items: Any) -> bool:
    return isinstance(items, Mapping) and "id" in items.get("properties", {})


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") else name


def _another(items: Any, taken: list[Any]) -> Any | None:
    """A different item for an array that wants unique ones; None when there is no other."""
    if isinstance(items, Mapping) and "enum" in items:
        return next((one for one in items["enum"] if one not in taken), None)
    if isinstance(items, Mapping) and items.get("type") in ("integer", "number"):
        step = items.get("multipleOf", 1)
        following = max(taken) + step
        return following if following <= items.get("maximum", math.inf) else None
    return None


def _integer(maker: _Maker, schema: Mapping[str, Any], name: str) -> int:
    least, most = _bounds(schema, smallest_step=1)
    wanted = maker.hints.n if name in ("n", "number", "passage", "citation") else 1
    value = math.ceil(max(least, min(wanted, most)))
    step = schema.get("multipleOf")
    return value if step is None else int(math.ceil(value / step) * step)


def _number(schema: Mapping[str, Any]) -> float:
    least, most = _bounds(schema, smallest_step=0)
    value = 0.5 if least <= 0.5 <= most else (least + most) / 2 if math.isfinite(least + most) else 0.0
    if math.isinf(most) and value < least:
        value = least + 0.5
    if math.isinf(least) and value > most:
        value = most - 0.5
    step = schema.get("multipleOf")
    return value if step is None else math.ceil(max(least, min(value, most)) / step) * step


def _bounds(schema: Mapping[str, Any], *, smallest_step: float) -> tuple[float, float]:
    least: float = schema.get("minimum", -math.inf)
    most: float = schema.get("maximum", math.inf)
    nudge = smallest_step or 1e-6
    if isinstance(low := schema.get("exclusiveMinimum"), (int, float)) and not isinstance(low, bool):
        least = max(least, low + nudge)
    if isinstance(high := schema.get("exclusiveMaximum"), (int, float)) and not isinstance(high, bool):
        most = min(most, high - nudge)
    return least, most


def _string(maker: _Maker, schema: Mapping[str, Any], name: str) -> str:
    if (pattern := schema.get("pattern")) is not None:
        return shortest_match(pattern, schema.get("minLength", 0))
    if (known := _FORMATS.get(schema.get("format", ""))) is not None:
        return known
    text = _named(maker, name)
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    while len(text) < least:
        text = f"{text} {_word(maker)}"
    return text if len(text) <= most else text[: int(most)].strip().ljust(least, "x")


def _named(maker: _Maker, name: str) -> str:
    """Text that suits a property of this name; elsewhere a word of the prompt, each time the next one."""
    hints = maker.hints
    if name == "id" and hints.ids:
        maker.id_index += 1
        return hints.ids[(maker.id_index - 1) % len(hints.ids)]
    if name == "title" and hints.title:
        return hints.title
    if re.fullmatch(r"quote|snippet|excerpt|verbatim", name):
        return hints.quote
    if re.fullmatch(r"answer|summary|message|reply|text|content|context|reason", name):
        return hints.sentence
    return _word(maker)


def _word(maker: _Maker) -> str:
    word = maker.hints.words[maker.used % len(maker.hints.words)]
    maker.used += 1
    return word if maker.used <= len(maker.hints.words) else f"{word}{maker.used}"
