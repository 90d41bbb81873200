"""What is counted of a call to a model that breaks its JSON."""

import pytest

from benchmarks.breaking import Broken
from benchmarks.simulated import Row
from benchmarks.structured import Tally, count

FENCED = Broken("fence", "```{}```", is_lossless=True)
LOST = Broken("refusal", "no", is_lossless=False)
MENDED = Row("m", "repaired", ("fence",))
VALID = Row("m", "valid", ())
UNREAD = Row("m", "unparsed", ())


def counted(replies: list[Broken | None], rows: list[Row], *, is_right: bool = True, is_served: bool = True) -> Tally:
    tally = Tally()
    count(tally, replies, rows, is_right=is_right, is_served=is_served)
    return tally


def test_a_repaired_reply_counts_for_the_first_call() -> None:
    tally = counted([FENCED, None], [MENDED])
    assert (tally.broken, tally.hopeless, tally.repaired, tally.retried, tally.wrong) == (1, 0, 1, 0, 0)
    assert (tally.first_call, tally.retry_call) == (100.0, 100.0)


def test_a_reply_asked_for_again_counts_after_the_retry_alone() -> None:
    tally = counted([LOST, None], [UNREAD, VALID])
    assert (tally.hopeless, tally.parsed, tally.retried, tally.refused, tally.escalated) == (1, 0, 1, 1, 0)
    assert (tally.first_call, tally.retry_call) == (0.0, 100.0)


def test_what_another_model_served_is_no_success_of_the_first() -> None:
    tally = counted([LOST, LOST], [UNREAD, UNREAD, Row("other", "valid", ())])
    assert (tally.retry_call, tally.escalated, tally.refused, tally.failed) == (0.0, 1, 2, 0)


def test_a_value_that_fits_and_is_not_the_right_one_is_counted_apart() -> None:
    tally = counted([FENCED, None], [MENDED], is_right=False)
    assert (tally.wrong, tally.repaired) == (1, 1)
    assert tally.classes == {("fence", True, "wrong"): 1}


@pytest.mark.parametrize(
    ("reply", "row"),
    [(FENCED, VALID), (FENCED, Row("m", "repaired", ())), (None, MENDED)],
    ids=["not told", "without a name", "made up"],
)
def test_a_ledger_that_does_not_tell_what_happened_is_found_out(reply: Broken | None, row: Row) -> None:
    assert counted([reply], [row]).untold == 1
