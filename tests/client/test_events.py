import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.client.events import MAX_EVENT_BYTES, EventTooLarge, read_events

PLAIN = (
    b'event: phase\ndata: {"text":"searching"}\n\n: ping\n\n'
    b"event: delta\ndata: caf\xc3\xa9\ndata: two\n\nevent: done\ndata: {}\n\n"
)
MEANING = [("phase", '{"text":"searching"}'), ("delta", "caf\u00e9\ntwo"), ("done", "{}")]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(st.lists(st.integers(min_value=0)), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_events_read_the_same_wherever_the_stream_is_cut(places: list[int], line_end: bytes) -> None:
    assert list(read_events(cut(PLAIN.replace(b"\n", line_end), places))) == MEANING


@given(st.lists(st.binary()))
def test_noise_never_breaks_the_reader(pieces: list[bytes]) -> None:
    for name, data in read_events(pieces):
        assert isinstance(name, str)
        assert isinstance(data, str)


def test_an_event_is_handed_out_before_the_next_one_arrives() -> None:
    def slowly() -> Iterable[bytes]:
        yield b"event: a\ndata: 1\n\n"
        raise AssertionError("the first event was held back")

    assert next(iter(read_events(slowly()))) == ("a", "1")


def test_an_event_cut_off_by_the_end_is_dropped() -> None:
    assert list(read_events([b"data: whole\n\ndata: half\n"])) == [("message", "whole")]


def test_an_endless_line_is_given_up() -> None:
    with pytest.raises(EventTooLarge):
        list(read_events(b"x" * 65536 for _ in range(MAX_EVENT_BYTES // 65536 + 2)))


def test_an_event_of_endless_lines_is_given_up() -> None:
    line = b"data: " + b"x" * 65530 + b"\n"
    with pytest.raises(EventTooLarge):
        list(read_events(line for _ in range(MAX_EVENT_BYTES // 65536 + 2)))
