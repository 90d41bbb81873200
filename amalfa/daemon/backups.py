"""Copies sonar.db once a day, at a moment when nobody is served. What is kept of the copies the store decides."""

import logging
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread

from amalfa.clock import Clock
from amalfa.errors import AmalfaError
from amalfa.store.database import Database

log = logging.getLogger("amalfa.daemon")

EVERY_S = 24 * 3600.0
LOOK_EVERY_S = 600.0


async def keep_backups(database: Database, is_idle: Callable[[], bool], *, clock: Clock) -> None:
    """Back up until cancelled: when the newest copy is a day old and sonar is idle.

    The first look comes after `LOOK_EVERY_S`, as a start has better to do.
    """
    while True:
        await anyio.sleep(LOOK_EVERY_S)
        if not is_idle() or not await anyio.to_thread.run_sync(is_due, database.path, clock.now().timestamp()):
            continue
        try:
            copy = await database.back_up()
            log.info("sonar.db was copied to %s", copy.name)
        except AmalfaError as error:
            log.warning("sonar.db could not be copied: %s", error.message)


def is_due(path: Path, now_s: float) -> bool:
    """Whether the newest copy is older than a day, or there is none."""
    ages = [now_s - copy.stat().st_mtime for copy in path.parent.glob(f"{path.name}.backup-*")]
    return not ages or min(ages) > EVERY_S
