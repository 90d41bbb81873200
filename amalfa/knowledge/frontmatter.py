"""Reads the YAML block at the head of a note. A broken block costs its values, never the note.

The YAML library is imported on first use, because the daemon idles without it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MAX_LINES = 400

_DATE_KEYS = ("date", "updated", "modified", "created")
_KNOWN = frozenset({"title", "tags", "tag", "aliases", "alias", "amalfa", "id", "uid", "layout", "draft", *_DATE_KEYS})
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_PRIVATE = re.compile(r"^amalfa\s*:\s*[\"']?private\b", re.IGNORECASE)
_SIMPLE = re.compile(r"^([A-Za-z][\w-]*)\s*:\s*(.*?)\s*$")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What the head of a note says about it.

    `line_count` counts the lines it takes, fences included; 0 = there is none. `date` is ISO or "".
    `has_facts` tells whether it holds keys beyond the usual ones, which are then worth searching. `problem`
    is "" or what is wrong with the block.
    """

    line_count: int = 0
    title: str = ""
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    date: str = ""
    is_private: bool = False
    has_facts: bool = False
    problem: str = ""


@dataclass(slots=True)
class _Values:
    found: Mapping[str, object] = field(default_factory=dict)
    problem: str = ""


def read_front_matter(lines: Sequence[str]) -> FrontMatter:
    """The front matter at the top of `lines`; an empty one when there is none.

    A block whose YAML is broken still gives its plain `key: value` lines, and one that says
    `amalfa: private` anywhere stays private.
    """
    end = _closing_line(lines)
    if end is None:
        return FrontMatter()
    block = lines[1:end]
    values = _parse(block)
    found = {key.lower(): value for key, value in values.found.items()}
    return FrontMatter(
        line_count=end + 1,
        title=_text(found.get("title")),
        tags=tuple(tag.lstrip("#") for tag in _texts(found, "tags", "tag")),
        aliases=_texts(found, "aliases", "alias"),
        date=_first_date(found.get(key) for key in _DATE_KEYS),
        is_private=_text(found.get("amalfa")).lower() == "private" or any(_PRIVATE.match(line) for line in block),
        has_facts=any(key not in _KNOWN for key in found),
        problem=values.problem,
    )


def _closing_line(lines: Sequence[str]) -> int | None:
    if not lines or lines[0].rstrip() != "---":
        return None
    for number, line in enumerate(lines[1:MAX_LINES], start=1):
        if line.rstrip() in {"---", "..."}:
            return number
    return None


def _parse(block: Sequence[str]) -> _Values:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    reader = YAML(typ="safe", pure=True)
    reader.allow_duplicate_keys = True
    try:
        found = reader.load("\n".join(block))
    except (YAMLError, ValueError, RecursionError, OverflowError) as error:
        return _Values(_simple_lines(block), f"its front matter is not valid YAML ({_where(error)})")
    if found is None:
        return _Values()
    if not isinstance(found, dict):
        return _Values({}, "its front matter is not a list of keys and values")
    return _Values({str(key): value for key, value in found.items()})


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    # The mark counts from 0 inside the block, which begins on the file's second line.
    return f"line {mark.line + 2}" if mark is not None else type(error).__name__


def _simple_lines(block: Sequence[str]) -> dict[str, object]:
    matches = (_SIMPLE.match(line) for line in block)
    return {match[1]: _simple_value(match[2]) for match in matches if match and match[2]}


def _simple_value(text: str) -> object:
    if text.startswith("[") and text.endswith("]"):
        return [part.strip().strip("\"'") for part in text[1:-1].split(",")]
    return text.strip("\"'")


def _text(value: object) -> str:
    """A scalar as one line of text; "" for None and for anything nested."""
    if value is None or isinstance(value, (dict, list, set, tuple, bytes)):
        return ""
    return " ".join(str(value).split())


def _texts(found: Mapping[str, object], *keys: str) -> tuple[str, ...]:
    texts: list[str] = []
    for key in keys:
        value = found.get(key)
        if isinstance(value, str):
            separator = "," if "," in value else None if key.startswith("tag") else ","
            texts.extend(part.strip() for part in value.split(separator))
        elif isinstance(value, list):
            texts.extend(_text(part) for part in value)
        else:
            texts.append(_text(value))
    return tuple(dict.fromkeys(text for text in texts if text))


def _first_date(values: Iterable[object]) -> str:
    matches = (_DATE.search(_text(value)) for value in values)
    return next((match[0] for match in matches if match), "")
