"""Decides whether a note's path matches patterns as people write them. Touches no disk.

`*` and `?` stay inside one path segment, `**` crosses them, and a pattern that matches a folder covers all below it.
"""

import re
from collections.abc import Callable, Iterable

Matches = Callable[[str], bool]

_MAGIC = re.compile(r"[*?\[]")


def is_glob(pattern: str) -> bool:
    return _MAGIC.search(pattern) is not None


def matches_anywhere(patterns: Iterable[str]) -> Matches:
    """A test for paths in which a pattern without `/` names a file or folder at any depth, as in .gitignore.

    No patterns match nothing.
    """
    return _any_of([_expression(pattern, is_free="/" not in pattern.strip("/")) for pattern in patterns])


def matches_from_root(patterns: Iterable[str]) -> Matches:
    """A test for paths in which plain names are counted from the root, and `*.md` still matches at any depth.

    No patterns match nothing.
    """
    return _any_of([_expression(p, is_free=is_glob(p) and "/" not in p.strip("/")) for p in patterns])


def _any_of(expressions: list[str]) -> Matches:
    if not expressions:
        return lambda path: False
    compiled = re.compile("|".join(expressions))
    return lambda path: compiled.fullmatch(path) is not None


def _expression(pattern: str, *, is_free: bool) -> str:
    bare = pattern.strip().removeprefix("./").strip("/")
    if bare in {"", "."}:
        return ".*"
    start = "(?:.*/)?" if is_free else ""
    return f"{start}{_translate(bare)}(?:/.*)?"


def _translate(glob: str) -> str:
    parts: list[str] = []
    position = 0
    while position < len(glob):
        piece, position = _next_piece(glob, position)
        parts.append(piece)
    return "".join(parts)


def _next_piece(glob: str, at: int) -> tuple[str, int]:
    """The regular expression for what stands at `at`, and where it ends."""
    if glob.startswith("**/", at):
        return "(?:.*/)?", at + 3
    if glob.startswith("**", at):
        return ".*", at + 2
    character = glob[at]
    if character == "*":
        return "[^/]*", at + 1
    if character == "?":
        return "[^/]", at + 1
    closing = glob.find("]", at + 2)
    if character == "[" and closing > 0:
        inside = glob[at + 1 : closing].replace("\\", r"\\").replace("[", r"\[")
        return f"[{'^' + inside[1:] if inside[0] in '!^' else inside}]", closing + 1
    return re.escape(character), at + 1
