"""Merges two rankings of passages into one, and leaves repeated texts out. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from amalfa.knowledge.rank import Scored

RRF_K = 60
"""The constant of reciprocal rank fusion; larger values make the places of the two lists count more evenly."""


def fused(ranked: Sequence[Scored], by_meaning: Sequence[int], only_by_meaning: Collection[int]) -> list[Scored]:
    """Order by the sum of 1 / (60 + place) over the ranking by words and the one by meaning.

    `ranked` holds the passages of both; those in `only_by_meaning` have no place among the words. Without
    anything by meaning the order stays as it is.
    """
    if not by_meaning:
        return list(ranked)
    near = {passage_id: 1 / (RRF_K + place) for place, passage_id in enumerate(by_meaning)}
    by_words = [scored for scored in ranked if scored.candidate.id not in only_by_meaning]
    said = {scored.candidate.id: 1 / (RRF_K + place) for place, scored in enumerate(by_words)}
    both = [
        replace(scored, score=said.get(scored.candidate.id, 0.0) + near.get(scored.candidate.id, 0.0))
        for scored in ranked
    ]
    return sorted(both, key=lambda scored: -scored.score)


def without_repeats(ranked: Sequence[Scored]) -> list[Scored]:
    """The passages without those whose text, case and blanks aside, was there before."""
    seen: set[str] = set()
    kept: list[Scored] = []
    for scored in ranked:
        words = " ".join(scored.candidate.text.lower().split())
        if words not in seen:
            seen.add(words)
            kept.append(scored)
    return kept
