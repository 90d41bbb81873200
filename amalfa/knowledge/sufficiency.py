"""Decides, before any model is asked, whether the notes can answer a question. Pure.

What a question names has to stand in a passage (or be what its note is about), and that passage, its note, or a note
it links to has to hold enough of what is asked. A word that the notes use elsewhere, but never near the thing named,
weighs against; a word they never use weighs less, because questions come in other words than notes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from amalfa.knowledge.held import NAMED, SAME_ROOT
from amalfa.knowledge.near import WITHOUT_VALUE
from amalfa.knowledge.question import Kind, Question
from amalfa.knowledge.rank import Scored
from amalfa.knowledge.sought import Sought

ASKED = 0.6
"""The share of what is asked, by weight, that has to be held where the named thing is."""

ASKED_IN_OTHER_WORDS = 0.25
OTHER_WORDS = 0.25
"""The first is that share for a question in words the notes do not use, the second the part of its words, by weight,
from which on it is one. Notes that hold an attribute mostly have its word somewhere; a question that shares no words
with them is more often put differently than unanswerable, and a model still reads what was found."""

UNNAMED = 0.6
UNNAMED_UNSPACED = 0.5
"""The share for questions that name nothing, over all their words; the second where words cannot be told apart and
every particle of the question counts."""

FOCUS = 1.5
"""How much more the first thing asked weighs: in "which car does Ada drive" the car does."""

SCATTERED = 0.9
BY_LINK = 1.15
"""Factors for what is held in several statements only, and for what is held by way of a link: such a question also
has words for the link itself, which notes put in their own way."""

UNTOLD = 0.3
"""The share where nothing is asked in words that the notes use."""

CODE_DIGITS = 3
"""An identifier with so many digits stands for one thing only."""

ROUNDING = 1e-9
"""What shares may lack that sums of fractions cost them."""

LONG_PHRASE = 3
"""A quotation of so many words that stands in the notes is answered by where it stands."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`share` is how much of what is asked the best place holds; `reason` is "" or a sentence on what is missing.

    `is_doubtful`: it suffices only because the question may be put in other words than the notes.
    """

    is_sufficient: bool
    share: float
    reason: str = ""
    is_doubtful: bool = False


def judge(
    question: Question,
    sought: Sequence[Sought],
    ranked: Sequence[Scored],
    linked: Mapping[int, Sequence[Scored]],
    *,
    near: Collection[int] = (),
) -> Verdict:
    """Whether the passages hold an answer.

    `linked` are, for a passage's id, those of the notes it links to. `near` are the passages nearest in
    meaning, where meanings are known: they may answer a question whose words the notes do not use.
    """
    if not sought and not question.time.has_range:
        return Verdict(False, 0.0, "The question holds no word to search for.")
    named = [number for number, one in enumerate(sought) if one.is_named]
    unknown = [n for n in named if max((scored.held[n] for scored in ranked), default=0.0) < NAMED]
    if unknown or not ranked:
        return Verdict(False, 0.0, f"No note mentions {_listed(sought, unknown or range(len(sought)))}.")
    asked = Asked(sought, [number for number in range(len(sought)) if number not in named], language=question.language)
    places = _Places(asked, _in_time(ranked), linked, needs_value=question.expects_value, leads_on=question.is_indirect)
    if question.time.is_narrow and not any(scored.fits_time for scored in places.of(named)):
        return Verdict(False, 0.0, f"Nothing in the notes is dated {question.time.since}" + _about(sought, named) + ".")
    share = places.share(named) if named else places.best(places.ranked)
    is_enough = share >= (asked.needed if named else asked.needed_unnamed) - ROUNDING
    is_enough = is_enough or (bool(named) and question.time.is_day and _is_that_day(places.of(named)))
    is_enough = is_enough or (asked.is_foreign and any(one.candidate.id in near for one in places.of(named)))
    is_doubtful = bool(named) and not asked.seeks_holder and is_enough and share < ASKED - ROUNDING
    return Verdict(is_enough, share, "" if is_enough else _reason(sought, ranked, asked, named), is_doubtful)


def _is_that_day(places: Iterable[Scored]) -> bool:
    """Whether a note on what is named is on the day asked for: minutes, mostly, and all of them are on it."""
    return any(place.is_about and place.fits_time for place in places)


def _is_code(one: Sought) -> bool:
    is_code = one.unit.kind is Kind.IDENTIFIER and not one.notes
    return is_code and sum(map(str.isdigit, one.unit.text)) >= CODE_DIGITS


def _in_time(ranked: Sequence[Scored]) -> Sequence[Scored]:
    """Without passages of other dates than asked for, when there are some of those dates."""
    if not any(scored.fits_time for scored in ranked):
        return ranked
    return [scored for scored in ranked if scored.fits_time is not False]


class Asked:
    """What a question asks of the things it names. Words for one idea ("money", "spend") are one aspect."""

    def __init__(self, sought: Sequence[Sought], numbers: Sequence[int], *, language: str = "en") -> None:
        heavy = [number for number in numbers if not (sought[number].unit.is_light or sought[number].unit.is_scene)]
        self.aspects: list[list[int]] = []
        for number in heavy or numbers:
            similar = {other.tokens for other in sought[number].similar}
            home = next((a for a in self.aspects if any(sought[n].unit.tokens in similar for n in a)), None)
            if home is None:
                self.aspects.append([number])
            else:
                home.append(number)
        self._weights = [max(sought[n].weight for n in aspect) for aspect in self.aspects]
        if len(self._weights) > 1:
            self._weights[0] *= FOCUS
        self._soft = [all(sought[n].is_soft for n in aspect) for aspect in self.aspects]
        # A lone word the notes never use ("the mascot of Falcon") is what is asked, and nobody wrote of it.
        is_talk = len(self.aspects) > 1 or any(sought[n].is_everyday for aspect in self.aspects for n in aspect)
        # Of words in other languages no synonyms are known.
        self._untold = UNTOLD if is_talk or language != "en" else 0.0
        self._unused = [all(sought[n].count == 0 for n in aspect) for aspect in self.aspects]
        foreign = sum(w for w, unused in zip(self._weights, self._unused, strict=True) if unused)
        self._foreign = foreign / sum(self._weights) if self._weights else 0.0
        # An identifier or number with no note of its own is a value: whatever holds it is most of the answer.
        self.seeks_holder = any(o.unit.kind in {Kind.IDENTIFIER, Kind.NUMBER} and not o.notes for o in sought)
        self._is_unspaced = any(o.unit.kind is Kind.UNSPACED for o in sought)
        # Where one stands, there is mostly no more to say of it: "What sits at 10.4.29.151?"
        self.is_lookup = any(_is_code(one) for one in sought)
        has_quotation = any(o.unit.kind is Kind.PHRASE and len(o.unit.tokens) >= LONG_PHRASE for o in sought)
        self.is_open = not heavy or has_quotation or self.is_lookup

    @property
    def is_foreign(self) -> bool:
        """Whether it is put in words that the notes do not use."""
        return self._foreign >= OTHER_WORDS

    @property
    def needed(self) -> float:
        """The share that makes an answer likely."""
        part = 1.0 if self.seeks_holder or all(self._soft) else min(1.0, self._foreign / OTHER_WORDS)
        return ASKED - (ASKED - ASKED_IN_OTHER_WORDS) * part

    @property
    def needed_unnamed(self) -> float:
        """The same for a question that names nothing."""
        return UNNAMED_UNSPACED if self._is_unspaced else UNNAMED

    def share(self, *helds: Sequence[float], labels: Sequence[bool] = ()) -> float:
        """How much of it, by weight, is held by some passages together.

        A word that says what kind of note it is ("trip" in a question on a trip) is left out where there are
        others, because it is held however little the note says.
        """
        got = total = 0.0
        left_out = [bool(labels) and any(labels[n] for n in aspect) for aspect in self.aspects]
        if all(left_out) or self.seeks_holder:
            left_out = [False] * len(left_out)
        for number, (aspect, weight, is_unused) in enumerate(
            zip(self.aspects, self._weights, self._unused, strict=True)
        ):
            most = max(held[n] for n in aspect for held in helds)
            if left_out[number] or (self._soft[number] and most < SAME_ROOT):
                continue
            # A synonym is as good as the word itself where the notes never use the word.
            got += weight * (1.0 if is_unused and most >= SAME_ROOT else most)
            total += weight
        return got / total if total else self._untold if self.aspects else 1.0

    def leads_on(self, held: Sequence[float]) -> bool:
        """Whether a passage holds a part of it and there is another, so that a link in it may lead to the rest."""
        return len(self.aspects) > 1 and any(held[number] >= SAME_ROOT for aspect in self.aspects for number in aspect)


@dataclass(frozen=True, slots=True)
class _Places:
    """The passages, and how much of what is asked they hold, alone and together."""

    asked: Asked
    ranked: Sequence[Scored]
    linked: Mapping[int, Sequence[Scored]]
    needs_value: bool
    leads_on: bool

    def of(self, named: Iterable[int]) -> list[Scored]:
        """The passages that hold everything named."""
        return [scored for scored in self.ranked if all(scored.held[number] >= NAMED for number in named)]

    def share(self, named: Sequence[int]) -> float:
        together = self.best(self.of(named))
        if len(named) < 2:
            return together
        # A comparison names things that have a note each: then every one of them has to be covered by itself.
        return max(together, min(self.best(self.of([number])) for number in named))

    def best(self, places: Sequence[Scored]) -> float:
        """The best share of what is asked in one place: a statement, a passage, its note, or a note it links to."""
        if places and self.asked.is_open:
            return 1.0
        best = 0.0
        for place in places:
            note = [p for p in places if p.is_about and p.candidate.note_id == place.candidate.note_id]
            best = max(best, self._valued(self.asked.share(place.at_once, labels=place.is_label), place))
            whole = self.asked.share(place.held, *(other.held for other in note), labels=place.is_label)
            best = max(best, SCATTERED * self._valued(whole, place, *note))
            leads_on = self.leads_on or self.asked.leads_on(place.held)
            for hop in self.linked.get(place.candidate.id, ()) if leads_on else ():
                best = max(
                    best,
                    BY_LINK * self._valued(self.asked.share(place.held, hop.held, labels=place.is_label), place, hop),
                )
        return best

    def _valued(self, share: float, *places: Scored) -> float:
        # Values are looked for beside words of the question: where it has none of them, nothing was looked at.
        if not self.needs_value or share == UNTOLD or any(place.has_value for place in places):
            return share
        return share * WITHOUT_VALUE


def _reason(sought: Sequence[Sought], ranked: Sequence[Scored], asked: Asked, named: Sequence[int]) -> str:
    numbers = [number for aspect in asked.aspects for number in aspect]
    missing = [n for n in numbers if max(scored.held[n] for scored in ranked[:10]) < SAME_ROOT]
    what = _listed(sought, missing or numbers)
    if named:
        return f"The notes that mention {_listed(sought, named)} do not say enough on {what}."
    return f"No passage brings {what} together with the rest of the question."


def _about(sought: Sequence[Sought], named: Sequence[int]) -> str:
    return f" and mentions {_listed(sought, named)}" if named else ""


def _listed(sought: Sequence[Sought], numbers: Sequence[int]) -> str:
    return ", ".join(f"“{sought[number].unit.text}”" for number in numbers[:4])
