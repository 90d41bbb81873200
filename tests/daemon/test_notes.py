"""The keeper of the notes outlives whatever goes wrong under it, tells of it, and comes back by itself."""

import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from amalfa.daemon import notes
from amalfa.daemon.log import line_of
from amalfa.daemon.notes import NoteKeeper
from amalfa.daemon.redaction import Redactor
from amalfa.errors import AmalfaError
from amalfa.knowledge.descriptions import DescribedCounts
from amalfa.knowledge.index import IndexStatus
from amalfa.knowledge.sources import Sources

pytestmark = pytest.mark.anyio

PROMISED_S = 5.0
NONE_DESCRIBED = DescribedCounts(0, 1, 0)


class FakeIndex:
    """Remembers what it was asked to refresh (None = everything), and fails as often as told."""

    def __init__(self, sources: Sources, failures: Iterable[Exception]) -> None:
        self.sources = sources
        self.asked: list[tuple[str, ...] | None] = []
        self.has_notes = True
        self._failures = list(failures)

    async def refresh(self, paths: Iterable[str] | None) -> None:
        await anyio.lowlevel.checkpoint()
        self.asked.append(None if paths is None else tuple(paths))
        if self._failures:
            raise self._failures.pop(0)

    async def status(self) -> IndexStatus:
        return IndexStatus(1, 1, (), "2026-01-01T00:00:00" if self.has_notes else None, False, NONE_DESCRIBED)


class House:
    """A keeper that runs over a fake index, and a disk whose changes a test makes up."""

    def __init__(self, keeper: NoteKeeper, index: FakeIndex) -> None:
        self.keeper = keeper
        self.index = index
        self.changed, self.changes = anyio.create_memory_object_stream[tuple[str, ...] | Exception](10)

    async def watch(self, sources: Sources) -> AsyncIterator[tuple[str, ...]]:
        assert sources == self.index.sources
        while True:
            change = await self.changes.receive()
            if isinstance(change, Exception):
                raise change
            yield change

    async def until(self, is_so: Callable[[], object]) -> None:
        with anyio.fail_after(PROMISED_S):
            while not is_so():
                await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def keeping(
    monkeypatch: pytest.MonkeyPatch, *failures: Exception, has_notes: bool = True
) -> AsyncIterator[House]:
    """A keeper at work; the first refreshes of its index fail as told."""
    index = FakeIndex(Sources(Path("/")), failures)
    index.has_notes = has_notes
    keeper = NoteKeeper(database=None)  # type: ignore[arg-type]  # only an Index would open it
    house = House(keeper, index)
    monkeypatch.setattr(notes, "Index", lambda database, sources: index)
    monkeypatch.setattr(notes, "changed_notes", house.watch)
    monkeypatch.setattr(notes, "FIRST_PASS_WAIT_S", 0.0)
    keeper.use(index.sources, is_watching=True)
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        yield house
        group.cancel_scope.cancel()
    house.changed.close()
    house.changes.close()


@pytest.fixture
def retries_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "RETRY_AFTER_FAILURE_S", 0.0)


@pytest.mark.usefixtures("retries_at_once")
@pytest.mark.parametrize("failure", [RuntimeError("unforeseen"), AmalfaError("the disk is full")])
async def test_a_first_pass_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    async with keeping(monkeypatch, failure) as house:
        await house.until(lambda: house.index.asked == [None, None])
        await house.until(lambda: not house.keeper.failure)


@pytest.mark.usefixtures("retries_at_once")
async def test_a_change_that_breaks_the_refresh_is_made_good_and_the_next_one_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with keeping(monkeypatch) as house:
        await house.until(lambda: house.index.asked == [None])
        house.index._failures.append(RuntimeError("unforeseen"))
        await house.changed.send(("a.md",))
        await house.until(lambda: house.index.asked == [None, ("a.md",), None])
        await house.changed.send(("b.md",))
        await house.until(lambda: house.index.asked[-1] == ("b.md",))
        await house.until(lambda: house.keeper.stale == 0)
        assert not house.keeper.failure


@pytest.mark.usefixtures("retries_at_once")
async def test_a_watch_that_breaks_is_begun_anew_after_a_whole_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    async with keeping(monkeypatch) as house:
        await house.changed.send(RuntimeError("unforeseen"))
        await house.until(lambda: house.index.asked == [None, None])
        await house.changed.send(("a.md",))
        await house.until(lambda: house.index.asked == [None, None, ("a.md",)])


async def test_what_nobody_foresaw_is_told_by_its_class_and_logged_as_one_line_with_its_trace(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    redactor = Redactor()
    redactor.learn(("hunter2-hunter2",))
    with caplog.at_level(logging.ERROR, "amalfa.daemon"):
        async with keeping(monkeypatch, RuntimeError("it met hunter2-hunter2")) as house:
            await house.until(lambda: house.keeper.failure)
            assert "RuntimeError" in house.keeper.failure
            assert "hunter2" not in house.keeper.failure
    (record,) = caplog.records
    line = line_of(record, redactor).decode()
    assert line.count("\n") == 1
    assert "the notes could not be indexed: RuntimeError" in line
    assert "in refresh" in line
    assert "hunter2" not in line


async def test_an_older_index_goes_on_answering_while_refreshes_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    async with keeping(monkeypatch, RuntimeError("unforeseen")) as house:
        await house.until(lambda: house.keeper.failure)
        with anyio.fail_after(PROMISED_S):
            await house.keeper.wait_for_first_pass()


async def test_without_an_older_index_a_question_is_told_why_there_are_no_notes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with keeping(monkeypatch, RuntimeError("unforeseen"), has_notes=False) as house:
        with anyio.fail_after(PROMISED_S), pytest.raises(AmalfaError, match=r"not indexed yet.*RuntimeError"):
            await house.keeper.wait_for_first_pass()


async def test_what_breaks_the_embedding_is_tried_again_and_refreshes_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    fills: list[int] = []

    async def fill() -> None:
        fills.append(len(fills))
        if len(fills) == 1:
            raise RuntimeError("unforeseen")

    monkeypatch.setattr(notes, "RETRY_AFTER_FAILURE_S", 0.01)
    async with keeping(monkeypatch) as house:
        house.keeper.keep_vectors(fill)
        await house.until(lambda: len(fills) >= 2)
        await house.changed.send(("a.md",))
        await house.until(lambda: house.index.asked[-1] == ("a.md",))
