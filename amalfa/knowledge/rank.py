"""Scores passages against what is sought. Pure: no disk, no clock, no database.

A passage earns a unit's weight in the measure in which it holds the unit. Where a passage is about something else and
only mentions what is named, the rest counts fully only in the statement of the mention. On top of that count: being
about the named thing, holding everything in one statement, and the date asked for. BM25 only settles what is left.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from amalfa.knowledge.candidates import Candidate
from amalfa.knowledge.counting import counted_words
from amalfa.knowledge.dates import TimeWish, dates_in, has_year
from amalfa.knowledge.held import NAMED, held, is_about, is_label
from amalfa.knowledge.near import REMARK, look_near
from amalfa.knowledge.passagetext import PassageText, Texts
from amalfa.knowledge.question import Question
from amalfa.knowledge.sought import Sought

ELSEWHERE = 0.4
ELSEWHERE_WITHOUT_NOTE = 0.8
"""What a word counts that stands in another statement than the thing named, in a passage about something else.

The second is for things that no note is about: passages that mention them are all there is."""

UNNAMED_TRUST = 0.4
"""What words count in a passage that holds nothing of what the question names."""

STATEMENT_SHARE = 0.35
HEADING_SHARE = 0.3
ALMOST = 0.6
"""How much of a heading and a question has to be the same for the heading to count as an answer's."""

ABOUT_SHARE = 0.5
TIME_SHARE = 0.3
BM25_SHARE = 0.15
LOOKED_INTO = 16
"""How many of the best passages have their statements compared; the rest are too far behind to matter."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A passage with its score and, for each unit sought, how well it holds it (0 to 1).

    `at_once` is the same for its best single statement. `is_label` marks the units that stand in the title, a
    tag or the path, and so say what kind of note it is.
    `is_about` tells whether the note's own title or alias, or the heading, is what the question names;
    `has_value` whether a number, date or time stands in a statement that holds something of what is asked;
    `fits_time` whether a date in it lies in the span asked for (None: it is undated, or no span was asked for).
    """

    candidate: Candidate
    score: float
    held: tuple[float, ...]
    at_once: tuple[float, ...]
    is_label: tuple[bool, ...]
    is_about: bool
    has_value: bool
    fits_time: bool | None


@dataclass(slots=True)
class _Draft:
    candidate: Candidate
    text: PassageText
    held: tuple[float, ...]
    about: tuple[bool, ...]
    label: tuple[bool, ...]
    score: float
    at_once: tuple[float, ...] = ()
    has_value: bool = False
    fits_time: bool | None = None

    def finished(self) -> Scored:
        at_once = self.at_once or self.held
        return Scored(
            candidate=self.candidate,
            score=self.score,
            held=self.held,
            at_once=at_once,
            is_label=self.label,
            is_about=any(self.about),
            has_value=self.has_value,
            fits_time=self.fits_time,
        )


def rank(
    candidates: Iterable[Candidate],
    sought: Sequence[Sought],
    question: Question,
    texts: Texts,
    *,
    is_linked: bool = False,
) -> list[Scored]:
    """The passages by falling score; equal ones in the order of path and line.

    `is_linked` says that a link led here, so that nothing named needs to stand in these passages again.
    """
    total = sum(one.weight for one in sought) or 1.0
    drafts = [_draft(candidate, texts.of(candidate), sought) for candidate in candidates]
    _add_bm25(drafts, total)
    drafts.sort(key=lambda draft: -draft.score)
    has_note = any(any(draft.about) for draft in drafts)
    elsewhere = ELSEWHERE if has_note else ELSEWHERE_WITHOUT_NOTE
    has_names = any(one.is_named for one in sought) and not is_linked
    looked_into, counted = 0, counted_words(question, sought)
    words = frozenset(token for one in sought for token in one.unit.tokens)
    asked = frozenset(token for one in sought if one.is_asked for token in one.unit.tokens)
    for draft in drafts:
        named = [n for n, one in enumerate(sought) if has_names and one.is_named and draft.held[n] >= NAMED]
        if has_names and not named:
            continue
        looked_into += 1
        is_on_it = any(draft.about)
        most: Sequence[float] = (0.0,) * len(sought)
        if looked_into <= LOOKED_INTO:
            near = look_near(
                draft.text,
                sought,
                draft.held,
                named=named,
                is_about=is_on_it,
                needs_value=question.expects_value,
                counted=counted,
            )
            draft.at_once, draft.has_value, most = near.at_once, near.has_value, near.most
            draft.score += STATEMENT_SHARE * near.weight + HEADING_SHARE * total * _headed(draft.text, words, asked)
        if named:
            _settle(draft, sought, most, REMARK if is_on_it else elsewhere)
    _add_time(drafts, question.time, total)
    drafts.sort(key=lambda draft: (-draft.score, draft.candidate.path, draft.candidate.start_line))
    return [draft.finished() for draft in drafts]


def _draft(candidate: Candidate, text: PassageText, sought: Sequence[Sought]) -> _Draft:
    measures = tuple(held(one, text) for one in sought)
    about = tuple(one.is_named and is_about(one, text) for one in sought)
    found = [share >= NAMED for one, share in zip(sought, measures, strict=True) if one.is_named]
    trust = UNNAMED_TRUST + (1 - UNNAMED_TRUST) * (sum(found) / len(found) if found else 1.0)
    score = 0.0
    for one, share, names in zip(sought, measures, about, strict=True):
        score += one.weight * (share * (1 if one.is_named else trust) + (ABOUT_SHARE if names else 0.0))
    return _Draft(candidate, text, measures, about, tuple(is_label(one, text) for one in sought), score)


def _headed(text: PassageText, words: frozenset[str], asked: frozenset[str]) -> float:
    """How nearly a heading is the question itself, from 0 to 1: "What sonar is" for "What is sonar?".

    It has to have something of what is asked, when anything is: a name alone is what the whole note is about.
    """
    fitting = (heading for heading in text.headings if heading and (not asked or heading & asked))
    shares = (len(heading & words) / len(heading | words) for heading in fitting)
    most = max(shares, default=0.0)
    return most if most >= ALMOST else 0.0


def _settle(draft: _Draft, sought: Sequence[Sought], near: Sequence[float], elsewhere: float) -> None:
    """Let what is asked count where it is said of the thing named. A compound never counts across statements."""
    settled = tuple(
        share if one.is_named else max(close, share * (min(elsewhere, ELSEWHERE) if one.parts else elsewhere))
        for one, share, close in zip(sought, draft.held, near, strict=True)
    )
    lost = sum(one.weight * (old - new) for one, old, new in zip(sought, draft.held, settled, strict=True))
    draft.held, draft.score = settled, draft.score - lost


def _add_bm25(drafts: Sequence[_Draft], total: float) -> None:
    best = max((draft.candidate.bm25 for draft in drafts), default=0.0)
    for draft in drafts:
        draft.score += BM25_SHARE * total * (draft.candidate.bm25 / best if best > 0 else 0.0)


def _add_time(drafts: Sequence[_Draft], time: TimeWish, total: float) -> None:
    """Reward dates inside the span asked for, then the newest or oldest among the passages that fit about as well."""
    if not drafts or not (time.has_range or time.prefers):
        return
    best = max(draft.score for draft in drafts)
    for draft in drafts if time.has_range else ():
        stored = draft.candidate
        if draft.score > 0.4 * best:
            draft.fits_time = _fits(stored, time)
        draft.score += TIME_SHARE * total * (1 if draft.fits_time else -1 if draft.fits_time is False else 0)
    best = max(draft.score for draft in drafts)
    near = [draft for draft in drafts if draft.score > 0.7 * best and draft.candidate.date]
    days = sorted({draft.candidate.date for draft in near}, reverse=time.prefers == "oldest")
    if time.prefers and len(days) > 1:
        for draft in near:
            draft.score += TIME_SHARE * total * days.index(draft.candidate.date) / (len(days) - 1)


def _fits(stored: Candidate, time: TimeWish) -> bool | None:
    """Whether a date of a passage lies in the span asked for; None for a passage without any."""
    if time.allows(stored.date):
        return True
    text = f"{stored.title}\n{stored.heading}\n{stored.text}"
    if not time.may_stand_in(text):
        return False if stored.date or has_year(text) else None
    written = dates_in(text)
    return any(map(time.allows, written)) if written or stored.date else None
