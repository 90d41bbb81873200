"""Reads a project's `.env`: names and values with their lines, nothing expanded, nothing put into the process."""

import re
from dataclasses import dataclass, field
from io import StringIO

from dotenv.parser import parse_stream

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class EnvLine:
    """One `NAME=value`; `line` counts from 1."""

    value: str = field(repr=False)
    line: int


@dataclass(frozen=True, slots=True)
class EnvFile:
    """What a `.env` says. Of a name written twice the last one counts; an empty value is no value.

    `unreadable` are the lines that are neither assignments nor comments.
    """

    values: dict[str, EnvLine]
    unreadable: tuple[int, ...]


def parse_env(text: str) -> EnvFile:
    """Read the text of a `.env` file. Never raises."""
    values: dict[str, EnvLine] = {}
    unreadable: list[int] = []
    for found in parse_stream(StringIO(text.removeprefix("\ufeff"))):
        # A statement begins behind the blank lines that the parser counts to it.
        blank = len(found.original.string) - len(found.original.string.lstrip())
        line = found.original.line + found.original.string.count("\n", 0, blank)
        if found.error or (found.key and not _NAME.match(found.key)):
            unreadable.append(line)
        elif found.key and found.value:
            values[found.key] = EnvLine(found.value, line)
        elif found.key:
            values.pop(found.key, None)
    return EnvFile(values, tuple(unreadable))
