"""Reads prompts from a file, one JSON value to a line: a string, or an object with the fields of a call."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from amalfa.calls import TASKS, PrivacyClass
from amalfa.errors import TooLarge, UsageProblem

MAX_BYTES = 64 * 1024 * 1024
BATCH_CALLS = 500
BATCH_BYTES = 1_000_000
"""Sonar takes 500 prompts and 1 MiB at a time; some of that is left for what stands around the prompts."""

CHOICES = {"task": TASKS, "prefer": ("local", "cloud"), "privacy": tuple(map(str, PrivacyClass))}
LONGEST = {"prompt": 400_000, "task": 100, "model": 300, "prefer": 100, "team": 200, "hint": 200, "privacy": 100}
"""The fields that are texts, and how many characters sonar takes of each."""

_FIELDS = (*LONGEST, "maxCostUsd")
_HINT = f"write a string, or an object with prompt and, if wanted, {', '.join(_FIELDS[1:])}"


class Line:
    """One prompt and where it stands, counted from 1; `call` is what sonar is sent for it."""

    __slots__ = ("call", "number", "size")

    def __init__(self, number: int, call: Mapping[str, object]) -> None:
        self.number = number
        self.call = call
        self.size = len(json.dumps(call, ensure_ascii=False).encode("utf-8", "replace"))


def read_prompts(path: str, given: Mapping[str, object]) -> list[Line]:
    """All prompts of a file, `-` being standard input; empty lines are skipped.

    `given` holds the fields that a line does not name itself. Raises UsageProblem with the number of the first
    line that is wrong, and TooLarge for more than can be looked at.
    """
    name = "standard input" if path == "-" else path
    try:
        with open(0, "rb", closefd=False) if path == "-" else Path(path).open("rb") as file:
            lines = [
                _line(f"Line {number} of {name}", number, text, given)
                for number, text in enumerate(_texts(file, name), start=1)
                if text.strip()
            ]
    except OSError as error:
        raise UsageProblem(f"{name} cannot be read: {error.strerror}.", hint="name a file of prompts") from None
    if not lines:
        raise UsageProblem(f"There is no prompt in {name}.", hint=_HINT)
    return lines


def batches(lines: list[Line]) -> Iterator[list[Line]]:
    """The lines in their order, in portions that sonar takes."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == BATCH_CALLS or size + line.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += line.size
    if batch:
        yield batch


def _texts(file: BinaryIO, name: str) -> Iterator[bytes]:
    left = MAX_BYTES
    while text := file.readline(left + 1):
        left -= len(text)
        if left < 0:
            raise TooLarge(f"{name} holds more than {MAX_BYTES // 1024**2} MiB.", hint="split it")
        yield text.removeprefix(b"\xef\xbb\xbf") if left + len(text) == MAX_BYTES else text


def _line(where: str, number: int, text: bytes, given: Mapping[str, object]) -> Line:
    value = _value(where, text)
    own = {"prompt": value} if isinstance(value, str) else value
    if not isinstance(own, dict):
        raise UsageProblem(f"{where} is neither a string nor an object.", hint=_HINT)
    call = {**given, **{name: found for name, found in own.items() if found is not None}}
    _check(where, call)
    line = Line(number, call)
    if line.size > BATCH_BYTES:
        raise TooLarge(f"{where} is longer than sonar takes.", hint="shorten the prompt")
    return line


def _value(where: str, text: bytes) -> object:
    try:
        value: object = json.loads(text.decode())
    except UnicodeDecodeError as error:
        raise UsageProblem(f"{where} is not UTF-8, at byte {error.start + 1}.", hint="save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise UsageProblem(f"{where} is not JSON: {error.msg}, at column {error.colno}.", hint=_HINT) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
        raise UsageProblem(f"{where} is not JSON that can be read.", hint=_HINT) from None
    return value


def _check(where: str, call: Mapping[str, object]) -> None:
    for name, value in call.items():
        if name not in _FIELDS:
            raise UsageProblem(f"{where} has a field {name!r}, which no call has.", hint=_HINT)
        if name in LONGEST and not _is_text(value):
            raise UsageProblem(f"{where}: {name} is not a text.", hint=_HINT)
        if name in LONGEST and len(str(value)) > LONGEST[name]:
            raise TooLarge(f"{where}: {name} is longer than sonar takes.", hint="shorten it")
        if name in CHOICES and value not in CHOICES[name]:
            raise UsageProblem(f"{where}: there is no {name} {value!r}.", hint=f"use one of {', '.join(CHOICES[name])}")
    if "prompt" not in call:
        raise UsageProblem(f"{where} has no prompt.", hint=_HINT)
    cost = call.get("maxCostUsd", 0.0)
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < math.inf:
        raise UsageProblem(f"{where}: maxCostUsd is no amount of USD.", hint=_HINT)


def _is_text(value: object) -> bool:
    """Whether it says something, in characters: JSON can also spell half of a surrogate pair, which is none."""
    if not isinstance(value, str) or not value.strip():
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
