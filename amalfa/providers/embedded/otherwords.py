"""What the notes may say instead of a term of one question: synonyms and other names. Finds none itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from amalfa.providers.embedded.terms import Shown, asked_terms, parts_of, synonyms_of, telling, terms_of

Phrase = tuple[str, ...]
"""The terms of an expression of several words, small words among them, in order."""


@dataclass(frozen=True, slots=True)
class OtherWords:
    """By question term: `words` are single terms, `phrases` the longer expressions that stand in for it.

    `wholes` are those parts of the question whose one telling term says little alone, such as "turn to".
    """

    words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    phrases: Mapping[str, tuple[Phrase, ...]] = field(default_factory=dict)
    wholes: Mapping[str, Phrase] = field(default_factory=dict)

    @property
    def terms(self) -> frozenset[str]:
        """The question terms that have any."""
        return frozenset(term for term, found in (*self.words.items(), *self.phrases.items()) if found)

    def stand_in(self, term: str, shown: Shown) -> bool:
        """Whether a text says the term in other words; those of a longer expression must be neighbours there."""
        return not self.words.get(term, _NONE).isdisjoint(shown.terms) or any(
            shown.pairs.issuperset(pairwise(phrase)) for phrase in self.phrases.get(term, ())
        )

    def says(self, term: str, shown: Shown) -> bool:
        """Whether a text has the term itself, with the small words that it makes sense with."""
        whole = self.wholes.get(term)
        return term in shown.terms and (whole is None or shown.pairs.issuperset(pairwise(whole)))

    def that_name(self, names: Iterable[frozenset[str]], single: frozenset[str]) -> "OtherWords":
        """Those of them that are the whole name of something, given as the sets of the names' terms.

        Names of one word count for the terms in `single` only: most such names are nouns like any other.
        """
        known = set(names)
        words = {term: frozenset(one for one in self.words.get(term, _NONE) if {one} in known) for term in single}
        phrases = {term: tuple(one for one in found if frozenset(one) in known) for term, found in self.phrases.items()}
        return OtherWords(words, phrases)


_NONE: frozenset[str] = frozenset()


def read_other_words(given: Sequence[tuple[str, Sequence[str]]]) -> OtherWords:
    """By the terms of each part of the question; a part of several words is meant by each of them."""
    words: dict[str, frozenset[str]] = {}
    phrases: dict[str, tuple[Phrase, ...]] = {}
    wholes: dict[str, Phrase] = {}
    for part, others in given:
        expressions = [_phrase(other) for other in others]
        asked = telling(asked_terms(part))
        if len(asked) == 1 and _is_phrasal(part):
            wholes[asked[0]] = _phrase(part)
        for term in asked:
            words[term] = words.get(term, _NONE) | {phrase[0] for phrase in expressions if len(phrase) == 1}
            phrases[term] = (*phrases.get(term, ()), *(phrase for phrase in expressions if len(phrase) > 1))
    return OtherWords(words, phrases, wholes)


_ARTICLES = frozenset({"the", "a", "an", "der", "die", "das", "le", "la", "les", "el"})


def _is_phrasal(part: str) -> bool:
    words = part.split()
    return len(words) > 1 and part.islower() and words[0] not in _ARTICLES


def _phrase(text: str) -> Phrase:
    return tuple(term for term in terms_of(text) if not parts_of(term))


def usual_others(terms: Iterable[str]) -> OtherWords:
    """For a question that no search has looked into: what often means the same in manuals."""
    return OtherWords({term: synonyms_of(term) for term in terms})
