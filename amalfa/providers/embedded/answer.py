"""Answers a question with the best pieces of the passages, word for word, or says that they hold no answer."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from amalfa.calls import Material, Passage
from amalfa.providers.embedded.fitting import gives_only_the_named, gives_what_is_asked, is_bare_figure, is_looked_up
from amalfa.providers.embedded.homes import NAMING_FIELDS, homes_of
from amalfa.providers.embedded.kinds import fits_kind
from amalfa.providers.embedded.naming import Naming, read_naming
from amalfa.providers.embedded.pieces import Piece, pieces_of
from amalfa.providers.embedded.question import Question, Wanted, read_question
from amalfa.providers.embedded.scoring import LONG_PIECE, Rated, day_of, rate
from amalfa.providers.embedded.steps import best_two_steps, links_of
from amalfa.providers.embedded.talk import in_other_words
from amalfa.providers.embedded.terms import Shown, shown_in

NOT_IN_NOTES = "NOT_IN_NOTES"
"""First word of every refusal, whichever model writes it."""

OPENING = "An extract from your notes, word for word; no model wrote this:"

LEAST_COVERAGE = 0.1
"""Share of the question's weight that the first piece must hold."""

WRONG_KIND_COVERAGE = 0.84
"""The same for a piece without the number or time that is asked for: "it costs nothing" answers "how much" too."""

LEAST_CORE = 0.12
"""Share of what is asked about the named thing that the first piece must hold."""

FOLLOWERS = 0.75
"""Further pieces must reach this share of the first one's score and coverage."""

TWO_STEPS_GAIN = 0.15
"""How much more of the question two linked pieces must hold than the best single one, to be preferred."""

TWO_STEPS_LEAST = 0.4
"""How much they must hold where no single piece answers."""

SAME = 0.6
"""Two pieces that share this much of their terms say the same."""


@dataclass(frozen=True, slots=True)
class Extract:
    """The chosen pieces, first the one that answers best. Empty = the passages hold no answer."""

    pieces: tuple[Piece, ...]
    missing: tuple[str, ...] = ()
    """Question terms no chosen piece holds, as stems; what a next search should look for."""


def answer(material: Material, *, max_chars: int) -> Iterator[str]:
    """The reply in parts that are ready to show: an opening line, then piece by piece, each with its `[n]`."""
    extract = choose(read_question(material.question, material.other_words), material.passages)
    if not extract.pieces:
        yield _refusal(material.passages)
        return
    yield f"{OPENING}\n\n"
    spent = 0
    for piece in extract.pieces:
        text = _shown(piece)
        spent += len(text)
        if spent > max_chars and piece is not extract.pieces[0]:
            return
        yield f"{text}\n\n" if piece is not extract.pieces[-1] else text


def _shown(piece: Piece) -> str:
    # The number may not stand on the closing fence's own line, where it would keep the block open.
    gap = "\n" if piece.unit.kind == "code" else " "
    return f"{piece.unit.text}{gap}[{piece.number}]"


def _refusal(passages: Sequence[Passage]) -> str:
    if not passages:
        return f"{NOT_IN_NOTES} No note was found to quote from."
    return f"{NOT_IN_NOTES} No sentence of the {len(passages)} passages found answers this."


def choose(question: Question, passages: Sequence[Passage]) -> Extract:
    """The pieces to quote, best first, none saying what another already said."""
    pieces = pieces_of(passages)
    naming = read_naming(question, list(homes_of(passages).values()))
    core = frozenset(question.terms) - naming.names
    rated = [one for one in rate(question, pieces, naming) if _is_quotable(question, one, core)]
    named = _about_the_named(rated, naming) or _about_the_named(rated, naming.without_doubtful())
    answering = [one for one in named if _answers(question, one)] or _beside_the_named(rated, naming, pieces)
    fitting = _of_somebody(question, answering)
    best = fitting[0].core + TWO_STEPS_GAIN if fitting else TWO_STEPS_LEAST
    steps = best_two_steps(question, naming, named, rated)
    if steps and (steps.core >= best or question.is_indirect):
        chosen = [steps.first.piece, steps.second.piece]
    else:
        chosen = _without_repeats(question, fitting or in_other_words(question, naming, named, rated))
    whole = list(_with_blocks(chosen, pieces))
    if question.wanted is Wanted.COMMAND:
        whole = _with_commands(whole, pieces)
    return Extract(tuple(whole), _missing(question, chosen))


def _of_somebody(question: Question, fitting: Sequence[Rated]) -> Sequence[Rated]:
    """Without those that name nobody, when a person is asked for and others do or they give a figure instead."""
    if question.wanted is not Wanted.PERSON:
        return fitting
    fitting = [one for one in fitting if is_looked_up(question, one.piece) or not is_bare_figure(question, one.piece)]
    return [one for one in fitting if links_of(one.piece.unit.text)] or fitting


def _without_repeats(question: Question, fitting: Sequence[Rated]) -> list[Piece]:
    if not fitting:
        return []
    first = _newest(fitting) if question.wants_latest else fitting[0]
    chosen = [first.piece]
    for one in fitting:
        if len(chosen) >= _MOST.get(question.wanted, 4) or one.score < FOLLOWERS * first.score:
            break
        is_strong = one.coverage >= FOLLOWERS * first.coverage
        if is_strong and not any(_says_the_same(one.piece, other) for other in chosen):
            chosen.append(one.piece)
    return chosen


def _newest(fitting: Sequence[Rated]) -> Rated:
    """Of the pieces that answer about as well as any, the one in the note with the latest date."""
    best = max(one.coverage for one in fitting)
    return max((one for one in fitting if one.coverage >= 0.85 * best), key=lambda one: day_of(one.piece.passage))


_MOST = {Wanted.NUMBER: 2, Wanted.TIME: 2, Wanted.PLACE: 3, Wanted.PERSON: 2, Wanted.MEANING: 3, Wanted.LIST: 5}


def _is_quotable(question: Question, one: Rated, core: frozenset[str]) -> bool:
    """Whether the piece can stand as an answer: it says something, and nobody has to read code to see it.

    A field of the front matter does when it is asked for by its name and says more than the question.
    """
    unit = one.piece.unit
    is_asked_for = unit.key.lower() not in NAMING_FIELDS and _is_asked_by_name(question, unit.key, core)
    if unit.kind == "field" and (not is_asked_for or one.piece.terms <= frozenset(question.terms)):
        return False
    if unit.kind == "code" and len(unit.text) > LONG_PIECE and question.wanted is not Wanted.COMMAND:
        return False
    return one.coverage > 0 and any(character.isalnum() for character in unit.text)


def _about_the_named(rated: Sequence[Rated], naming: Naming) -> list[Rated]:
    pieces = ((one, one.piece) for one in rated)
    return [one for one, piece in pieces if naming.fits(piece.home, piece.said, piece.frame, piece.around)]


def _beside_the_named(rated: Sequence[Rated], naming: Naming, pieces: Sequence[Piece]) -> list[Rated]:
    """The best piece that leaves the name to a neighbour in its passage, but says itself all that is asked about it."""
    beside: dict[int, tuple[Shown, ...]] = {}
    for piece in pieces:
        beside[piece.number] = (*beside.get(piece.number, ()), piece.said)
    whole = [one for one in rated if one.core_stated == 1.0]
    return [one for one in whole if naming.fits(one.piece.home, *beside[one.piece.number])][:1]


def _answers(question: Question, one: Rated) -> bool:
    """Whether the piece holds enough of what is asked about the named thing, and the kind that is asked for."""
    is_value = is_looked_up(question, one.piece)
    if is_value and one.coverage >= LEAST_COVERAGE and _is_what_is_sought(question, one.piece):
        return True
    if not is_value and gives_only_the_named(question, one.piece):
        return False
    fits = fits_kind(question.wanted, one.piece.unit) >= 0 and gives_what_is_asked(question, one.piece)
    is_right_kind = is_value or fits
    least = LEAST_COVERAGE if is_right_kind else WRONG_KIND_COVERAGE
    return one.coverage >= least and one.core >= LEAST_CORE


def _is_what_is_sought(question: Question, piece: Piece) -> bool:
    """Whether the note around an identifier, or the code with it, is itself the answer ("Which invoice has PO-12?")."""
    apart = frozenset(question.terms) - question.names
    return piece.unit.kind == "code" or not apart.isdisjoint(piece.home.identity.terms)


def _says_the_same(one: Piece, other: Piece) -> bool:
    shared = len(one.terms & other.terms)
    return shared >= SAME * min(len(one.terms), len(other.terms)) if one.terms and other.terms else False


def _missing(question: Question, chosen: Sequence[Piece]) -> tuple[str, ...]:
    held = [shown for piece in chosen for shown in (piece.said, piece.frame, piece.around)]
    return tuple(term for term in question.terms if not any(_holds(question, term, shown) for shown in held))


def _is_asked_by_name(question: Question, key: str, core: frozenset[str]) -> bool:
    named = shown_in(key)
    return any(_holds(question, term, named) for term in core)


def _holds(question: Question, term: str, shown: Shown) -> bool:
    return term in shown.terms or question.others.stand_in(term, shown)


def _with_blocks(chosen: Sequence[Piece], pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The chosen pieces, each once, a line that only leads into a block followed by that block, and the reverse."""
    at = {id(piece): place for place, piece in enumerate(pieces)}
    shown: set[int] = set()
    for piece in chosen:
        for one in _block_around(at[id(piece)], pieces):
            if id(one) not in shown:
                shown.add(id(one))
                yield one


def _with_commands(chosen: Sequence[Piece], pieces: Sequence[Piece]) -> list[Piece]:
    """The first piece brings along the code blocks right under it: who asks how to do a thing wants to do it."""
    if not chosen or any(piece.unit.kind == "code" for piece in chosen):
        return list(chosen)
    start = next(place for place, piece in enumerate(pieces) if piece is chosen[0])
    below = itertools.takewhile(lambda piece: piece.number == chosen[0].number, pieces[start + 1 : start + 1 + REACH])
    code = [piece for piece in below if piece.unit.kind == "code"]
    return [chosen[0], *code, *chosen[1:]]


REACH = 5
"""How many pieces below its sentence a code block may stand to belong to it."""


def _block_around(place: int, pieces: Sequence[Piece]) -> Sequence[Piece]:
    piece = pieces[place]
    if piece.unit.kind == "code" and place and _leads(pieces[place - 1], piece):
        return pieces[place - 1 : place + 1]
    end = place + 1
    while end < len(pieces) and end - place <= LONGEST_BLOCK and _leads(piece, pieces[end]):
        end += 1
    return pieces[place:end]


LONGEST_BLOCK = 8
"""A lead line brings along at most this many of the items below it."""


def _leads(lead: Piece, other: Piece) -> bool:
    return (
        lead.number == other.number
        and lead.unit.text.rstrip().endswith((":", "："))
        and other.unit.kind != "sentence"
        and other.unit.context.endswith(lead.unit.text.rstrip(" >"))
    )
