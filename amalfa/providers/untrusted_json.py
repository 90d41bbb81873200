"""Reads JSON that somebody else wrote: nothing is assumed about its shape and nothing in it can crash the reader."""

import json
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

JsonObject = Mapping[str, object]

EMPTY: JsonObject = MappingProxyType({})


def parse_object(text: str | bytes) -> JsonObject | None:
    """The JSON object that `text` is; None when it is anything else.

    Too deep, too large a number and broken UTF-8 all count as "anything else".
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def object_at(holder: JsonObject, key: str) -> JsonObject:
    """The object under `key`; an empty one when there is none."""
    value = holder.get(key)
    return value if isinstance(value, dict) else EMPTY


def objects_at(holder: JsonObject, key: str) -> Sequence[JsonObject]:
    """The objects of the list under `key`; whatever else the list holds is left out."""
    value = holder.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def text_at(holder: JsonObject, key: str) -> str:
    """The string under `key`; "" when there is none."""
    value = holder.get(key)
    return value if isinstance(value, str) else ""


def texts_at(holder: JsonObject, key: str) -> Sequence[str]:
    """The strings of the list under `key`; whatever else the list holds is left out."""
    value = holder.get(key)
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def count_at(holder: JsonObject, key: str) -> int | None:
    """The non-negative whole number under `key`; None when there is none."""
    value = holder.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def number_at(holder: JsonObject, key: str) -> float | None:
    """The finite non-negative number under `key`, written as a number or as text; None when there is none."""
    value = holder.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None
