"""The ledger while its disk is full: free calls go on without a row and are counted, paid ones are refused.

What ended meanwhile is written down when there is room again. Everything else is left to the ledger it stands on.
"""

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from amalfa.calls import Tier, Usage
from amalfa.execution.ledger import Also, Closing, Limit, Opening, Spent, SqliteLedger
from amalfa.store.failures import StorageFull

log = logging.getLogger("amalfa.execution")

UNRECORDED = 0
"""Stands for the row of an attempt that has none; SQLite counts its rows from 1."""


class EnduringLedger:
    """A `Ledger` over `strict`. `unrecorded` counts the attempts without a row since sonar started."""

    def __init__(self, strict: SqliteLedger) -> None:
        self.strict = strict
        self.unrecorded = 0
        self._is_full = False
        self._late: dict[int, Closing] = {}

    @property
    def alarms(self) -> tuple[str, ...]:
        """What the user should know while there is no room."""
        if not self._is_full:
            return ()
        return (
            "the disk is full: calls that cost money are refused, and "
            f"{self.unrecorded} free attempts are not in the ledger; free some space",
        )

    async def open(self, opening: Opening) -> int:
        """See `Ledger.open`. Raises StorageFull when there is no room and the attempt may cost something."""
        try:
            row = await self.strict.open(opening)
        except StorageFull as full:
            self._is_full = True
            if opening.tier is Tier.CLOUD or opening.reserved_usd != 0:
                raise
            self.unrecorded += 1
            log.warning("an attempt at %s has no row in the ledger: %s", opening.model, full.message)
            return UNRECORDED
        self._has_room()
        return row

    async def close(self, row: int, closing: Closing) -> None:
        """See `Ledger.close`. Raises StorageFull only when `also` could not be written, which somebody relies on."""
        if row == UNRECORDED and closing.also is None:
            return
        if row == UNRECORDED:
            raise StorageFull(
                "The disk is full, and the result could not be stored.", hint="free some space, then ask again"
            )
        try:
            await self.strict.close(row, closing)
        except StorageFull:
            self._is_full = True
            self._late[row] = replace(closing, also=None)
            if closing.also is not None:
                raise
            log.warning("the end of attempt %d is written down when there is room", row)
            return
        await self.catch_up()

    async def catch_up(self) -> None:
        """Write down the ends that had no room, as far as there is room now."""
        while self._late:
            row, closing = self._late.popitem()
            try:
                await self.strict.close(row, closing)
            except BaseException as failure:
                self._late[row] = closing
                if isinstance(failure, StorageFull):
                    return
                raise
        self._has_room()

    async def note_cached(self, opening: Opening, usage: Usage, also: Also | None = None) -> None:
        if also is not None:
            await self.strict.note_cached(opening, usage, also)
            return
        with suppress(StorageFull):
            await self.strict.note_cached(opening, usage)

    def note_upstream(self, row: int, upstream_id: str) -> None:
        if row != UNRECORDED:
            self.strict.note_upstream(row, upstream_id)

    def spendable(self, limits: tuple[Limit, ...]) -> tuple[float, Limit] | None:
        return self.strict.spendable(limits)

    async def spent_since(self, since: datetime) -> Spent:
        return await self.strict.spent_since(since)

    def _has_room(self) -> None:
        if self._is_full and not self._late:
            self._is_full = False
            log.warning("there is room again; %d free attempts have no row in the ledger", self.unrecorded)
