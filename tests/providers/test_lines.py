"""Lines are the same wherever the network cut them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.errors import UpstreamBroken
from amalfa.providers.lines import LineSplitter

TEXTS = st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), max_size=6)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(TEXTS, ENDS, st.lists(st.integers(min_value=0)))
def test_every_cut_gives_the_same_lines(texts: list[str], end: bytes, cuts: list[int]) -> None:
    splitter = LineSplitter()
    data = b"".join(text.encode() + end for text in texts)
    lines = [line for part in cut(data, cuts) for line in splitter.feed(part)]
    assert lines == texts
    assert splitter.finish() is None


def test_a_blank_line_after_a_cut_crlf_is_kept() -> None:
    splitter = LineSplitter()
    assert [line for part in (b"a\r", b"\n", b"\n", b"b\n") for line in splitter.feed(part)] == ["a", "", "b"]


def test_what_stands_after_the_last_end_is_told_apart() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"whole\nhal") == ["whole"]
    assert splitter.finish() == "hal"


def test_an_unfinished_line_is_refused_as_soon_as_it_is_too_long() -> None:
    splitter = LineSplitter(max_bytes=10)
    splitter.feed(b"12345")
    with pytest.raises(UpstreamBroken):
        splitter.feed(b"678901")


def test_a_finished_line_is_refused_when_it_is_too_long() -> None:
    with pytest.raises(UpstreamBroken):
        LineSplitter(max_bytes=10).feed(b"12345678901\n")


def test_bytes_that_are_no_utf8_are_refused_not_replaced() -> None:
    with pytest.raises(UpstreamBroken):
        LineSplitter().feed(b"\xff\n")
