"""Reads a question: which terms it is about, which of them are names, and what kind of thing would answer it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from amalfa.providers.embedded.months import with_iso_days
from amalfa.providers.embedded.terms import STOP_STEMS, asked_terms, fold, stem, telling


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
    `pairs` are all neighbouring content terms; a piece that has them side by side is a closer match.
    """

    text: str
    terms: tuple[str, ...]
    names: frozenset[str]
    phrases: frozenset[tuple[str, str]]
    pairs: frozenset[tuple[str, str]]
    wanted: Wanted
    wants_latest: bool


def read_question(text: str) -> Question:
    # "How much is it?" asks for an amount without saying so.
    ordered = asked_terms(_PRICED.sub("amount", text, count=1))
    terms = tuple(telling(ordered))
    named = [asked_terms(name) for name in _names(text)]
    return Question(
        text=text,
        terms=terms,
        names=frozenset(term for name in named for term in name if term in terms and term not in _GENERIC),
        phrases=frozenset(pair for name in named for pair in pairwise(name) if not _GENERIC & set(pair)),
        pairs=frozenset(pairwise(term for term in ordered if term not in STOP_STEMS)),
        wanted=wanted_by(text),
        wants_latest=bool(_LATEST.search(fold(text))),
    )


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


_WORDINGS: Mapping[Wanted, re.Pattern[str]] = {
    Wanted.NUMBER: re.compile(
        r"\bhow (?:many|much|long|big|large|hot|old|far|high|heavy|fast)\b|\b(?:number|amount|percentage)\b"
        r"|\bwhat (?:port|size)\b|\b(?:wie ?viele?|combien|cuant[oa]s?|quant[oi])\b|いくつ|何(?:人|度|個|分|円)|多少|几"
    ),
    Wanted.TIME: re.compile(
        r"^\W*when\b|\band when\b|\b(?:what|which) (?:date|day|year|month|time)\b|\b(?:by|until|since) (?:when|what)\b"
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
    Wanted.PERSON: re.compile(r"\bwho(?:m|se)?\b|\b(?:wer|qui|quien|chi)\b|誰|谁|누구"),
    Wanted.REASON: re.compile(r"\bwhy\b|\bwhat (?:caused?|is the reason)\b|\b(?:warum|pourquoi|perche)\b|なぜ|为什么"),
    Wanted.LIST: re.compile(r"\b(?:which|list|what are)\b.*s\b"),
}

_QUOTED = re.compile(r"`([^`]+)`|\"([^\"]+)\"|“([^”]+)”|«([^»]+)»|「([^」]+)」")
_SPACED = re.compile(r"[^\s?!,;:()\"“”«»`]+|[,;:]")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_IDENTIFIER = re.compile(r"\w[._/]\w|[a-z][A-Z]|^--\w")
_ABBREVIATION = re.compile(r"[A-Z]{2,5}s?")
_OPENING_WORDS = "how is are was were give show list compare explain describe summarise summarize name count"
_OPENERS = frozenset(_OPENING_WORDS.split())


def _names(text: str) -> list[str]:
    """Quoted stretches, runs of words with a capital, words with a digit in them, and full days."""
    quoted = [next(part for part in found if part) for found in _QUOTED.findall(text)]
    words = _SPACED.findall(_QUOTED.sub(" , ", text))
    runs: list[list[str]] = [[]]
    for at, word in enumerate(words):
        follower = words[at + 1] if at + 1 < len(words) else ""
        if _has_digit(word) or _IDENTIFIER.search(word):
            runs.extend([[word], []])
        elif _is_name(word) and (at or (_is_name(follower) and not _opens(word)) or "'" in word):
            runs[-1].append(word)
        elif runs[-1]:
            runs.append([])
    # A lone abbreviation (IP, SSH) is a word like any other.
    runs = [run for run in runs if run and not (len(run) == 1 and _ABBREVIATION.fullmatch(run[0]))]
    return [*quoted, *_DAY.findall(with_iso_days(fold(text))), *(" ".join(run) for run in runs)]


def _is_name(word: str) -> bool:
    return word.lstrip("'’[")[:1].isupper() and not (len(word) < 3 and fold(word) in STOP_STEMS)


def _opens(word: str) -> bool:
    """Whether a capital at the beginning of a question says nothing."""
    folded = fold(word)
    return folded in _OPENERS or stem(folded) in STOP_STEMS


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)
