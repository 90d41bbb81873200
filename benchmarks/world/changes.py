"""Edits that move an answer: the note says something new, further down, and the old line is gone."""

from collections.abc import Sequence
from random import Random

from benchmarks.world.question import Edit, Gold, Question, Span
from benchmarks.world.sheet import Sheet, World


def make_edits(world: World, rng: Random, questions: Sequence[Question], count: int) -> list[Edit]:
    """At most `count` edits, each to another note; questions whose line states several facts are left alone."""
    sheets = {sheet.path: sheet for sheet in world.sheets}
    made: dict[str, Edit] = {}
    for question in rng.sample(list(questions), len(questions)):
        if len(made) == count:
            break
        edit = _edit(question, sheets) if question.type in ("numeric", "exact") else None
        if edit and edit.path not in made:
            made[edit.path] = edit
    return list(made.values())


def _edit(question: Question, sheets: dict[str, Sheet]) -> Edit | None:
    gold = question.golds[-1]
    if len(gold.spans) != 1:
        return None
    span = gold.spans[0]
    sheet = sheets[span.path]
    lines = sheet.note().lines
    facts = [fact for fact in sheet.facts if fact.line == span.line]
    if len(facts) != 1 or lines[span.line - 1].startswith("|") or "```" in lines:
        return None
    told = lines[span.line - 1]
    # An identifier that the question asks for must stay as it is; any other value changes too.
    value = gold.holds if gold.holds in question.text else _another(gold.holds)
    kept = [line for at, line in enumerate(lines, start=1) if at != span.line]
    text = [*kept, "", "## Latest change", "", told.replace(gold.holds, value)]
    return Edit(question.id, span.path, "\n".join(text) + "\n", Gold((Span(span.path, len(text)),), value))


def _another(value: str) -> str:
    """The value with its last digit turned into another one."""
    at = max((place for place, mark in enumerate(value) if mark.isdigit()), default=-1)
    if at < 0:
        return value
    return f"{value[:at]}{(int(value[at]) + 3) % 10}{value[at + 1 :]}"
