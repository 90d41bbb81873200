"""One reply for equal requests: work under an idempotency key runs once, and everybody who brings the key gets it.

A failure is told to those who wait for it and is not kept: the next request with the key runs again.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup
from starlette.responses import Response

from amalfa.clock import Clock
from amalfa.errors import AmalfaError, KeyReused, ShuttingDown
from amalfa.server.finished import Finished, FinishedReplies

_log = logging.getLogger(__name__)

REPLAYED_HEADER = "idempotency-replayed"
"""Says "true" on a reply that another request had made."""

Make = Callable[[], Awaitable[Response]]
"""Makes a reply that is whole; a status of 400 or more is a failure, as is what it raises."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a key stands for: one request to one route. `body_hash` is the same for every way to write that request."""

    route: str
    key: str
    body_hash: str


@dataclass(slots=True, eq=False)
class _Run:
    """Work under way for one key, and how many wait for it."""

    asked: Asked
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    done: anyio.Event = field(default_factory=anyio.Event)
    waiting: int = 0
    status: int = 200
    finished: Finished | None = None
    failure: AmalfaError | None = None
    is_replayed: bool = False


class Once:
    """Lives as long as the process. Work runs in `tasks`, so that it outlives whoever asked for it first."""

    def __init__(self, finished: FinishedReplies, *, tasks: TaskGroup, clock: Clock) -> None:
        self._finished = finished
        self._tasks = tasks
        self._clock = clock
        self._runs: dict[tuple[str, str], _Run] = {}

    async def reply(self, asked: Asked, make: Make) -> Response:
        """The reply under this key: made now, awaited with others, or found among those of the last day.

        Raises KeyReused when the key stands for another request, and what `make` raises. The work is cancelled
        when nobody waits for it any more.
        """
        run = self._runs.get((asked.route, asked.key))
        is_first = run is None
        if run is None:
            run = self._runs[asked.route, asked.key] = _Run(asked)
            self._tasks.start_soon(self._carry_out, run, make)
        elif run.asked.body_hash != asked.body_hash:
            raise _reused()
        await self._wait(run)
        if run.finished is None:
            raise run.failure or _cut_short()
        replayed = {REPLAYED_HEADER: "true"} if run.is_replayed or not is_first else {}
        return Response(run.finished.reply, run.status, headers={**run.finished.headers, **replayed})

    async def _wait(self, run: _Run) -> None:
        run.waiting += 1
        try:
            await run.done.wait()
        finally:
            run.waiting -= 1
            if not run.waiting and not run.done.is_set():
                self._forget(run)
                run.scope.cancel()

    async def _carry_out(self, run: _Run, make: Make) -> None:
        try:
            with run.scope:
                await self._find_or_make(run, make)
        except AmalfaError as error:
            run.failure = error
        except Exception:  # a task of many owners: its bug is told to them and must not end their common group
            _log.exception("work under an idempotency key failed unexpectedly", extra={"path": run.asked.route})
            run.failure = AmalfaError("Sonar met an unexpected failure.", hint="amalfa sonar logs")
        finally:
            self._forget(run)
            run.done.set()

    async def _find_or_make(self, run: _Run, make: Make) -> None:
        found = await self._finished.find(run.asked.route, run.asked.key, now=self._clock.now())
        if found is not None:
            if found.body_hash != run.asked.body_hash:
                raise _reused()
            run.finished, run.is_replayed = found, True
            return
        made = await make()
        headers = {name: value for name, value in made.headers.items() if name != "content-length"}
        finished = Finished(run.asked.body_hash, bytes(made.body), headers)
        if made.status_code < 400:
            # Paid for: it is kept even if the last caller leaves at this moment.
            with anyio.CancelScope(shield=True):
                await self._keep(run.asked, finished)
        run.finished, run.status = finished, made.status_code

    async def _keep(self, asked: Asked, finished: Finished) -> None:
        try:
            await self._finished.keep(asked.route, asked.key, finished, now=self._clock.now())
        except AmalfaError as error:
            _log.warning("a reply was not kept for its idempotency key", extra={"reason": str(error)})

    def _forget(self, run: _Run) -> None:
        name = (run.asked.route, run.asked.key)
        if self._runs.get(name) is run:
            del self._runs[name]


def _reused() -> KeyReused:
    return KeyReused("This idempotency key came with another request before.", hint="use a new key for a new request")


def _cut_short() -> ShuttingDown:
    return ShuttingDown("Sonar shut down before this was done.", hint="amalfa sonar start")
