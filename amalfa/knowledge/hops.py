"""Follows links from one passage to the notes that hold the rest of an answer. Pure; fetching is for `candidates`.

A link leads on only from a statement that holds a part of what is asked: in "maintained by [[Team Kestrel]]" it does
for "who leads the team that maintains it", in "see also [[Osprey]]" it does not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from amalfa.knowledge.held import NAMED, SYNONYM, held_in
from amalfa.knowledge.passagetext import Texts
from amalfa.knowledge.rank import Scored
from amalfa.knowledge.sought import Sought
from amalfa.knowledge.sufficiency import Asked

SOURCES = 4
TAKEN = 2
BEHIND = 0.95
"""A linked passage scores this much of the one that leads to it."""

GAIN = 0.15
"""The share of what is asked that a linked passage has to add to be worth a place."""


def leading_texts(
    ranked: Sequence[Scored], sought: Sequence[Sought], texts: Texts, *, is_indirect: bool = False
) -> dict[int, str]:
    """For the best passages on what is named: the statements whose links lead on, by the passage's id.

    Where a question `is_indirect`, and says so in words that no statement has, all of them do.
    """
    named = [n for n, one in enumerate(sought) if one.is_named]
    if not named:
        return {}
    sources = (scored for scored in ranked if all(scored.held[n] >= NAMED for n in named))
    first = [scored for scored, _ in zip(sources, range(SOURCES), strict=False)]
    leading = {scored.candidate.id: "\n".join(_leading(scored, sought, texts)) for scored in first}
    if is_indirect:
        about = (scored for scored in first if scored.is_about)
        leading |= {s.candidate.id: s.candidate.text for s in about if not leading[s.candidate.id]}
    return {passage_id: text for passage_id, text in leading.items() if text}


def _leading(scored: Scored, sought: Sequence[Sought], texts: Texts) -> Iterator[str]:
    for said in texts.of(scored.candidate).said:
        held = [held_in(one, said) for one in sought]
        asks = any(share >= SYNONYM for share, one in zip(held, sought, strict=True) if one.is_asked)
        names = any(share >= NAMED for share, one in zip(held, sought, strict=True) if one.is_named)
        if asks and (names or scored.is_about):
            yield said.raw


def with_linked(
    ranked: Iterable[Scored], linked: Mapping[int, Sequence[Scored]], sought: Sequence[Sought]
) -> list[Scored]:
    """The ranking with passages of linked notes right behind the passage that leads to them, each passage once."""
    asked = Asked(sought, [n for n, one in enumerate(sought) if not one.is_named])
    ordered: dict[int, Scored] = {}
    for scored in ranked:
        ordered.setdefault(scored.candidate.id, scored)
        onward = linked.get(scored.candidate.id, ())
        for hop in _worthwhile(scored, onward, asked, is_first=len(ordered) == 1):
            ordered.setdefault(hop.candidate.id, replace(hop, score=scored.score * BEHIND))
    return list(ordered.values())


def _worthwhile(scored: Scored, onward: Sequence[Scored], asked: Asked, *, is_first: bool) -> list[Scored]:
    """The linked passages that add to what is held; for the best passage also one that says as much in itself."""
    own = asked.share(scored.held)
    gains = [(asked.share(scored.held, hop.held) - own, asked.share(hop.held), hop) for hop in onward]
    gains.sort(key=lambda gain: gain[:2], reverse=True)
    adding = [hop for gain, _, hop in gains if gain >= GAIN][:TAKEN]
    if not adding and is_first:
        return [hop for _, share, hop in gains if share >= 2 * GAIN][:1]
    return adding
