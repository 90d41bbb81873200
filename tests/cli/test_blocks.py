import itertools

from hypothesis import given
from hypothesis import strategies as st

from amalfa.cli.blocks import Blocks


def blocks_of(*pieces: str) -> list[str]:
    blocks = Blocks()
    done = [block for piece in pieces for block in blocks.feed(piece)]
    return [*done, *filter(None, [blocks.rest().strip("\n")])]


def test_a_paragraph_is_whole_once_another_begins() -> None:
    blocks = Blocks()
    assert blocks.feed("one\ntwo\n") == []
    assert blocks.feed("\n") == []
    assert blocks.feed("t") == ["one\ntwo"]
    assert blocks.pending == "t"


def test_a_code_fence_is_never_cut() -> None:
    text = "```python\na\n\n# b\n\nc\n```\n\nafter"
    assert blocks_of(text) == ["```python\na\n\n# b\n\nc\n```", "after"]


def test_a_fence_ends_only_with_its_own_marks() -> None:
    assert blocks_of("````\n```\n\nx\n````\n\ny") == ["````\n```\n\nx\n````", "y"]


def test_a_loose_list_stays_together_so_that_its_numbers_go_on() -> None:
    text = "1. a\n\n   more\n\n2. b\n\nend"
    assert blocks_of(text) == ["1. a\n\n   more\n\n2. b", "end"]


def test_a_heading_is_a_block_of_its_own_at_once() -> None:
    blocks = Blocks()
    assert blocks.feed("# Title\n") == ["# Title"]
    assert blocks.feed("text\n## Next\n") == ["text", "## Next"]


def test_a_number_that_may_become_an_item_is_waited_for() -> None:
    blocks = Blocks()
    blocks.feed("1. a\n\n")
    assert blocks.feed("2") == []
    assert blocks.feed("024 was a year\n") == ["1. a"]


@given(st.text(alphabet="ab #-1.`~\n ", max_size=80), st.lists(st.integers(0, 80), max_size=8))
def test_the_blocks_hold_every_line_in_order_however_the_text_is_cut(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
    kept = [line for line in text.split("\n") if line.strip()]
    found = [line for block in blocks_of(*pieces) for line in block.split("\n") if line.strip()]
    assert found == kept
