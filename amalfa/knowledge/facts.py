"""Tells statements that say something about a note's own thing from remarks that only use the word. Pure.

"Deadline: 3 May", "Kestrel is due on 3 May", "It is due soon" and "The deadline was moved" say something;
"Procurement reviewed the template for deadlines" says nothing about the thing the note is on, though it stands there.
"""

import re

from amalfa.knowledge.words import fold

SUBJECT_WORDS = 4
"""A word this early in a statement is what the statement is about."""

_FIELD = re.compile(r"\s*[-*+]\s+(?:`|\*\*|__)|.*\|.*\|")
_DETAIL = re.compile(r"\d|\[\[|`|https?://|(?<=[\w,;|)»”–—-]\s)[^\W\d_a-z]")
_SELF = re.compile(r"\W*(?:it|its|this|these|he|she|his|her|they|their|we|our|i|my|you|your)\b", re.IGNORECASE)


def speaks_of_the_same(statement: str) -> bool:
    """Whether a statement begins with a word for what was spoken of before ("It", "She", "Their")."""
    return _SELF.match(statement) is not None


def is_fact(statement: str, own_words: frozenset[str]) -> bool:
    """Whether a statement is a marked field, gives a name, number or link, or has the thing itself as its subject.

    `own_words` are the folded words of the note's title and aliases.
    """
    if _FIELD.match(statement) or _DETAIL.search(statement) or speaks_of_the_same(statement):
        return True
    return not own_words.isdisjoint(fold(statement).split())
