"""Reads the YAML block at the head of a note. A broken block costs its values, never the note.

The YAML library is imported on first use, because the daemon idles without it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MAX_LINES = 400
MAX_CHARACTERS = 20_000
"""A longer block is text between two rules, or data; either way its values are not read."""

MAX_VALUE_CHARACTERS = 200
MAX_VALUES = 100
"""Titles, aliases and tags stand beside every passage of a note, so they cannot be of any length."""

WRITTEN_BELOW = "# amalfa metadata"
"""How the line begins below which a model's description of the note stands."""

_DATE_KEYS = ("date", "updated", "modified", "created")
_KNOWN = frozenset({"title", "tags", "tag", "aliases", "alias", "amalfa", "id", "uid", "layout", "draft", *_DATE_KEYS})
_DATE = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")
_SIMPLE = re.compile(r"^([A-Za-z][\w-]*)\s*:\s*(.*?)\s*$")

_PRIVATE = re.compile(r"\bamalfa\W{0,20}?:\W{0,20}private\b", re.IGNORECASE)
_MAYBE_PRIVATE = re.compile(r"\bamalfa\b.{0,80}?\bprivate\b", re.IGNORECASE | re.DOTALL)

_Found = Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What the head of a note says about it.

    `line_count` counts the lines it takes, fences included; 0 = there is none. `date` is ISO or "".
    `has_facts` tells whether the author has keys beyond the usual ones, which are then worth searching; they stand
    in the first `fact_lines` lines. What a model wrote there is behind those, as it is no evidence. `problem` is ""
    or what is wrong with the block.
    """

    line_count: int = 0
    fact_lines: int = 0
    title: str = ""
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    date: str = ""
    is_private: bool = False
    has_facts: bool = False
    problem: str = ""


def read_front_matter(lines: Sequence[str]) -> FrontMatter:
    """The front matter at the top of `lines`; an empty one when there is none.

    A block whose YAML is broken still gives its plain `key: value` lines. Whatever looks like a head and says
    `amalfa: private` makes the note private, be it broken, too long, or not closed yet.
    """
    end = closing_line(lines)
    block = lines[1:end]
    if end is None or end > MAX_LINES or sum(map(len, block)) > MAX_CHARACTERS:
        return FrontMatter(is_private=_says_private(lines))
    found, problem = _parse(block)
    written = _written_by_a_model(block)
    return FrontMatter(
        line_count=end + 1,
        fact_lines=end + 1 if written is None else written + 1,
        title=_text(found.get("title")),
        tags=tuple(tag.lstrip("#") for tag in _texts(found, "tags", "tag")),
        aliases=_texts(found, "aliases", "alias"),
        date=_first_date(found.get(key) for key in _DATE_KEYS),
        is_private=_is_private(found) or _says_private(lines, is_broken=bool(problem)),
        has_facts=any(key not in _KNOWN for key in (found if written is None else _parse(block[:written])[0])),
        problem=problem,
    )


def closing_line(lines: Sequence[str], opening: int = 0) -> int | None:
    """The number of the line that closes the front matter; None when there is none, or it is never closed."""
    if len(lines) <= opening or lines[opening].rstrip() != "---":
        return None
    closing = (n for n in range(opening + 1, len(lines)) if lines[n].rstrip() in {"---", "..."})
    return next(closing, None)


def _written_by_a_model(block: Sequence[str]) -> int | None:
    """Where in the block a description begins that `amalfa metadata --write` put at its end."""
    return next((number for number, line in enumerate(block) if line.startswith(WRITTEN_BELOW)), None)


def _is_private(found: _Found) -> bool:
    return "private" in {text.lower() for text in _texts(found, "amalfa")}


def _says_private(lines: Sequence[str], *, is_broken: bool = False) -> bool:
    """Whether what is, or was meant to be, the head of a note says `amalfa: private`; in doubt it does."""
    opening = next((number for number, line in enumerate(lines) if line.strip()), None)
    if opening is None or not lines[opening].lstrip().startswith("---"):
        return False
    head = lines[opening : closing_line(lines, opening)]
    text = "\n".join(line for line in head if not line.lstrip().startswith("#"))
    return (_MAYBE_PRIVATE if is_broken else _PRIVATE).search(text) is not None


def _parse(block: Sequence[str]) -> tuple[_Found, str]:
    """The values of a block by their keys in lower case, and what is wrong with it."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    reader = YAML(typ="safe", pure=True)
    reader.allow_duplicate_keys = True
    reader.composer.warn_double_anchors = False
    # Merged keys multiply like aliases do, but are spelled out while they are read.
    reader.constructor.flatten_mapping = lambda node: None
    try:
        found = reader.load("\n".join(block))
        if found is None:
            return {}, ""
        if not isinstance(found, dict):
            return {}, "its front matter is not a list of keys and values"
        return {_line(key).lower(): _plain(value) for key, value in found.items()}, ""
    # Values that are not of the type they claim get past the library's own errors, each in its own way.
    except (YAMLError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        return _simple_lines(block), f"its front matter is not valid YAML ({_where(error)})"


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    # The mark counts from 0 inside the block, which begins on the file's second line.
    return f"line {mark.line + 2}" if mark is not None else type(error).__name__


def _simple_lines(block: Sequence[str]) -> _Found:
    matches = (_SIMPLE.match(line) for line in block)
    return {match[1].lower(): _simple_value(match[2]) for match in matches if match and match[2]}


def _simple_value(text: str) -> str | tuple[str, ...]:
    if text.startswith("[") and text.endswith("]"):
        return tuple(_line(part.strip().strip("\"'")) for part in text[1:-1].split(","))
    return _line(text.strip("\"'"))


def _plain(value: object) -> str | tuple[str, ...]:
    """A scalar as text, a list as the texts of its scalars; "" for anything else."""
    return tuple(_line(part) for part in value[:MAX_VALUES]) if isinstance(value, list) else _line(value)


def _line(value: object) -> str:
    """A scalar as one line of text that can be stored; "" for None and for anything nested."""
    if value is None or isinstance(value, (dict, list, set, tuple, bytes)):
        return ""
    return " ".join(str(value).encode(errors="replace").decode().split())


def _text(value: str | tuple[str, ...] | None) -> str:
    return value[:MAX_VALUE_CHARACTERS] if isinstance(value, str) else ""


def _texts(found: _Found, *keys: str) -> tuple[str, ...]:
    texts: list[str] = []
    for key in keys:
        value = found.get(key, ())
        if isinstance(value, str):
            separator = None if key.startswith("tag") and "," not in value else ","
            texts.extend(part.strip() for part in value.split(separator))
        else:
            texts.extend(value)
    return tuple(dict.fromkeys(_text(text) for text in texts[:MAX_VALUES] if text))


def _first_date(values: Iterable[str | tuple[str, ...] | None]) -> str:
    matches = (_DATE.search(_text(value)) for value in values)
    return next((match[0] for match in matches if match), "")
