"""Paths of settings: `sonar.tasks.chat.model` as people write them, tuples of keys and list positions inside."""

import json
import re
from typing import TypeAlias

from amalfa.errors import UsageProblem

KeyPath: TypeAlias = tuple[str | int, ...]

_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*\Z")
_STEP = re.compile(r'(?P<plain>[A-Za-z_$][A-Za-z0-9_$-]*)|\[(?P<index>[0-9]{1,9})\]|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]')


def show_key(path: KeyPath) -> str:
    """`sonar.catalog["qwen/qwen3:4b"].price`: dots where they suffice, brackets elsewhere."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        elif _PLAIN.match(part):
            shown += f".{part}" if shown else part
        else:
            shown += f"[{json.dumps(part, ensure_ascii=False)}]"
    return shown


def parse_key(text: str) -> KeyPath:
    """Read what `show_key` writes. Raises UsageProblem for anything else."""
    path: list[str | int] = []
    at = 0
    while at < len(text):
        # A dot stands before every plain name but the first, and before nothing else.
        has_dot = text[at] == "."
        step = _STEP.match(text, at + has_dot)
        if step is None or has_dot != (bool(path) and step["plain"] is not None):
            raise _unreadable(text)
        path.append(_part(step))
        at = step.end()
    if not path:
        raise _unreadable(text)
    return tuple(path)


def _part(step: re.Match[str]) -> str | int:
    if step["plain"] is not None:
        return step["plain"]
    if step["index"] is not None:
        return int(step["index"])
    try:
        return str(json.loads(step["quoted"]))
    except ValueError as error:
        raise _unreadable(step.string) from error


def _unreadable(text: str) -> UsageProblem:
    hint = 'write it like sonar.cloud.model or sonar.catalog["qwen/qwen3"].quality'
    return UsageProblem(f"{text!r} is not the path of a setting.", hint=hint)
