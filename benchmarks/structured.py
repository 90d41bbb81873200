"""How often the tasks bring whole JSON when every fifth reply is broken: over simulated Ollama and OpenRouter.

Every reply is made from a right one, so that a value that fits the schema and is wrong can be told from a right one.
The engine is the real one, with its ledger; what the ledger says is what is counted.
"""

import logging
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import get_args

import anyio

from benchmarks.breaking import BROKEN_SHARE, Breaker, Broken, Mix
from benchmarks.options import Options
from benchmarks.report import Cell, Report, Table
from benchmarks.right_replies import TASKS, asked
from benchmarks.simulated import House, Row, Service, house_for

CALLS_OF_ONE_QUESTION = 20
FIRST_CALL_TARGET, RETRY_TARGET = 99.5, 99.9

GOOD = ("valid", "repaired")
PARSED = (*GOOD, "invalid", "unfit")


@dataclass(slots=True)
class Tally:
    """What became of the calls of one task at one service.

    `broken` and `hopeless` count first replies: not right as they stood; of these, without a certain value.
    `untold` counts replies of which the ledger says less than what happened: a repair without a name, or none at all.
    """

    calls: int = 0
    broken: int = 0
    hopeless: int = 0
    parsed: int = 0
    valid: int = 0
    repaired: int = 0
    retried: int = 0
    after_retry: int = 0
    escalated: int = 0
    refused: int = 0
    wrong: int = 0
    failed: int = 0
    replies: int = 0
    untold: int = 0
    classes: Counter[tuple[str, bool, str]] = field(default_factory=Counter)
    """(class, whether lossless, outcome) of the broken replies, first and second."""

    @property
    def first_call(self) -> float:
        return 100 * (self.valid + self.repaired) / max(1, self.calls)

    @property
    def best_call(self) -> float:
        """The most that a first call can reach without guessing."""
        return 100 - 100 * self.hopeless / max(1, self.calls)

    @property
    def retry_call(self) -> float:
        return 100 * self.after_retry / max(1, self.calls)

    @property
    def wrong_share(self) -> float:
        return 100 * self.wrong / max(1, self.calls)


def run(options: Options) -> Report:
    # Every refused reply is warned of, which is thousands of lines.
    logging.getLogger("amalfa.execution").setLevel(logging.ERROR)
    mixes: tuple[tuple[Mix, int], ...] = (
        ("as-served", 200 if options.is_quick else 2_000),
        ("every-class", 100 if options.is_quick else 500),
    )
    tables: list[Table] = []
    figures: dict[str, object] = {"broken_share": BROKEN_SHARE}
    for mix, calls in mixes:
        tallies = anyio.run(measure, mix, calls, options.seed)
        tables += [_table(mix, calls, tallies), _classes(mix, tallies.values())]
        figures[mix] = {f"{task}/{service}": _figures(tally) for (task, service), tally in tallies.items()}
    remarks = [
        f"{BROKEN_SHARE:.0%} of all replies are broken, corrections too, each class as often as its weight says.",
        f"Targets: first call {FIRST_CALL_TARGET} %, after one retry {RETRY_TARGET} %.",
        "A reply without a certain value has to be refused: at best a first call reaches 100 % less their share.",
    ]
    return Report("structured", tuple(tables), figures, remarks)


async def measure(mix: Mix, calls: int, seed: int) -> dict[tuple[str, Service], Tally]:
    """`calls` calls of each task at each service."""
    tallies: dict[tuple[str, Service], Tally] = {}
    for service in get_args(Service):
        async with house_for(service) as house:
            for task in TASKS:
                tallies[task, service] = await serve(house, task, calls, mix, f"{seed} {mix} {service} {task}")
    return tallies


async def serve(house: House, task: str, calls: int, mix: Mix, seed: str) -> Tally:
    """`calls` calls of one task; a new question every so often, each right reply taken once before."""
    chance = random.Random(seed)
    breaker, questions, tally = Breaker(mix, chance), asked(task, chance), Tally()
    planned = zip(breaker.plan(calls), breaker.plan(calls), strict=True)
    for _ in range(0, calls, CALLS_OF_ONE_QUESTION):
        question = next(questions)
        right, rows = await house.call(question, [None])
        if [row.gate for row in rows] != ["valid"]:
            raise AssertionError(f"the right reply of {task} was not taken: {rows}")
        for kinds in islice(planned, CALLS_OF_ONE_QUESTION):
            replies = [breaker.draw(question.reply, kind) for kind in kinds]
            made, rows = await house.call(question, replies)
            count(tally, replies, rows, is_right=made == right, is_served=made is not None)
    return tally


def count(tally: Tally, replies: list[Broken | None], rows: list[Row], *, is_right: bool, is_served: bool) -> None:
    own = [row for row in rows if row.model == rows[0].model]
    first, last = rows[0], rows[-1]
    tally.calls += 1
    tally.replies += len(own)
    tally.broken += replies[0] is not None
    tally.hopeless += replies[0] is not None and not replies[0].is_lossless
    tally.parsed += first.gate in PARSED
    tally.valid += first.gate == "valid"
    tally.repaired += first.gate == "repaired"
    tally.retried += len(own) > 1
    tally.refused += sum(row.gate not in GOOD for row in own)
    is_own = is_served and last.model == first.model and last.gate in GOOD
    tally.after_retry += is_own
    tally.escalated += last.model != first.model
    tally.failed += not is_served
    tally.wrong += is_own and not is_right
    for reply, row in zip(replies, own, strict=False):
        is_told = row.gate not in GOOD or (row.gate == "repaired") is bool(row.repairs) is (reply is not None)
        tally.untold += not is_told
        if reply is not None:
            outcome = "refused" if row.gate not in GOOD else "right" if is_right else "wrong"
            tally.classes[reply.kind, reply.is_lossless, outcome] += 1


COLUMNS = (
    *("task", "broken", "must refuse", "parsed", "valid", "repaired", "first %", "at best %"),
    *("retried", "after retry %", "escalated", "refused", "wrong"),
)


def _table(mix: Mix, calls: int, tallies: dict[tuple[str, Service], Tally]) -> Table:
    rows: list[tuple[Cell, ...]] = [_row(f"{task}, {service}", tally) for (task, service), tally in tallies.items()]
    return Table(f"{mix}: {calls} calls of each task at each service", COLUMNS, (*rows, _row("all", together(tallies))))


def _row(name: str, tally: Tally) -> tuple[Cell, ...]:
    return (
        name,
        *(tally.broken, tally.hopeless, tally.parsed, tally.valid, tally.repaired, f"{tally.first_call:.2f}"),
        f"{tally.best_call:.2f}",
        *(tally.retried, f"{tally.retry_call:.2f}", tally.escalated, tally.refused, tally.wrong),
    )


def together(tallies: dict[tuple[str, Service], Tally]) -> Tally:
    """The sums over all tasks and services."""
    whole = Tally()
    for tally in tallies.values():
        for name in NUMBERS:
            setattr(whole, name, getattr(whole, name) + getattr(tally, name))
        whole.classes.update(tally.classes)
    return whole


NUMBERS = (
    *("calls", "broken", "hopeless", "parsed", "valid", "repaired", "retried", "after_retry"),
    *("escalated", "refused", "wrong", "failed", "replies", "untold"),
)


def _classes(mix: Mix, tallies: Iterable[Tally]) -> Table:
    sums: Counter[tuple[str, bool, str]] = Counter()
    for tally in tallies:
        sums.update(tally.classes)
    kinds = sorted({(kind, is_lossless) for kind, is_lossless, _ in sums}, key=lambda one: (not one[1], one[0]))
    rows: list[tuple[Cell, ...]] = [
        (
            f"{kind} ({'lossless' if is_lossless else 'refuse'})",
            *(sums[kind, is_lossless, outcome] for outcome in ("right", "wrong", "refused")),
        )
        for kind, is_lossless in kinds
    ]
    return Table(f"{mix}: broken replies by class", ("class", "right", "wrong", "refused"), tuple(rows))


def _figures(tally: Tally) -> dict[str, object]:
    return {name: getattr(tally, name) for name in NUMBERS} | {
        "first_call_percent": tally.first_call,
        "after_retry_percent": tally.retry_call,
        "classes": {
            f"{kind}/{'lossless' if is_lossless else 'refuse'}/{outcome}": count
            for (kind, is_lossless, outcome), count in sorted(tally.classes.items())
        },
    }
