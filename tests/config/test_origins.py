import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.config.origins import DEFAULT, Origin, empty, merge, sourced_at, sourced_value
from amalfa.errors import Problem

TREES = st.recursive(
    st.none() | st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)
LOW, HIGH = Origin("user", "u", 1), Origin("project", "p", 2)


@given(OBJECTS, OBJECTS)
def test_the_stronger_source_wins_key_by_key_and_each_value_knows_who_set_it(low: dict, high: dict) -> None:  # type: ignore[type-arg]
    merged = merge(sourced_value(low, LOW), sourced_value(high, HIGH))
    for key in {*low, *high}:
        if isinstance(low.get(key), dict) and isinstance(high.get(key), dict):
            assert set(merged.plain[key]) == {*low[key], *high[key]}  # type: ignore[index,call-overload]
        else:
            assert merged.plain[key] == (high if key in high else low)[key]  # type: ignore[index,call-overload]
            assert merged.origin_of((key,)) == (HIGH if key in high else LOW)


@given(OBJECTS)
def test_nothing_laid_over_changes_nothing(tree: dict) -> None:  # type: ignore[type-arg]
    sourced = sourced_value(tree, LOW)
    assert merge(sourced, empty()).plain == tree
    assert merge(empty(), sourced).plain == tree


def test_a_list_is_replaced_as_a_whole() -> None:
    assert merge(sourced_value({"a": [1, 2]}, LOW), sourced_value({"a": [3]}, HIGH)).plain == {"a": [3]}


def test_an_object_says_nothing_of_keys_it_leaves_out_but_a_short_form_stands_for_all_of_them() -> None:
    sourced = sourced_value({"cache": False, "cloud": {"enabled": True}}, LOW)
    assert sourced.origin_of(("cache", "enabled")) == LOW
    assert sourced.origin_of(("cloud", "model")) == DEFAULT
    assert sourced.place_of(("cloud", "model")) == LOW


def test_a_key_can_be_left_out() -> None:
    sourced = sourced_value({"a": {"b": 1, "c": 2}}, LOW)
    assert sourced.without(("a", "b")).plain == {"a": {"c": 2}}
    assert sourced.without(("a", "x", "y")).plain == sourced.plain


def test_a_path_through_a_list_cannot_be_set_alone() -> None:
    with pytest.raises(ValueError, match="as a whole"):
        sourced_at(("a", 0), 1, LOW)


@pytest.mark.parametrize(
    ("origin", "shown", "problem"),
    [
        (DEFAULT, "default", Problem("", None, "m")),
        (Origin("command"), "command", Problem("command line", None, "m")),
        (Origin("environment", name="N"), "environment N", Problem("environment", None, "N: m")),
        (Origin("dotenv", "/p/.env", 3, "N"), "/p/.env:3 N", Problem("/p/.env", 3, "N: m")),
        (Origin("project", "/p/c", 4), "/p/c:4", Problem("/p/c", 4, "m")),
    ],
)
def test_an_origin_says_where_it_is(origin: Origin, shown: str, problem: Problem) -> None:
    assert str(origin) == shown
    assert origin.problem("m") == problem
