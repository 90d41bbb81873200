"""Cuts text into comparable terms: folded, lightly stemmed, CJK as character pairs. Weighs nothing but rarity."""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from amalfa.providers.embedded.months import with_iso_days
from amalfa.providers.embedded.wordlists import IRREGULAR, STOP_WORDS, SYNONYM_GROUPS

_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_TOKEN = re.compile(rf"(?P<cjk>[{_CJK}]+)|(?P<word>[^\W_{_CJK}]+(?:[._:/@'’+-]+[^\W_{_CJK}]+)*)")
_PART = re.compile(r"[^\W_]+")
_MARKS = re.compile("[\u0300-\u036f]")
_LETTERS_WITHOUT_MARKS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)


def fold(text: str) -> str:
    """The text as it is compared: case, accents and width removed. Kana and Hangul keep their marks."""
    narrowed = unicodedata.normalize("NFKC", text).casefold()
    if narrowed.isascii():
        return narrowed
    bare = _MARKS.sub("", unicodedata.normalize("NFD", narrowed))
    return unicodedata.normalize("NFC", bare).translate(_LETTERS_WITHOUT_MARKS)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """An English word without its inflection ("switches", "switching" → "switch"); anything with a digit as it is."""
    word = IRREGULAR.get(word, word)
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    for ending, least, replacement in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= least:
            word = word[: -len(ending)] + replacement
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] in "bdgmnprt":
        word = word[:-1]
    if len(word) > LONG_STEM and word.endswith("ll"):
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] == "e" else word


LONG_STEM = 5
"""Above this many letters a double l is a matter of spelling ("travelled"); in "call" and "fill" it is not."""

# In order: the first ending that fits wins. The number is how many letters must be left over.
_ENDINGS = (
    ("ations", 3, "at"),
    ("ation", 3, "at"),
    ("ically", 3, "ic"),
    ("ingly", 3, ""),
    ("sses", 2, "ss"),
    ("ches", 2, "ch"),
    ("shes", 2, "sh"),
    ("xes", 2, "x"),
    ("ies", 2, "y"),
    ("ied", 2, "y"),
    ("ing", 3, ""),
    ("eed", 2, "eed"),
    ("ed", 3, ""),
    ("ss", 1, "ss"),
    ("us", 2, "us"),
    ("is", 2, "is"),
    ("s", 3, ""),
    ("ly", 4, ""),
)


def terms_of(text: str) -> list[str]:
    """The terms of a text in order: stems, CJK pairs, and for compounds (`kestrel-03`) both the whole and its parts."""
    found: list[str] = []
    for token in _TOKEN.finditer(with_iso_days(fold(text))):
        if token.group("cjk"):
            found.extend(_pairs(token.group()))
        else:
            found.extend(_word_terms(token.group()))
    return found


@dataclass(frozen=True, slots=True)
class Shown:
    """The terms that a text shows, and which of them are neighbours, in order."""

    terms: frozenset[str]
    pairs: frozenset[tuple[str, str]]


def shown_in(*texts: str) -> Shown:
    runs = [terms_of(text) for text in texts]
    return Shown(
        frozenset(term for run in runs for term in run), frozenset(pair for run in runs for pair in pairwise(run))
    )


def asked_terms(text: str) -> list[str]:
    """The terms of a question in order. A compound counts once, as a whole: it is one thing that is asked about."""
    found: list[str] = []
    for token in _TOKEN.finditer(with_iso_days(fold(text))):
        found.extend(_asked_pairs(token.group()) if token.group("cjk") else _word_terms(token.group())[:1])
    return found


def _asked_pairs(run: str) -> list[str]:
    """The pairs without particles and question words; hiragana in a question is nearly always one of the two."""
    pairs = _pairs(run)
    return [pair for pair in pairs if not _SMALL_CHARACTERS.search(pair)] or pairs


_SMALL_CHARACTERS = re.compile("[\u3041-\u3096何誰谁什么哪吗呢的了是在多少几몇]|입니|니까|니다|습니")


def parts_of(term: str) -> list[str]:
    """The parts of a compound as they are found in texts that write it apart; empty for a simple term."""
    parts = _PART.findall(term)
    return [stem(part) for part in parts] if len(parts) > 1 else []


def _pairs(run: str) -> list[str]:
    return [run] if len(run) == 1 else [run[at : at + 2] for at in range(len(run) - 1)]


def _word_terms(word: str) -> list[str]:
    if word.isalnum():
        return [stem(word)]
    word = word.removesuffix("'s").removesuffix("’s")
    parts = _PART.findall(word)
    if len(parts) == 1:
        return [stem(parts[0])]
    if "'" in word or "’" in word:
        return [stem(part) for part in parts if len(part) > 1 and part not in _CONTRACTED] or [stem(parts[0])]
    month = [word[:7]] if _ISO_DAY.fullmatch(word) else []
    return [word, *month, *(stem(part) for part in parts)]


_CONTRACTED = frozenset({"ve", "re", "ll"})
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def telling(terms: Iterable[str]) -> list[str]:
    """The terms that carry meaning, each once, in order. All of them when only small words are there."""
    every = list(dict.fromkeys(terms))
    return [term for term in every if term not in STOP_STEMS] or every


STOP_STEMS = frozenset(STOP_WORDS) | frozenset(stem(word) for word in STOP_WORDS)


def _group_synonyms(groups: Iterable[str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for group in groups:
        stems = frozenset(stem(word) for word in group.split())
        for one in stems:
            found[one] = found.get(one, frozenset()) | (stems - {one})
    return found


_SYNONYMS: Mapping[str, frozenset[str]] = _group_synonyms(SYNONYM_GROUPS)


def synonyms_of(term: str) -> frozenset[str]:
    """Stems that often stand for the same thing in manuals; empty for most terms."""
    return _SYNONYMS.get(term, frozenset())


def rarity(term_sets: Iterable[frozenset[str]]) -> dict[str, float]:
    """How telling each term is among these texts: 1 for one found everywhere, growing the rarer it is."""
    counts: dict[str, int] = {}
    total = 0
    for terms in term_sets:
        total += 1
        for term in terms:
            counts[term] = counts.get(term, 0) + 1
    return {term: 1.0 + math.log(1.0 + (total - count) / (count + 0.5)) for term, count in counts.items()}
