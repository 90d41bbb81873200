"""Reads a model's JSON reply strictly: whole, one object or array, no value that JSON does not have.

Nothing is repaired here; a reply that does not parse is a `BadReply`.
"""

import json
import math

from amalfa.errors import BadReply

REPLY_MAX_BYTES = 1 << 20
DEPTH_MAX = 64


def parse_strictly(text: str) -> object:
    """The JSON value of a reply. Raises BadReply with a sentence that can be shown to the model."""
    check_size(text)
    try:
        value: object = DECODER.decode(text)
    except RecursionError:
        raise BadReply(f"The reply is nested deeper than {DEPTH_MAX} levels.") from None
    except ValueError as problem:
        raise BadReply(f"The reply is not valid JSON: {problem}.") from None
    if not isinstance(value, dict | list):
        raise BadReply("The reply is not a JSON object or array.")
    check_inside(value)
    return value


def check_size(text: str) -> None:
    """Raises BadReply for a reply beyond 1 MiB of UTF-8."""
    if len(text.encode("utf-8", "surrogatepass")) > REPLY_MAX_BYTES:
        raise BadReply("The reply is longer than 1 MiB.")


def check_inside(value: object) -> None:
    """Refuse what the decoder lets pass: too much depth, and halves of surrogate pairs."""
    level, pending = 0, [value]
    while pending:
        level += 1
        if level > DEPTH_MAX:
            raise BadReply(f"The reply is nested deeper than {DEPTH_MAX} levels.")
        pending = [child for parent in pending for child in _children(parent)]


def is_same(one: object, other: object) -> bool:
    """Whether two JSON values are equal, types included: 1, 1.0 and true are three values."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return one == other


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON value")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found and not is_same(found[key], value):
            raise ValueError("a key has two values")
        found[key] = value
    return found


DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique)


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, list):
        return value
    if isinstance(value, str) and not _is_unicode(value):
        raise BadReply("The reply holds half of a surrogate pair.")
    return []


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
