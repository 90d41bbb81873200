"""Finds a short string that a regular expression matches, for schemas that ask for a pattern."""

import re
from typing import Any

_SAMPLES = "a1A_ -.x0Z"


def shortest_match(pattern: str, least: int = 0) -> str:
    """A short string matched by `pattern`, grown to `least` characters where its repeats allow.

    Look-around and back-references are beyond it: raises ValueError when what it made does not match.
    """
    for extra in (0, 1, least, least + 1):
        made = _of_all(_parsed(pattern), extra)
        if len(made) >= least and re.search(pattern, made):
            return made
    raise ValueError(f"no string made for pattern {pattern!r}")


def _parsed(pattern: str) -> Any:
    from re import _parser  # type: ignore[attr-defined]  # the parser has no public name since Python 3.11

    return _parser.parse(pattern)


def _of_all(parts: Any, extra: int) -> str:
    return "".join(_of_one(str(kind), value, extra) for kind, value in parts)


def _of_one(kind: str, value: Any, extra: int) -> str:
    match kind:
        case "LITERAL":
            return chr(value)
        case "ANY" | "NOT_LITERAL":
            return "a" if value != ord("a") else "b"
        case "IN":
            return _of_class(value)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = value
            return "".join(_of_all(inner, 0) for _ in range(min(max(least, extra), int(most))))
        case "SUBPATTERN" | "ATOMIC_GROUP":
            return _of_all(value[-1] if kind == "SUBPATTERN" else value, extra)
        case "BRANCH":
            return _of_all(value[1][0], extra)
        case _:
            return ""


def _of_class(members: Any) -> str:
    """The first character a set like `[a-z_]` or `[^/]` admits."""
    names = [str(kind) for kind, _ in members]
    if names[0] == "NEGATE":
        return next(char for char in _SAMPLES if not any(_admits(member, char) for member in members[1:]))
    kind, value = str(members[0][0]), members[0][1]
    if kind == "LITERAL":
        return chr(value)
    if kind == "RANGE":
        return chr(value[0])
    return next(char for char in _SAMPLES if _admits(members[0], char))


def _admits(member: Any, char: str) -> bool:
    kind, value = str(member[0]), member[1]
    if kind == "LITERAL":
        return ord(char) == int(value)
    if kind == "RANGE":
        low, high = value
        return bool(low <= ord(char) <= high)
    category = str(value)
    if "DIGIT" in category:
        is_in = char.isdigit()
    elif "SPACE" in category:
        is_in = char.isspace()
    else:
        is_in = char.isalnum() or char == "_"
    return is_in is ("NOT" not in category)
