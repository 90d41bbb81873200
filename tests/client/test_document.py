from hypothesis import given
from hypothesis import strategies as st

from amalfa.client.document import Document, documents

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.text())
def test_any_json_reads_as_something(value: object, key: str) -> None:
    told = Document(value)
    assert isinstance(told.text(key), str)
    assert isinstance(told.flag(key), bool)
    assert told.number(key) is None or isinstance(told.number(key), float)
    assert told.whole(key) is None or isinstance(told.whole(key), int)
    assert all(isinstance(entry, str) for entry in told.texts(key))
    assert all(isinstance(entry, Document) for entry in [*told.items(key), told.item(key), *documents(value)])


def test_fields_of_the_right_type_come_through() -> None:
    told = Document({"a": "x", "b": True, "c": 2, "d": 0.5, "e": {"f": "y"}, "g": [{"h": "z"}, 1], "i": ["p", 1]})
    assert (told.text("a"), told.flag("b"), told.whole("c"), told.number("d")) == ("x", True, 2, 0.5)
    assert told.item("e").text("f") == "y"
    assert [entry.text("h") for entry in told.items("g")] == ["z"]
    assert told.texts("i") == ["p"]


def test_true_is_no_number() -> None:
    told = Document({"n": True})
    assert told.number("n") is None
    assert told.whole("n") is None


def test_a_cost_of_zero_is_not_an_unknown_cost() -> None:
    assert Document({"cost_usd": 0}).number("cost_usd") == 0.0
    assert Document({"cost_usd": None}).number("cost_usd") is None
