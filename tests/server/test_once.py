"""One key, one piece of work, however many ask and whoever leaves."""

from collections.abc import AsyncIterator
from datetime import datetime

import anyio
import pytest
from anyio.abc import TaskGroup
from starlette.responses import JSONResponse, Response

from amalfa.errors import AmalfaError, KeyReused, NoProvider, ShuttingDown
from amalfa.server.finished import Finished
from amalfa.server.once import REPLAYED_HEADER, Asked, Once
from amalfa.store.failures import StorageFull
from tests.fakes import FakeClock
from tests.server.serving import until

ASKED = Asked("/sonar/ask", "key", "hash")
ELSE = Asked("/sonar/ask", "key", "another hash")


class Shelf:
    """Replies in memory; `is_full` refuses new ones."""

    def __init__(self) -> None:
        self.replies: dict[tuple[str, str], Finished] = {}
        self.is_full = False

    async def find(self, route: str, key: str, *, now: datetime) -> Finished | None:
        await anyio.lowlevel.checkpoint()
        return self.replies.get((route, key))

    async def keep(self, route: str, key: str, finished: Finished, *, now: datetime) -> None:
        await anyio.lowlevel.checkpoint()
        if self.is_full:
            raise StorageFull("The disk is full.")
        self.replies[route, key] = finished


class Task:
    """Work that waits for `release`, then answers with the number of its run, or fails."""

    def __init__(self) -> None:
        self.runs = 0
        self.cancelled = 0
        self.release = anyio.Event()
        self.failure: Exception | None = None

    async def __call__(self) -> Response:
        self.runs += 1
        run = self.runs
        try:
            await self.release.wait()
        except BaseException:
            self.cancelled += 1
            raise
        if self.failure is not None:
            raise self.failure
        return JSONResponse({"run": run}, headers={"x-amalfa-model": "m"})


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def task() -> Task:
    return Task()


@pytest.fixture
async def tasks() -> AsyncIterator[TaskGroup]:
    async with anyio.create_task_group() as group:
        yield group
        group.cancel_scope.cancel()


@pytest.fixture
def once(shelf: Shelf, tasks: TaskGroup) -> Once:
    return Once(shelf, tasks=tasks, clock=FakeClock())


async def test_f16_fifty_with_one_key_are_one_piece_of_work_and_fifty_equal_replies(once: Once, task: Task) -> None:
    replies: list[Response] = []

    async def ask() -> None:
        replies.append(await once.reply(ASKED, task))

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(ask)
        await until(lambda: task.runs)
        task.release.set()
    assert task.runs == 1
    assert {bytes(reply.body) for reply in replies} == {b'{"run":1}'}
    assert {reply.headers["x-amalfa-model"] for reply in replies} == {"m"}
    assert sum(REPLAYED_HEADER not in reply.headers for reply in replies) == 1


async def test_f16_a_finished_key_answers_from_the_store_and_says_so(once: Once, task: Task) -> None:
    task.release.set()
    first, second = await once.reply(ASKED, task), await once.reply(ASKED, task)
    assert (first.body, task.runs) == (second.body, 1)
    assert second.headers[REPLAYED_HEADER] == "true"
    assert second.headers["content-type"] == "application/json"


async def test_f16_a_key_with_another_body_is_refused_while_it_runs_and_afterwards(once: Once, task: Task) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(once.reply, ASKED, task)
        await until(lambda: task.runs)
        with pytest.raises(KeyReused):
            await once.reply(ELSE, task)
        task.release.set()
    with pytest.raises(KeyReused):
        await once.reply(ELSE, task)
    assert task.runs == 1


async def test_f16_a_failure_is_told_to_all_who_wait_and_not_kept(once: Once, task: Task, shelf: Shelf) -> None:
    task.failure = NoProvider("nobody")
    told: list[str] = []

    async def ask() -> None:
        try:
            await once.reply(ASKED, task)
        except AmalfaError as error:
            told.append(error.code)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
        await until(lambda: task.runs)
        task.release.set()
    assert told == ["no_provider"] * 5
    task.failure = None
    assert (await once.reply(ASKED, task)).body == b'{"run":2}'


async def test_a_reply_that_is_an_error_is_not_kept_either(once: Once, shelf: Shelf) -> None:
    async def fail() -> Response:
        return JSONResponse({"error": "busy"}, status_code=429)

    assert (await once.reply(ASKED, fail)).status_code == 429
    assert shelf.replies == {}


async def test_a_bug_in_the_work_is_told_and_ends_nothing_else(once: Once, task: Task) -> None:
    task.failure = ZeroDivisionError()
    task.release.set()
    with pytest.raises(AmalfaError, match="unexpected"):
        await once.reply(ASKED, task)
    task.failure = None
    assert (await once.reply(ASKED, task)).body == b'{"run":2}'


async def test_f16_when_only_the_first_leaves_the_others_still_get_their_reply(once: Once, task: Task) -> None:
    replies: list[Response] = []

    async def ask() -> None:
        replies.append(await once.reply(ASKED, task))

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as first:
            async with anyio.create_task_group() as alone:
                alone.start_soon(ask)
                await until(lambda: task.runs)
                group.start_soon(ask)
                await anyio.wait_all_tasks_blocked()
                first.cancel()
        task.release.set()
    assert (task.runs, task.cancelled, len(replies)) == (1, 0, 1)


async def test_f16_when_everybody_leaves_the_work_ends_and_the_key_is_free(once: Once, task: Task) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(once.reply, ASKED, task)
        await until(lambda: task.runs)
        group.cancel_scope.cancel()
    await until(lambda: task.cancelled)
    task.release.set()
    assert (await once.reply(ELSE, task)).body == b'{"run":2}'


async def test_a_store_without_room_costs_nobody_the_reply(once: Once, task: Task, shelf: Shelf) -> None:
    shelf.is_full = True
    task.release.set()
    assert (await once.reply(ASKED, task)).body == b'{"run":1}'


async def test_whoever_waits_when_sonar_ends_is_told_so(shelf: Shelf, task: Task) -> None:
    async with anyio.create_task_group() as running:
        once = Once(shelf, tasks=running, clock=FakeClock())

        async def ask() -> None:
            with pytest.raises(ShuttingDown):
                await once.reply(ASKED, task)

        async with anyio.create_task_group() as asking:
            asking.start_soon(ask)
            await until(lambda: task.runs)
            running.cancel_scope.cancel()
