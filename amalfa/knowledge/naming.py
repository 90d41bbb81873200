"""Finds in a question what the index knows as one thing: names of notes, expressions, compounds; and names it lacks.

The question alone cannot tell that "the sleeping beauty" is a server, that "purchase order" is one thing, or that
"apricot almond cake" would be a note if there were one.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import apsw

from amalfa.knowledge.question import Kind, Question, Unit, Word
from amalfa.knowledge.sight import Sight
from amalfa.knowledge.stopwords import is_light, stop_words
from amalfa.knowledge.synonyms import Expression, Thesaurus
from amalfa.knowledge.words import Tokenize, fold
from amalfa.store.rows import fetch

LONGEST_NAME = 6
LONGEST_EXPRESSION = 4
MOST_NOTES_OF_NAME = 8
_TYPE_WORDS = """
    project team service system server app application tool department group company product module library package
    office site host database cluster api repository paper meeting invoice trip ticket order customer supplier mr mrs
    ms dr
"""
_TYPES = frozenset(_TYPE_WORDS.split())
_POSSESSIVE = re.compile(r"['’]s?$")
_ANY_ONE = frozenset({"a", "an", "any", "some", "every", "each", "my", "your", "our", "no"})
SMALL_EXPRESSIONS = frozenset({"with me", "of us", "with us"})
"""Expressions of small words that mean something together; most others are there by chance."""

COMPOUND_COUNT = 3
"""In how many passages two words have to stand side by side to be taken for one thing."""


@dataclass(frozen=True, slots=True)
class Named:
    """The notes a unit of the question names, and what else they are called."""

    notes: frozenset[int]
    others: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Naming:
    """The units of a question regrouped. `parts` are the two words of each compound among them."""

    units: tuple[Unit, ...]
    named: Mapping[Unit, Named]
    parts: Mapping[Unit, tuple[Unit, Unit]]


def find_names(sight: Sight, question: Question, tokenize: Tokenize, thesaurus: Thesaurus) -> Naming:
    """Regroup the units of a question by what this index knows."""
    named = _names(sight, question, tokenize, thesaurus)
    units = _with_names(question.units, named, tokenize)
    units = [_as_word(sight, unit, thesaurus) if unit not in named else unit for unit in units]
    units = _with_expressions(units, question.words, tokenize, thesaurus)
    units = _with_missing_names(sight, units, question.text, thesaurus)
    units, parts = _with_compounds(sight, units, question.text, thesaurus)
    return Naming(tuple(units), named, parts)


def _names(sight: Sight, question: Question, tokenize: Tokenize, thesaurus: Thesaurus) -> dict[Unit, Named]:
    """Stretches of the question that are names of notes, the longest first, none overlapping."""
    grams = _grams(question.words, LONGEST_NAME)
    known = sight.without_hidden(notes_named(sight.connection, grams))
    found: dict[Unit, Named] = {}
    taken: set[Word] = set()
    for text, words in sorted(grams.items(), key=lambda item: -len(item[1])):
        if text not in known or taken & set(words) or not _may_be_name(text, words, question, tokenize, thesaurus):
            continue
        taken.update(words)
        raw = _POSSESSIVE.sub("", question.text[words[0].start : words[-1].end])
        unit = Unit(raw, Kind.NAME, tuple(tokenize(raw)), words[0].start)
        found[unit] = Named(known[text], _other_names(sight.connection, known[text], text, tokenize))
    return found


def _grams(words: Sequence[Word], longest: int) -> dict[str, tuple[Word, ...]]:
    return {
        " ".join(word.folded for word in words[at : at + size]): tuple(words[at : at + size])
        for size in range(1, longest + 1)
        for at in range(len(words) - size + 1)
    }


def notes_named(connection: apsw.Connection, names: Iterable[str]) -> dict[str, frozenset[int]]:
    """The notes that folded names stand for, as titles, file names, aliases or link labels.

    A name that stands for many notes names none of them.
    """
    rows = fetch(
        connection,
        "SELECT n.folded, coalesce(t.note_id, n.note_id) FROM name n"
        " LEFT JOIN name t ON n.target <> '' AND t.folded = n.target AND t.target = ''"
        " WHERE n.folded IN (SELECT value FROM json_each(?)) AND (n.target = '' OR t.note_id IS NOT NULL)",
        (json.dumps(list(names)),),
    )
    found: dict[str, set[int]] = {}
    for name, note_id in rows:
        found.setdefault(name, set()).add(note_id)
    return {name: frozenset(notes) for name, notes in found.items() if len(notes) <= MOST_NOTES_OF_NAME}


def _may_be_name(
    text: str, words: Sequence[Word], question: Question, tokenize: Tokenize, thesaurus: Thesaurus
) -> bool:
    """Whether a known name is meant as one: "budget" is mostly the word, even when a note is called so."""
    content = [word for word in words if word.folded not in stop_words("en") and not is_light(word.folded)]
    if not content or (len(content) == 1 and _is_any_one(content[0], question)):
        return False
    is_capitalised = all(question.text[word.start].isupper() for word in content)
    return len(content) > 1 or is_capitalised or not thesaurus.knows(tuple(tokenize(text)))


def _is_any_one(word: Word, question: Question) -> bool:
    """Whether a word in small letters means any thing of a kind: "an umbrella", "my old umbrella"."""
    before = [other.folded for other in question.words if other.end < word.start][-2:]
    is_next = bool(before) and before[-1] in _ANY_ONE
    is_behind_quality = len(before) == 2 and before[0] in _ANY_ONE and before[1] not in stop_words("en")
    return question.text[word.start].islower() and (is_next or is_behind_quality)


def _other_names(
    connection: apsw.Connection, notes: frozenset[int], text: str, tokenize: Tokenize
) -> tuple[Expression, ...]:
    rows = fetch(
        connection,
        "SELECT DISTINCT folded FROM name WHERE target = '' AND note_id IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(notes)),),
    )
    return tuple(Expression(name, tuple(tokenize(name))) for (name,) in rows if name != text)


def _with_names(units: Sequence[Unit], names: Iterable[Unit], tokenize: Tokenize) -> list[Unit]:
    """The units with each known name in the place of what it covers.

    A longer run of capitals is split around a name of several words, or when the rest says what kind of thing it
    is ("Project Halberd"). Otherwise it stays whole: "Amber Relay" may be unknown where "Relay" is the name of a note.
    """
    kept = list(units)
    for name in names:
        covering = [unit for unit in kept if unit.start < name.end and name.start < unit.end]
        pieces = [piece for unit in covering for piece in _around(unit, name, tokenize)]
        is_whole = any(unit.kind is Kind.PHRASE and fold(unit.text) != fold(name.text) for unit in covering) or any(
            piece.kind is Kind.NAME and len(name.tokens) == 1 and not _is_type(piece) for piece in pieces
        )
        if not is_whole:
            plain = [replace(p, kind=Kind.WORD) if p.kind is Kind.NAME and _is_type(p) else p for p in pieces]
            kept = [unit for unit in kept if unit not in covering] + plain + [name]
    return sorted(kept, key=lambda unit: unit.start)


def _is_type(unit: Unit) -> bool:
    return all(word in _TYPES for word in fold(unit.text).split())


def _around(unit: Unit, name: Unit, tokenize: Tokenize) -> Iterator[Unit]:
    before, after = unit.text[: max(0, name.start - unit.start)], unit.text[max(0, name.end - unit.start) :]
    for text, start in ((before, unit.start), (after, name.end)):
        bare = text.strip(" '’")
        if bare and fold(bare) not in {"s", ""}:
            yield replace(unit, text=bare, tokens=tuple(tokenize(bare)), start=start + text.index(bare))


def _as_word(sight: Sight, unit: Unit, thesaurus: Thesaurus) -> Unit:
    """A name of one word that no note has, but which is known to mean something ("Linux"), is a word like any other."""
    is_known = unit.kind is Kind.NAME and len(unit.tokens) == 1 and thesaurus.knows(unit.tokens)
    return replace(unit, kind=Kind.WORD) if is_known and not _has(sight, "", [unit]) else unit


def _with_expressions(
    units: Sequence[Unit], words: Sequence[Word], tokenize: Tokenize, thesaurus: Thesaurus
) -> list[Unit]:
    """Plain words that form a known expression ("set aside") are looked for together."""
    kept = list(units)
    grams = _grams(words, LONGEST_EXPRESSION)
    for text, parts in sorted(grams.items(), key=lambda item: -len(item[1])):
        covered = [unit for unit in kept if parts[0].start <= unit.start < parts[-1].end]
        if len(parts) < 2 or any(unit.kind is not Kind.WORD for unit in covered):
            continue
        tokens = tuple(tokenize(text))
        if thesaurus.knows(tokens) and (covered or text in SMALL_EXPRESSIONS):
            kept = [unit for unit in kept if unit not in covered]
            kept.append(Unit(text, Kind.WORD, tokens, parts[0].start))
    return sorted(kept, key=lambda unit: unit.start)


def _with_missing_names(sight: Sight, units: Sequence[Unit], text: str, thesaurus: Thesaurus) -> list[Unit]:
    """Three or more neighbouring words that look like a name of this collection, but no passage holds them all.

    They look like one when each stands in titles and two neighbours share a title: then the title is simply
    missing, and the words must not be found one by one in other names.
    """
    kept = list(units)
    for run in _runs(units, text):
        titled = [unit for unit in run if not thesaurus.knows(unit.tokens) and _has(sight, "title : ", [unit])]
        if len(titled) < 2 or len(run) < 3 or _has(sight, "", run):
            continue
        name = _longest_titled(sight, run)
        if len(name) > 2 and any(_has(sight, "title : ", pair) for pair in pairwise(name)):
            whole = text[name[0].start : name[-1].end]
            tokens = tuple(token for unit in name for token in unit.tokens)
            kept = [unit for unit in kept if unit not in name]
            kept.append(Unit(whole, Kind.NAME, tokens, name[0].start))
    return sorted(kept, key=lambda unit: unit.start)


def _runs(units: Sequence[Unit], text: str) -> Iterator[list[Unit]]:
    """Plain words with nothing but a space between them, as long as possible."""
    run: list[Unit] = []
    for unit in units:
        is_next = bool(run) and text[run[-1].end : unit.start] == " "
        if run and not (is_next and unit.kind is Kind.WORD and not unit.is_light):
            yield run
            run = []
        if unit.kind is Kind.WORD and not unit.is_light:
            run.append(unit)
    if run:
        yield run


def _longest_titled(sight: Sight, run: Sequence[Unit]) -> list[Unit]:
    best: list[Unit] = []
    current: list[Unit] = []
    for unit in run:
        current = [*current, unit] if _has(sight, "title : ", [unit]) else []
        best = max(best, current, key=len)
    return best


def _has(sight: Sight, column: str, units: Iterable[Unit]) -> bool:
    """Whether some passage holds all of the units, in that column when one is given."""
    return sight.has(column + "(" + " AND ".join(_quoted(unit.text) for unit in units) + ")")


def _with_compounds(
    sight: Sight, units: Sequence[Unit], text: str, thesaurus: Thesaurus
) -> tuple[list[Unit], dict[Unit, tuple[Unit, Unit]]]:
    """Two neighbouring words become one unit where the notes use them side by side ("rate limit")."""
    kept = list(units)
    parts: dict[Unit, tuple[Unit, Unit]] = {}
    for run in _runs(units, text):
        position = 0
        while position + 1 < len(run):
            first, second = run[position], run[position + 1]
            position += 1
            if len(first.tokens) == len(second.tokens) == 1 and _stand_together(sight, first, second):
                whole = Unit(text[first.start : second.end], Kind.WORD, first.tokens + second.tokens, first.start)
                parts[whole] = (first, second)
                kept = [unit for unit in kept if unit not in {first, second}] + [whole]
                position += 1
    return sorted(kept, key=lambda unit: unit.start), parts


def _stand_together(sight: Sight, first: Unit, second: Unit) -> bool:
    return sight.count(_quoted(f"{first.text} {second.text}"), COMPOUND_COUNT) >= COMPOUND_COUNT


def _quoted(text: str) -> str:
    return '"' + text.replace('"', " ") + '"'
