import pytest

from amalfa.calls import Passage
from benchmarks.figures import percentile, spread
from benchmarks.grading import Refusals, grade, mean, refusals
from benchmarks.world.question import Gold, Question, Span


def passage(path: str, start: int, end: int) -> Passage:
    return Passage(path, start, end, "", "")


TWO_HOPS = Question(
    "q", "multi-hop", "?", (Gold((Span("a.md", 3),), "x"), Gold((Span("b.md", 5), Span("twin.md", 5)), "y"))
)
NO_ANSWER = Question("u", "unanswerable", "?")


def test_recall_counts_golds_and_any_of_their_lines_will_do() -> None:
    graded = grade(
        TWO_HOPS, [passage("a.md", 1, 3), passage("c.md", 1, 9), passage("twin.md", 5, 6)], refused=False, ms=1
    )
    assert graded.recall == {1: 0.5, 5: 1.0}
    assert graded.reciprocal_rank == pytest.approx(1 / 3)


def test_a_passage_that_stops_before_the_line_does_not_hold_it() -> None:
    graded = grade(TWO_HOPS, [passage("a.md", 1, 2), passage("b.md", 6, 9)], refused=False, ms=1)
    assert (graded.recall[5], graded.reciprocal_rank) == (0.0, 0.0)


def test_refusals_are_judged_both_ways() -> None:
    assert refusals([(NO_ANSWER, True), (NO_ANSWER, False), (TWO_HOPS, True), (TWO_HOPS, False)]) == Refusals(0.5, 0.5)
    assert refusals([(TWO_HOPS, False)]) == Refusals(None, None)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [5.0, 1.0, 3.0, 2.0, 4.0]
    assert [percentile(values, percent) for percent in (0, 50, 95, 100)] == [1.0, 3.0, 5.0, 5.0]
    assert spread(values).median == 3.0
    assert mean([]) is None
