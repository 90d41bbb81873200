"""Answerable questions of each type, made from what the notes state."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random

from benchmarks.world.foreign import ForeignQuestion, plain
from benchmarks.world.handbook import Page, rules_of
from benchmarks.world.kinds import Attribute, Kind
from benchmarks.world.meetings import Meeting
from benchmarks.world.population import KINDS, MONTHS
from benchmarks.world.question import Gold, Question, Span
from benchmarks.world.sheet import Entity, Fact, World

PLAIN_SHARE = 0.3
"""How many of the questions on names with accents are typed without them."""

Draft = tuple[str, tuple[Gold, ...]]


@dataclass(slots=True)
class Sources:
    """Everything questions are made from. `meetings` and `pages` are those that were written."""

    world: World
    rng: Random
    meetings: Sequence[Meeting]
    pages: Sequence[Page]
    foreign: Sequence[ForeignQuestion]
    stale: Sequence[Fact]
    stated: dict[tuple[str, str], list[Fact]] = field(init=False)

    def __post_init__(self) -> None:
        self.stated = {}
        for fact in self.world.facts():
            self.stated.setdefault((fact.subject, fact.attribute), []).append(fact)

    def gold(self, subject: str, attribute: str) -> Gold | None:
        """All lines that state it; None when no note does or when notes disagree."""
        facts = self.stated.get((subject, attribute), [])
        values = {fact.value for fact in facts}
        return gold_of(facts) if len(values) == 1 else None


def gold_of(facts: Sequence[Fact]) -> Gold:
    return Gold(tuple(Span(fact.path, fact.line) for fact in facts), facts[0].value)


def make_answerable(sources: Sources, counts: dict[str, int]) -> list[Question]:
    """The wanted number of questions of each type, none asked twice."""
    made: list[Question] = []
    for kind, count in counts.items():
        drafts = _distinct(_MAKERS[kind](sources), count)
        made.extend(
            Question(f"{kind}-{number:03}", kind, text, golds) for number, (text, golds) in enumerate(drafts, start=1)
        )
    return made


def _distinct(drafts: Iterator[Draft], count: int) -> list[Draft]:
    kept: dict[str, Draft] = {}
    for draft in drafts:
        if len(kept) == count:
            break
        kept.setdefault(draft[0], draft)
    return list(kept.values())


def _numeric(sources: Sources) -> Iterator[Draft]:
    foreign = sources.rng.sample(list(sources.foreign), len(sources.foreign))
    choices = _choices(sources, lambda attribute: attribute.is_number)
    for number in range(100_000):
        # Every fifth question is in another language, as long as there are such notes.
        if number % 5 == 4 and foreign:
            one = foreign.pop()
            if gold := sources.gold(one.subject, one.attribute):
                text = (
                    plain(one.text) if one.language in ("de", "fr") and sources.rng.random() < PLAIN_SHARE else one.text
                )
                yield text, (gold,)
        elif found := next(choices, None):
            _, entity, attribute, gold = found
            yield _typed(sources, entity, sources.rng.choice(attribute.asks).format(s=entity.name)), (gold,)


def _exact(sources: Sources) -> Iterator[Draft]:
    runbooks = sources.rng.sample(list(sources.world.of("runbooks")), len(sources.world.of("runbooks")))
    values = [fact.value for fact in sources.world.facts()]
    for number, (_, entity, attribute, gold) in enumerate(_choices(sources, lambda one: bool(one.reverse))):
        if number % 4 == 3 and runbooks:
            yield _runbook_draft(sources, runbooks.pop())
        elif values.count(entity.values[attribute.name]) == len(gold.spans):
            yield sources.rng.choice(attribute.reverse).format(v=entity.values[attribute.name]), (gold,)


def _runbook_draft(sources: Sources, entity: Entity) -> Draft:
    attribute, ask = sources.rng.choice(
        (("meaning", "What does spooler error {} mean?"), ("command", "Which command clears spooler error {}?"))
    )
    return ask.format(entity.name), (gold_of(sources.stated[entity.name, attribute]),)


def _alias(sources: Sources) -> Iterator[Draft]:
    for _kind, entity, attribute, gold in _choices(sources, lambda attribute: True):
        if entity.aliases:
            ask = sources.rng.choice(attribute.asks).replace("Project {s}", "{s}")
            yield ask.format(s=entity.aliases[0]), (gold,)


# (kind, attribute that links on, how the linked one is spoken of, what may be asked of it)
HOPS = (
    ("projects", "lead", "the lead of Project {}", ("city", "extension", "badge", "birthday", "bay", "diet")),
    ("projects", "host", "the server of Project {}", ("rack", "memory", "address", "backup", "ssh_port")),
    ("servers", "owner", "the owner of {}", ("city", "extension", "bay", "start")),
    ("recipes", "source", "the source of the {} recipe", ("city", "diet", "birthday")),
    ("papers", "lent", 'the person who has the printed copy of "{}"', ("extension", "city", "bay")),
    ("invoices", "approver", "the person who approved invoice {}", ("extension", "role")),
    ("trips", "companion", "the person who came along on the trip to {}", ("birthday", "diet", "city")),
)


def _multi_hop(sources: Sources) -> Iterator[Draft]:
    attributes = {(kind.name, one.name): one for kind in KINDS for one in kind.attributes}
    people = {one.name: one for kind in ("people", "servers") for one in sources.world.of(kind)}
    for _ in range(20_000):
        kind, link, spoken, wanted = sources.rng.choice(HOPS)
        entity = sources.rng.choice(list(sources.world.of(kind)))
        target = people.get(entity.values.get(link, ""))
        if target is None:
            continue
        asked = sources.rng.choice(wanted)
        first, second = sources.gold(entity.name, link), sources.gold(target.name, asked)
        if first and second:
            ask = attributes[target.kind, asked].asks[0]
            yield ask.format(s=spoken.format(entity.name)), (first, second)


def _temporal(sources: Sources) -> Iterator[Draft]:
    makers = (_latest, _decision, _journal, _latest, _attendees, _decision, _journal, _latest, _archived)
    for number in range(20_000):
        yield makers[number % len(makers)](sources)


def _latest(sources: Sources) -> Draft:
    changed = sorted(
        {key for key, facts in sources.stated.items() if key[1] in ("deadline", "budget") and _is_dated(facts)}
    )
    project, attribute = sources.rng.choice(changed)
    dated = [fact for fact in sources.stated[project, attribute] if fact.as_of]
    newest = max(dated, key=lambda fact: fact.as_of or date.min)
    ask = sources.rng.choice(
        (
            f"What is the latest {attribute} agreed for Project {{}}?",
            f"After the last change, what is the {attribute} of Project {{}}?",
        )
    )
    return ask.format(project), (gold_of([newest]),)


def _is_dated(facts: Sequence[Fact]) -> bool:
    return any(fact.as_of for fact in facts)


def _decision(sources: Sources) -> Draft:
    meeting = sources.rng.choice(sources.meetings)
    facts = sources.stated[meeting.project, f"decision {meeting.day}"]
    ask = sources.rng.choice(
        ("What did we decide about Project {} on {}?", "Which decision did the Project {} meeting of {} take?")
    )
    return ask.format(meeting.project, long_day(meeting.day)), (gold_of(facts),)


def _attendees(sources: Sources) -> Draft:
    meeting = sources.rng.choice(sources.meetings)
    facts = sources.stated[meeting.project, f"attendees {meeting.day}"]
    return f"Who was at the Project {meeting.project} meeting on {long_day(meeting.day)}?", (gold_of(facts),)


def _journal(sources: Sources) -> Draft:
    journal = sources.rng.choice(list(sources.world.of("journals")))
    days = [fact for fact in sources.world.facts() if fact.subject == journal.name]
    fact = sources.rng.choice(days)
    place = journal.name.split()[0].lower()
    return f"What did I do on {long_day(fact.as_of or date.min)} according to the {place} journal?", (gold_of([fact]),)


def _archived(sources: Sources) -> Draft:
    fact = sources.rng.choice(sources.stale)
    year = fact.attribute.split()[-1]
    return f"What budget did the {year} plan of Project {fact.subject} have?", (gold_of([fact]),)


def long_day(day: date) -> str:
    """The way people say a day; the notes write 2024-05-14."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _paraphrase(sources: Sources) -> Iterator[Draft]:
    rules = [(page, *rule) for page in sources.pages for rule in rules_of(page)]
    sources.rng.shuffle(rules)
    # Each rule once before any comes again for another site.
    turns: Counter[str] = Counter()
    rounds: list[tuple[int, Page, str, str]] = []
    for page, attribute, text in rules:
        rounds.append((turns[attribute], page, attribute, text))
        turns[attribute] += 1
    for _, page, attribute, text in sorted(rounds, key=lambda one: one[0]):
        if gold := sources.gold(page.site, attribute):
            yield text, (gold,)


def _choices(sources: Sources, fits: Callable[[Attribute], bool]) -> Iterator[tuple[Kind, Entity, Attribute, Gold]]:
    """Endlessly: an entity, a fitting attribute that its notes agree on, and where that stands. Kinds take turns."""
    kinds = [kind for kind in KINDS if any(fits(one) for one in kind.attributes)]
    for number in range(100_000):
        kind = kinds[number % len(kinds)]
        entity = sources.rng.choice(list(sources.world.of(kind.name)))
        attribute = sources.rng.choice([one for one in kind.attributes if fits(one)])
        if attribute.name in entity.values and (gold := sources.gold(entity.name, attribute.name)):
            yield kind, entity, attribute, gold


def _typed(sources: Sources, entity: Entity, text: str) -> str:
    """Some questions leave out the accents, where the name stays unmistakable without them."""
    if plain(entity.name) == entity.name or sources.rng.random() >= PLAIN_SHARE:
        return text
    alike = [one for one in sources.world.of(entity.kind) if plain(one.name) == plain(entity.name)]
    return plain(text) if len(alike) == 1 else text


_MAKERS: dict[str, Callable[[Sources], Iterator[Draft]]] = {
    "numeric": _numeric,
    "exact": _exact,
    "alias": _alias,
    "multi-hop": _multi_hop,
    "temporal": _temporal,
    "paraphrase": _paraphrase,
}
