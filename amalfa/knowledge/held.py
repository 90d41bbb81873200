"""Measures, from 0 to 1, how well a passage or a single statement holds a unit of the question. Pure."""

from collections.abc import Collection

from amalfa.knowledge.passagetext import PassageText, Said
from amalfa.knowledge.question import Kind
from amalfa.knowledge.sought import Sought
from amalfa.knowledge.words import character_pairs

SYNONYM = 0.75
SAME_ROOT = 0.6
PARTS = 0.6
"""For a compound of which the second word, or both or synonyms of them, stand in a statement, but not together.

The second one says what it is: a "phone extension" is an extension."""

NAMED = 0.75
"""How well a passage has to hold a named thing for the name to count as found."""

APART = {Kind.NAME: 0.5, Kind.WORD: 0.7, Kind.IDENTIFIER: 0.4, Kind.PHRASE: 0.3}
"""What is left of a unit of several words when they stand in the passage, but not together."""

ROOT_LENGTH = 5


def held(one: Sought, text: PassageText) -> float:
    """In which measure a passage, with the title and headings above it, holds what is sought."""
    if one.unit.kind is Kind.UNSPACED:
        return text.share_of_pairs(one.unit.tokens)
    if text.candidate.note_id in one.notes:
        return 1.0
    if any(spelling in text.everything for spelling in one.spellings) and (
        one.unit.kind is not Kind.NAME or text.spells(one.folded)
    ):
        return 1.0
    if _implies(one, text.content, text.content_words):
        return SYNONYM
    if one.parts:
        return _held_in_parts(one, text.content, text.content_words)
    if len(one.unit.tokens) > 1:
        present = sum(token in text.all_words for token in one.unit.tokens)
        whole = present == len(one.unit.tokens)
        return APART.get(one.unit.kind, 0.5) if whole else 0.25 * present / len(one.unit.tokens)
    return SAME_ROOT if one.unit.kind is Kind.WORD and has_root(_root(one.unit.tokens[0]), text.everything) else 0.0


def held_above(one: Sought, text: PassageText) -> float:
    """The same for what stands above the passage only: its title and headings."""
    if is_about(one, text):
        return 1.0
    return SYNONYM if _implies(one, text.above, text.above_words) else 0.0


def is_label(one: Sought, text: PassageText) -> bool:
    """Whether a unit only says what kind of note this is: it stands in the title, a tag or the path."""
    return any(spelling in text.title or spelling in text.rest for spelling in one.spellings)


def held_in(one: Sought, said: Said) -> float:
    """The same for one statement."""
    if one.unit.kind is Kind.UNSPACED:
        pairs = set(character_pairs(said.words))
        return sum(token in pairs for token in one.unit.tokens) / max(1, len(one.unit.tokens))
    if not one.needles.isdisjoint(said.tokens):
        if any(spelling in said.words for spelling in one.spellings):
            return 1.0
        if _implies(one, said.words, said.tokens):
            return SYNONYM
        if one.parts:
            return _held_in_parts(one, said.words, said.tokens)
    if one.parts or one.unit.kind is not Kind.WORD or len(one.unit.tokens) != 1:
        return 0.0
    root = _root(one.unit.tokens[0])
    return SAME_ROOT if root and has_root(root, said.words) else 0.0


def is_about(one: Sought, text: PassageText) -> bool:
    """Whether the passage's note or heading is what is sought, rather than mentioning it."""
    if text.candidate.note_id in one.notes:
        return True
    is_there = any(spelling in text.above for spelling in one.spellings)
    # Stemming makes one of Renée and René.
    return is_there and (one.unit.kind is not Kind.NAME or text.spells_above(one.folded))


def _held_in_parts(one: Sought, where: str, words: Collection[str]) -> float:
    *_, head = one.parts
    is_there = any(spelling in where for spelling in head.spellings)
    both = (any(s in where for s in part.spellings) or _implies(part, where, words) for part in one.parts)
    return PARTS if is_there or all(both) else 0.0


def _implies(one: Sought, where: str, words: Collection[str]) -> bool:
    return not one.similar_words.isdisjoint(words) or any(phrase in where for phrase in one.similar_phrases)


def has_root(root: str, words: str) -> bool:
    """Whether a word begins like this and is not much longer; "" never does."""
    at = words.find(f" {root}") if root else -1
    while at >= 0:
        end = words.find(" ", at + 1)
        if end - at - 1 < len(root) + 6:
            return True
        at = words.find(f" {root}", end)
    return False


def _root(token: str) -> str:
    return token[: max(ROOT_LENGTH, len(token) - 3)] if len(token) >= ROOT_LENGTH else ""
