"""Work that is done to its end even when whoever waits for it leaves."""

import logging
from collections.abc import Awaitable, Callable

import anyio
from anyio import CancelScope
from anyio.abc import TaskGroup

log = logging.getLogger("amalfa.execution")

Work = Callable[[], Awaitable[None]]


async def see_through(work: Work, tasks: TaskGroup | None) -> None:
    """Do `work` and wait for it. A caller who is cancelled leaves at once and the work goes on in `tasks`.

    Without `tasks` the caller is kept until it is done. What `work` raises is raised here; with nobody there to hear
    of it any more, it is logged.
    """
    if tasks is None:
        with CancelScope(shield=True):
            await work()
        return
    errand = _Errand(work)
    tasks.start_soon(errand.run)
    await errand.wait()


class _Errand:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._is_over = anyio.Event()
        self._is_alone = False
        self._failure: Exception | None = None

    async def run(self) -> None:
        # The shield outlives even the task group's own end, which waits for the last errand.
        with CancelScope(shield=True):
            try:
                await self._work()
            except Exception as failure:  # the waiting caller gets it, whatever it is
                self._failure = failure
                if self._is_alone:
                    log.warning("a write that nobody waits for any more failed: %s", failure)
            finally:
                self._is_over.set()

    async def wait(self) -> None:
        try:
            await self._is_over.wait()
        except anyio.get_cancelled_exc_class():
            self._is_alone = True
            raise
        if self._failure is not None:
            raise self._failure
