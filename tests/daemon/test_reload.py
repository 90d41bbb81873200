"""Putting configurations in force: the whole of a good one, nothing of a bad one, no call ever between two."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from amalfa.config.settings import Settings
from amalfa.daemon.reload import Generations
from amalfa.errors import InvalidConfig, Problem, UntrustedConfig

PROBLEM = Problem("amalfa.config.json", 3, "not a number")


@dataclass
class FakeLoaded:
    fingerprint: str
    watched_paths: tuple[Path, ...] = ()
    settings: Settings = field(default_factory=Settings)


@dataclass(eq=False)
class FakeGeneration:
    number: int
    loaded: FakeLoaded
    running_calls: int = 0
    has_retired: bool = False
    idle: anyio.Event = field(default_factory=anyio.Event)

    @asynccontextmanager
    async def lease(self) -> AsyncIterator["FakeGeneration"]:
        self.running_calls += 1
        try:
            yield self
        finally:
            self.running_calls -= 1
            if not self.running_calls:
                self.idle.set()

    async def retire(self) -> None:
        if self.running_calls:
            await self.idle.wait()
        self.has_retired = True


class House:
    """Generations over a loader that a test scripts."""

    def __init__(self) -> None:
        self.next: FakeLoaded | InvalidConfig = FakeLoaded("one")
        self.built: list[FakeGeneration] = []
        self.loads = 0

    def load(self) -> FakeLoaded:
        self.loads += 1
        if isinstance(self.next, InvalidConfig):
            raise self.next
        return self.next

    def build(self, number: int, loaded: FakeLoaded) -> FakeGeneration:
        self.built.append(FakeGeneration(number, loaded))
        return self.built[-1]


@asynccontextmanager
async def housed(first: FakeLoaded | None = None) -> AsyncIterator[tuple[House, Generations]]:
    house = House()
    async with anyio.create_task_group() as group:
        started = first or FakeLoaded("one")
        house.next = started
        yield house, Generations(house.load, house.build, first=started, running=group)  # type: ignore[arg-type]
        group.cancel_scope.cancel()


async def test_a_good_edit_is_in_force_for_the_next_call() -> None:
    async with housed() as (house, generations):
        house.next = FakeLoaded("two")
        assert (await generations.reload()).generation == 2
        async with generations.lease() as desk:
            assert desk.number == 2


async def test_a_save_that_changes_nothing_makes_no_generation() -> None:
    async with housed() as (house, generations):
        assert (await generations.reload()).generation == 1
        assert len(house.built) == 1


@pytest.mark.parametrize("failure", [InvalidConfig, UntrustedConfig])
async def test_a_bad_edit_keeps_the_last_good_one_and_names_its_problems(failure: type[InvalidConfig]) -> None:
    async with housed() as (house, generations):
        house.next = failure("no", problems=(PROBLEM,))
        reloaded = await generations.reload()
        assert (reloaded.generation, reloaded.problems, generations.problems) == (1, (PROBLEM,), (PROBLEM,))
        house.next = FakeLoaded("one")
        await generations.reload()
        assert generations.problems == ()


async def test_a_running_call_keeps_its_generation_and_the_old_one_drains() -> None:
    async with housed() as (house, generations):
        async with generations.lease() as desk:
            house.next = FakeLoaded("two")
            await generations.reload()
            await anyio.wait_all_tasks_blocked()
            assert desk.number == 1
            assert not house.built[0].has_retired
            assert generations.running_calls == 1
        await anyio.wait_all_tasks_blocked()
        assert house.built[0].has_retired
        assert generations.running_calls == 0


async def test_the_very_next_call_obeys_a_save_that_no_watcher_has_told_of(tmp_path: Path) -> None:
    config = tmp_path / "amalfa.config.json"
    config.write_text("{}")
    async with housed(FakeLoaded("one", (config,))) as (house, generations):
        async with generations.lease() as desk:
            assert desk.number == 1
        assert house.loads == 0, "an unchanged file is not read again"
        config.write_text('{"sonar": {}}')
        house.next = FakeLoaded("two", (config,))
        async with generations.lease() as desk:
            assert desk.number == 2


async def test_a_bad_save_is_read_once_not_at_every_call(tmp_path: Path) -> None:
    config = tmp_path / "amalfa.config.json"
    config.write_text("{}")
    async with housed(FakeLoaded("one", (config,))) as (house, generations):
        config.write_text("{broken")
        house.next = InvalidConfig("no", problems=(PROBLEM,))
        for _ in range(3):
            async with generations.lease() as desk:
                assert desk.number == 1
        assert house.loads == 1


async def test_a_setting_that_needs_a_restart_says_so_until_it_is_put_back() -> None:
    moved = Settings.model_validate({"sonar": {"http": {"port": 4000}}})
    async with housed() as (house, generations):
        house.next = FakeLoaded("two", settings=moved)
        await generations.reload()
        assert generations.waiting_for_restart == ("sonar.http.port",)
        house.next = FakeLoaded("three")
        await generations.reload()
        assert generations.waiting_for_restart == ()


async def test_a_new_file_to_watch_is_watched_from_then_on(tmp_path: Path) -> None:
    config, linked = tmp_path / "amalfa.config.json", tmp_path / "pipeline.json"
    config.write_text("{}")
    async with housed(FakeLoaded("one", (config,))) as (house, generations):
        house.next = FakeLoaded("two", (config, linked))
        await generations.reload()
        async with generations.lease():
            pass
        assert house.loads == 1
        linked.write_text("{}")
        house.next = FakeLoaded("three", (config, linked))
        async with generations.lease() as desk:
            assert desk.number == 3
