"""Looks at what a passage says of the things named, statement by statement. Pure.

A word counts fully only in a statement that belongs to the thing named and says something of it; with "how many" and
"when", only beside a number, date or time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from amalfa.knowledge.counting import counts
from amalfa.knowledge.facts import SUBJECT_WORDS, is_fact, speaks_of_the_same
from amalfa.knowledge.held import PARTS, held_above, held_in
from amalfa.knowledge.passagetext import PassageText, Said
from amalfa.knowledge.sought import Sought

REMARK = 0.5
"""What a word counts in a note on the thing named, when the statement it stands in says nothing of that thing."""

WITHOUT_VALUE = 0.45
"""What a word counts in a statement without the number, date or time that was asked for."""

# As the tokenizer writes them: what answers "how many" and "when" without a digit, conditions included.
_VALUES = """
    one two three four five six seven eight nine ten eleven twelv dozen hundr half doubl twice daili weekli monthli
    yearli annual quarterli hourli nightli never alwai unlimit none mondai tuesdai wednesdai thursdai fridai saturdai
    sundai noon midnight januari februari march april june juli august septemb octob novemb decemb after befor until
    onc everi each soon immedi
"""
_ONE = re.compile(r"\bone\b", re.IGNORECASE)  # the tokenizer makes "on" of it
_VALUE_WORDS = frozenset(_VALUES.split())


@dataclass(frozen=True, slots=True)
class Near:
    """For each unit sought: the most that statements on the thing named hold, and what their best one holds.

    `weight` is what the best one is worth, `has_value` whether a number, date or time stands in one that
    holds something of what is asked.
    """

    most: tuple[float, ...]
    at_once: tuple[float, ...]
    weight: float
    has_value: bool


def look_near(
    text: PassageText,
    sought: Sequence[Sought],
    whole: Sequence[float],
    *,
    named: Sequence[int],
    is_about: bool,
    needs_value: bool,
    counted: frozenset[str] = frozenset(),
) -> Near:
    """Compare the statements of a passage that name something of `named`, or go on with "it" behind one that does.

    With nothing in `named`, and under a title or heading that names it, all of them count. `whole` is what the
    passage as a whole holds of each unit, `is_about` says that the note is on the thing named. `counted` are words
    for what "how many" asks for.
    """
    above = tuple(held_above(one, text) if share else 0.0 for one, share in zip(sought, whole, strict=True))
    if not any(share for one, share in zip(sought, whole, strict=True) if not one.is_named):
        weight = sum(one.weight * share for one, share in zip(sought, whole, strict=True))
        return Near(above, tuple(whole), weight, has_value=False)
    most = at_once = above
    weight, has_value = 0.0, False
    is_in_reach, is_asked = False, any(one.is_asked for one in sought)
    named_above = not named or any(above[n] for n in named)
    for said in text.said:
        names_it = named_above or any(held_in(sought[n], said) for n in named)
        is_in_reach = names_it or (is_in_reach and speaks_of_the_same(said.raw))
        if not is_in_reach:
            continue
        in_it = [held_in(one, said) if share else 0.0 for one, share in zip(sought, whole, strict=True)]
        if is_asked and weight and not any(in_it):
            continue  # what stands above has been counted
        lacks_value = False
        if _holds_asked(in_it, sought):
            gives_value = counts(said, counted) if counted else _gives_value(said, sought)
            has_value, lacks_value = has_value or gives_value, needs_value and not gives_value
            is_count = bool(counted) and gives_value
            if is_about and not is_count and not _is_on_it(said, sought, text):
                in_it = _lessened(in_it, sought, REMARK)
        most = tuple(map(max, most, in_it))
        full = tuple(map(max, _lessened(in_it, sought, WITHOUT_VALUE) if lacks_value else in_it, above))
        worth = sum(one.weight * share for one, share in zip(sought, full, strict=True))
        if worth > weight:
            weight, at_once = worth, full
    return Near(most, at_once, weight, has_value)


def _lessened(in_it: Sequence[float], sought: Sequence[Sought], factor: float) -> list[float]:
    return [share if one.is_named else share * factor for one, share in zip(sought, in_it, strict=True)]


def _holds_asked(in_it: Sequence[float], sought: Sequence[Sought]) -> bool:
    """Whether a statement holds something of what is asked; any does when nothing particular is."""
    asked = [share for one, share in zip(sought, in_it, strict=True) if one.is_asked]
    return not asked or max(asked) >= PARTS


def _is_on_it(said: Said, sought: Sequence[Sought], text: PassageText) -> bool:
    """Whether a statement in a note on the thing named says something of it, or begins with what is asked.

    What comes first under a heading is what the heading announces.
    """
    if is_fact(said.raw, text.own_words):
        return True
    if said.is_first and any(said.is_under(one.needles) for one in sought if one.is_asked):
        return True
    early = said.beginning(SUBJECT_WORDS)
    return any(held_in(one, early) for one in sought if one.is_asked)


def _gives_value(said: Said, sought: Sequence[Sought]) -> bool:
    """Whether a number, date or time stands in a statement that is not part of a name asked for."""
    names = {token for one in sought if one.is_named for token in one.unit.tokens}
    if any(word in _VALUE_WORDS or (word not in names and not word.isalpha()) for word in said.body.split()):
        return True
    return _ONE.search(said.raw) is not None
