"""Blanks texts inside JSON so that it stays JSON. What is to be blanked, others know."""

import json
from collections.abc import Callable, Mapping

Blank = Callable[[str], tuple[str, int]]
"""A text as it may leave, and how many places of it were blanked."""


def blanked_json(text: str, blank: Blank) -> tuple[str, int]:
    """JSON with its texts and numbers blanked; the same text when nothing is found, or when it is no JSON, as a text.

    Values are read as what they mean, since an escape may hide a letter; then the whole is read, as a name may be
    what makes its value a secret.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return blank(text)
    try:
        found, inside = blanked_value(value, blank)
        written = json.dumps(found, ensure_ascii=False) if inside else text
    except RecursionError:
        return blank(text)
    whole, around = blank(written)
    if around and not _is_json(whole):
        whole = json.dumps({"arguments": whole}, ensure_ascii=False)
    return whole, inside + around


def blanked_value(value: object, blank: Blank) -> tuple[object, int]:
    """The value with every text in it blanked, keys and numbers as well, and how many places that were."""
    if isinstance(value, str):
        return blank(value)
    if isinstance(value, Mapping):
        return _blanked_object(value, blank)
    if isinstance(value, list | tuple):
        items = [blanked_value(one, blank) for one in value]
        return [one for one, _ in items], sum(count for _, count in items)
    if isinstance(value, int | float) and not isinstance(value, bool):
        text, count = blank(str(value))
        return (text, count) if count else (value, 0)
    return value, 0


def _blanked_object(holder: Mapping[str, object], blank: Blank) -> tuple[dict[str, object], int]:
    found: dict[str, object] = {}
    total = 0
    for key, value in holder.items():
        name, in_name = blank(key)
        told, inside = blanked_value(value, blank)
        found[name] = told
        total += in_name + inside
    return found, total


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
