"""Looks a question's units up in the index: which name notes, how rare each is, what else may stand for it."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import apsw

from amalfa.knowledge.naming import Named, find_names
from amalfa.knowledge.question import Kind, Question, Unit
from amalfa.knowledge.sight import Sight
from amalfa.knowledge.stopwords import is_light, is_soft, stop_words
from amalfa.knowledge.synonyms import Expression, Thesaurus
from amalfa.knowledge.words import Tokenize, fold
from amalfa.store.rows import fetch

COUNT_LIMIT = 2_000
COUNT_MOST = 10_000
"""How far the passages with a single word are counted where the list of words, which knows, cannot be used."""

LIGHT_WEIGHT = 0.3
SCENE_SHARE = 0.4
"""What is left of the weight of a word that only sets the scene."""

LEAST_WEIGHT = 1.2
MOST_WEIGHT = 4.0
MOST_NAME_WEIGHT = 8.0
UNUSED_WEIGHT = 1.5
"""For a word the notes never use. Rarity would give it the most, but a question in other words has such words too."""


@dataclass(frozen=True)
class Sought:
    """A unit of the question as this index knows it.

    `count` is in how many passages it stands as written; `same` are other names of the same note, as good
    as the unit itself; `similar` are synonyms, nearly as good; `notes` are the notes it names. `parts` are
    the two words of a compound. `is_everyday`: people talk in this word, whatever they ask; `is_soft`: it is such
    a word, or the notes never use it or any synonym, so that an answer may well lack it.
    """

    unit: Unit
    count: int
    weight: float
    same: tuple[Expression, ...] = ()
    similar: tuple[Expression, ...] = ()
    notes: frozenset[int] = frozenset()
    parts: tuple["Sought", ...] = ()
    is_soft: bool = False
    is_everyday: bool = False

    @property
    def expression(self) -> Expression:
        return Expression(self.unit.text, self.unit.tokens)

    @cached_property
    def is_named(self) -> bool:
        """Whether it names what the question is about."""
        return self.unit.is_anchor

    @cached_property
    def is_asked(self) -> bool:
        """Whether it carries what is asked about that."""
        return not (self.unit.is_anchor or self.unit.is_light or self.unit.is_scene)

    @cached_property
    def spellings(self) -> tuple[str, ...]:
        """The unit and what is as good, each as words with spaces around, ready for searching."""
        return tuple(_spaced(one.tokens) for one in (self.expression, *self.same) if one.tokens)

    @cached_property
    def folded(self) -> tuple[str, ...]:
        """The unit and what is as good, not stemmed."""
        return tuple(fold(one.text) for one in (self.expression, *self.same))

    @cached_property
    def similar_words(self) -> frozenset[str]:
        return frozenset(one.tokens[0] for one in self.similar if len(one.tokens) == 1)

    @cached_property
    def needles(self) -> frozenset[str]:
        """Words of which at least one stands in every text that holds it, but for words of the same root."""
        first = {one.tokens[0] for one in (self.expression, *self.same, *self.similar) if one.tokens}
        return frozenset(first).union(*(part.needles for part in self.parts))

    @cached_property
    def similar_phrases(self) -> tuple[str, ...]:
        return tuple(_spaced(one.tokens) for one in self.similar if len(one.tokens) > 1)


def _spaced(tokens: Sequence[str]) -> str:
    return f" {' '.join(tokens)} "


def look_up(
    connection: apsw.Connection,
    question: Question,
    tokenize: Tokenize,
    thesaurus: Thesaurus,
    *,
    hidden: frozenset[int] = frozenset(),
) -> tuple[Sought, ...]:
    """The units of a question with what the index knows of each, in the order of the question.

    The notes in `hidden` are left out of all that is known.
    """
    sight = Sight(connection, hidden)
    naming = find_names(sight, question, tokenize, thesaurus)
    known = _Known(sight, thesaurus, max(1, _total(connection)))
    return tuple(known.sought(unit, naming.named.get(unit), naming.parts.get(unit, ())) for unit in naming.units)


@dataclass(frozen=True, slots=True)
class _Known:
    sight: Sight
    thesaurus: Thesaurus
    total: int

    def sought(self, unit: Unit, named: Named | None, parts: Sequence[Unit]) -> Sought:
        count = _count(self.sight, unit)
        similar = self.thesaurus.others(unit.tokens) if unit.kind is Kind.WORD else ()
        # A word the notes never use is as telling as what they say instead.
        used = count or self._most_used(similar)
        return Sought(
            unit=unit,
            count=count,
            weight=_weight(unit, used, self.total),
            same=named.others if named else (),
            similar=similar,
            notes=named.notes if named else frozenset(),
            parts=tuple(self.sought(part, None, ()) for part in parts),
            is_soft=not unit.is_anchor and (used == 0 or _is_everyday(unit)),
            is_everyday=_is_everyday(unit),
        )

    def _most_used(self, expressions: Sequence[Expression]) -> int:
        single = [one for one in expressions if len(one.tokens) == 1]
        if self.sight.hidden:
            return max((self.sight.count(match_expression(one), COUNT_MOST) for one in single), default=0)
        words = [one.tokens[0] for one in single]
        if not words:
            return 0
        select = "SELECT coalesce(max(doc), 0) FROM vocabulary WHERE term IN (SELECT value FROM json_each(?))"
        return int(fetch(self.sight.connection, select, (json.dumps(words),))[0][0])


def _is_everyday(unit: Unit) -> bool:
    words = unit.text.lower().split()
    return unit.kind is Kind.WORD and all(is_soft(one) or is_light(one) or one in stop_words("en") for one in words)


def _weight(unit: Unit, count: int, total: int) -> float:
    if unit.is_light:
        return LIGHT_WEIGHT
    if count == 0 and not unit.is_anchor:
        return UNUSED_WEIGHT
    rarity = math.log(1 + total / (count + 1))
    weight = max(LEAST_WEIGHT, min(rarity, MOST_NAME_WEIGHT if unit.is_anchor else MOST_WEIGHT))
    return weight * SCENE_SHARE if unit.is_scene else weight


def _count(sight: Sight, unit: Unit) -> int:
    """In how many passages a unit stands as written, as far as that matters."""
    is_word = len(unit.tokens) == 1 and unit.kind is not Kind.UNSPACED
    if is_word and not sight.hidden:
        rows = fetch(sight.connection, "SELECT doc FROM vocabulary WHERE term = ?", unit.tokens)
        return int(rows[0][0]) if rows else 0
    query = match_expression(Expression(unit.text, unit.tokens), unit.kind)
    return sight.count(query, COUNT_MOST if is_word else COUNT_LIMIT)


def match_expression(expression: Expression, kind: Kind = Kind.WORD) -> str:
    """The full-text query for one expression."""
    if kind is Kind.UNSPACED:
        pairs = [f'"{pair}"{"*" if len(pair) == 1 else ""}' for pair in expression.tokens]
        return "pairs : (" + " OR ".join(pairs) + ")"
    return '"' + expression.text.replace('"', " ") + '"'


def _total(connection: apsw.Connection) -> int:
    return int(fetch(connection, "SELECT count(*) FROM passage")[0][0])
