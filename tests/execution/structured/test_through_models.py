"""The tasks that reply in JSON, with models that break every fifth reply.

What the parts do together is tried over simulated services, with some calls of each task. The shares take thousands
of calls, which go through the same tasks and the same executor, but over no network.
"""

import json
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from amalfa.errors import NoProvider, Truncated
from amalfa.execution.json_replies import JsonReplies
from amalfa.tasks.catalog import CATALOG
from amalfa.tasks.desk import Terms
from benchmarks.breaking import BROKEN_SHARE, Breaker, Broken
from benchmarks.right_replies import NOTES, TASKS, Asked, asked
from benchmarks.simulated import Service, house_for
from benchmarks.structured import FIRST_CALL_TARGET, RETRY_TARGET, Tally, measure, serve
from tests.fakes import Listener
from tests.system.harness import rounds
from tests.tasks.office import Office

CALLS = rounds(20)
MANY_CALLS = 2_000
BROKEN_OF_ONE_QUESTION = 5


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def tallies() -> dict[tuple[str, Service], Tally]:
    return await measure("as-served", CALLS, 7)


async def test_every_task_was_asked_at_both_services(tallies: dict[tuple[str, Service], Tally]) -> None:
    assert {task for task, _ in tallies} == set(TASKS)
    assert all(tally.calls == CALLS for tally in tallies.values())
    assert all(tally.broken == round(BROKEN_SHARE * CALLS) for tally in tallies.values())


async def test_no_value_differs_from_the_truth(tallies: dict[tuple[str, Service], Tally]) -> None:
    wrong = {key: tally.classes for key, tally in tallies.items() if tally.wrong}
    assert not wrong


async def test_what_is_certain_is_read_and_what_is_not_is_asked_for_again(
    tallies: dict[tuple[str, Service], Tally],
) -> None:
    for key, tally in tallies.items():
        assert tally.valid + tally.repaired + tally.retried == tally.calls, key
        assert tally.retried == tally.hopeless, key


@pytest.mark.parametrize("task", TASKS)
async def test_the_shares_of_every_task_meet_their_targets(task: str) -> None:
    chance = random.Random(f"shares {task}")
    breaker, questions = Breaker("as-served", chance), asked(task, chance)
    # A right reply is taken, as the next test holds, so that only the broken ones are asked for.
    kinds = [pair for pair in zip(breaker.plan(MANY_CALLS), breaker.plan(MANY_CALLS), strict=True) if pair[0]]
    first = second = MANY_CALLS
    for start in range(0, len(kinds), BROKEN_OF_ONE_QUESTION):
        question = next(questions)
        right = await made_of(question, None)
        for pair in kinds[start : start + BROKEN_OF_ONE_QUESTION]:
            replies = [breaker.draw(question.reply, kind) for kind in pair]
            made, tries = await made_of(question, *replies)
            assert made in (None, right[0]), replies
            first -= tries != 1 or made is None
            second -= made is None
    assert 100 * first / MANY_CALLS >= FIRST_CALL_TARGET
    assert 100 * second / MANY_CALLS >= RETRY_TARGET


@pytest.mark.parametrize("task", TASKS)
async def test_a_right_reply_is_taken(task: str) -> None:
    questions = asked(task, random.Random(f"right {task}"))
    for _ in range(20):
        made, tries = await made_of(next(questions), None)
        assert (made is not None, tries) == (True, 1)


async def made_of(question: Asked, *replies: Broken | None) -> tuple[object, int]:
    """What the task makes of a model that gives these replies, and how often it is asked; None when it gives up."""
    office = Office()
    office.notes.texts = {name: tuple(text.splitlines()) for name, text in NOTES.items()}
    for reply in replies:
        cut = (Truncated("The reply was cut at its limit.", is_at_limit=True),) if reply and reply.is_cut else ()
        whole = json.dumps(question.reply, ensure_ascii=False)
        office.provider.scripts.append((reply.raw if reply else whole, *cut))
    task = CATALOG[question.task]
    made: object = None
    with suppress(NoProvider):
        given = task.given.model_validate(question.given)
        made = (await task.run(given, office.desk, Terms("req_1"), Listener())).output
    return made, len(office.prompts)


async def test_the_ledger_tells_of_every_repair(tallies: dict[tuple[str, Service], Tally]) -> None:
    assert {key: tally.untold for key, tally in tallies.items() if tally.untold} == {}
    assert sum(tally.repaired for tally in tallies.values()) > 0


async def test_the_report_by_task_counts_what_the_models_were_made_to_do() -> None:
    async with house_for("ollama") as house:
        tally = await serve(house, "rerank", 60, "every-class", "3")
        report = await house.engine.accounts.usage.report(datetime.now(UTC) - timedelta(hours=1), by="task")
    (counts,) = (line.counts for line in report.json_lines if line.model == "ollama:qwen2.5:1.5b")
    questions = 3
    assert isinstance(counts, JsonReplies)
    assert counts.replies == tally.replies + questions
    assert (counts.refused, counts.retried, counts.escalated) == (tally.refused, tally.retried, tally.escalated)
    assert counts.retried > 0
    assert counts.valid + counts.repaired + counts.refused == counts.replies
