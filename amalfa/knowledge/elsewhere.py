"""Finds a section that answers a question about something else, of a kind the thing named has no section of. Pure.

Where the pages of other sites have a section "Payday" and those of the site asked for have none, a line on money
there is no answer to "when do wages arrive": the notes do say such a thing, only not of this site.
"""

from collections.abc import Iterable, Iterator, Sequence

from amalfa.knowledge.candidates import Candidate
from amalfa.knowledge.held import held_in
from amalfa.knowledge.passagetext import Texts
from amalfa.knowledge.sought import Sought
from amalfa.knowledge.sufficiency import Asked

LEAST = 0.4
MORE = 0.1
"""How much of what is asked such a section has to hold, and how much more than what was found."""


def better_section(found: Iterable[Candidate], sought: Sequence[Sought], texts: Texts, *, share: float) -> str:
    """The heading over the statement that holds most of what is asked; "" when none holds more than `share`."""
    asked = Asked(sought, [number for number, one in enumerate(sought) if not one.is_named])
    best, least = "", max(LEAST, share + MORE)
    for candidate in found:
        for heading, held in _said(candidate, sought, texts):
            most = asked.share(held)
            if most >= least and (not best or most > least):
                best, least = heading, most
    return best


def top_folder(path: str) -> str:
    """The outermost folder of a note, "" for one in none: notes of one kind mostly lie in one."""
    return path.partition("/")[0] if "/" in path else ""


def _said(candidate: Candidate, sought: Sequence[Sought], texts: Texts) -> Iterator[tuple[str, list[float]]]:
    """Each statement's heading and what it holds; what stands under the title alone is left out."""
    for said in texts.of(candidate).said:
        heading = (said.heading or candidate.heading.rpartition(" > ")[2]).lstrip("# ")
        if heading and heading != candidate.title:
            yield heading, [held_in(one, said) for one in sought]
