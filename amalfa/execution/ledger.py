"""The ledger: one row for each attempt at a model, committed before anything is sent, closed when it ends.

Limits on money are checked, and the worst an attempt may cost is set aside, in the same transaction as its row; its
end puts the cost in the place of what was set aside. A cost that nobody knows leaves it set aside.
"""

import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

import anyio
import anyio.lowlevel
import apsw
from anyio import CancelScope
from anyio.abc import TaskGroup

from amalfa.calls import PrivacyClass, Tier, Usage
from amalfa.clock import Clock, SystemClock
from amalfa.errors import AmalfaError
from amalfa.execution import attempts, tally
from amalfa.execution.attempts import Ended, Found, Listener, Unsettled
from amalfa.execution.errand import Work, see_through
from amalfa.execution.tally import Account, Booked, Calendar, Tally, Totals
from amalfa.execution.tally import Limit as Limit
from amalfa.store.database import Database

log = logging.getLogger("amalfa.execution")

JsonGate = Literal["valid", "repaired", "unparsed", "invalid", "unfit", "cut"]
"""How far a reply that had to be JSON came: used as it was or mended; stopped for no JSON, another shape, what it says,
or a missing end."""

CostSource = Literal["reported", "computed", "unknown", "none"]

Also = Callable[[apsw.Connection], object]
"""What writes more on the ledger's connection, in the transaction of a row."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of an attempt before it is made.

    `reserved_usd` is the worst it may cost (None: nobody knows, which no limit lets pass), `limits` are those it has
    to fit, and `reason` says why its model was chosen.
    """

    request_id: str
    task: str
    model: str
    provider: str
    tier: Tier
    privacy: PrivacyClass
    generation: int
    started_at: datetime
    team: str | None = None
    hint: str | None = None
    strategy: str = ""
    reason: str = ""
    reserved_usd: float | None = 0.0
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Closing:
    """How an attempt ended. "cancelled" means the caller left; "cached" that no model was asked after all.

    `cost_source` says where the cost comes from; where there is no cost it is "unknown", whatever stands here,
    unless it is "none": what costs nobody anything. `also` comes after the row.
    """

    state: Literal["ok", "failed", "cancelled", "cached"]
    usage: Usage
    error_code: str | None = None
    upstream_id: str | None = None
    repairs: tuple[str, ...] = ()
    cost_source: CostSource = "reported"
    json_gate: JsonGate | None = None
    also: Also | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """Sums over a stretch of the ledger. `cost_usd` adds what is known; `unknown_costs` counts what is not."""

    calls: int
    cost_usd: float
    unknown_costs: int


class Ledger(Protocol):
    """Where attempts are written down."""

    async def open(self, opening: Opening) -> int:
        """Commit the row of an attempt that is about to be made, and return its id.

        Raises OverBudget, and writes nothing, when the attempt might pass one of its limits.
        """
        ...

    async def close(self, row: int, closing: Closing) -> None:
        """Complete a row. A row that is never closed becomes "unknown" at the next start."""
        ...

    async def note_cached(self, opening: Opening, usage: Usage, also: Also | None = None) -> None:
        """Write down that a kept reply served a call: a row that no attempt was made for, and that costs nothing.

        Returns at once and is committed soon; with `also`, which writes in the same transaction, when that is done.
        """
        ...

    def note_upstream(self, row: int, upstream_id: str) -> None:
        """Keep the provider's name for an attempt, so that its cost can be asked for after a crash.

        Returns at once; the writing thread commits it soon.
        """
        ...

    def spendable(self, limits: tuple[Limit, ...]) -> tuple[float, Limit] | None:
        """The least USD that is left of any limit, and of which; None without limits. Asks no disk."""
        ...

    async def spent_since(self, since: datetime) -> Spent:
        """What calls cost since `since`; a call is one request, however many attempts it took."""
        ...


class SqliteLedger:
    """The ledger in sonar.db. `boot` names this run of the daemon, so that a later one knows whose rows are open.

    Call `mark_interrupted` before anything else: it also reads what was spent so far. In `tasks` writes go on when
    their caller leaves, and the names that providers give are written; without it those wait for the attempt's end.
    """

    def __init__(
        self,
        database: Database,
        *,
        boot: str,
        clock: Clock | None = None,
        tasks: TaskGroup | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._database = database
        self._boot = boot
        self._clock = clock or SystemClock()
        self._tasks = tasks
        self._listener = listener
        self._calendar = Calendar()
        self._tally = Tally()
        # Counts the commits of the writing thread, so that news of them can be put in order.
        self._numbers = itertools.count()
        self._upstream_ids: dict[int, str] = {}

    async def open(self, opening: Opening) -> int:
        reserved_usd = tally.sound_usd(opening.reserved_usd)

        def insert(connection: apsw.Connection) -> tuple[int, Booked]:
            day = self._calendar.day_of(opening.started_at)
            tally.refuse_beyond(connection, opening.limits, day, reserved_usd)
            self._calendar.see(day)
            row = attempts.insert(connection, (*_opened(opening), self._boot, reserved_usd, day))
            return row, self._book(connection, Account(day, opening.team or ""), Totals(0.0, reserved_usd or 0.0))

        # The commit cannot be called back, so a caller who leaves has to wait for it: somebody must know of the row.
        with CancelScope(shield=True):
            row, booked = await self._database.write(insert)
        self._tally.take(booked)
        try:
            await anyio.lowlevel.checkpoint_if_cancelled()
        except anyio.get_cancelled_exc_class():
            with CancelScope(shield=True):
                await self.close(row, Closing("cancelled", Usage(cost_usd=0.0), cost_source="none"))
            raise
        return row

    async def close(self, row: int, closing: Closing) -> None:
        cost_usd = tally.sound_usd(closing.usage.cost_usd)
        noted = self._upstream_ids.pop(row, None)

        def update(connection: apsw.Connection) -> tuple[Booked, Ended] | None:
            found = attempts.find(connection, row)
            if found is None:
                return None
            attempts.complete(connection, row, _closed(closing, cost_usd, noted))
            if closing.also:
                closing.also(connection)
            return self._settle(connection, found, cost_usd), _ended(found, closing, cost_usd)

        async def commit() -> None:
            done = await self._database.write(update)
            if done:
                self._tally.take(done[0])
                if self._listener:
                    self._listener.ended(done[1])

        await see_through(commit, self._tasks)

    async def note_cached(self, opening: Opening, usage: Usage, also: Also | None = None) -> None:
        closing = Closing("cached", replace(usage, cost_usd=0.0), cost_source="none")

        def insert(connection: apsw.Connection) -> Ended | None:
            day = self._calendar.day_of(opening.started_at)
            row = attempts.insert(connection, (*_opened(opening), self._boot, 0.0, day))
            attempts.complete(connection, row, _closed(closing, 0.0, None))
            if also is not None:
                also(connection)
            found = attempts.find(connection, row)
            return _ended(found, closing, 0.0) if found else None

        async def write() -> None:
            ended = await self._database.write(insert)
            if ended and self._listener:
                self._listener.ended(ended)

        if also is None and self._tasks is not None:
            self._tasks.start_soon(_written_quietly, write)
        else:
            await see_through(write, self._tasks)

    def note_upstream(self, row: int, upstream_id: str) -> None:
        self._upstream_ids[row] = upstream_id
        if self._tasks:
            self._tasks.start_soon(self._write_upstream, row, upstream_id)

    async def _write_upstream(self, row: int, upstream_id: str) -> None:
        try:
            await self._database.write(lambda connection: attempts.name_upstream(connection, row, upstream_id))
        except AmalfaError as error:
            log.warning("the provider's name of attempt %d could not be written: %s", row, error)

    def spendable(self, limits: tuple[Limit, ...]) -> tuple[float, Limit] | None:
        return self._tally.left(limits, self._calendar.day_of(self._clock.now()))

    async def spent_since(self, since: datetime) -> Spent:
        return Spent(*await self._database.read(lambda connection: attempts.sums(connection, since)))

    async def unsettled(self, since: datetime, *, most: int) -> tuple[Unsettled, ...]:
        """Attempts begun since `since` whose cost is unknown and whose provider named them, oldest first."""
        return await self._database.read(lambda connection: attempts.unsettled(connection, since, most))

    async def settle(self, one: Unsettled, cost_usd: float) -> None:
        """Write down a cost that became known after the end of its attempt. A row that has a cost keeps it."""
        cost = tally.sound_usd(cost_usd)

        def update(connection: apsw.Connection) -> Booked | None:
            found = attempts.find(connection, one.row)
            if found is None or cost is None or found.cost_usd is not None:
                return None
            attempts.write_cost(connection, one.row, cost)
            return self._settle(connection, found, cost)

        async def commit() -> None:
            booked = await self._database.write(update)
            if booked and cost is not None:
                self._tally.take(booked)
                if self._listener:
                    self._listener.settled(team=one.team, model=one.model, cost_usd=cost)

        await see_through(commit, self._tasks)

    async def mark_interrupted(self) -> int:
        """Turn the open rows of earlier runs into "unknown", and return how many there were.

        The life lock proves that no other sonar of this project lives, so an open row is nobody's. What is set aside
        for it stays so.
        """

        def update(connection: apsw.Connection) -> tuple[int, Booked]:
            interrupted = attempts.interrupt(connection, self._boot)
            self._calendar.see(tally.newest_day(connection))
            day = self._calendar.day_of(self._clock.now())
            tally.rebuild(connection, day)
            standing = tally.standing(connection, tally.first_of_month(day))
            return interrupted, Booked(next(self._numbers), standing)

        count, booked = await self._database.write(update)
        self._tally.take(booked)
        return count

    def _book(self, connection: apsw.Connection, account: Account, change: Totals) -> Booked:
        """Change an account, unless there is nothing to change: most attempts are free."""
        totals = {} if change == Totals() else {account: tally.book(connection, account, change)}
        return Booked(next(self._numbers), totals)

    def _settle(self, connection: apsw.Connection, found: Found, cost_usd: float | None) -> Booked:
        """Put a cost in the place of what was set aside, or of an earlier cost."""
        if cost_usd is None:
            change = Totals()
        elif found.cost_usd is None:
            change = Totals(cost_usd, -(found.reserved_usd or 0.0))
        else:
            change = Totals(tally.exact_usd(cost_usd - found.cost_usd))
        return self._book(connection, Account(found.day, found.team), change)


async def _written_quietly(write: Work) -> None:
    try:
        await see_through(write, None)
    except AmalfaError as error:
        log.warning("a call that a kept reply served could not be written down: %s", error)


def _opened(opening: Opening) -> tuple[object, ...]:
    return (
        opening.request_id,
        opening.task,
        opening.model,
        opening.provider,
        str(opening.tier),
        str(opening.privacy),
        opening.generation,
        opening.started_at.isoformat(),
        opening.team or "",
        opening.hint or "",
        opening.strategy,
        opening.reason,
    )


def _closed(closing: Closing, cost_usd: float | None, noted: str | None) -> tuple[object, ...]:
    usage = closing.usage
    is_unknown = cost_usd is None and closing.cost_source != "none"
    return (
        closing.state,
        closing.error_code,
        usage.tokens_in,
        usage.tokens_out,
        cost_usd,
        usage.ms,
        closing.upstream_id or noted,
        ",".join(closing.repairs) or None,
        "unknown" if is_unknown else closing.cost_source,
        closing.json_gate,
    )


def _ended(found: Found, closing: Closing, cost_usd: float | None) -> Ended:
    return Ended(
        task=found.task,
        model=found.model,
        provider=found.provider,
        tier=Tier(found.tier),
        team=found.team,
        outcome=closing.error_code or closing.state,
        usage=replace(closing.usage, cost_usd=cost_usd),
        json_gate=closing.json_gate,
    )
