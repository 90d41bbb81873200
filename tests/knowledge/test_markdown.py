"""The blocks of a Markdown text and their lines."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.knowledge.markdown import Block, BlockReader, plain, without_code_spans


def blocks(text: str, first: int = 0) -> list[Block]:
    return BlockReader().read(text.split("\n"), first)


def headings(text: str) -> list[tuple[int, str]]:
    return [(block.level, block.heading) for block in blocks(text) if block.level]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("# One", [(1, "One")], id="a heading"),
        pytest.param("###### Six", [(6, "Six")], id="of the sixth level"),
        pytest.param("####### Seven", [], id="there is no seventh"),
        pytest.param("#One", [], id="a tag is no heading"),
        pytest.param("# One #", [(1, "One")], id="closing hashes"),
        pytest.param("#", [(1, "")], id="an empty heading"),
        pytest.param("   # One", [(1, "One")], id="three spaces"),
        pytest.param("    # One", [], id="four spaces are code"),
        pytest.param("One\n===", [(1, "One")], id="underlined twice"),
        pytest.param("Two\n---", [(2, "Two")], id="underlined once"),
        pytest.param("Two\nlines\n---", [(2, "Two lines")], id="two lines underlined"),
        pytest.param("text\n\n---\n\ntext", [], id="a rule is no underline"),
        pytest.param("```\n# One\n```", [], id="in a fence"),
        pytest.param("~~~~\n```\n# One\n~~~\n# Two\n~~~~\n# Three", [(1, "Three")], id="in a fence of tildes"),
        pytest.param("```\n# One", [], id="in a fence that is never closed"),
        pytest.param("    # One\n    Two\n    ---", [], id="in indented code"),
        pytest.param("<!--\n# One\n-->", [], id="in a comment"),
        pytest.param("<pre>\n# One\n\n# Two\n</pre>", [], id="in raw HTML"),
        pytest.param("- item\n\n  # One", [], id="inside a list item it heads nothing"),
        pytest.param("> # One", [], id="nor inside a quotation"),
        pytest.param("# **Bold** `code` [link](x.md) ![alt](y.png)", [(1, "Bold code link alt")], id="marks"),
        pytest.param("# [[Note|Label]] and [[Other]]", [(1, "Label and Other")], id="wikilinks"),
        pytest.param("# snake_case and _emphasis_", [(1, "snake_case and emphasis")], id="underscores"),
        pytest.param("# 東京 é", [(1, "東京 é")], id="any script"),
    ],
)
def test_headings_are_what_a_reader_sees(text: str, expected: list[tuple[int, str]]) -> None:
    assert headings(text) == expected


def test_blocks_name_their_lines() -> None:
    text = (
        "# One\n\ntext\nmore\n\n```sh\ncode\n```\n\n- a\n- b\n\n| x | y |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\nTwo\n---"
    )
    assert blocks(text) == [
        Block(0, 1, level=1, heading="One"),
        Block(2, 4, cuts=(3,)),
        Block(5, 8, is_code=True),
        Block(9, 12, cuts=(10,)),
        Block(12, 16, cuts=(15,)),
        Block(17, 19, level=2, heading="Two"),
    ]


def test_line_numbers_count_from_the_top_of_the_file() -> None:
    assert blocks("---\na: b\n---\n# One\n\ntext\nmore", first=3) == [
        Block(3, 4, level=1, heading="One"),
        Block(5, 7, cuts=(6,)),
    ]


def test_front_matter_that_is_skipped_is_no_heading() -> None:
    assert [block.level for block in blocks("---\na: b\n---\ntext", first=3)] == [0]


def test_odd_characters_shift_no_line_number() -> None:
    assert blocks("a\rb\n\n# One\x0c\u2028\x85\n\ntext\0")[1].start == 2
    assert blocks("\r\r\n# One")[-1].start == 1


def test_code_is_marked_and_has_no_cuts() -> None:
    for text in ("```\na\n\nb\n```", "    a\n\n    b", "<div>\na\n</div>"):
        (block,) = blocks(text)
        assert block.is_code
        assert block.cuts == ()


def test_a_list_may_be_cut_before_its_items_only() -> None:
    (block,) = blocks("- one\n  goes on\n- two\n  - inner\n- three\n\n  ```\n  code\n  ```")
    assert block.cuts == (2, 3, 4)


def test_code_inside_a_list_item_has_no_cut() -> None:
    (block,) = blocks("- one\n\n  ```\n  code\n\n  code\n  ```\n\n- two")
    assert not set(block.cuts) & {3, 4, 5, 6}
    assert 8 in block.cuts


def test_a_table_keeps_its_head_with_its_first_row() -> None:
    (block,) = blocks("| x | y |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |")
    assert block.cuts == (3, 4)


def test_a_quotation_may_be_cut_between_its_paragraphs() -> None:
    (block,) = blocks("> one\n> goes on\n>\n> two")
    assert block.cuts == (3,)


def test_a_reader_may_be_used_for_many_notes() -> None:
    reader = BlockReader()
    reader.read(["[a]: b", "# One", "```"])
    assert reader.read(["# Two", "[a]"]) == [Block(0, 1, level=1, heading="Two"), Block(1, 2)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("**bold** and *it* and ~~gone~~", "bold and it and gone"),
        ("`code`", "code"),
        ("[text](https://x.y/z) here", "text here"),
        ("![picture](a.png)", "picture"),
        ("[[Note]] [[Note|Label]] ![[embed]]", "Note Label embed"),
        ("snake_case stays, _this_ goes", "snake_case stays, this goes"),
        ("  much \t space  ", "much space"),
        ("2 * 3", "2 3"),
        ("[not a link]", "[not a link]"),
    ],
)
def test_inline_marks_are_taken_off(text: str, expected: str) -> None:
    assert plain(text) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a `b` c", "a     c"),
        ("a ``b ` c`` d", "a           d"),
        ("`a` and `b`", "    and    "),
        ("no `end", "no `end"),
        ("```", "```"),
        ("", ""),
    ],
)
def test_code_spans_are_blanked_and_nothing_moves(line: str, expected: str) -> None:
    assert without_code_spans(line) == expected


@given(st.text(alphabet="`ab[]#| ", max_size=30))
def test_blanking_keeps_the_length_and_all_that_is_not_code(line: str) -> None:
    blanked = without_code_spans(line)
    assert len(blanked) == len(line)
    assert all(after in (before, " ") for before, after in zip(line, blanked, strict=True))


def test_a_heading_of_brackets_costs_no_more_than_it_is_long() -> None:
    began_s = time.thread_time()
    plain("[" * 8_000)
    assert time.thread_time() - began_s < 0.2


MARKDOWNISH = st.text(alphabet="#`~-*+>|=_ \t\n\r[]()<!ab1.:\\", max_size=80)


@given(MARKDOWNISH)
def test_blocks_of_any_text_stand_in_order_and_do_not_overlap(text: str) -> None:
    lines = text.split("\n")
    reached = 0
    for block in BlockReader().read(lines):
        assert reached <= block.start < block.end <= len(lines)
        assert all(block.start < cut < block.end for cut in block.cuts)
        assert list(block.cuts) == sorted(set(block.cuts))
        reached = block.end
