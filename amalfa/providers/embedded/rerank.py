"""Orders candidate texts by their match with a query: BM25 among them, joined with how much of it each covers."""

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from amalfa.calls import Material
from amalfa.providers.embedded.terms import asked_terms, rarity, synonyms_of, telling, terms_of

# The usual BM25 constants: how fast repeats stop counting, and how much length is held against a text.
SATURATION = 1.2
LENGTH_SHARE = 0.75

COVERAGE_SHARE = 0.75
"""How much of a relevance is coverage of the query, which compares across queries; the rest is BM25's order."""

SYNONYM = 0.5


class Ranked(TypedDict):
    id: str
    relevance: float
    reason: str


class Ranking(TypedDict):
    results: list[Ranked]


def rank(material: Material) -> Ranking:
    """Every document once, most relevant first; equals keep the order they came in."""
    documents = dict(material.documents)
    wanted = telling(asked_terms(material.question))
    counted = {name: Counter(terms_of(text)) for name, text in documents.items()}
    weights = rarity(frozenset(counts) for counts in counted.values())
    usual = sum(weights.values()) / len(weights) if weights else 1.0
    asked = {term: weights.get(term, usual) for term in wanted}
    average = sum(counts.total() for counts in counted.values()) / (len(counted) or 1) or 1.0
    matched = {name: _bm25(counts, asked, average) for name, counts in counted.items()}
    best = max(matched.values(), default=0.0) or 1.0
    results: list[Ranked] = [
        {
            "id": name,
            "relevance": round(
                COVERAGE_SHARE * _covered(counts, asked) + (1 - COVERAGE_SHARE) * matched[name] / best, 3
            ),
            "reason": _reason(counts, wanted),
        }
        for name, counts in counted.items()
    ]
    return {"results": sorted(results, key=lambda one: -one["relevance"])}


def _bm25(counts: Counter[str], asked: dict[str, float], average: float) -> float:
    length = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * counts.total() / average)
    return sum(
        weight * counts[term] * (SATURATION + 1) / (counts[term] + length)
        for term, weight in asked.items()
        if counts[term]
    )


def _covered(counts: Counter[str], asked: dict[str, float]) -> float:
    held = sum(weight * (1.0 if counts[term] else _by_synonym(counts, term)) for term, weight in asked.items())
    return held / (sum(asked.values()) or 1.0)


def _by_synonym(counts: Counter[str], term: str) -> float:
    return SYNONYM if any(counts[other] for other in synonyms_of(term)) else 0.0


def _reason(counts: Counter[str], wanted: Sequence[str]) -> str:
    held = [term for term in wanted if counts[term]]
    return f"shares {', '.join(held[:8])}" if held else "no word in common"
