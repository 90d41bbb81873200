"""Splits a passage into what is said at one go: a sentence, a list item, a table row with its head. Pure.

Two words in one passage may have nothing to do with each other; in one statement they mostly do.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*)")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s+")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”)]?\s+(?=[\"“(\[*_]*[^\W\d_a-z])|(?<=[。！？])")
_OWN = re.compile(r"\b(its|their|his|her|my|our|your) own\b", re.IGNORECASE)  # not the verb of "who owns it"
_DASHES = re.compile(r"[\s|:+-]+$")


@dataclass(frozen=True, slots=True)
class Statement:
    """Something said, and the heading it stands under in the same passage ("" for none)."""

    heading: str
    text: str


def statements(text: str) -> list[Statement]:
    """The statements of a passage in order; a passage of headings only is one empty statement under the last."""
    found: list[Statement] = []
    heading = ""
    for kind, lines in _runs(text.split("\n")):
        if kind == "heading":
            heading = lines[0]
        elif kind == "table":
            head, *rows = [line for line in lines if not _DASHES.fullmatch(line)] or [""]
            found.extend(Statement(heading, f"{head} {row}") for row in rows or [""])
        elif kind == "code":
            found.append(Statement(heading, " ".join(lines)))
        else:
            joined = " ".join(lines)
            if " own" in joined:
                joined = _OWN.sub(r"\1", joined)
            found.extend(Statement(heading, text) for text in _SENTENCE_END.split(joined))
    return found or [Statement(heading, "")]


def _runs(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Neighbouring lines that make up one heading, table, code block, list item or paragraph."""
    current: list[str] = []
    kind = ""
    for line in lines:
        found = _kind(line, kind)
        goes_on = current and found == kind and kind in {"text", "table", "code"} and not _ITEM.match(line)
        if current and not (goes_on or kind == "code"):
            yield kind, current
            current = []
        if kind == "code" and current and _FENCE.match(line):
            yield kind, [*current, line]
            current, kind = [], ""
            continue
        kind = found
        if kind:
            current.append(line)
    if current and kind:
        yield kind, current


def _kind(line: str, before: str) -> str:
    first = line.lstrip()[:1]
    if before == "code" or (first in {"`", "~"} and _FENCE.match(line)):
        return "code"
    if not first:
        return ""
    if first == "#" and _HEADING.match(line):
        return "heading"
    return "table" if first == "|" else "text"
