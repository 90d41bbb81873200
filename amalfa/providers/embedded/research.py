"""Plans the next step of a search: whether the passages suffice, and which queries would find what they lack."""

from typing import TypedDict

from amalfa.calls import Material
from amalfa.providers.embedded.analyze import distinct_phrases
from amalfa.providers.embedded.answer import choose
from amalfa.providers.embedded.question import read_question
from amalfa.providers.embedded.steps import links_of
from amalfa.providers.embedded.surface import names_in, words_in
from amalfa.providers.embedded.terms import fold, stem

QUERIES_MOST = 3


class Step(TypedDict):
    """`enough` goes with no queries; no queries without `enough` means that searching on is no use."""

    queries: list[str]
    enough: bool


def next_step(material: Material) -> Step:
    """Follow the links of the best pieces towards what is still missing, else search for the missing words."""
    question = read_question(material.question, material.other_words)
    extract = choose(question, material.passages)
    if extract.pieces and not extract.missing:
        return {"queries": [], "enough": True}
    missing = [word for word in words_in(material.question) if stem(fold(word)) in extract.missing]
    seen = {fold(passage.title) for passage in material.passages}
    targets = [
        target
        for piece in extract.pieces
        for target in links_of(piece.unit.text)
        if fold(target.rsplit("/", 1)[-1]) not in seen
    ]
    names = names_in(material.question, most=3)
    offers = [f"{target.rsplit('/', 1)[-1]} {' '.join(missing)}".strip() for target in targets]
    offers += [" ".join([*names, *missing]), " ".join(missing), " ".join(words_in(material.question))]
    asked = fold(material.question).strip(" ?!.")
    queries = [offer for offer in distinct_phrases(offers) if fold(offer) != asked][:QUERIES_MOST]
    return {"queries": queries, "enough": False}
