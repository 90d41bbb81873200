"""Records are the same wherever the network cut them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.errors import UpstreamBroken
from amalfa.providers.ndjson import NdjsonParser
from tests.providers.test_lines import cut

VALUES = st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-1000, 1000) | st.none()
RECORDS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=6)


@given(RECORDS, st.lists(st.integers(min_value=0)), st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_every_cut_gives_the_same_records(
    records: list[dict[str, object]], cuts: list[int], is_escaped: bool, end: str
) -> None:
    data = "".join(json.dumps(record, ensure_ascii=is_escaped) + end for record in records).encode(errors="replace")
    parser = NdjsonParser()
    found = [record for part in cut(data, cuts) for record in parser.feed(part)]
    assert found == [json.loads(line) for line in data.decode().split(end) if line]
    assert parser.finish() == []


def test_a_last_record_without_its_line_end_counts() -> None:
    parser = NdjsonParser()
    assert parser.feed(b'{"a":1}\n{"done":true}') == [{"a": 1}]
    assert parser.finish() == [{"done": True}]


def test_a_record_that_was_cut_is_none() -> None:
    parser = NdjsonParser()
    parser.feed(b'{"done":tr')
    assert parser.finish() == []


@pytest.mark.parametrize("line", [b"[1]\n", b"hello\n", b'"text"\n', b"<html>\n", b"{" * 5000 + b"\n"])
def test_a_line_that_is_no_object_is_refused_without_being_quoted(line: bytes) -> None:
    with pytest.raises(UpstreamBroken) as caught:
        NdjsonParser().feed(line)
    assert line.decode().strip() not in caught.value.message
