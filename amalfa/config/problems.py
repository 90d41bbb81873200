"""Says in plain words what is wrong with a configuration, at the line where it is. Never repeats a value."""

import difflib
import re
from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from amalfa.config.fields import keys_at, setting_rows
from amalfa.config.keypath import KeyPath, show_key
from amalfa.config.origins import Sourced
from amalfa.config.settings import Settings
from amalfa.errors import Problem

MAX_PROBLEMS = 200
"""Nobody reads more of one file, and a file of a mebibyte could have a hundred thousand."""

_QUOTED = re.compile(r"'([^']*)'")
_SENTENCES = {
    "bool_type": "must be true or false",
    "dict_type": "must be an object {…}",
    "finite_number": "must be a number",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "mapping_type": "must be an object {…}",
    "missing": "is missing",
    "model_type": "must be an object {…}",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "tuple_type": "must be a list",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def validated(sourced: Sourced) -> tuple[Settings | None, tuple[Problem, ...]]:
    """The settings of a tree, or None and everything that is wrong with it."""
    try:
        return Settings.model_validate(sourced.plain), ()
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return None, tuple(_problem(detail, sourced) for detail in _told(details))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Each problem once, file by file and line by line."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: (problem.path, problem.line or 0)))


def suggestion(wrong: str, right: Iterable[str], *, cutoff: float = 0.6) -> str:
    """`; did you mean "…"?` when one of `right` is close to `wrong`, else ""."""
    by_lower = {name.lower(): name for name in right}
    close = difflib.get_close_matches(wrong.lower(), by_lower, n=1, cutoff=cutoff)
    return f'; did you mean "{by_lower[close[0]]}"?' if close else ""


def _told(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """What is worth telling: not that a list is empty when that is only because its items were refused."""
    inside = {detail["loc"][:-1] for detail in details}
    return [one for one in details if one["type"] != "too_short" or one["loc"] not in inside][:MAX_PROBLEMS]


def _problem(detail: ErrorDetails, sourced: Sourced) -> Problem:
    path: KeyPath = tuple(part for part in detail["loc"] if part != "[key]")
    return sourced.place_of(path).problem(_message(detail, path, sourced))


def _message(detail: ErrorDetails, path: KeyPath, sourced: Sourced) -> str:
    kind, shown = detail["type"], show_key(path) or "the configuration"
    if kind == "extra_forbidden":
        return f"unknown key {shown}{_where_instead(path)}"
    if kind in ("literal_error", "enum"):
        return _not_among(detail, path, sourced)
    if kind == "value_error":
        return f"{shown} {detail['ctx']['error']}"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"{shown} must be {words} {detail['ctx'][key]:g}"
    return f"{shown} {_SENTENCES.get(kind, 'has a value that does not fit')}"


def _where_instead(path: KeyPath) -> str:
    """The key that was probably meant: one beside it, else the same one elsewhere."""
    wrong = str(path[-1])
    if beside := suggestion(wrong, keys_at(path[:-1])):
        return beside
    elsewhere = [row.key for row in setting_rows() if row.key.split(".")[-1] == wrong and "*" not in row.key]
    groups = [f"sonar.{wrong}"] if wrong in keys_at(("sonar",)) else []
    found = (groups + elsewhere)[:1]
    return f'; did you mean "{found[0]}"?' if found else ""


def _not_among(detail: ErrorDetails, path: KeyPath, sourced: Sourced) -> str:
    allowed = _QUOTED.findall(detail["ctx"]["expected"])
    if detail["loc"][-1] == "[key]":
        return f"unknown key {show_key(path)}{suggestion(str(path[-1]), allowed)}"
    found = sourced.at(path)
    written = found.value if found and isinstance(found.value, str) else ""
    return f"{show_key(path)} must be one of {', '.join(allowed)}{suggestion(written, allowed)}"
