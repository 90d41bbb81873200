"""Decides whether a note's path matches patterns as people write them. Touches no disk.

`*` and `?` stay inside one path segment, `**` crosses them, and a pattern that matches a folder covers all below it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

Matches = Callable[[str], bool]

_MAGIC = re.compile(r"[*?\[]")
_MEMBER = re.compile(r"(.)(?:-(.))?", re.DOTALL)
_STAR, _STARS, _FOLDERS = "[^/]*", ".*", "(?:.*/)?"
_NOTHING = "(?!)"


def is_glob(pattern: str) -> bool:
    return _MAGIC.search(pattern) is not None


def literal(path: str) -> str:
    """The pattern that means this path and nothing else."""
    return _MAGIC.sub(r"[\g<0>]", path)


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
    compiled = re.compile("|".join(expressions) or _NOTHING, re.DOTALL)
    return lambda path: compiled.fullmatch(_composed(path)) is not None


def _composed(text: str) -> str:
    # Some systems hand out "é" as two characters, where the keyboard gave the pattern one.
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _expression(pattern: str, *, is_free: bool) -> str:
    bare = _composed(pattern).strip().removeprefix("./").strip("/")
    if bare in {"", "."}:
        return _STARS
    start = _FOLDERS if is_free else ""
    return f"{start}{_translate(bare)}(?:/.*)?"


def _translate(glob: str) -> str:
    """The regular expression for a pattern.

    What stands between two stars is taken where it first occurs and never given up again: the second star can
    reach whatever a later occurrence could. Without that, many stars would try all ways of sharing out a path.
    """
    pieces = list(_pieces(glob))
    borders = [at for at, piece in enumerate(pieces) if piece in {_STAR, _STARS}] + [len(pieces)]
    parts = pieces[: borders[0]]
    for at, following in pairwise(borders):
        star, rest = pieces[at], "".join(pieces[at + 1 : following])
        is_settled = following < len(pieces) and pieces[following] in {star, _STARS} and _FOLDERS not in rest
        parts.append(f"(?>{star}?{rest})" if is_settled else star + rest)
    return "".join(parts)


def _pieces(glob: str) -> Iterator[str]:
    position = 0
    while position < len(glob):
        piece, position = _next_piece(glob, position)
        yield piece


def _next_piece(glob: str, at: int) -> tuple[str, int]:
    """The regular expression for what stands at `at`, and where it ends."""
    if glob.startswith("**/", at):
        return _FOLDERS, at + 3
    if glob.startswith("**", at):
        return _STARS, at + 2
    character = glob[at]
    if character == "*":
        return _STAR, at + 1
    if character == "?":
        return "[^/]", at + 1
    if character == "[":
        start = at + (2 if glob[at + 1 : at + 2] in {"!", "^"} else 1)
        closing = glob.find("]", start + 1)
        if closing > 0:
            return _set(glob[start:closing], is_inverted=start == at + 2), closing + 1
    return re.escape(character), at + 1


def _set(inside: str, *, is_inverted: bool) -> str:
    """One character out of a set, or out of all others; never a slash."""
    members = "".join(_members(inside))
    if is_inverted:
        return f"(?!/)[^{members}]" if members else "[^/]"
    return f"(?!/)[{members}]" if members else _NOTHING


def _members(inside: str) -> Iterator[str]:
    for first, last in _MEMBER.findall(inside):
        if first <= (last or first):  # a range that runs backwards holds nothing
            yield f"{re.escape(first)}-{re.escape(last or first)}"
