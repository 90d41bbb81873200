"""What the passages show of each note as a whole: a piece may leave the name of its subject to another part of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from amalfa.calls import Passage
from amalfa.providers.embedded.sentences import units_of
from amalfa.providers.embedded.terms import Shown, parts_of, shown_in, terms_of


@dataclass(frozen=True, slots=True)
class Home:
    """One note, as far as its passages show it. `identity` is what says which thing it is about.

    `called` are its whole names, each as the set of its simple terms.
    """

    shown: Shown
    identity: Shown
    called: frozenset[frozenset[str]]

    def has(self, term: str) -> bool:
        """Whether the note holds the term, be it as a compound written apart."""
        parts = parts_of(term)
        return term in self.shown.terms or bool(parts and all(pair in self.shown.pairs for pair in pairwise(parts)))


def homes_of(passages: Sequence[Passage]) -> Mapping[str, Home]:
    """By path: what all given passages of that note hold together."""
    by_path: dict[str, list[Passage]] = {}
    for passage in passages:
        by_path.setdefault(passage.path, []).append(passage)
    return {path: _home(path, group) for path, group in by_path.items()}


def _home(path: str, passages: Sequence[Passage]) -> Home:
    # Folders name kinds of things, not the thing.
    file = path.rpartition("/")[2]
    named = [
        bare_path(file),
        file.rpartition(".")[0],
        *dict.fromkeys(passage.title for passage in passages),
    ]
    named += [passage.heading.partition(" > ")[0] for passage in passages]
    named += [
        unit.text.partition(":")[2]
        for passage in passages
        for unit in units_of(passage.text)
        if unit.kind == "field" and unit.key.lower() in NAMING_FIELDS
    ]
    named += [line for passage in passages for line in passage.text.splitlines() if _RENAMES.search(line)]
    lines = [line for passage in passages for line in (passage.heading, *passage.text.splitlines())]
    return Home(
        shown=shown_in(bare_path(path), *named, *lines),
        identity=shown_in(*named),
        called=frozenset(frozenset(term for term in terms_of(text) if not parts_of(term)) for text in named),
    )


NAMING_FIELDS = frozenset({"title", "aliases", "alias", "name"})


_RENAMES = re.compile(r"\b(?:also (?:called|known as)|a\.?k\.?a\.?|nicknamed|auch|alias)\b", re.IGNORECASE)


def bare_path(path: str) -> str:
    """A path as the words it is made of, without its ending."""
    stem, dot, ending = path.rpartition(".")
    words = (stem if dot and ending.isalnum() else path).replace("/", " ").replace("_", " ")
    # A hyphen between digits holds a date together.
    return re.sub(r"(?<!\d)-|-(?!\d)", " ", words)
