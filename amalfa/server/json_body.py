"""Refuses a request body that is not plain JSON, saying where. Hands nothing on: the routes parse for themselves."""

import json
import math
import re
from typing import NoReturn

from amalfa.errors import UsageProblem

MAX_DEPTH = 64

# A lone half of a surrogate pair, found by stepping over whole pairs and every other escape.
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_LONG_NUMBER = re.compile(rb"\d{1000,}")


def check_json(body: bytes) -> None:
    """Raise UsageProblem, with the byte offset, unless `body` is UTF-8 JSON that every layer can hold.

    Refused besides broken syntax: a byte order mark, NaN and Infinity, numbers too large to represent, lone
    surrogates, and nesting deeper than `MAX_DEPTH`.
    """
    try:
        text = body.decode("utf-8")
        value: object = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise _problem("is not UTF-8", error.start) from None
    except json.JSONDecodeError as error:
        raise _problem(f"is not JSON ({error.msg})", len(text[: error.pos].encode())) from None
    except RecursionError:
        raise _too_deep(body) from None
    except _NotANumber as error:
        raise _problem(f"holds {error}, which is no JSON number", max(0, body.find(str(error).encode()))) from None
    except ValueError:
        found = _LONG_NUMBER.search(body)
        raise _problem("holds a number with too many digits", found.start() if found else 0) from None
    if b"\\u" in body:
        for escape in _ESCAPES.finditer(body):
            if escape["lone"]:
                raise _problem("holds half of a surrogate pair", escape.start())
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _is_deeper_than(value, MAX_DEPTH):
        raise _too_deep(body)


class _NotANumber(ValueError):
    """The text of a number JSON does not have."""


def _refuse_constant(name: str) -> NoReturn:
    raise _NotANumber(name)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _NotANumber(text)
    return value


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _is_deeper_than(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)  # type: ignore[attr-defined]
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _too_deep(body: bytes) -> UsageProblem:
    return _problem(f"nests deeper than {MAX_DEPTH} levels", _offset_of_depth(body, MAX_DEPTH))


def _offset_of_depth(body: bytes, limit: int) -> int:
    depth = 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*"|[\[{\]}]', body):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token[0], 0)
        if depth > limit:
            return token.start()
    return 0


def _problem(what: str, offset: int) -> UsageProblem:
    return UsageProblem(f"The request body {what}, at byte {offset}.", hint="send one JSON value in UTF-8")
