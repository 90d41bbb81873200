"""Tells whether words of a reply stand in the text that the reply is about, and keeps only those that do."""

from collections.abc import Callable, Iterable
from functools import cached_property

from amalfa.knowledge.words import fold, unspaced_runs

UNFOUNDED = "unfounded"
"""The repair of leaving out what the text does not hold: a word, a name, a path, an id."""
BLANK = "blank"
"""The repair of leaving out an empty string, or reading it as null where null may stand."""
DUPLICATE = "duplicate"
"""The repair of leaving out what is said a second time; the reading of JSON has one of this name too."""


class Wording:
    """A text whose words are looked up, whatever their case, accents and punctuation."""

    def __init__(self, text: str) -> None:
        self._text = text

    def names(self, phrase: str) -> bool:
        """Whether the phrase stands in the text, its words in this order."""
        wanted = fold(phrase)
        if not wanted:
            # Only marks, such as "&&" or an emoji: they stand there as they are or not at all.
            return bool(phrase.strip()) and phrase.strip() in self._text
        if unspaced_runs(phrase):
            return wanted in self._folded
        return f" {wanted} " in f" {self._folded} "

    def speaks_of(self, phrase: str) -> bool:
        """Whether the text names the phrase, or has each of its words in some form ("ports" for "port")."""
        from amalfa.providers.embedded.terms import stem  # 8 ms that a starting daemon leaves for later

        if self.names(phrase):
            return True
        words = fold(phrase).split()
        return bool(words) and all(stem(word) in self._stems for word in words)

    @cached_property
    def word_count(self) -> int:
        """How many different words the text has; a run of a script without spaces counts by its characters."""
        return sum(len(word) if unspaced_runs(word) else 1 for word in frozenset(self._folded.split()))

    @cached_property
    def _folded(self) -> str:
        return fold(self._text)

    @cached_property
    def _stems(self) -> frozenset[str]:
        from amalfa.providers.embedded.terms import stem

        return frozenset(stem(word) for word in frozenset(self._folded.split()))


class Sieve:
    """Leaves out what a reply may not say, and remembers under which names it did."""

    def __init__(self) -> None:
        self._repairs: dict[str, None] = {}

    @property
    def repairs(self) -> tuple[str, ...]:
        """The names of what was done, in the order of the first time."""
        return tuple(self._repairs)

    def note(self, repair: str) -> None:
        self._repairs[repair] = None

    def kept(self, offered: Iterable[str], is_founded: Callable[[str], bool] = bool) -> list[str]:
        """What is founded, in order, each once whatever its case."""
        found: dict[str, str] = {}
        for one in offered:
            key = one.strip().casefold()
            repair = BLANK if not key else DUPLICATE if key in found else "" if is_founded(one) else UNFOUNDED
            if repair:
                self.note(repair)
            else:
                found[key] = one
        return list(found.values())
