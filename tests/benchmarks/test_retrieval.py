"""The benchmark itself, on a small vault. The floors are below what is measured, and above what guessing gives."""

import pytest

from benchmarks.grading import mean, refusals
from benchmarks.retrieval import Run, measure, report_of
from benchmarks.vault import make_vault

NOTES, QUESTIONS, SEED = 100, 40, 7


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def outcome(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return await measure(make_vault(NOTES, SEED, QUESTIONS), tmp_path_factory.mktemp("vault"))


def recall(outcome: Run, engine: str, k: int) -> float:
    return mean(one.recall[k] for one in outcome.graded[engine] if one.question.is_answerable) or 0.0


async def test_answers_are_among_the_first_five_passages(outcome: Run) -> None:
    assert recall(outcome, "amalfa", 5) >= 0.9


async def test_it_finds_more_than_counting_words_and_bare_bm25_do(outcome: Run) -> None:
    for k in (1, 5):
        assert recall(outcome, "amalfa", k) > max(recall(outcome, "bm25", k), recall(outcome, "grep", k))


async def test_the_baselines_are_no_straw_men(outcome: Run) -> None:
    assert min(recall(outcome, "bm25", 5), recall(outcome, "grep", 5)) >= 0.6
    ours, theirs = outcome.passage_characters["amalfa"], outcome.passage_characters["bm25"]
    assert ours <= 1.5 * theirs


async def test_most_of_what_the_notes_do_not_say_is_refused(outcome: Run) -> None:
    recalled = refusals((one.question, one.refused) for one in outcome.answered).recall
    assert recalled is not None
    assert recalled >= 0.75


async def test_most_questions_are_answered_and_hardly_one_wrongly(outcome: Run) -> None:
    asked = [one for one in outcome.answered if one.question.is_answerable]
    answered = [one for one in asked if not one.refused]
    assert sum(one.is_right for one in asked) >= 0.5 * len(asked)
    assert sum(one.is_right for one in answered) >= 0.8 * len(answered)


async def test_every_quote_of_the_embedded_engine_is_borne_out_by_the_notes(outcome: Run) -> None:
    assert sum(one.quotes for one in outcome.answered) >= 20
    assert sum(one.verified for one in outcome.answered) == sum(one.quotes for one in outcome.answered)


async def test_an_answer_that_moved_is_found_where_it_is_now(outcome: Run) -> None:
    assert outcome.moved == 1.0


async def test_the_report_has_a_row_for_each_engine_and_names_what_was_missed(outcome: Run) -> None:
    report = report_of(outcome, {"notes": NOTES})
    search = report.tables[0]
    assert [row[0] for row in search.rows] == ["amalfa", "bm25", "grep"]
    assert isinstance(report.figures["missed"], list)
    assert len(report.figures["answers"]) == QUESTIONS  # type: ignore[arg-type]  # figures are plain JSON values
