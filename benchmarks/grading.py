"""Grades what a search and an answerer brought against the gold lines. Pure counting."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from amalfa.calls import Passage
from benchmarks.world.question import Gold, Question, Span


@dataclass(frozen=True, slots=True)
class Graded:
    """One question's outcome. `refused` None = this engine never refuses; `recall` gives the share of golds by k."""

    question: Question
    recall: dict[int, float]
    reciprocal_rank: float
    refused: bool | None
    ms: float


def grade(
    question: Question, passages: Sequence[Passage], *, refused: bool | None, ms: float, at: Sequence[int] = (1, 5)
) -> Graded:
    recall = {k: _found(question.golds, passages[:k]) for k in at}
    return Graded(question, recall, _reciprocal_rank(question, passages), refused, ms)


def _found(golds: Sequence[Gold], passages: Sequence[Passage]) -> float:
    if not golds:
        return 0.0
    return sum(any(holds(passage, gold) for passage in passages) for gold in golds) / len(golds)


def _reciprocal_rank(question: Question, passages: Sequence[Passage]) -> float:
    """One by the rank of the first passage that holds the answer itself, the last gold."""
    if not question.golds:
        return 0.0
    ranks = (rank for rank, passage in enumerate(passages, start=1) if holds(passage, question.golds[-1]))
    return 1 / next(ranks, float("inf"))


def holds(passage: Passage, gold: Gold) -> bool:
    return any(covers(span, passage.path, passage.start_line, passage.end_line) for span in gold.spans)


def covers(span: Span, path: str, start_line: int, end_line: int) -> bool:
    return path == span.path and start_line <= span.line <= end_line


@dataclass(frozen=True, slots=True)
class Refusals:
    """`precision`: how many of the refused had no answer; `recall`: how many of those without were refused."""

    precision: float | None
    recall: float | None


def refusals(outcomes: Iterable[tuple[Question, bool]]) -> Refusals:
    pairs = list(outcomes)
    right = sum(refused and not question.is_answerable for question, refused in pairs)
    refused_count = sum(refused for _, refused in pairs)
    without = sum(not question.is_answerable for question, _ in pairs)
    return Refusals(right / refused_count if refused_count else None, right / without if without else None)


def mean(values: Iterable[float]) -> float | None:
    """None for nothing at all."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else None
