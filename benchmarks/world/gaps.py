"""Unanswerable questions: plausible ones, about things that exist or nearly do, that no note answers."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from benchmarks.world.handbook import Page, rules_of
from benchmarks.world.kinds import Kind
from benchmarks.world.population import KINDS
from benchmarks.world.question import Question
from benchmarks.world.quiz import Sources, long_day

NEAREST = 40
"""Near-misses are taken from this many unused names, those closest to the ones in use."""

Draft = tuple[str, str, tuple[str, str]]


def make_unanswerable(
    sources: Sources, count: int, *, unused: dict[str, list[str]], unwritten: Sequence[Page]
) -> list[Question]:
    """Two fifths ask a real thing for what its notes leave out, a third a thing that does not exist, the rest
    for meetings that did not take place and house rules that a site does not have."""
    makers: tuple[Callable[[], Iterator[Draft]], ...] = (
        lambda: _left_out(sources),
        lambda: _near_miss(sources, unused),
        lambda: _left_out(sources),
        lambda: _no_meeting(sources),
        lambda: _near_miss(sources, unused),
        lambda: _left_out(sources),
        lambda: _no_rule(sources, unwritten),
        lambda: _near_miss(sources, unused),
    )
    streams = [maker() for maker in makers]
    kept: dict[str, Question] = {}
    for number in range(100 * count):
        if len(kept) == count:
            break
        if draft := next(streams[number % len(streams)], None):
            text, reason, about = draft
            kept.setdefault(text, Question(f"unanswerable-{len(kept) + 1:03}", "unanswerable", text, (), reason, about))
    return list(kept.values())


def _left_out(sources: Sources) -> Iterator[Draft]:
    for number in range(20_000):
        kind = KINDS[number % len(KINDS)]
        entity = sources.rng.choice(list(sources.world.of(kind.name)))
        attribute = sources.rng.choice(kind.attributes)
        # An archived plan's budget would answer a question for the budget, though it is another attribute.
        if not any(subject == entity.name and known.startswith(attribute.name) for subject, known in sources.stated):
            ask = sources.rng.choice(attribute.asks).format(s=entity.name)
            yield ask, "the notes on it leave this out", (entity.name, attribute.name)


def _near_miss(sources: Sources, unused: dict[str, list[str]]) -> Iterator[Draft]:
    written = {one.name for one in sources.world.of("runbooks")}
    codes = [f"E-{number}" for number in range(4100, 4400) if f"E-{number}" not in written]
    for number in range(20_000):
        if number % 8 == 7 and codes:
            code = codes.pop(sources.rng.randrange(min(len(codes), NEAREST)))
            yield f"What does spooler error {code} mean?", "there is no such thing", (code, "meaning")
            continue
        kind: Kind = KINDS[number % len(KINDS)]
        if names := unused[kind.name][:NEAREST]:
            name = sources.rng.choice(names)
            attribute = sources.rng.choice([one for one in kind.attributes if one.share >= 0.6])
            yield sources.rng.choice(attribute.asks).format(s=name), "there is no such thing", (name, attribute.name)


def _no_meeting(sources: Sources) -> Iterator[Draft]:
    for _ in range(5_000):
        meeting = sources.rng.choice(sources.meetings)
        day = meeting.day + timedelta(days=sources.rng.choice((-3, -2, -1, 1, 2, 3)))
        if (meeting.project, f"decision {day}") not in sources.stated:
            text = f"What did we decide about Project {meeting.project} on {long_day(day)}?"
            yield text, "there was no such meeting", (meeting.project, f"decision {day}")


def _no_rule(sources: Sources, unwritten: Sequence[Page]) -> Iterator[Draft]:
    rules = [(page.site, *rule) for page in unwritten for rule in rules_of(page)]
    sources.rng.shuffle(rules)
    for site, attribute, text in rules:
        yield text, "the site has no such page", (site, attribute)
