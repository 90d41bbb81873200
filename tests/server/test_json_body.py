"""What counts as a JSON body, against the standard library and against generated values."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.errors import UsageProblem
from amalfa.server.json_body import MAX_DEPTH, check_json

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
)


@given(_VALUES, st.booleans())
def test_every_json_value_passes_however_it_is_escaped(value: object, is_ascii: bool) -> None:
    check_json(json.dumps(value, ensure_ascii=is_ascii).encode())


@given(st.binary(max_size=200))
def test_any_bytes_pass_or_are_refused_with_an_offset_inside(body: bytes) -> None:
    try:
        check_json(body)
    except UsageProblem as problem:
        offset = int(problem.message.rpartition("byte ")[2].rstrip("."))
        assert 0 <= offset <= len(body)
    else:
        json.loads(body.decode())


@given(_VALUES)
def test_every_beginning_of_an_object_is_refused(value: object) -> None:
    body = json.dumps({"key": value}).encode()
    for length in range(0, len(body), 7):
        with pytest.raises(UsageProblem):
            check_json(body[:length])


def test_depth_is_counted_at_its_limit() -> None:
    check_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    check_json(json.dumps("[" * 1000).encode())
    check_json(b"[" + b",".join([b"[{}]"] * 1000) + b"]")
    with pytest.raises(UsageProblem, match="deeper than 64"):
        check_json(b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1))


@pytest.mark.parametrize("body", [rb'"\ud83d\ude00"', rb'"\\ud800"', rb'"\\\\ud800"', rb'"\n\ud83d\ude00"'])
def test_whole_pairs_and_escaped_backslashes_are_no_surrogates(body: bytes) -> None:
    check_json(body)


@pytest.mark.parametrize(
    ("body", "offset"),
    [(rb'"\ude00"', 1), (rb'"\ud83d\ud83d\ude00"', 1), (rb'"\\\ud800"', 3), (rb'["a", "\uDBFF"]', 7)],
)
def test_a_lone_half_is_found_where_it_stands(body: bytes, offset: int) -> None:
    with pytest.raises(UsageProblem, match=f"at byte {offset}\\."):
        check_json(body)


@pytest.mark.parametrize(
    "body", [b"[" * 1_000_000, b'{"a":' * 200_000, b"9" * 1_000_000, b'"' + b"\\" * 999_999, b"[" + b"1e400," * 100_000]
)
def test_hostile_bodies_are_refused_at_once(body: bytes) -> None:
    """F12: 50 ms in the daemon; the limit here leaves room for a busy machine."""
    began_s = time.perf_counter()
    with pytest.raises(UsageProblem):
        check_json(body)
    assert time.perf_counter() - began_s < 0.5
