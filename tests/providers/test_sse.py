"""Events are the same wherever the network cut them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.errors import UpstreamBroken
from amalfa.providers.sse import SseEvent, SseParser
from tests.providers.test_lines import cut

LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
EVENTS = st.lists(st.lists(LINE, min_size=1, max_size=3), max_size=5)


def parse(data: bytes, cuts: list[int] | None = None) -> list[SseEvent]:
    parser = SseParser()
    return [event for part in cut(data, cuts or []) for event in parser.feed(part)]


@given(EVENTS, st.lists(st.integers(min_value=0)), st.sampled_from(["\n", "\r\n", "\r"]))
def test_every_cut_gives_the_same_events(events: list[list[str]], cuts: list[int], end: str) -> None:
    text = "".join(
        f": OPENROUTER PROCESSING{end}{end}" + "".join(f"data: {line}{end}" for line in lines) + end for lines in events
    )
    assert parse(text.encode(), cuts) == [SseEvent("", "\n".join(lines)) for lines in events]


def test_a_comment_with_its_blank_line_is_no_event() -> None:
    assert parse(b": OPENROUTER PROCESSING\n\n: \n\n:\n\n\n\n") == []


def test_names_and_other_fields_are_read_or_ignored() -> None:
    assert parse(b"id: 7\nretry: 10\nevent: delta\ndata: x\n\ndata:y\n\n") == [
        SseEvent("delta", "x"),
        SseEvent("", "y"),
    ]


def test_a_mark_of_byte_order_at_the_start_is_dropped() -> None:
    assert parse(b"\xef\xbb\xbfdata: x\n\n") == [SseEvent("", "x")]


def test_only_one_blank_after_the_colon_belongs_to_the_format() -> None:
    assert parse(b"data:  x\n\n") == [SseEvent("", " x")]


@pytest.mark.parametrize("ending", [b"data: [DONE]", b"data: [DONE]\n"])
def test_a_last_event_without_its_blank_line_is_told_at_the_end(ending: bytes) -> None:
    parser = SseParser()
    assert parser.feed(b"data: 1\n\n" + ending) == [SseEvent("", "1")]
    assert parser.finish() == [SseEvent("", "[DONE]")]
    assert parser.finish() == []


def test_an_event_of_many_short_lines_is_bounded_too() -> None:
    parser = SseParser(max_bytes=100)
    with pytest.raises(UpstreamBroken):
        parser.feed(b"data: 0123456789\n" * 20)
