"""Puts a description of a note into its front matter and takes it out again, as text. Opens no file.

What is written stands between two comment lines at the end of the block; every other character stays as it was.
The first of them holds a digest of the lines below it, by which an edit of them is noticed and left alone.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from amalfa.knowledge.frontmatter import MAX_CHARACTERS, MAX_LINES, WRITTEN_BELOW, closing_line, read_front_matter

KEYS = (
    "summary",
    "keywords",
    "themes",
    "doc_type",
    "technical_depth",
    "audience",
    "entities",
    "related_docs",
)
"""What is written, in this order. The title is the author's: it would change how a note is found and named."""

BEGIN, END = WRITTEN_BELOW, "# end of amalfa metadata"
_BEGIN = re.compile(rf"{BEGIN} ([0-9a-f]{{12}})(, with the fences)?")
_OWN_FENCES = ", with the fences"

_OTHER_HEADS = ("+++", ";;;", "{")
"""How front matter begins that is not YAML: TOML and JSON, as some site builders read them."""

# What YAML does not take as it is, and lines that end where a reader of Markdown sees no end.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LONE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class NotMergeable:
    """This note is left as it is; `reason` completes the sentence "left alone: ..."."""

    reason: str


def merge(text: str, output: Mapping[str, object]) -> str | NotMergeable:
    """The text of a note with the description of `output` in its front matter, in place of an earlier one.

    `text` is the whole file with its own line ends and its byte order mark. A key that the author has set, in any
    case, is the author's and not written; nor is an empty value. With nothing to write the text comes back without
    an earlier block. Whatever would change what the rest of the front matter says is refused.
    """
    plain = without_block(text)
    if isinstance(plain, NotMergeable):
        return plain
    lines = plain.split("\n")
    close = closing_line(_bare(lines))
    if close is None:
        return _headless_problem(plain) or _with_new_head(plain, _entries(output, frozenset()))
    taken = _keys_of(lines, close)
    if isinstance(taken, NotMergeable):
        return taken
    entries = _entries(output, taken)
    end = "\r" if lines[0].endswith("\r") else ""
    merged = "\n".join([*lines[:close], *(line + end for line in _block(entries, "")), *lines[close:]])
    return _checked(plain, merged, close, has_keys=bool(taken))


def without_block(text: str) -> str | NotMergeable:
    """The text of a note as it was before `merge`, to the byte; unchanged when there is no block of ours."""
    lines = text.split("\n")
    close = closing_line(_bare(lines))
    marks = [] if close is None else [n for n in range(1, close) if lines[n].startswith((BEGIN, END))]
    if not marks or close is None:
        return text
    found = _BEGIN.fullmatch(lines[marks[0]].rstrip())
    if len(marks) != 2 or found is None or lines[marks[1]].rstrip() != END:
        return NotMergeable("the comment lines around an earlier description are not whole")
    begin, end = marks
    if found[1] != _digest(lines[begin + 1 : end]):
        return NotMergeable("the description in it was edited by hand; take its two comment lines away to keep it")
    if found[2] and (begin, end) == (1, close - 1):
        return text[: text.startswith("\ufeff")] + "\n".join(lines[close + 1 :])
    return "\n".join([*lines[:begin], *lines[end + 1 :]])


def as_its_author_wrote_it(text: str) -> str:
    """A note without a description of ours, for whoever is to describe it anew; as it is where that cannot be told."""
    plain = without_block(text)
    return text if isinstance(plain, NotMergeable) else plain


def _bare(lines: Sequence[str]) -> list[str]:
    """Lines as notes are read everywhere else: without a byte order mark."""
    return [lines[0].removeprefix("\ufeff"), *lines[1:]]


def _headless_problem(text: str) -> NotMergeable | None:
    """What keeps a text without front matter from being given one."""
    start = text.removeprefix("\ufeff").lstrip()
    if start.startswith("---"):
        return NotMergeable("its front matter is not closed, or does not begin on the first line")
    if start.startswith(_OTHER_HEADS):
        return NotMergeable("its front matter is not YAML")
    return None


def _with_new_head(text: str, entries: Sequence[str]) -> str | NotMergeable:
    if not entries:
        return text
    mark, body = text[: text.startswith("\ufeff")], text.removeprefix("\ufeff")
    end = "\r\n" if body.partition("\n")[0].endswith("\r") else "\n"
    merged = mark + "".join(line + end for line in ("---", *_block(entries, _OWN_FENCES), "---")) + body
    front = read_front_matter(_read(merged))
    if not front.line_count:
        return NotMergeable("the description is too long for front matter")
    if front.is_private != read_front_matter(_read(text)).is_private:
        return NotMergeable("the description would change who may see the note")
    return merged


def _keys_of(lines: Sequence[str], close: int) -> frozenset[str] | NotMergeable:
    """The author's keys in lower case."""
    block = _yaml_of(lines[1:close])
    if close > MAX_LINES or len(block) > MAX_CHARACTERS:
        return NotMergeable("its front matter is too long to be read")
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import DuplicateKeyError
    from ruamel.yaml.error import YAMLError

    reader = YAML(typ="safe", pure=True)
    reader.composer.warn_double_anchors = False
    reader.constructor.flatten_mapping = lambda node: None  # merged keys multiply while they are spelled out
    try:
        found = reader.load(block)
    except DuplicateKeyError:
        return NotMergeable("its front matter has a key twice")
    except (YAMLError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return NotMergeable("its front matter is not valid YAML")
    if found is None:
        return frozenset()
    if not isinstance(found, dict):
        return NotMergeable("its front matter is not a list of keys and values")
    return frozenset(str(key).casefold() for key in found)


def _entries(output: Mapping[str, object], taken: frozenset[str]) -> list[str]:
    written = ((key, _value(output.get(key))) for key in KEYS if key not in taken)
    return [f"{key}: {value}" for key, value in written if value]


def _value(value: object) -> str:
    if isinstance(value, str):
        return _quoted(value) if value.strip() else ""
    if isinstance(value, list):
        texts = [_quoted(entry) for entry in value if isinstance(entry, str) and entry.strip()]
        return f"[{', '.join(texts)}]" if texts else ""
    return ""


def _quoted(text: str) -> str:
    """A text as a YAML scalar in double quotes on one line; JSON's are such, but for a few characters."""
    line = " ".join(_LONE.sub("\ufffd", text).split())
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(line, ensure_ascii=False))


def _block(entries: Sequence[str], fences: str) -> list[str]:
    return [f"{BEGIN} {_digest(entries)}{fences}", *entries, END] if entries else []


def _digest(lines: Sequence[str]) -> str:
    """Of the lines without their ends, which a version control system may exchange."""
    text = "\n".join(line.removesuffix("\r") for line in lines)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12]


def _checked(plain: str, merged: str, close: int, *, has_keys: bool) -> str | NotMergeable:
    """The merged text when the rest of its front matter says what it said, to every reader there is here."""
    before, after = read_front_matter(_read(plain)), read_front_matter(_read(merged))
    if after.line_count == 0 or after.problem:
        return NotMergeable("its front matter cannot take more keys")
    if before != replace(after, line_count=before.line_count, fact_lines=before.fact_lines, has_facts=before.has_facts):
        return NotMergeable("the description would change what its front matter says")
    lines = merged.split("\n")
    new_close = closing_line(_bare(lines))
    assert new_close is not None  # noqa: S101  # it has lines, so it is closed
    old_events = _events(_yaml_of(plain.split("\n")[1:close]))
    new_events = _events(_yaml_of(lines[1:new_close]))
    # The last events close the mapping, the document and the stream; ours stand before them.
    size = len(old_events) - 3
    is_kept = not has_keys or (new_events[:size] == old_events[:size] and new_events[-3:] == old_events[-3:])
    return merged if is_kept else NotMergeable("its front matter cannot take more keys")


def _events(block: str) -> list[tuple[object, ...]]:
    """What YAML's grammar makes of a block, without places: equal lists mean the same to every reader."""
    from ruamel.yaml import YAML

    # A block scalar may keep the empty lines at its end, the last of which the closing fence follows.
    names = ("anchor", "tag", "value", "implicit", "style", "flow_style")
    events = YAML(typ="safe", pure=True).parse(f"{block}\n")
    return [(type(event).__name__, *(_plain(getattr(event, name, None)) for name in names)) for event in events]


def _plain(value: object) -> str:
    return "" if value is None else str(value)


def _yaml_of(lines: Sequence[str]) -> str:
    return "\n".join(line.removesuffix("\r") for line in lines)


def _read(text: str) -> list[str]:
    """The lines of a text as notes are read."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
