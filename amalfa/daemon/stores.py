"""The databases that sonar lives on, sonar.db and index.db: opens and closes them, tells when one is in danger."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from amalfa.errors import AmalfaError
from amalfa.knowledge.index import Index
from amalfa.paths import Places
from amalfa.store.database import Database
from amalfa.store.failures import StorageBroken
from amalfa.store.migrations import SONAR_DB

log = logging.getLogger("amalfa.daemon")

# "amsn" in ASCII: marks sonar.db as ours in the SQLite header.
SONAR_APPLICATION_ID = 0x616D736E

LOOK_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Stores:
    """`database` holds what cannot be made again, `index` what can be."""

    database: Database
    index: Database

    def notices(self) -> tuple[str, ...]:
        """What was found when they were opened."""
        return self.database.notices + self.index.notices

    def alarms(self) -> tuple[str, ...]:
        """What is wrong with them at this moment."""
        return self.database.alarms() + self.index.alarms()

    def refuse_without_place(self) -> None:
        """Raise StorageBroken when what is written down now would be lost."""
        if not self.database.is_in_place:
            raise StorageBroken(
                f"{self.database.path} was removed or replaced while it was open.", hint="amalfa sonar restart"
            )

    async def watch(self) -> None:
        """Log each danger once when it arises, and mend what can be mended, until cancelled."""
        for notice in self.notices():
            log.warning("%s", notice)
        known: tuple[str, ...] = ()
        while True:
            alarms = self.alarms()
            for alarm in alarms:
                if alarm not in known:
                    log.error("%s", alarm)
            known = alarms
            for database in (self.database, self.index):
                try:
                    await database.mend_log()
                except AmalfaError as error:
                    log.error("%s", error)
            await anyio.sleep(LOOK_EVERY_S)


@asynccontextmanager
async def open_stores(places: Places) -> AsyncIterator[Stores]:
    """Open both for the block. Raises the failures of `amalfa.store.failures`."""
    database = Database.open(places.database, SONAR_DB, application_id=SONAR_APPLICATION_ID)
    try:
        index = Index.open_database(places.index)
        try:
            yield Stores(database, index)
        finally:
            await index.aclose()
    finally:
        await database.aclose()
