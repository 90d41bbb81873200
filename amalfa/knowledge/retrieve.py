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
from amalfa.knowledge.elsewhere import better_section, top_folder
from amalfa.knowledge.fresh import FreshReader
from amalfa.knowledge.fusion import fused, without_repeats
from amalfa.knowledge.globs import matches_anywhere, matches_from_root
from amalfa.knowledge.hops import leading_texts, with_linked
from amalfa.knowledge.index import Index
from amalfa.knowledge.passagetext import Texts
from amalfa.knowledge.question import read_question
from amalfa.knowledge.rank import Scored, rank
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
        self._thesaurus: Thesaurus | None = None
        self.vectors = Vectors(index, embedder, is_local_only=self._is_local_only) if embedder else None

    async def retrieve(self, question: str, *, k: int = 6, within: Sequence[str] = ()) -> Evidence:
        """The best `k` passages and whether they suffice; `within` narrows to notes by path or glob."""
        found = await self._find(question, within)
        passages = await anyio.to_thread.run_sync(self._as_they_are, found, k)
        is_sufficient = found.verdict.is_sufficient and bool(passages)
        reason = "" if is_sufficient else found.verdict.reason or "The notes changed since they were indexed."
        nearest = tuple({s.candidate.path: s.candidate.title for s in found.ranked}.items())[:NEAREST]
        other_words = tuple((one.unit.text, _instead(one)) for one in found.sought if one.same or one.similar)
        return Evidence(passages, is_sufficient, reason, nearest, found.searched, found.indexed_at, other_words)

    async def search(self, query: str, *, k: int = 10, within: Sequence[str] = ()) -> tuple[Passage, ...]:
        """The best `k` passages for a query, the best first, however little they may say."""
        return await anyio.to_thread.run_sync(self._as_they_are, await self._find(query, within), k)

    async def _find(self, question: str, within: Sequence[str]) -> "_Found":
        near = await self._near_in_meaning(question)
        return await self._index.database.read(partial(self._find_now, question=question, within=within, near=near))

    async def _near_in_meaning(self, question: str) -> list[int]:
        if self.vectors is None:
            return []
        try:
            return await self.vectors.nearest(question)
        except AmalfaError as error:
            log.warning("searching by words alone, because the question could not be embedded: %s", error.message)
            return []

    def _find_now(self, connection: apsw.Connection, question: str, within: Sequence[str], near: list[int]) -> "_Found":
        tokenize = tokenizer_of(connection)
        if self._thesaurus is None:
            self._thesaurus = Thesaurus(tokenize)
        notes = _notes_within(connection, within)
        asked = read_question(question, tokenize)
        sought = look_up(connection, asked, tokenize, self._thesaurus)
        candidates = fetch_candidates(connection, sought, asked, notes)
        by_meaning = [one for one in fetch_by_id(connection, near) if notes is None or one.note_id in notes]
        texts = Texts(tokenize)
        ranked = rank(_each_once(candidates, by_meaning), sought, asked, texts)
        leading = leading_texts(ranked, sought, texts, is_indirect=asked.is_indirect)
        linked = fetch_linked(connection, leading, notes, besides=_named_notes(sought))
        hops = {source: rank(found, sought, asked, texts, is_linked=True) for source, found in linked.items()}
        verdict = judge(asked, sought, ranked, hops, near=[one.id for one in by_meaning[:FIRST_BY_MEANING]])
        verdict = _weighed(connection, verdict, sought, ranked, texts)
        ordered = without_repeats(
            fused(
                with_linked(ranked, hops, sought),
                [one.id for one in by_meaning],
                {one.id for one in by_meaning} - {one.id for one in candidates},
            )
        )
        searched = len(notes) if notes is not None else int(fetch(connection, "SELECT count(*) FROM note")[0][0])
        indexed = fetch_one(connection, "SELECT value FROM state WHERE key = 'updated_at'")
        return _Found(
            ordered, verdict, searched, indexed[0] if indexed else None, _neighbours(connection, ordered), sought
        )

    def _as_they_are(self, found: "_Found", k: int) -> tuple[Passage, ...]:
        """The first `k` passages that still stand in their files."""
        reader = FreshReader(self._index.files, self._is_local_only)
        called = _called(found.sought)
        passages: list[Passage] = []
        for scored in found.ranked:
            if len(passages) == k:
                break
            passage = reader.passage(scored.candidate, scored.score, found.neighbours.get(scored.candidate.id))
            if passage is not None and not any(_overlap(passage, other) for other in passages):
                passages.append(_with_name(passage, called.get(scored.candidate.note_id, "")))
        return tuple(passages)


@dataclass(frozen=True, slots=True)
class _Found:
    ranked: list[Scored]
    verdict: Verdict
    searched: int
    indexed_at: str | None
    neighbours: dict[int, Candidate] = field(default_factory=dict)
    sought: tuple[Sought, ...] = ()


def _weighed(
    connection: apsw.Connection, verdict: Verdict, sought: Sequence[Sought], ranked: Sequence[Scored], texts: Texts
) -> Verdict:
    """A doubtful verdict held against the notes on other things that lie beside those found."""
    if not verdict.is_doubtful:
        return verdict
    folders = {top_folder(scored.candidate.path) for scored in ranked[:FOUND_BESIDE] if scored.is_about} - {""}
    alike = fetch_alike(connection, sought, folders)
    section = better_section(alike, sought, texts, share=verdict.share)
    if not section or has_section(connection, sought, section):
        return verdict
    names = ", ".join(f"“{one.unit.text}”" for one in sought if one.is_named)
    return Verdict(False, verdict.share, f"Other notes have a section “{section}”, but none on {names} has.")


def _notes_within(connection: apsw.Connection, within: Sequence[str]) -> frozenset[int] | None:
    if not within:
        return None
    matches = matches_from_root(within)
    return frozenset(note_id for note_id, path in fetch(connection, "SELECT id, path FROM note") if matches(path))


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
