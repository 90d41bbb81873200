"""Asks the questions of a vault in their second wording. Touches neither what they are about nor their answers.

The first wordings were in sight while the search was tuned; the second ones were written without a look at it, and the
kinds of their failures were known when it was mended after that.
A question is told by its first wording, so that a vault and its first wording stay the same byte for byte.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from random import Random

from benchmarks.world.foreign import FOREIGN, plain
from benchmarks.world.house_rules import TOPICS
from benchmarks.world.kinds import Kind
from benchmarks.world.population import KINDS, MONTHS
from benchmarks.world.question import Question
from benchmarks.world.quiz import HOPS
from benchmarks.world.second_office import OFFICE
from benchmarks.world.second_pastimes import PASTIMES
from benchmarks.world.second_rules import RULES
from benchmarks.world.second_turns import ELSEWHERE, NEXT_ASKS, NEXT_PEOPLE, OVER_TIME, PROJECT_NAMES

ASKS: Mapping[str, Sequence[str]] = {**OFFICE, **PASTIMES}

_DAYS: tuple[Callable[[date], str], ...] = (
    lambda day: f"{day.day} {MONTHS[day.month - 1]} {day.year}",
    lambda day: f"{MONTHS[day.month - 1]} {day.day}, {day.year}",
    lambda day: f"{day.day} {MONTHS[day.month - 1][:3]} {day.year}",
    date.isoformat,
)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A first wording and the second ones that ask the same; `literal` is how much of the first is fixed text."""

    pattern: re.Pattern[str]
    literal: int
    second: Sequence[str]


def reword(questions: Sequence[Question], seed: int) -> tuple[Question, ...]:
    """The same questions in their second wording, no two alike. Raises ValueError for one without any."""
    turns = sorted(_turns(), key=lambda turn: -turn.literal)
    taken: set[str] = set()
    made: list[Question] = []
    for question in questions:
        # A question's words depend on it alone, not on how many came before.
        rng = Random(f"{seed} {question.id}")
        text = next((text for text in _ways(question.text, turns, rng) if text not in taken), None)
        if text is None:
            raise ValueError(f"there is no second wording of {question.text!r}")
        taken.add(text)
        made.append(replace(question, text=text))
    return tuple(made)


def _ways(text: str, turns: Sequence[_Turn], rng: Random) -> Iterator[str]:
    for turn in turns:
        if found := turn.pattern.fullmatch(text):
            for way in rng.sample(list(turn.second), len(turn.second)):
                told = way.format(**_fields(found.groupdict(), rng))
                # Whoever typed the first wording without accents types the second without them.
                yield plain(told) if plain(text) == text else told
            return


def _fields(found: Mapping[str, str], rng: Random) -> dict[str, str]:
    """What stands in a question, as people also say it."""
    fields = dict(found)
    if project := found.get("project"):
        fields["s"] = rng.choice(PROJECT_NAMES).format(project)
    elif nickname := found.get("nickname"):
        fields["s"] = rng.choice(PROJECT_NAMES[1:]).format(nickname)
    if day := found.get("day"):
        number, month, year = day.split()
        fields["day"] = rng.choice(_DAYS)(date(int(year), MONTHS.index(month) + 1, int(number)))
    if thing := fields.get("s"):
        fields["short"] = thing.replace(" in ", " ").removeprefix("the ").removesuffix(" project")
    return fields


def _turns() -> Iterator[_Turn]:
    for kind in KINDS:
        yield from _turns_on(kind)
    yield _turn("What does spooler error {s} mean?", ASKS["runbooks.meaning"])
    yield _turn("Which command clears spooler error {s}?", ASKS["runbooks.command"])
    yield from _turns_over_two_notes()
    for first, second in OVER_TIME:
        yield _turn(first, second)
    for topic, rules in TOPICS.items():
        for rule in rules:
            yield _turn(rule.question, RULES[f"{topic}: {rule.heading}"])
    for foreign in FOREIGN:
        for heading, _, question in foreign.facts:
            for first in {question: None, plain(question): None}:
                yield _turn(first, ELSEWHERE[foreign.language, heading])


def _turns_on(kind: Kind) -> Iterator[_Turn]:
    for attribute in kind.attributes:
        key = f"{kind.name}.{attribute.name}"
        for ask in attribute.asks:
            yield _turn(ask.replace("Project {s}", "Project {project}"), ASKS[key])
            if "Project {s}" in ask:
                yield _turn(ask.replace("Project {s}", "{nickname}"), ASKS[key])
        for ask in attribute.reverse:
            yield _turn(ask, ASKS[f"{key} of"])


def _turns_over_two_notes() -> Iterator[_Turn]:
    asks = {f"{kind.name}.{one.name}": one.asks[0] for kind in KINDS for one in kind.attributes}
    for kind, link, spoken, wanted in HOPS:
        target = "servers" if link == "host" else "people"
        one = spoken.replace("Project {}", "Project {project}").replace("{}", "{s}")
        for key in (f"{target}.{asked}" for asked in wanted):
            ways = [ask.replace("{n}", who) for ask in NEXT_ASKS[key] for who in NEXT_PEOPLE[f"{kind}.{link}"]]
            yield _turn(asks[key].replace("{s}", one), ways)


def _turn(first: str, second: Sequence[str]) -> _Turn:
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(first))
    return _Turn(re.compile(pattern), len(re.sub(r"\{\w+\}", "", first)), second)
