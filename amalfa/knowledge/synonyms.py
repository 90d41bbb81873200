"""Words that notes and questions use for one another, from `synonyms.txt`: a small thesaurus by hand.

It serves two ends: a question in other words still finds its passage, and a word that is neither in the notes nor
known there by another name is a sign that the notes do not hold the answer.
"""

from dataclasses import dataclass
from pathlib import Path

from amalfa.knowledge.stopwords import stop_words
from amalfa.knowledge.words import Tokenize


@dataclass(frozen=True, slots=True)
class Expression:
    """A word or a few that stand together: as written, for queries, and as the index stores it.

    `also` are other forms that the index stores in the same way: "approval" beside "approved".
    """

    text: str
    tokens: tuple[str, ...]
    also: tuple[str, ...] = ()


class Thesaurus:
    """The ideas in the index's own word forms. Reading the file takes some milliseconds; done once."""

    def __init__(self, tokenize: Tokenize) -> None:
        self._ideas: list[tuple[Expression, ...]] = []
        self._of: dict[tuple[str, ...], list[int]] = {}
        self._too_common = stop_words("en")
        for line in Path(__file__).with_name("synonyms.txt").read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                self._add(line, tokenize)

    def knows(self, tokens: tuple[str, ...]) -> bool:
        return tokens in self._of

    def others(self, tokens: tuple[str, ...]) -> tuple[Expression, ...]:
        """What else may be written where `tokens` are meant; empty for unknown words."""
        found = {other.tokens: other for idea in self._of.get(tokens, ()) for other in self._ideas[idea]}
        found.pop(tokens, None)
        return tuple(found.values())

    def _add(self, line: str, tokenize: Tokenize) -> None:
        mutual, _, one_way = line.partition(">")
        forms = self._forms(mutual, tokenize)
        for tokens in forms:
            self._of.setdefault(tokens, []).append(len(self._ideas))
        forms |= self._forms(one_way, tokenize)
        self._ideas.append(tuple(Expression(texts[0], tokens, texts[1:]) for tokens, texts in forms.items()))

    def _forms(self, members: str, tokenize: Tokenize) -> dict[tuple[str, ...], tuple[str, ...]]:
        # A word as common as "over" or "since" would be found everywhere and prove nothing.
        texts = (text.strip() for text in members.split(";"))
        forms: dict[tuple[str, ...], tuple[str, ...]] = {}
        for text in texts:
            if text and text not in self._too_common:
                tokens = tuple(tokenize(text))
                forms[tokens] = (text, *forms.get(tokens, ()))
        return forms
