"""Reads a question: which terms it is about, which of them are names, and what kind of thing would answer it."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from amalfa.providers.embedded.months import with_iso_days
from amalfa.providers.embedded.otherwords import OtherWords, read_other_words, usual_others
from amalfa.providers.embedded.scene import asking_part, is_indirect
from amalfa.providers.embedded.terms import STOP_STEMS, asked_terms, fold, stem, telling
from amalfa.providers.embedded.wordlists import STOP_WORDS


class Wanted(StrEnum):
    """What sort of piece would answer."""

    NUMBER = "number"
    TIME = "time"
    PLACE = "place"
    PERSON = "person"
    COMMAND = "command"
    MEANING = "meaning"
    REASON = "reason"
    LIST = "list"
    ANYTHING = "anything"


@dataclass(frozen=True, slots=True)
class Question:
    """A question taken apart.

    `names` are terms a fitting note cannot do without: proper names, identifiers, quoted words, days. `phrases`
    are neighbours that must be neighbours in the note as well ("Marta Kowalczyk" is neither of two other people).
    `pairs` are all neighbouring content terms; a piece that has them side by side is a closer match. `others` is what
    may stand for a term. With `wants_value` one fact is asked for, such as a number or a name.
    `singular` are the stems of all words that are no plural. `counted` are those of what "how many" asks for, unless it
    is a measure; `heads` those right behind "which" or "what". `asks_for_subject`: "who reports to Ada", not "whom".
    `scene` are terms that only set the scene: a fitting piece may do without them. `is_indirect`: it is about
    somebody or something that it only describes.
    """

    text: str
    terms: tuple[str, ...]
    names: frozenset[str]
    phrases: frozenset[tuple[str, str]]
    pairs: frozenset[tuple[str, str]]
    wanted: Wanted
    wants_latest: bool
    wants_value: bool = False
    singular: frozenset[str] = frozenset()
    counted: frozenset[str] = frozenset()
    heads: frozenset[str] = frozenset()
    asks_for_subject: bool = False
    scene: frozenset[str] = frozenset()
    is_indirect: bool = False
    others: OtherWords = field(default_factory=OtherWords)


def read_question(text: str, other_words: Sequence[tuple[str, Sequence[str]]] = ()) -> Question:
    # "How much is it?" asks for an amount without saying so.
    spelled_out = _PRICED.sub(UNSAID, text, count=1)
    ordered = asked_terms(spelled_out)
    terms = tuple(telling(ordered))
    named = [asked_terms(name) for name in _names(text)]
    names = frozenset(term for name in named for term in name if term in terms and term not in _GENERIC)
    asking = asking_part(text)
    return Question(
        text=text,
        terms=terms,
        names=names,
        phrases=frozenset(pair for name in named for pair in pairwise(name) if not _GENERIC & set(pair)),
        pairs=frozenset(pairwise(term for term in ordered if term not in STOP_STEMS)),
        wanted=wanted_by(asking),
        wants_latest=bool(_LATEST.search(fold(text))),
        wants_value=_wants_value(asking),
        singular=frozenset(stem(word) for word in _WORD.findall(fold(spelled_out)) if not word.endswith("s")),
        counted=frozenset(_behind(_HOW_MANY, asking)) - _MEASURES,
        heads=frozenset(_behind(_WHICH, asking)) & frozenset(terms) - _MEASURES,
        asks_for_subject=bool(_SUBJECT.search(fold(asking))),
        is_indirect=is_indirect(text),
        scene=_scene(terms, asking, names),
        others=read_other_words(other_words) if other_words else usual_others(terms),
    )


def _scene(terms: Sequence[str], asking: str, names: frozenset[str]) -> frozenset[str]:
    """The terms that the asking part lacks; none when it has no term of its own."""
    asked = frozenset(asked_terms(_PRICED.sub(UNSAID, asking, count=1)))
    if not any(term in asked and term not in names for term in terms):
        return frozenset()
    return frozenset(terms) - asked - names


def _behind(opening: re.Pattern[str], text: str) -> list[str]:
    """The terms right behind such an opening, up to the next small word."""
    found = opening.search(fold(text))
    if found is None:
        return []
    words = itertools.takewhile(lambda word: word.isalpha() and word not in _SMALL, fold(text)[found.end() :].split())
    return [term for word in words for term in asked_terms(word)][:3]


_HOW_MANY = re.compile(r"\bhow many ")
_WHICH = re.compile(r"^\W*(?:(?:in|on|at|to|for|by|from|under|with) )?(?:which|what) (?:kind of |sort of |type of )?")
_SUBJECT = re.compile(r"^\W*who (?!is\b|are\b|was\b|were\b|does\b|do\b|did\b|has\b|had\b|can\b|will\b)")
_SMALL = frozenset(STOP_WORDS) - {"long", "large", "name", "page"}
_MEASURE_WORDS = """
gram kilogram kilo litre liter metre meter mile km second minute hour day week month year euro dollar percent degree
byte gigabyte point time date number amount
"""
_MEASURES = frozenset(stem(word) for word in _MEASURE_WORDS.split())

UNSAID = "amount"
"""What "how much is it?" asks for without a word for it."""

_PRICED = re.compile(r"\bhow much(?= (?:is|are|was|were|does|did|do)\b)", re.IGNORECASE)
_LATEST = re.compile(
    r"\b(?:latest|newest|current|currently|most recent|last|now|today|still|aktuell\w*|actuel\w*)\b"
    r"|最新|現在|最近|目前"
)

# Nouns that people put before a name without the note doing so.
_GENERIC_NOUNS = """
project server invoice team company customer mr mrs ms dr trip meeting chapter section table figure site note paper
error code
"""
_GENERIC = frozenset(stem(word) for word in _GENERIC_NOUNS.split())


def wanted_by(text: str) -> Wanted:
    """The first kind whose wording the question has."""
    folded = fold(text)
    return next((kind for kind, wording in _WORDINGS.items() if wording.search(folded)), Wanted.ANYTHING)


_WORD = re.compile(r"[^\W\d_]{3,}")


def _wants_value(text: str) -> bool:
    wanted = wanted_by(text)
    return wanted in _FACTS or (wanted is Wanted.ANYTHING and bool(_ATTRIBUTE.search(fold(text))))


_FACTS = frozenset({Wanted.NUMBER, Wanted.TIME, Wanted.PLACE, Wanted.PERSON})
_ATTRIBUTE = re.compile(
    r"^\W*(?:(?:in|on|at|to|for|by|from|under|with) )?"
    r"(?:which|what (?!do|did|happen|should|can|could|would|will|if|about|(?:was|were|am|have|had) (?:i|we)\b))"
)

_WORDINGS: Mapping[Wanted, re.Pattern[str]] = {
    Wanted.NUMBER: re.compile(
        r"\bhow (?:many|much|long|often|big|large|hot|warm|cold|old|early|late|far|high|tall|wide|deep|heavy|fast)\b"
        r"|\b(?:amount|percentage)\b|\bwhat (?:port|size|share)\b"
        r"|\bwhat (?:is|was) the (?:\w+ )?(?:cost|price|budget|fee|salary)\b"
        r"|\bwas (?:kostet|kosten|zahl\w+|bezahl\w+)\b|\b(?:prix|tarif)\b"
        r"|\bwie ?(?:viele?|hoch|lange|oft|alt|gross|weit|tief|schwer|teuer)\b"
        r"|\b(?:combien|cuant[oa]s?|quant[oi])\b|いくつ|何(?:人|度|個|分|円)|多少|几"
    ),
    Wanted.TIME: re.compile(
        r"^\W*when\b|\band when\b"
        r"|\b(?:what|which) (?:date|day|weekday|year|month|times?|hours?|night|part of the day)\b"
        r"|\bat what point\b|\b(?:by|until|since) (?:when|what)\b"
        r"|\bdeadline\b|\bdue\b|\b(?:wann|quand|cuando)\b|いつ|何時|什么时候|언제"
    ),
    Wanted.COMMAND: re.compile(
        r"\bhow (?:do|can|to|should|would|does one)\b|\b(?:which|what) (?:command|flag|option|steps?)\b"
        r"|\bhow is .* done\b|\bwie (?:kann|mache|schalte|stelle)\b|\bcomment (?:faire|puis)\b|どうやって|方法|怎么"
    ),
    Wanted.MEANING: re.compile(
        r"\bwhat (?:does|do) .+ (?:mean|stand for|do)\W*$|\bmeaning of\b|\bwhat (?:is|are) (?:an? )?\S+\??$|\bdefin"
        r"|\bwas (?:bedeutet|heisst)\b|とは|什么是"
    ),
    Wanted.PLACE: re.compile(
        r"\bwhere\b|\bwhich (?:folder|file|path|city|room|place|town|country)\b"
        r"|\b(?:wo|ou est|donde|dove)\b|どこ|哪里|어디"
    ),
    Wanted.PERSON: re.compile(
        r"^\W*(?:\w+ )?who(?:m|se)?\b|\b(?:and|to|by|from|for|with|of) whom?\b|\b(?:wer|qui|quien|chi)\b|誰|谁|누구"
    ),
    Wanted.REASON: re.compile(r"\bwhy\b|\bwhat (?:caused?|is the reason)\b|\b(?:warum|pourquoi|perche)\b|なぜ|为什么"),
    Wanted.LIST: re.compile(
        r"^\W*list\b|\bwhat are\b.*s\b|^\W*which (?:\w+ )?\w{2,}[^s\W]s (?!(?:is|was|does|has|when|if)\b)"
    ),
}

_QUOTED = re.compile(r"`([^`]+)`|\"([^\"]+)\"|“([^”]+)”|«([^»]+)»|「([^」]+)」")
_SPACED = re.compile(r"[^\s?!,;:()\"“”«»`]+|[,;:]")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_IDENTIFIER = re.compile(r"\w[._/]\w|[a-z][A-Z]|^--\w")
_ABBREVIATION = re.compile(r"[A-Z]{2,5}s?")
_GERMAN = re.compile(
    r"\b(?:der|die|das|des|dem|den|ein|eine|ist|sind|hat|wie|wann|wer|welche[rsnm]?|im|zum|zur|von|vom|ich|wir|beim|bei|gibt|und|mit|auf|uns|man|denn|viele|kostet)\b",
    re.I,
)
_OPENING_WORDS = "how is are was were give show list compare explain describe summarise summarize name count"
_OPENERS = frozenset(_OPENING_WORDS.split())


def _names(text: str) -> list[str]:
    """Quoted stretches, runs of words with a capital, words with a digit in them, and full days."""
    quoted = [next(part for part in found if part) for found in _QUOTED.findall(text)]
    words = _SPACED.findall(_QUOTED.sub(" , ", text))
    runs: list[list[str]] = [[]]
    for at, word in enumerate(words):
        follower = words[at + 1] if at + 1 < len(words) else ""
        is_first = not at or words[at - 1].endswith((".", "?", "!", ":"))
        if _has_digit(word) or _IDENTIFIER.search(word):
            runs.extend([[word], []])
        elif _is_name(word) and not _is_small(word) and (not is_first or _begins_name(word, follower)):
            runs[-1].append(word)
        elif runs[-1]:
            runs.append([])
    # A lone abbreviation (IP, SSH) is a word like any other, and so is a lone German noun.
    is_german = len(_GERMAN.findall(text)) > 1
    runs = [run for run in runs if run and not (len(run) == 1 and (is_german or _ABBREVIATION.fullmatch(run[0])))]
    return [*quoted, *_DAY.findall(with_iso_days(fold(text))), *(" ".join(run) for run in runs)]


def _begins_name(word: str, follower: str) -> bool:
    """Whether a capital at the beginning of a sentence is that of a name: another follows, or a possessive."""
    return (_is_name(follower) and not _opens(word)) or _APOSTROPHE.search(word) is not None


def _is_small(word: str) -> bool:
    """Whether it is a small word in a contraction ("What's", "I'd") or a day of the week."""
    if fold(word) in _WEEKDAYS:
        return True
    bare, *ending = _APOSTROPHE.split(word, maxsplit=1)
    return bool(ending) and stem(fold(bare)) in STOP_STEMS


_WEEKDAYS = frozenset({"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"})
_APOSTROPHE = re.compile(r"['’]")


def _is_name(word: str) -> bool:
    return word.lstrip("'’[")[:1].isupper() and not (len(word) < 3 and fold(word) in STOP_STEMS)


def _opens(word: str) -> bool:
    """Whether a capital at the beginning of a question says nothing."""
    folded = fold(word)
    return folded in _OPENERS or stem(folded) in STOP_STEMS


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)
