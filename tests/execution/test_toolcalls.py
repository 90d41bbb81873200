"""Tool calls put together from their pieces, and how a reply with them is written down."""

import pytest

from amalfa.calls import Finish, Usage
from amalfa.errors import BadReply, Truncated
from amalfa.execution.asking import _gate
from amalfa.execution.ledger import JsonGate
from amalfa.execution.report import Outcome
from amalfa.execution.toolcalls import ToolWishes
from amalfa.messages import ToolCall
from amalfa.providers.provider import Finished, ToolCallDelta


def test_pieces_are_joined_by_number_in_whatever_order_they_come() -> None:
    wishes = ToolWishes()
    for piece in (
        ToolCallDelta(1, "b", "two", ""),
        ToolCallDelta(0, "a", "one", '{"x"'),
        ToolCallDelta(1, arguments="{}"),
        ToolCallDelta(0, arguments=":1}"),
    ):
        wishes.add(piece)
    assert wishes.whole() == (ToolCall("a", "one", '{"x":1}'), ToolCall("b", "two", "{}"))


def test_without_pieces_there_are_no_calls() -> None:
    assert ToolWishes().whole() == ()


@pytest.mark.parametrize(
    ("finish", "repairs", "gate"),
    [("stop", (), "valid"), ("stop", ("fence",), "repaired"), ("length", (), "cut"), ("tool_calls", (), None)],
)
def test_a_reply_that_was_cut_or_waits_for_tools_is_not_counted_as_json(
    finish: Finish, repairs: tuple[str, ...], gate: JsonGate | None
) -> None:
    finished = Finished(Usage(), "m", finish=finish)
    assert _gate(Outcome("{", None, finished, repairs=repairs)) == gate


def test_failures_are_written_down_as_before() -> None:
    assert _gate(Outcome()) is None
    assert _gate(Outcome(error=Truncated("cut"))) == "cut"
    assert _gate(Outcome(error=BadReply("no JSON", gate="parse"))) == "unparsed"
