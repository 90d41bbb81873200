"""Which notes a job takes, and what they add up to."""

import pytest

from amalfa.errors import UsageProblem
from amalfa.jobs.gathering import plain_folder
from amalfa.jobs.outlook import Choice, Foreseen, Outlook


def test_unchanged_notes_do_not_count_against_the_limit() -> None:
    choice = Choice(limit=2)
    assert [choice.take(is_known=known) for known in (True, False, True, False, False)] == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert (choice.count, choice.unchanged, choice.left_out) == (2, 2, 1)


def test_sums_are_over_all_notes_and_side_by_side_calls_take_less_time() -> None:
    outlook = Outlook()
    for _ in range(4):
        outlook.add(Foreseen("openrouter:m", 100, 2.0, 2, 0.001, 0.002))
    assert (outlook.notes, outlook.tokens, outlook.seconds) == (4, 400, 4.0)
    assert (outlook.cost_usd_low, outlook.cost_usd_high, outlook.is_paid) == (0.004, 0.008, True)
    assert (outlook.model, outlook.waiting) == ("openrouter:m", "")


def test_a_price_that_nobody_knows_makes_the_sum_unknown_and_paid() -> None:
    outlook = Outlook()
    outlook.add(Foreseen("a:b", 1, 1.0, 1, 0.1, 0.2))
    outlook.add(Foreseen("a:c", 1, 1.0, 1, None, None))
    outlook.add(Foreseen("a:b", 1, 1.0, 1, 0.1, 0.2))
    assert (outlook.cost_usd_low, outlook.cost_usd_high, outlook.is_paid) == (None, None, True)


def test_what_no_model_serves_now_is_said_and_takes_no_known_time() -> None:
    outlook = Outlook()
    outlook.add(Foreseen("", 10, 0.0, 1, None, None, "ollama:m: it is down"))
    assert (outlook.model, outlook.seconds, outlook.waiting) == (None, None, "ollama:m: it is down")
    assert (outlook.cost_usd_high, outlook.is_paid) == (0.0, False)


@pytest.mark.parametrize(
    ("written", "folder"), [("", ""), (".", ""), ("./a/", "a"), ("a//b", "a/b"), ("a\\b", "a/b"), ("a/./b", "a/b")]
)
def test_a_folder_may_be_written_in_many_ways(written: str, folder: str) -> None:
    assert plain_folder(written) == folder


@pytest.mark.parametrize("written", ["/etc", "..", "a/../../b", "../x"])
def test_a_folder_outside_is_refused(written: str) -> None:
    with pytest.raises(UsageProblem):
        plain_folder(written)
