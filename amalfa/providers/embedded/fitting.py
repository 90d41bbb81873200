"""Tells whether a piece gives what is asked for, rather than use the same words for something else. Rates nothing."""

import re

from amalfa.providers.embedded.kinds import gives_a_value
from amalfa.providers.embedded.pieces import Piece
from amalfa.providers.embedded.question import Question, Wanted
from amalfa.providers.embedded.terms import STOP_STEMS, Shown, fold, parts_of, stem, terms_of

AHEAD = 3
"""How many words behind a number its noun may stand: "12 unused vacation days"."""

_LINKS = frozenset({"is", "are", "was", "were", "of", "at", "to", "by"})
_NUMBER_WORDS = "one two three four five six seven eight nine ten eleven twelve dozen none no"
_NUMBERS = frozenset(_NUMBER_WORDS.split())
_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile(r"[*_`|]+")
_CODE = re.compile(r"\W*(?=[^\Wa-z]*\d)[^\Wa-z]+\W*")


def gives_what_is_asked(question: Question, piece: Piece) -> bool:
    """Whether a piece counts what "how many" asks for, gives the measure asked for, and a label fits "which".

    A piece that gives no value at all has to speak of the matter in the question's words or under its heading.
    """
    if question.counted:
        return _counts(question, piece)
    if not all(given.search(fold(piece.unit.text)) for asked, given in _MEASURES if asked.search(fold(question.text))):
        return False
    if piece.unit.key and question.heads and not any(_means(question, term, piece.said) for term in question.heads):
        return False
    if not question.wants_value or gives_a_value(piece.unit, question.terms):
        return True
    return bool(piece.unit.key) or _speaks_of_it(question, piece)


_CLOCK = "(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
# What is asked for, and what a text has to hold to give it.
_MEASURES = (
    (
        re.compile(r"\b(?:what|which) (?:share|percentage|percent|proportion)\b"),
        re.compile(r"%|\bper ?cent|\bhalf\b|\bthirds?\b|\bquarters?\b|\d ?/ ?\d|\ball\b|\bnone\b|\bfull|\bprozent"),
    ),
    (
        re.compile(r"\b(?:what|which) (?:nights?|evenings?|weekdays?|days? of the week)\b"),
        re.compile(
            r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b(?:mon|tue|wed|thu|fri|sat|sun)\b"
            r"|\d|\bdaily\b|\bnightly\b|\bweekends?\b|\bweekdays?\b|\b(?:every|each|any) (?:day|night|evening)\b"
        ),
    ),
    (
        re.compile(r"\b(?:what|which) (?:hours|times?|part of the day)\b"),
        re.compile(
            rf"\d[:.h]\d\d|\d ?[ap]\.?m\b|\d+ ?(?:to|-|–|until|till) ?\d|\b(?:at|from|by|until) (?:\d|{_CLOCK}\b)"
            r"|\b(?:noon|midnight|mornings?|afternoons?|evenings?|nights?|all day|round the clock|o.clock)\b"
        ),
    ),
    (
        re.compile(r"\bhow (?:hot|warm|cold|cool)\b|\btemperature\b"),
        re.compile(
            r"°|\b(?:degrees?|celsius|fahrenheit)\b"
            r"|\d(?! ?(?:s|min\w*|h|hours?|days?|weeks?|months?|%)\b)(?![\d.,])"
        ),
    ),
    (
        re.compile(r"\bhow much .*\bcosts?\b|\bwhat (?:is|was) the (?:\w+ )?(?:cost|price)\b"),
        re.compile(r"\d|\bfree\b|\bnothing\b|\bno charge\b|\bhundreds?\b|\bthousands?\b|\beuros?\b|\bdollars?\b"),
    ),
)


def _counts(question: Question, piece: Piece) -> bool:
    """Whether a number in the piece stands with what is counted, or below a heading that has it."""
    words = _WORD.findall(fold(piece.unit.text))
    numbers = [at for at, word in enumerate(words) if word in _NUMBERS or any(map(str.isdigit, word))]
    if any(_means(question, term, piece.frame) for term in question.counted):
        return bool(numbers)
    return any(_stands_with(question, words, at) for at in numbers)


def _stands_with(question: Question, words: list[str], at: int) -> bool:
    before = words[max(0, at - 2) : at]
    near = [*words[at + 1 : at + 1 + AHEAD], *before[-1:]]
    if len(before) == 2 and before[1] in _LINKS:
        near.append(before[0])
    shown = Shown(frozenset(map(stem, near)), frozenset())
    return any(_means(question, term, shown) for term in question.counted)


def _speaks_of_it(question: Question, piece: Piece) -> bool:
    """Whether a piece without a value is on the matter: in the question's words, under its heading, or on its note."""
    asked = [term for term in question.terms if term not in question.names]
    if any(term in piece.said.terms or _means(question, term, piece.frame) for term in asked):
        return True
    return not (piece.home.identity.terms - STOP_STEMS).isdisjoint(piece.said.terms)


def _means(question: Question, term: str, shown: Shown) -> bool:
    return term in shown.terms or question.others.stand_in(term, shown)


def gives_only_the_named(question: Question, piece: Piece) -> bool:
    """Whether the value behind its label is the very thing the question names, or a mere code for a person.

    "Lead: Ada" does not say who leads Ada. It does answer "who reports to Ada", where the note is what is asked for.
    """
    if question.wanted not in _OF_VALUES or question.asks_for_subject or not piece.unit.key:
        return False
    value = _value(piece)
    if question.wanted is Wanted.PERSON and _CODE.fullmatch(value):
        return True
    told = [term for term in terms_of(value) if term not in STOP_STEMS and not parts_of(term)]
    return bool(told) and all(term in question.names for term in told)


_OF_VALUES = frozenset({Wanted.PERSON, Wanted.PLACE, Wanted.NUMBER, Wanted.TIME})


def _value(piece: Piece) -> str:
    """What stands behind the label."""
    text, key = (_MARKS.sub(" ", part).strip() for part in (piece.unit.text, piece.unit.key))
    return text.removeprefix(key).strip(" :–—-")


def is_looked_up(question: Question, piece: Piece) -> bool:
    """Whether an identifier leads to the piece ("Who carries badge 45-3004?"): it then stands there as a value."""
    identifiers = [name for name in question.names if len(name) > 3 and any(character.isdigit() for character in name)]
    return any(name in piece.terms and name not in piece.home.identity.terms for name in identifiers)


def is_bare_figure(question: Question, piece: Piece) -> bool:
    """Whether it gives a number and no name but those of the question."""
    text = piece.unit.text.replace(piece.unit.key, "", 1) if piece.unit.key else piece.unit.text
    if not any(map(str.isdigit, text)) or "[[" in text or not text.isascii():
        return False
    names = (stem(fold(name)) for name in _CAPITALISED.findall(text))
    return all(name in STOP_STEMS or name in question.terms for name in names)


_CAPITALISED = re.compile(r"(?<![\w-])[A-Z][a-z]+(?![\w-])")
