"""Tells under which heading a line of a note stands now. Short sections share a passage, so that cannot tell."""

import re
from collections.abc import Sequence
from functools import cached_property

from amalfa.calls import Passage
from amalfa.knowledge.chunks import SEPARATOR, trail_over
from amalfa.knowledge.frontmatter import read_front_matter
from amalfa.knowledge.markdown import Block, BlockReader

MAX_CHARACTERS = 100_000
"""Parsing takes half a millisecond per thousand; in a longer note the passage's own heading has to do."""

_MAY_BE_HEADING = re.compile(r" {0,3}(?:#{1,6}(?:\s|$)|(?:=+|-+)\s*$)")


class Headings:
    """The headings of the notes that one answer cites; each note is parsed once, and only where it matters."""

    def __init__(self) -> None:
        self._blocks: dict[str, list[Block]] = {}

    def over(self, line: int, passage: Passage, lines: Sequence[str]) -> str:
        """The breadcrumb of the nearest heading at line number `line` or above; `lines` are the note as it is now.

        With none above it is "", unless the passage has a heading that is not from the note: its caller gave it.
        """
        has_one_section = not any(map(_MAY_BE_HEADING.match, passage.text.split("\n")[1:]))
        if has_one_section or sum(map(len, lines)) > MAX_CHARACTERS:
            return passage.heading
        blocks = self._blocks_of(passage.path, lines)
        trail = trail_over(blocks, line - 1)
        is_from_note = any(block.heading and passage.heading.endswith(block.heading) for block in blocks)
        return SEPARATOR.join(trail) if trail or is_from_note else passage.heading

    @cached_property
    def _reader(self) -> BlockReader:
        return BlockReader()  # most answers do not need it

    def _blocks_of(self, path: str, lines: Sequence[str]) -> list[Block]:
        if path not in self._blocks:
            self._blocks[path] = self._reader.read(lines, read_front_matter(lines).line_count)
        return self._blocks[path]
