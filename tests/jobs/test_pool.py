"""Many items in hand: no more than the width, no fewer than there are, and none left in hand at the end."""

from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import cast

import anyio
import pytest

from amalfa.errors import AmalfaError
from amalfa.jobs.job import Claim, JobTerms, NoteToDo
from amalfa.jobs.pool import Pace, Pool
from amalfa.jobs.store import JobStore
from tests.fakes import FakeClock


class FakeStore:
    """Claims from a list. The first `failures` claims fail."""

    def __init__(self, count: int) -> None:
        self.waiting = deque(claim(number) for number in range(count))
        self.given_back: list[int] = []
        self.failures = 0
        self.due_in_s: float | None = None

    async def void_foreign(self) -> int:
        return 0

    async def claim(self) -> Claim | None:
        await anyio.lowlevel.checkpoint()
        if self.failures:
            self.failures -= 1
            raise AmalfaError("the disk is full")
        return self.waiting.popleft() if self.waiting else None

    async def next_due_in_s(self) -> float | None:
        return self.due_in_s

    async def renew(self) -> None: ...

    async def reap(self, kept: Sequence[int]) -> int:
        return 0

    async def give_back(self, taken: Iterable[Claim]) -> None:
        self.given_back += [one.item_id for one in taken]


def claim(number: int) -> Claim:
    note = NoteToDo(f"{number}.md", "c", str(number))
    return Claim(number, 1, "job", "metadata", JobTerms(), "s", note, 1)


class Hands:
    """Work that lasts until it is released."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store
        self.release = anyio.Event()
        self.most = self.now = 0
        self.done: list[int] = []

    async def work(self, one: Claim) -> bool:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.release.wait()
            self.done.append(one.item_id)
        except anyio.get_cancelled_exc_class():
            await self.store.give_back([one])
            raise
        finally:
            self.now -= 1
        return True


@asynccontextmanager
async def running(store: FakeStore, hands: Hands, width: int = 4) -> AsyncIterator[Pool]:
    pool = Pool(cast("JobStore", store), hands.work, width=lambda: width, clock=FakeClock())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pool.run)
        yield pool
        tasks.cancel_scope.cancel()


async def until(condition: object) -> None:
    with anyio.fail_after(2):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - another task's count
            await anyio.sleep(0.001)


async def test_no_more_are_in_hand_than_the_width_and_all_are_done() -> None:
    store = FakeStore(10)
    hands = Hands(store)
    async with running(store, hands) as pool:
        await until(lambda: pool.in_hand == 4)
        hands.release.set()
        await until(lambda: len(hands.done) == 10)
        await until(lambda: pool.in_hand == 0)
    assert hands.most == 4


async def test_work_that_comes_in_later_is_taken_up_when_the_pool_is_woken() -> None:
    store = FakeStore(0)
    hands = Hands(store)
    hands.release.set()
    async with running(store, hands) as pool:
        await anyio.wait_all_tasks_blocked()
        store.waiting.append(claim(7))
        pool.wake()
        await until(lambda: hands.done == [7])


async def test_a_drain_gives_everything_back_at_once() -> None:
    store = FakeStore(6)
    hands = Hands(store)
    async with running(store, hands) as pool:
        await until(lambda: pool.in_hand == 4)
        pool.begin_drain()
        await until(lambda: pool.in_hand == 0)
    assert sorted(store.given_back) == [0, 1, 2, 3]
    assert len(store.waiting) == 2, "nothing new was taken"


async def test_a_cancelled_item_is_let_go_and_the_others_are_not() -> None:
    store = FakeStore(3)
    hands = Hands(store)
    async with running(store, hands) as pool:
        await until(lambda: pool.in_hand == 3)
        pool.drop([1, 99])
        await until(lambda: pool.in_hand == 2)
        hands.release.set()
        await until(lambda: sorted(hands.done) == [0, 2])


async def test_a_store_that_fails_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amalfa.jobs.pool.RETRY_STORE_AFTER_S", 0.001)
    store = FakeStore(1)
    store.failures = 3
    hands = Hands(store)
    hands.release.set()
    async with running(store, hands):
        await until(lambda: hands.done == [0])


async def test_an_item_that_fails_unexpectedly_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    store, done = FakeStore(3), list[int]()

    async def work(one: Claim) -> bool:
        if one.item_id == 1:
            raise ZeroDivisionError
        done.append(one.item_id)
        return True

    pool = Pool(cast("JobStore", store), work, width=lambda: 1, clock=FakeClock())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pool.run)
        await until(lambda: done == [0, 2])
        tasks.cancel_scope.cancel()
    assert "item 1 failed unexpectedly" in caplog.text


async def test_what_is_due_later_is_taken_up_then() -> None:
    store = FakeStore(0)
    store.due_in_s = 0.05
    hands = Hands(store)
    hands.release.set()
    async with running(store, hands):
        await anyio.wait_all_tasks_blocked()
        store.waiting.append(claim(1))
        await until(lambda: hands.done == [1])


def test_the_pace_is_that_of_the_last_minute() -> None:
    clock = FakeClock()
    pace = Pace(clock)
    assert pace.per_s("job") is None
    for _ in range(5):
        pace.add("job")
        clock.seconds += 2.0
    assert pace.per_s("job") == pytest.approx(0.4)
    clock.seconds += 100.0
    assert pace.per_s("job") is None
