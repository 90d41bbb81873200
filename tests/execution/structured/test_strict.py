"""Reading JSON strictly: what JSON has, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.errors import BadReply
from amalfa.execution.structured.strict import DEPTH_MAX, REPLY_MAX_BYTES, parse_strictly

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
roots = st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4)


@given(roots)
def test_every_json_document_reads_as_itself(value: object) -> None:
    assert parse_strictly(json.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param('{"a": 1', id="a document cut off"),
        pytest.param('{"a": NaN}', id="NaN"),
        pytest.param('{"a": -Infinity}', id="an infinity"),
        pytest.param('{"a": 1e999}', id="a number that overflows"),
        pytest.param('{"a": 1, "a": 2}', id="a key with two values"),
        pytest.param('{"a": "\\ud800"}', id="half a surrogate pair"),
        pytest.param('{"\\ud800": 1}', id="half a surrogate pair as key"),
        pytest.param("42", id="a number alone"),
        pytest.param("null", id="null alone"),
        pytest.param("I am sorry.", id="an apology"),
        pytest.param("[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1), id="too deep"),
        pytest.param("[" * 100_000, id="deep beyond recursion"),
        pytest.param(json.dumps(["x" * REPLY_MAX_BYTES]), id="too long"),
        pytest.param('{"a": ' + "9" * 5000 + "}", id="a number of 5,000 digits"),
    ],
)
def test_what_json_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(BadReply):
        parse_strictly(text)


def test_an_equal_repeat_of_a_key_is_no_conflict() -> None:
    assert parse_strictly('{"a": 1, "a": 1}') == {"a": 1}
