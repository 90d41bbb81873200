"""JSON of strangers is read without assumptions and without crashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.providers.untrusted_json import (
    count_at,
    number_at,
    object_at,
    objects_at,
    parse_object,
    text_at,
)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "1", '"x"', "{", "[" * 100_000, '{"a":' + "9" * 5000 + "}", b"\xff\xfe{", b'{"a":"\xff"}'],
)
def test_whatever_is_no_object_is_none(text: str | bytes) -> None:
    assert parse_object(text) is None


@given(st.binary())
def test_no_bytes_can_crash_it(data: bytes) -> None:
    parse_object(data)


def test_members_of_the_wrong_type_are_absent() -> None:
    holder = {"object": [], "objects": {"a": 1}, "text": 5, "count": "3", "true": True, "minus": -1}
    assert object_at(holder, "object") == {}
    assert list(objects_at(holder, "objects")) == []
    assert text_at(holder, "text") == ""
    assert [count_at(holder, key) for key in ("count", "true", "minus", "none")] == [None, None, None, None]


def test_a_list_keeps_its_objects_only() -> None:
    assert objects_at({"choices": [None, {"a": 1}, "x"]}, "choices") == [{"a": 1}]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0.0),
        (0.25, 0.25),
        ("0.5", 0.5),
        (-1, None),
        ("-1", None),
        (float("nan"), None),
        ("inf", None),
        (True, None),
        ("x", None),
        ([], None),
        (10**400, None),
    ],
)
def test_numbers_are_finite_and_not_negative(value: object, number: float | None) -> None:
    assert number_at({"cost": value}, "cost") == number
