"""Finds the passages of the notes that answer a question, and says when there are too few. Asks no model to answer."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import anyio.to_thread
import apsw

from amalfa.calls import Passage
from amalfa.errors import AmalfaError
from amalfa.knowledge.candidates import (
    Candidate,
    fetch_alike,
    fetch_by_id,
    fetch_candidates,
    fetch_linked,
    fetch_neighbour,
    has_section,
)
from amalfa.knowledge.described import find_described, with_described
from amalfa.knowledge.descriptions import summaries
from amalfa.knowledge.elsewhere import better_section, top_folder
from amalfa.knowledge.fresh import FreshReader
from amalfa.knowledge.fusion import fused, without_repeats
from amalfa.knowledge.globs import matches_anywhere, matches_from_root
from amalfa.knowledge.hops import leading_texts, with_linked
from amalfa.knowledge.index import Index
from amalfa.knowledge.passagetext import Texts
from amalfa.knowledge.question import read_question
from amalfa.knowledge.rank import Scored, rank
from amalfa.knowledge.sight import Sight, private_notes, state_of
from amalfa.knowledge.sought import Sought, look_up
from amalfa.knowledge.sufficiency import Verdict, judge
from amalfa.knowledge.synonyms import Thesaurus
from amalfa.knowledge.vectors import Embedder, Vectors
from amalfa.knowledge.words import fold, tokenizer_of
from amalfa.store.rows import fetch, fetch_one

log = logging.getLogger("amalfa.knowledge")

SHORT_CHARACTERS = 300
"""A passage shorter than this is shown together with its neighbour in the same section."""

FOUND_BESIDE = 5
"""From how many of the best passages the folders are taken in which notes of the same kind lie."""

NEAREST = 3
FIRST_BY_MEANING = 3
"""Among how many of the nearest in meaning a passage has to be to answer a question put in other words."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the notes hold on a question.

    The title of a passage whose note the question calls by another name shows that name in brackets. `reason`
    says in a sentence why it is too little, "" when it is enough. `nearest` are (path, title) of the notes that
    come closest, `searched` the number of notes looked at, `indexed_at` UTC in ISO or None.
    `other_words` are parts of the question, each with what the notes may say instead: synonyms, aliases, titles.
    """

    passages: tuple[Passage, ...]
    is_sufficient: bool
    reason: str
    nearest: tuple[tuple[str, str], ...]
    searched: int
    indexed_at: str | None
    other_words: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Retriever:
    """Answers from one index.

    `local_only` are globs of notes that never leave the machine. With an `embedder`, passages near in meaning
    are found as well, once `vectors.fill` has run; `vectors` is None without one.
    """

    def __init__(self, index: Index, *, local_only: Sequence[str] = (), embedder: Embedder | None = None) -> None:
        self._index = index
        self._is_local_only = matches_anywhere(local_only)
        self._has_rules = bool(local_only)
        self._private: tuple[object, frozenset[int]] | None = None
        self._thesaurus: Thesaurus | None = None
        self.vectors = Vectors(index, embedder, is_local_only=self._is_local_only) if embedder else None

    async def retrieve(
        self, question: str, *, k: int = 6, within: Sequence[str] = (), without_private: bool = False
    ) -> Evidence:
        """The best `k` passages and whether they suffice; `within` narrows to notes by path or glob.

        `without_private` looks as if the private notes were not there: they are neither shown nor named, and do
        not count for what suffices.
        """
        found = await self._find(question, within, without_private)
        passages, nearest = await anyio.to_thread.run_sync(self._as_they_are, found, k)
        is_sufficient = found.verdict.is_sufficient and bool(passages)
        reason = "" if is_sufficient else found.verdict.reason or "The notes changed since they were indexed."
        other_words = tuple((one.unit.text, _instead(one)) for one in found.sought if one.same or one.similar)
        return Evidence(passages, is_sufficient, reason, nearest, found.searched, found.indexed_at, other_words)

    async def search(
        self, query: str, *, k: int = 10, within: Sequence[str] = (), without_private: bool = False
    ) -> tuple[Passage, ...]:
        """The best `k` passages for a query, the best first, however little they may say.

        Notes are found by their descriptions as well; what is said of them there is in `Passage.summary`.
        """
        found = await self._find(query, within, without_private, by_description=True)
        passages, _ = await anyio.to_thread.run_sync(self._as_they_are, found, k)
        return passages

    async def _find(
        self, question: str, within: Sequence[str], without_private: bool, *, by_description: bool = False
    ) -> "_Found":
        near = await self._near_in_meaning(question)
        wanted = _Wanted(question, tuple(within), without_private, tuple(near), by_description)
        return await self._index.database.read(partial(self._find_now, wanted=wanted))

    async def _near_in_meaning(self, question: str) -> list[int]:
        if self.vectors is None:
            return []
        try:
            return await self.vectors.nearest(question)
        except AmalfaError as error:
            log.warning("searching by words alone, because the question could not be embedded: %s", error.message)
            return []

    def _find_now(self, connection: apsw.Connection, wanted: "_Wanted") -> "_Found":
        tokenize = tokenizer_of(connection)
        if self._thesaurus is None:
            self._thesaurus = Thesaurus(tokenize)
        sight = Sight(connection, self._hidden(connection) if wanted.without_private else frozenset())
        notes = sight.notes_that(matches_from_root(wanted.within) if wanted.within else None)
        asked = read_question(wanted.question, tokenize)
        sought = look_up(connection, asked, tokenize, self._thesaurus, hidden=sight.hidden)
        candidates = fetch_candidates(connection, sought, asked, notes)
        by_meaning = [one for one in fetch_by_id(connection, wanted.near) if notes is None or one.note_id in notes]
        texts = Texts(tokenize)
        ranked = rank(_each_once(candidates, by_meaning), sought, asked, texts)
        leading = leading_texts(ranked, sought, texts, is_indirect=asked.is_indirect)
        linked = fetch_linked(connection, leading, notes, besides=_named_notes(sought))
        hops = {source: rank(found, sought, asked, texts, is_linked=True) for source, found in linked.items()}
        verdict = judge(asked, sought, ranked, hops, near=[one.id for one in by_meaning[:FIRST_BY_MEANING]])
        verdict = _weighed(sight, verdict, sought, ranked, texts)
        only_by_meaning = {one.id for one in by_meaning} - {one.id for one in candidates}
        by_words = with_linked(ranked, hops, sought)
        described = find_described(connection, sought, tokenize, notes) if wanted.by_description else []
        if described:
            by_words = with_described(connection, by_words, described)
            raised = {one.note_id for one in described}
            only_by_meaning -= {one.id for one in by_meaning if one.note_id in raised}
        ordered = without_repeats(fused(by_words, [one.id for one in by_meaning], only_by_meaning))
        searched = len(notes) if notes is not None else int(fetch(connection, "SELECT count(*) FROM note")[0][0])
        return _Found(
            ordered,
            verdict,
            searched,
            _updated_at(connection),
            _neighbours(connection, ordered),
            sought,
            wanted.without_private,
            summaries(connection, {one.candidate.path for one in ordered}) if wanted.by_description else {},
        )

    def _hidden(self, connection: apsw.Connection) -> frozenset[int]:
        """The private notes, as the index knows them; what changed since is seen when a passage is read."""
        state, known = state_of(connection), self._private
        if known is not None and known[0] == state:
            return known[1]
        # Where each note really is takes a look at the disk for every one, so it is kept while the index stays.
        reader = FreshReader(self._index.files, self._is_local_only)
        private = private_notes(connection, reader.stays_here if self._has_rules else None)
        self._private = (state, private)
        return private

    def _as_they_are(self, found: "_Found", k: int) -> tuple[tuple[Passage, ...], tuple[tuple[str, str], ...]]:
        """The first `k` passages that still stand in their files, and (path, title) of the notes that come closest."""
        reader = FreshReader(self._index.files, self._is_local_only)
        ranked = found.ranked
        if found.without_private:
            ranked = [scored for scored in ranked if not reader.is_private(scored.candidate)]
        called = _called(found.sought)
        passages: list[Passage] = []
        for scored in ranked:
            if len(passages) == k:
                break
            passage = reader.passage(scored.candidate, scored.score, found.neighbours.get(scored.candidate.id))
            if passage is not None and not any(_overlap(passage, other) for other in passages):
                passage = replace(passage, summary=reader.summary(passage.path, found.summaries.get(passage.path)))
                passages.append(_with_name(passage, called.get(scored.candidate.note_id, "")))
        nearest = {scored.candidate.path: scored.candidate.title for scored in ranked}
        return tuple(passages), tuple(nearest.items())[:NEAREST]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is looked for, and where. `near` are the passages nearest in meaning, by id."""

    question: str
    within: tuple[str, ...]
    without_private: bool
    near: tuple[int, ...]
    by_description: bool


@dataclass(frozen=True, slots=True)
class _Found:
    ranked: list[Scored]
    verdict: Verdict
    searched: int
    indexed_at: str | None
    neighbours: dict[int, Candidate] = field(default_factory=dict)
    sought: tuple[Sought, ...] = ()
    without_private: bool = False
    summaries: dict[str, tuple[str, str]] = field(default_factory=dict)


def _weighed(
    sight: Sight, verdict: Verdict, sought: Sequence[Sought], ranked: Sequence[Scored], texts: Texts
) -> Verdict:
    """A doubtful verdict held against the notes on other things that lie beside those found."""
    if not verdict.is_doubtful:
        return verdict
    folders = {top_folder(scored.candidate.path) for scored in ranked[:FOUND_BESIDE] if scored.is_about} - {""}
    alike = fetch_alike(sight, sought, folders)
    section = better_section(alike, sought, texts, share=verdict.share)
    if not section or has_section(sight, sought, section):
        return verdict
    names = ", ".join(f"“{one.unit.text}”" for one in sought if one.is_named)
    return Verdict(False, verdict.share, f"Other notes have a section “{section}”, but none on {names} has.")


def _updated_at(connection: apsw.Connection) -> str | None:
    found = fetch_one(connection, "SELECT value FROM state WHERE key = 'updated_at'")
    return str(found[0]) if found else None


def _each_once(*groups: Iterable[Candidate]) -> list[Candidate]:
    return list({one.id: one for group in reversed(groups) for one in group}.values())


def _named_notes(sought: Sequence[Sought]) -> frozenset[int]:
    return frozenset[int]().union(*(one.notes for one in sought))


def _called(sought: Sequence[Sought]) -> dict[int, str]:
    """For each note the question names, what it calls it."""
    return {note: one.unit.text for one in sought for note in one.notes}


def _with_name(passage: Passage, called: str) -> Passage:
    """The passage with the question's name for its note beside the title: the text below may never say it."""
    if not called or fold(called) in fold(passage.title):
        return passage
    return replace(passage, title=f"{passage.title} ({called})")


def _neighbours(connection: apsw.Connection, ranked: Sequence[Scored]) -> dict[int, Candidate]:
    """For the short ones among the first passages, the passage next to it in the same section."""
    short = [scored.candidate for scored in ranked[:10] if len(scored.candidate.text) < SHORT_CHARACTERS]
    found = ((one.id, fetch_neighbour(connection, one)) for one in short)
    return {passage_id: neighbour for passage_id, neighbour in found if neighbour is not None}


def _instead(sought: Sought) -> tuple[str, ...]:
    return tuple(text for one in (*sought.same, *sought.similar) for text in (one.text, *one.also))


def _overlap(one: Passage, other: Passage) -> bool:
    return one.path == other.path and one.start_line <= other.end_line and other.start_line <= one.end_line
