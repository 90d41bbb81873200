"""Tells whether a statement counts what "how many" asks for, rather than hold some number. Pure.

"12 people", "Nights: 5" and, under the heading "Screens", "three of them" count; in "The people downstairs found two
errors" the number belongs to something else.
"""

import re
from collections.abc import Iterator, Sequence

from amalfa.knowledge.passagetext import Said
from amalfa.knowledge.question import Kind, Question
from amalfa.knowledge.sought import Sought

AHEAD = 3
"""How many words behind a number its noun may stand: "12 unused vacation days"."""

_NUMBER_WORDS = "two three four five six seven eight nine ten eleven twelv dozen hundr thousand none no"
_NUMBERS = frozenset(_NUMBER_WORDS.split())
_ONE = re.compile(r"\bone\b", re.IGNORECASE)  # the tokenizer makes "on" of it, as of the small word
_LINK_WORDS = "is ar wa were of at to by"
_LINKS = frozenset(_LINK_WORDS.split())
_SMALL_WORDS = "in on for and or per each everi ha have had do doe did can mai might will would should must"
_SMALL = _LINKS | frozenset(_SMALL_WORDS.split())
# Measures are often left to the number's own sign: 330 g.
_MEASURE_WORDS = """
    gram kilo kilogram litr liter metr meter mile km kilometr second minut hour dai week month year euro dollar percent
    degre byte gigabyt megabyt terabyt point time
"""
_MEASURES = frozenset(_MEASURE_WORDS.split())


def counted_words(question: Question, sought: Sequence[Sought]) -> frozenset[str]:
    """The words for what is to be counted, as the index stores them; empty when nothing is or it is a measure."""
    words: set[str] = set()
    if question.counts_from is not None:
        for one in _first_run(question, sought, question.counts_from):
            words.update(one.unit.tokens[-1:], one.similar_words)
            for part in one.parts:
                words.update(part.similar_words)
    return frozenset() if words & _MEASURES else frozenset(words)


def _first_run(question: Question, sought: Sequence[Sought], start: int) -> Iterator[Sought]:
    """The neighbouring words from there on: "how many open tickets"."""
    end = start
    for one in sorted(sought, key=lambda other: other.unit.start):
        if one.unit.start >= start:
            if one.unit.kind is not Kind.WORD or one.unit.is_light or question.text[end : one.unit.start] != " ":
                return
            end = one.unit.end
            yield one


def counts(said: Said, counted: frozenset[str]) -> bool:
    """Whether a number in the statement stands with one of these words, or below a heading with one."""
    words = said.body.split()
    ones = iter(_ONE.findall(said.raw))
    for at, word in enumerate(words):
        is_number = word in _NUMBERS or any(map(str.isdigit, word)) or (word == "on" and next(ones, None) is not None)
        if is_number and (said.is_under(counted) or _stands_with(words, at, counted)):
            return True
    return False


def _stands_with(words: Sequence[str], at: int, counted: frozenset[str]) -> bool:
    if not counted.isdisjoint(words[at + 1 : at + 1 + AHEAD]):
        return True
    before = words[max(0, at - 2) : at]
    if before and (before[-1] in counted or (before[-1] in _LINKS and before[0] in counted)):
        return True
    # "The newest three are kept": a number without a noun of its own.
    is_free = at + 1 == len(words) or words[at + 1] in _SMALL
    return is_free and not counted.isdisjoint(words)
