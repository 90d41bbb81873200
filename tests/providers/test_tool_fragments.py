"""Tool calls put together from whatever fragments an API sends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalfa.execution.toolcalls import ToolWishes
from amalfa.messages import ToolCall
from amalfa.providers.provider import ToolCallDelta
from amalfa.providers.tool_fragments import CALLS_MAX, CallFragments, new_call_id

Fragment = dict[str, object]


def piece(
    arguments: object = None, *, index: int | None = None, name: str | None = None, id: str | None = None
) -> Fragment:
    told = {"index": index, "id": id}
    function = {key: value for key, value in {"name": name, "arguments": arguments}.items() if value is not None}
    return {**{key: value for key, value in told.items() if value is not None}, "function": function}


def heard(*events: list[Fragment]) -> list[ToolCallDelta]:
    calls = CallFragments()
    pieces = [found for fragments in events for found in calls.take(fragments)]
    return [*pieces, *calls.end()]


def joined(*events: list[Fragment]) -> tuple[ToolCall, ...]:
    wishes = ToolWishes()
    for delta in heard(*events):
        wishes.add(delta)
    return wishes.whole()


def test_arguments_that_come_bit_by_bit_are_joined_by_their_index() -> None:
    events = [
        [piece("", index=0, name="one", id="a")],
        [piece("", index=1, name="two", id="b")],
        [piece('{"x":', index=0), piece('{"y":', index=1)],
        [piece("1}", index=0), piece("2}", index=1)],
        [piece(" \n", index=1)],
    ]
    assert joined(*events) == (ToolCall("a", "one", '{"x":1}'), ToolCall("b", "two", '{"y":2} \n'))


def test_the_first_piece_of_a_call_has_its_id_and_name_and_no_other_has() -> None:
    told = heard([piece("", index=0, name="one", id="a")], [piece("{}", index=0, name="one", id="a")])
    assert told == [ToolCallDelta(0, "a", "one", ""), ToolCallDelta(0, arguments="{}")]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [[piece('{"x":1}', index=0, name="f", id="a")], [piece('{"x":2}', index=0, name="g", id="b")]],
            id="one index",
        ),
        pytest.param(
            [[piece('{"x":1}', index=0, name="f"), piece('{"x":2}', index=0, name="g")]], id="one index, no ids"
        ),
        pytest.param([[piece('{"x":1}', name="f", id="a"), piece('{"x":2}', name="g", id="b")]], id="no index"),
        pytest.param([[piece({"x": 1}, name="f"), piece({"x": 2}, name="g")]], id="objects"),
        pytest.param(
            [[piece('{"x":', name="f", id="a")], [piece("1}")], [piece('{"x":2}', name="g", id="b")]],
            id="no index, bit by bit",
        ),
    ],
)
def test_calls_are_told_apart_however_they_are_numbered(events: list[list[Fragment]]) -> None:
    found = joined(*events)
    assert [(call.name, json.loads(call.arguments)) for call in found] == [("f", {"x": 1}), ("g", {"x": 2})]
    assert len({call.id for call in found}) == 2
    assert all(found)


def test_a_call_without_an_id_gets_one_that_nobody_else_has() -> None:
    (call,) = joined([piece("{}", index=0, name="f")])
    assert call.id.startswith("call_")
    assert call.id != new_call_id()


def test_a_call_without_arguments_has_none_as_an_object() -> None:
    assert joined([piece(index=0, name="f", id="a")]) == (ToolCall("a", "f", "{}"),)


def test_arguments_wait_for_the_name() -> None:
    assert heard([piece('{"x":', index=0, id="a")], [piece("1}", index=0, name="f")]) == [
        ToolCallDelta(0, "a", "f", '{"x":1}')
    ]


def test_a_call_that_is_never_named_is_told_to_nobody() -> None:
    calls = CallFragments()
    assert list(calls.take([piece("{}", index=0, id="a")])) == []
    assert calls.has_calls
    assert not calls.are_named


def test_there_is_an_end_to_the_number_of_calls() -> None:
    assert len(joined([piece("{}", name=f"f{number}") for number in range(CALLS_MAX + 5)])) == CALLS_MAX


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda some: (
        st.lists(some, max_size=2)
        | st.dictionaries(st.sampled_from(["index", "id", "function", "name", "arguments"]), some, max_size=4)
    ),
)


@given(
    st.lists(
        st.lists(st.dictionaries(st.sampled_from(["index", "id", "type", "function"]), anything), max_size=3),
        max_size=5,
    )
)
def test_no_fragment_breaks_the_reader_and_every_call_begins_with_its_name(events: list[list[Fragment]]) -> None:
    begun: set[int] = set()
    for delta in heard(*events):
        assert (delta.index in begun) == (not delta.name)
        assert delta.index in begun or delta.id
        begun.add(delta.index)
