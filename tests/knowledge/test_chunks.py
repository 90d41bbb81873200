"""Passages of a note: whole where they fit, cut where it hurts least, and together all of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.knowledge.chunks import LONGEST, LONGEST_CODE, TINY, Chunk, cut
from amalfa.knowledge.files import MAX_LINE_CHARACTERS
from amalfa.knowledge.markdown import Block, BlockReader

READER = BlockReader()
SENTENCE = "The kettle is descaled with vinegar every second month, as the manual says."


def chunks(text: str, first: int = 0) -> list[Chunk]:
    lines = text.split("\n")
    return cut(lines, READER.read(lines, first), first)


def shown(text: str) -> list[str]:
    lines = text.split("\n")
    return ["\n".join(lines[chunk.start : chunk.end]) for chunk in chunks(text)]


def paragraphs(count: int) -> str:
    return "\n\n".join(f"{number}. paragraph. {SENTENCE}".replace(". p", " p") for number in range(count))


def long_section(heading: str) -> str:
    """A section too long to be put together with a neighbour, too short to be cut."""
    return f"{heading}\n\n{paragraphs(12)}"


def test_a_short_note_is_one_passage() -> None:
    assert chunks("# One\n\ntext\n\n## Two\n\ntext") == [Chunk(0, 7, ("One",), ("One", "Two"))]


def test_a_note_without_headings_has_no_breadcrumb() -> None:
    (chunk,) = chunks("just text")
    assert (chunk.trail, chunk.breadcrumb) == ((), "")


def test_nothing_gives_nothing() -> None:
    assert chunks("") == chunks("\n\n  \n\t\n") == []


def test_nested_headings_make_the_breadcrumb() -> None:
    text = "\n\n".join(
        long_section(heading) for heading in ("# Guide", "## Install", "### Linux", "## Use", "#### Deep", "# Other")
    )
    assert [chunk.breadcrumb for chunk in chunks(text)] == [
        "Guide",
        "Guide > Install",
        "Guide > Install > Linux",
        "Guide > Use",
        "Guide > Use > Deep",
        "Other",
    ]


def test_a_heading_underlined_counts_like_any_other() -> None:
    text = f"Guide\n=====\n\n{paragraphs(12)}\n\nInstall\n-------\n\n{paragraphs(12)}"
    assert [chunk.breadcrumb for chunk in chunks(text)] == ["Guide", "Guide > Install"]


def test_a_hash_in_a_fence_begins_no_section() -> None:
    text = f"# Guide\n\n```sh\n# install\napt install\n```\n\n{paragraphs(12)}"
    assert {chunk.breadcrumb for chunk in chunks(text)} == {"Guide"}


def test_short_sections_of_one_parent_are_put_together_under_it() -> None:
    (chunk,) = chunks("# Guide\n\n## A\n\nshort\n\n## B\n\nshort")
    assert chunk.breadcrumb == "Guide"
    assert chunk.headings == ("Guide", "A", "B")


def test_sections_under_different_top_headings_stay_apart_however_short() -> None:
    assert [chunk.breadcrumb for chunk in chunks("# A\n\nshort\n\n# B\n\nshort")] == ["A", "B"]


def test_what_stands_before_the_first_heading_goes_with_it_when_short() -> None:
    assert chunks("intro\n\n# A\n\nshort") == [Chunk(0, 5, ("A",), ("A",))]


def test_two_sections_of_middling_length_stay_apart() -> None:
    middling = f"{SENTENCE}\n" * (TINY // len(SENTENCE) + 1)
    assert len(chunks(f"# A\n\n## B\n\n{middling}\n## C\n\n{middling}")) == 2


def test_a_long_section_is_cut_between_paragraphs() -> None:
    text = f"# Guide\n\n{paragraphs(60)}"
    found = shown(text)
    assert len(found) > 2
    assert all(len(passage) <= LONGEST for passage in found)
    assert all(passage.endswith("says.") for passage in found)
    assert found[0].startswith("# Guide\n\n0 paragraph")


def test_a_heading_is_never_left_alone_at_the_end_of_a_passage() -> None:
    for filling in range(10, 24):
        text = f"# A\n\n{paragraphs(filling)}\n\n## B\n\n{'long ' * 320}\n\n## C\n\n{SENTENCE}"
        for passage in shown(text):
            assert not passage.split("\n")[-1].startswith("#")


def test_a_fence_longer_than_a_passage_is_kept_whole() -> None:
    fence = "```py\n" + "\n\n".join(f"print({number})" for number in range(300)) + "\n```"
    assert LONGEST < len(fence) < LONGEST_CODE
    assert any(fence in passage for passage in shown(f"# A\n\n{SENTENCE}\n\n{fence}\n\n{SENTENCE}"))


def test_a_fence_too_long_for_any_model_is_cut_between_its_lines() -> None:
    code = [f"print({number})" for number in range(2_000)]
    found = shown("\n".join(["```py", *code, "```"]))
    assert len(found) > 5
    assert "\n".join(found).split("\n") == ["```py", *code, "```"]


def test_a_long_table_is_cut_between_its_rows_and_its_head_keeps_a_row() -> None:
    rows = [f"| {number} | {SENTENCE} |" for number in range(60)]
    found = shown("\n".join(["| n | text |", "|---|------|", *rows]))
    assert len(found) > 2
    assert found[0].startswith("| n | text |\n|---|------|\n| 0 |")
    assert "\n".join(found).split("\n")[2:] == rows


def test_a_long_list_is_cut_between_its_items() -> None:
    items = [f"- {number} {SENTENCE}\n  and so on\n\n  ```\n  code\n  ```" for number in range(40)]
    found = shown("\n".join(items))
    assert len(found) > 2
    assert all(passage.startswith("- ") and passage.endswith("```") for passage in found)


def test_one_endless_paragraph_is_cut_between_its_lines() -> None:
    found = shown("\n".join([SENTENCE] * 100))
    assert len(found) > 2
    assert all(len(passage) <= LONGEST for passage in found)


def test_a_long_quotation_of_one_paragraph_is_cut_between_its_lines() -> None:
    found = shown("\n".join([f"> {SENTENCE}"] * 300))
    assert all(len(passage) <= LONGEST for passage in found)


def test_link_definitions_are_in_a_passage_although_nothing_shows_them() -> None:
    assert shown("# A\n\n[kettle]: kettle.md\n\n[pot]: pot.md") == ["# A\n\n[kettle]: kettle.md\n\n[pot]: pot.md"]


def test_link_definitions_between_passages_belong_to_one_of_them() -> None:
    sentence = f"{SENTENCE}\n" * 20
    assert sum("[pot]: pot.md" in passage for passage in shown(f"{sentence}\n[pot]: pot.md\n\n{sentence}")) == 1


def test_what_lies_before_the_first_line_asked_for_is_left_out() -> None:
    assert [(chunk.start, chunk.end) for chunk in chunks("---\ntitle: T\n---\n\n# A\n\ntext", first=3)] == [(4, 7)]


@pytest.mark.parametrize("place", ["a paragraph", "code", "a list", "alone"])
def test_an_overlong_line_is_in_no_passage_and_all_around_it_is(place: str) -> None:
    data = "x" * (MAX_LINE_CHARACTERS + 1)
    text = {
        "a paragraph": f"before\n{data}\nafter",
        "code": f"```\nbefore\n{data}\nafter\n```",
        "a list": f"- before\n- {data}\n- after",
        "alone": f"# before\n\n{data}\n\nafter",
    }[place]
    found = shown(text)
    assert not any("xxxxx" in passage for passage in found)
    assert any("before" in passage for passage in found)
    assert any("after" in passage for passage in found)


def lines_of(count: int, mark: str = "", between: str = "\n") -> str:
    return between.join(f"{mark}{number} {SENTENCE}" for number in range(count))


SHORT = st.text(alphabet="abc é猫|`#*-", min_size=1, max_size=40).filter(str.strip)
PIECE = st.one_of(
    st.builds(lambda level, text: f"{'#' * level} {text}", st.integers(1, 4), st.text("abc", max_size=8)),
    st.builds(lambda text, mark: f"{text}\n{mark}", st.text("abc", min_size=1), st.sampled_from(["---", "==="])),
    st.lists(SHORT, min_size=1, max_size=4).map("\n".join),
    st.integers(1, 40).map(lines_of),
    st.integers(1, 90).map(lambda count: f"```\n{lines_of(count)}\n```"),
    st.integers(1, 40).map(lambda count: "~~~py\n" + lines_of(count, between="\n\n# no\n") + "\n~~~"),
    st.integers(1, 60).map(lambda count: f"| head | two |\n|---|---|\n{lines_of(count, '| x | ')}"),
    st.integers(1, 40).map(lambda count: lines_of(count, "- ")),
    st.integers(1, 12).map(lambda count: lines_of(count, "- ", "\n\n  ```\n  code\n\n  more\n  ```\n\n")),
    st.integers(1, 40).map(lambda count: lines_of(count, "> ")),
    st.sampled_from(["[a]: b.md", "    code", "<div>\n\n</div>", "---", "", "\t", "```", "a\rb", "x" * 20_001]),
)
NOTE = st.lists(PIECE, max_size=14).map("\n\n".join)
FREE = st.text(alphabet="ab#-*>|`~=_ \n\t\r[]():.1", max_size=400)


@given(st.one_of(NOTE, FREE))
def test_passages_hold_every_line_that_is_neither_blank_nor_overlong_and_hold_it_once(text: str) -> None:
    lines = text.split("\n")
    found = chunks(text)
    covered = [number for chunk in found for number in range(chunk.start, chunk.end)]
    assert covered == sorted(set(covered))
    assert {number for number, line in enumerate(lines) if line.strip() and len(line) < 20_000} <= set(covered)
    assert all(len(lines[number]) <= MAX_LINE_CHARACTERS for number in covered)
    assert all(lines[chunk.start].strip() and lines[chunk.end - 1].strip() for chunk in found)


@given(NOTE)
def test_no_fence_is_cut_and_no_table_parted_from_its_head(text: str) -> None:
    lines = text.split("\n")
    found = chunks(text)
    for block in READER.read(lines):
        whole = lines[block.start : block.end]
        if any(len(line) >= MAX_LINE_CHARACTERS for line in whole):
            continue
        holding = [chunk for chunk in found if chunk.start < block.end and block.start < chunk.end]
        if block.is_code and sum(len(line) + 1 for line in whole) <= LONGEST_CODE:
            assert len(holding) <= 1
        elif whole[1:2] == ["|---|---|"]:
            assert holding[0].end >= min(block.start + 3, block.end)


@given(NOTE)
def test_a_passage_is_longer_than_it_should_be_only_for_what_is_kept_whole(text: str) -> None:
    lines = text.split("\n")
    blocks = READER.read(lines)
    for chunk in chunks(text):
        inside = [block for block in blocks if chunk.start < block.end and block.start < chunk.end]
        if not any(block.is_code or lines[block.start].startswith(">") for block in inside):
            below = [chunk.start, *(block.end for block in inside if block.level)][-1]
            assert sum(len(line) + 1 for line in lines[below : chunk.end]) <= LONGEST


@given(NOTE)
def test_the_breadcrumb_names_only_headings_above_or_inside(text: str) -> None:
    lines = text.split("\n")
    headings = [block for block in READER.read(lines) if block.level]
    for chunk in chunks(text):
        trail: list[Block] = []
        for heading in (one for one in headings if one.start <= chunk.start):
            trail = [*(one for one in trail if one.level < heading.level), heading]
        inside = [one for one in headings if chunk.start <= one.start < chunk.end]
        assert set(chunk.trail) <= {one.heading for one in (*trail, *inside)}
        assert {one.heading for one in inside} <= set(chunk.headings)
