"""Results of jobs on their way into the index: when they are done, and whenever the index lacks them."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from amalfa.daemon import descriptions
from amalfa.daemon.descriptions import Descriptions, choose
from amalfa.daemon.notes import NoteKeeper
from amalfa.jobs.results import ResultKey
from amalfa.knowledge.body import body_hash
from amalfa.knowledge.descriptions import DescribedCounts, Standing
from amalfa.knowledge.index import Index
from amalfa.knowledge.sources import Sources
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB
from tests.jobs.test_work import GOOD

pytestmark = pytest.mark.anyio

PORTS = "# Ports\n\nThe port of the config is 11434.\n"


class House:
    """sonar.db with results, and the index of one note."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "notes"
        self.root.mkdir()
        (self.root / "ports.md").write_text(PORTS, encoding="utf-8")
        self.database = Database.open(folder / "private" / "sonar.db", SONAR_DB, application_id=7)
        self.keeper = NoteKeeper(Index.open_database(folder / "private" / "index.db"))
        self.index = self.keeper.use(Sources(self.root), is_watching=False)
        self.following = Descriptions(self.database, self.keeper)
        self._results = 0

    async def add_result(self, text: str = PORTS, output: str = GOOD, path: str = "ports.md") -> None:
        self._results += 1
        values = (f"i{self._results}", self._results, path, body_hash(path, text), output)
        await self.database.write(
            lambda connection: connection.execute(
                "INSERT INTO result VALUES(?, ?, 'job', ?, ?, ?, 'm', 'local', 1, 1, 0.0, 1, 'now')", values
            ).fetchall()
        )

    async def counts(self) -> DescribedCounts:
        return (await self.index.status()).described

    async def close(self) -> None:
        await self.database.aclose()
        await self.keeper.database.aclose()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    await house.index.refresh()
    yield house
    await house.close()


FRESH, WITHOUT, STALE = DescribedCounts(1, 0, 0), DescribedCounts(0, 1, 0), DescribedCounts(0, 0, 1)


async def test_a_result_is_brought_into_the_index(house: House) -> None:
    await house.following.bring_over()
    assert await house.counts() == WITHOUT
    await house.add_result()
    await house.following.bring_over()
    assert await house.counts() == FRESH


async def test_an_index_that_lost_its_descriptions_gets_them_back(house: House) -> None:
    await house.add_result()
    await house.following.bring_over()
    await house.keeper.database.write(lambda connection: connection.execute("DELETE FROM description").fetchall())
    await house.following.bring_over()
    assert await house.counts() == WITHOUT
    await house.keeper.rebuild()
    await house.following.bring_over()
    assert await house.counts() == FRESH


async def test_a_text_that_comes_back_has_its_description_again(house: House) -> None:
    await house.add_result()
    await house.add_result("another text")
    await house.following.bring_over()
    assert await house.counts() == FRESH
    (house.root / "ports.md").write_text("another text", encoding="utf-8")
    await house.keeper.rebuild()
    await house.following.bring_over()
    assert await house.counts() == FRESH
    (house.root / "ports.md").write_text("a third", encoding="utf-8")
    await house.keeper.rebuild()
    await house.following.bring_over()
    assert await house.counts() == STALE


async def test_a_result_of_an_earlier_text_counts_as_stale_in_a_new_index(house: House) -> None:
    await house.add_result("as it was")
    await house.following.bring_over()
    assert await house.counts() == STALE


async def test_hashes_that_an_older_index_lacks_are_made_when_needed(house: House) -> None:
    await house.add_result()
    forget = "UPDATE note SET body_hash = ''"
    await house.keeper.database.write(lambda connection: connection.execute(forget).fetchall())
    await house.following.bring_over()
    assert await house.counts() == FRESH


async def test_what_is_no_description_is_passed_over(house: House) -> None:
    await house.add_result(output='{"title": 1}')
    await house.add_result(path="gone.md")
    await house.following.bring_over()
    assert await house.counts() == WITHOUT


async def test_it_follows_while_it_runs_and_outlives_a_failure(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptions, "REST_S", 0.0)
    monkeypatch.setattr(descriptions, "RETRY_AFTER_FAILURE_S", 0.0)
    failures = [ValueError("odd")]

    def choosing(*given: object) -> object:
        if failures:
            raise failures.pop()
        return choose(*given)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(descriptions, "choose", choosing)
    async with anyio.create_task_group() as running:
        running.start_soon(house.following.run)
        await house.add_result()
        house.following.wake()
        with anyio.fail_after(5):
            while await house.counts() != FRESH:
                await anyio.lowlevel.checkpoint()
        running.cancel_scope.cancel()
    assert not failures


def test_the_last_result_of_the_present_text_is_chosen() -> None:
    keys = [ResultKey(1, "a", "now"), ResultKey(2, "a", "now"), ResultKey(3, "a", "old"), ResultKey(4, "b", "old")]
    standing = {"a": Standing("now", None, 0), "b": Standing("now", "now", 1)}
    assert list(choose(keys, standing)) == [(2, "a", "now")]
    assert list(choose(keys, {"a": Standing("now", "now", 2)})) == []
    assert list(choose(keys, {"a": Standing("now", "old", 3)})) == [(2, "a", "now")]
