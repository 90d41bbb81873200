"""Chooses what to quote for a question that does not use the words of the notes, as in everyday talk. Rates nothing."""

import re
from collections.abc import Sequence

from amalfa.providers.embedded.kinds import fits_kind, gives_a_value
from amalfa.providers.embedded.naming import Naming
from amalfa.providers.embedded.pieces import Piece
from amalfa.providers.embedded.question import Question, Wanted
from amalfa.providers.embedded.scoring import Rated

MOST_OF_KIND = 3
"""Up to so many pieces of the kind asked for are all quoted where the words of a question tell nothing."""

CODE_DIGITS = 3
"""So many digits make a name one of a single thing."""


def in_other_words(
    question: Question, naming: Naming, named: Sequence[Rated], rated: Sequence[Rated]
) -> Sequence[Rated]:
    """What the named thing's note gives of the kind asked for, when nothing at hand has the question's words.

    Words that other notes have and this one lacks would say that it holds no answer.
    """
    on_code = [one for one in named if _is_on_a_code(question, one.piece) and gives_a_value(one.piece.unit, ())]
    if on_code:
        return on_code[:MOST_OF_KIND]
    apart = naming.names | question.scene
    for one in rated:
        missing = [term for term in question.terms if term not in apart and term not in one.piece.home.identity.terms]
        if any(one.piece.said.terms & {term} or question.others.stand_in(term, one.piece.said) for term in missing):
            return ()
    of_kind = [
        one
        for one in named
        if naming.names & one.piece.home.identity.terms
        and fits_kind(question.wanted, one.piece.unit) == 1
        and gives_a_value(one.piece.unit, question.terms)
    ]
    return of_kind if len(of_kind) <= MOST_OF_KIND else ()


def _is_on_a_code(question: Question, piece: Piece) -> bool:
    """Whether it holds an identifier that the question names: what there is to say of it mostly stands there."""
    is_open = question.wanted not in (Wanted.NUMBER, Wanted.TIME, Wanted.PERSON)
    return is_open and any(name in piece.terms and _is_code(name) for name in question.names)


def _is_code(name: str) -> bool:
    return sum(map(str.isdigit, name)) >= CODE_DIGITS and _DAY.fullmatch(name) is None


_DAY = re.compile(r"\d{4}-\d{2}(?:-\d{2})?")
