"""Cuts a note into passages: whole sections where they fit, never through a code fence, table row or list item.

A passage holds exactly the lines it names. Sections longer than `LONGEST` are cut at the borders of their blocks;
neighbours shorter than `TINY` are put together, because a heading with one line below it answers nothing alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from amalfa.knowledge.files import MAX_LINE_CHARACTERS
from amalfa.knowledge.markdown import Block

TINY = 400
FULL = 1_200
LONGEST = 1_600
LONGEST_CODE = 6_000
"""Code is cut, between lines, only beyond this: no model could be shown it whole anyway."""

SEPARATOR = " > "

_Trail = list[tuple[int, str]]
"""Level and text of each heading above, the outermost first."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines `start` to `end` (from 0, end excluded); `trail` are the headings above, the outermost first.

    `headings` are all headings whose sections it holds, more than one where short sections were put together.
    """

    start: int
    end: int
    trail: tuple[str, ...]
    headings: tuple[str, ...] = ()

    @property
    def breadcrumb(self) -> str:
        return SEPARATOR.join(self.trail)


def cut(lines: Sequence[str], blocks: Sequence[Block], first: int = 0) -> list[Chunk]:
    """The passages of `lines[first:]` in order; together they hold every line that is not blank or overlong."""
    sizes = [len(line) + 1 for line in lines]
    chunks: list[Chunk] = []
    for section in _sections(_without_gaps(blocks, first, len(lines))):
        chunks.extend(_cut_section(section, lines, sizes))
    return _joined(chunks, sizes)


def trail_over(blocks: Iterable[Block], line: int) -> tuple[str, ...]:
    """The headings that a line (from 0) stands under, the outermost first; a heading stands under itself."""
    trail: _Trail = []
    for block in blocks:
        if block.start > line:
            break
        trail = _below(trail, block)
    return tuple(heading for _, heading in trail)


@dataclass(frozen=True, slots=True)
class _Section:
    trail: tuple[str, ...]
    blocks: tuple[Block, ...]


def _without_gaps(blocks: Sequence[Block], first: int, last: int) -> Iterator[Block]:
    """The blocks, and between them what the parser consumes silently (link definitions)."""
    reached = first
    for block in blocks:
        if block.start > reached:
            yield Block(reached, block.start, cuts=tuple(range(reached + 1, block.start)))
        yield block
        reached = max(reached, block.end)
    if reached < last:
        yield Block(reached, last, cuts=tuple(range(reached + 1, last)))


def _sections(blocks: Iterable[Block]) -> Iterator[_Section]:
    trail: _Trail = []
    current: list[Block] = []
    for block in blocks:
        if block.level:
            if current:
                yield _Section(tuple(heading for _, heading in trail), tuple(current))
            trail = _below(trail, block)
            current = []
        current.append(block)
    if current:
        yield _Section(tuple(heading for _, heading in trail), tuple(current))


def _below(trail: _Trail, block: Block) -> _Trail:
    """The trail of what follows a block; only a heading changes it."""
    if not block.level:
        return trail
    return [*((level, heading) for level, heading in trail if level < block.level), (block.level, block.heading)]


def _cut_section(section: _Section, lines: Sequence[str], sizes: Sequence[int]) -> Iterator[Chunk]:
    """Fill chunks with pieces up to the limit; a heading always takes its first piece along."""
    start = end = -1
    is_bare_heading = False
    for piece_start, piece_end, is_heading in _pieces(section.blocks, lines, sizes):
        begins = start < 0
        is_apart = not begins and any(sizes[line] > MAX_LINE_CHARACTERS for line in range(end, piece_start))
        fits = not begins and not is_apart and sum(sizes[start:piece_end]) <= LONGEST
        if begins or not (fits or (is_bare_heading and not is_apart)):
            if not begins:
                yield Chunk(start, end, section.trail, section.trail[-1:])
            start = piece_start
        end = piece_end
        is_bare_heading = is_heading
    if start >= 0:
        yield Chunk(start, end, section.trail, section.trail[-1:])


def _pieces(blocks: Sequence[Block], lines: Sequence[str], sizes: Sequence[int]) -> Iterator[tuple[int, int, bool]]:
    """Stretches that are never cut: whole blocks where they fit, else what lies between their cuts."""
    for block in blocks:
        for start, end in _stretches(block, lines, sizes):
            trimmed = _trimmed(start, end, lines)
            if trimmed is not None:
                yield (*trimmed, block.level > 0)


def _stretches(block: Block, lines: Sequence[str], sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    end = min(block.end, len(lines))
    size = sum(sizes[block.start : end])
    if block.is_code:
        cuts = tuple(range(block.start + 1, end)) if size > LONGEST_CODE else ()
    else:
        cuts = block.cuts if size > LONGEST else ()
    overlong = [line for line in range(block.start, end) if sizes[line] > MAX_LINE_CHARACTERS]
    borders = sorted({block.start, *cuts, *overlong, *(line + 1 for line in overlong), end})
    for start, stop in pairwise(borders):
        if start in overlong:
            continue
        is_too_long = not block.is_code and sum(sizes[start:stop]) > LONGEST
        seams = [line for line in block.seams if start < line < stop] if is_too_long else []
        yield from pairwise([start, *seams, stop])


def _trimmed(start: int, end: int, lines: Sequence[str]) -> tuple[int, int] | None:
    while end > start and not lines[end - 1].strip():
        end -= 1
    while start < end and not lines[start].strip():
        start += 1
    return (start, end) if end > start else None


def _joined(chunks: Sequence[Chunk], sizes: Sequence[int]) -> list[Chunk]:
    joined: list[Chunk] = []
    for chunk in chunks:
        if joined and _belong_together(joined[-1], chunk, sizes):
            joined[-1] = _join(joined[-1], chunk)
        else:
            joined.append(chunk)
    return joined


def _belong_together(first: Chunk, second: Chunk, sizes: Sequence[int]) -> bool:
    if any(size > MAX_LINE_CHARACTERS for size in sizes[first.end : second.start]):
        return False
    if sum(sizes[first.start : second.end]) > FULL:
        return False
    is_one_tiny = min(sum(sizes[chunk.start : chunk.end]) for chunk in (first, second)) < TINY
    # Across top-level headings only the root of the trail could be shared; such sections are about different things.
    return is_one_tiny and (first.trail[:1] == second.trail[:1] or not first.trail)


def _join(first: Chunk, second: Chunk) -> Chunk:
    common = tuple(one for one, other in zip(first.trail, second.trail, strict=False) if one == other)
    headings = tuple(dict.fromkeys((*first.headings, *second.headings)))
    return replace(first, end=second.end, trail=common or second.trail, headings=headings)
