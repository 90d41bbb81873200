"""Makes a note out of a document: its title, names, links, date and passages. Stores nothing, searches nothing."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from amalfa.knowledge.body import body_hash
from amalfa.knowledge.chunks import Chunk, cut
from amalfa.knowledge.dates import dates_in, iso_date_in
from amalfa.knowledge.files import MAX_LINE_CHARACTERS, Document
from amalfa.knowledge.frontmatter import FrontMatter, read_front_matter
from amalfa.knowledge.markdown import Block, BlockReader, without_code_spans
from amalfa.knowledge.words import fold

MAX_LINKS = 500
MAX_TAGS = 200
MAX_PASSAGES = 4_000

# Neither runs over a bracket that could begin the next link: a line of such would take quadratic time.
_WIKILINK = re.compile(r"\[\[([^\[\]|#\n]*)(?:#[^\[\]|\n]*)?(?:\|([^\[\]\n]+))?\]\]")
_LINK = re.compile(r"\]\(<?([^()\s>#]+\.(?:md|markdown))(?=[#)\s>])", re.IGNORECASE)
_TAG = re.compile(r"(?<![\w/&#\[(])#(\w*[^\W\d][\w/-]*)")


@dataclass(frozen=True, slots=True)
class Section:
    """One passage to be indexed. Lines count from 1, both ends belong to it; `hash` covers all it is found by."""

    start_line: int
    end_line: int
    heading: str
    headings: str
    text: str
    date: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """One note as the index takes it.

    `names` are folded texts that mean this note: title, file name, aliases. `links` are folded names of
    other notes, each with the label it is called by here ("" for none). `problem` is "" or a sentence for
    the user; the note is indexed nevertheless. `body_hash` stands for its text below the front matter.
    """

    document: Document
    title: str
    date: str
    tags: tuple[str, ...]
    aliases: tuple[str, ...]
    names: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    is_private: bool
    sections: tuple[Section, ...]
    problem: str = ""
    body_hash: str = ""


def make_note(document: Document, reader: BlockReader) -> Note:
    """Everything the index keeps of one document."""
    lines = document.lines
    front = read_front_matter(lines)
    blocks = reader.read(lines, front.line_count)
    title = front.title or _first_heading(blocks) or _title_from_name(document.path)
    date = front.date or iso_date_in(document.path)
    prose = list(_prose(lines, blocks, front.line_count))
    chunks = [*_front_chunk(front, lines), *cut(lines, blocks, front.line_count)]
    tags = dict.fromkeys((*front.tags, *(tag for line in prose for tag in _TAG.findall(line))))
    return Note(
        document=document,
        title=title,
        date=date,
        tags=tuple(tags)[:MAX_TAGS],
        aliases=front.aliases,
        names=_names(title, document.path, front.aliases),
        links=tuple(dict.fromkeys(link for line in prose for link in _links(line)))[:MAX_LINKS],
        is_private=front.is_private,
        sections=tuple(_section(chunk, lines, title, date) for chunk in chunks[:MAX_PASSAGES]),
        problem=front.problem or _left_out(lines, len(chunks)),
        body_hash=body_hash(document.path, "\n".join(lines)),
    )


def is_private(lines: Sequence[str]) -> bool:
    """Whether a note's text as it is now says `amalfa: private`."""
    # The word may also be spelled with an escape, and all but a few notes have neither at their head.
    may_say_so = any("private" in line.lower() or "\\" in line for line in lines)
    return may_say_so and read_front_matter(lines).is_private


def _first_heading(blocks: Sequence[Block]) -> str:
    return next((block.heading for block in blocks if block.level == 1 and block.heading), "")


def _title_from_name(path: str) -> str:
    return re.sub(r"[-_\s]+", " ", PurePosixPath(path).stem).strip() or path


def _names(title: str, path: str, aliases: Sequence[str]) -> tuple[str, ...]:
    folded = (fold(name) for name in (title, PurePosixPath(path).stem, *aliases))
    return tuple(dict.fromkeys(name for name in folded if name))


def _prose(lines: Sequence[str], blocks: Sequence[Block], first: int) -> Iterator[str]:
    """The lines outside code, with inline code blanked out."""
    stretches = (
        stretch for block in blocks for stretch in ([(block.start, block.end)] if block.is_code else block.code)
    )
    in_code = {line for start, end in stretches for line in range(start, end)}
    for number in range(first, len(lines)):
        line = lines[number]
        if number not in in_code and len(line) <= MAX_LINE_CHARACTERS and ("[" in line or "#" in line):
            yield without_code_spans(line)


def _links(line: str) -> Iterator[tuple[str, str]]:
    for target, label in _WIKILINK.findall(line):
        name = fold(PurePosixPath(target.strip()).name.removesuffix(".md"))
        if name:
            yield name, fold(label)
    for target in _LINK.findall(line):
        yield fold(PurePosixPath(target.replace("%20", " ")).stem), ""


def _front_chunk(front: FrontMatter, lines: Sequence[str]) -> Iterator[Chunk]:
    """People keep facts in front matter (`owner: Ada`); such a block is a passage of its own."""
    if front.has_facts and sum(map(len, lines[: front.line_count])) <= MAX_LINE_CHARACTERS:
        yield Chunk(0, front.fact_lines, ())


def _section(chunk: Chunk, lines: Sequence[str], title: str, note_date: str) -> Section:
    text = "\n".join(lines[chunk.start : chunk.end])
    digest = hashlib.blake2b("\0".join((title, chunk.breadcrumb, text)).encode(), digest_size=16)
    dated = [date for heading in (*chunk.trail, *chunk.headings) for date in dates_in(heading)]
    return Section(
        start_line=chunk.start + 1,
        end_line=chunk.end,
        heading=chunk.breadcrumb,
        headings=" ".join(dict.fromkeys((*chunk.trail, *chunk.headings))),
        text=text,
        date=max(dated, default=note_date),
        hash=digest.digest(),
    )


def _left_out(lines: Sequence[str], passage_count: int) -> str:
    number = next((n for n, line in enumerate(lines, start=1) if len(line) > MAX_LINE_CHARACTERS), None)
    if number:
        return f"line {number} has over {MAX_LINE_CHARACTERS} characters and was left out"
    if passage_count > MAX_PASSAGES:
        return f"it has over {MAX_PASSAGES} passages, and the rest was left out"
    return ""
