"""The file of kept replies: private, bounded, and never the reason that a call fails."""

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from amalfa.calls import PrivacyClass
from amalfa.execution.cache import KeptReply
from amalfa.execution.cache_key import CacheKey
from amalfa.execution.front import Front
from amalfa.execution.reading import unread
from amalfa.execution.reply_file import CacheLimits
from amalfa.execution.reply_table import APPLICATION_ID, ROW_BYTES
from amalfa.execution.steps import unheard
from tests.execution.cache_house import CacheHouse, bytes_in, cache_house, local

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY_S = 86_400.0


def key(number: int, team: str = "") -> CacheKey:
    return CacheKey(number.to_bytes(32, "big"), PrivacyClass.CLOUD_OK, team)


def reply(text: str, at: datetime = NOW) -> KeptReply:
    return KeptReply(text, at)


async def test_what_was_kept_is_found_in_memory_and_after_a_restart(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        house.file.keep(key(1), reply("one"))
        assert house.file.peek(key(1)) == reply("one")
        await house.written(1)
    async with cache_house(tmp_path) as house:
        assert house.file.peek(key(1)) is None
        assert await house.file.find(key(1)) == reply("one")
        assert house.file.peek(key(1)) == reply("one")
        assert await house.file.find(key(2)) is None


async def test_the_partition_is_part_of_the_question(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        house.file.keep(key(1, "web"), reply("of a team"))
        await house.written(1)
    async with cache_house(tmp_path) as house:
        same = key(1).digest
        assert await house.file.find(CacheKey(same, PrivacyClass.CLOUD_OK, "")) is None
        assert await house.file.find(CacheKey(same, PrivacyClass.LOCAL_ONLY, "web")) is None
        assert await house.file.find(CacheKey(same, PrivacyClass.CLOUD_OK, "web")) is not None


async def test_the_file_is_private_marked_as_ours_and_opened_only_when_needed(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        assert house.file.peek(key(1)) is None
        assert not house.path.exists()
        house.file.keep(key(1), reply("one"))
        await house.written(1)
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("cache.db*")} == {0o600}
    with closing(sqlite3.connect(tmp_path / "cache.db")) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


async def test_the_prompt_is_nowhere_in_the_file_and_the_reply_is(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        executor = house.executor(local(["a plain reply"]))
        await executor.ask(house.call("the canary xanthippe sits in here"), unheard, read=unread)
        await house.written(1)
    found = bytes_in(tmp_path)
    assert b"xanthippe" not in found
    assert b"a plain reply" in found


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def _overwrite(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE reply (x)")


@pytest.mark.parametrize("damage", [_cut, _overwrite, _empty, _foreign])
async def test_a_file_damaged_before_the_start_is_replaced(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    async with cache_house(tmp_path) as house:
        house.file.keep(key(1), reply("one"))
        await house.written(1)
    damage(tmp_path / "cache.db")
    (tmp_path / "cache.db-open").touch()
    async with cache_house(tmp_path) as house:
        assert await house.file.find(key(1)) is None
        house.file.keep(key(2), reply("two"))
        await house.written(1)


async def test_a_file_damaged_while_sonar_runs_is_replaced(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        for number in range(300):
            house.file.keep(key(number), reply("x" * 2000))
        await house.written(300)
        await house.file._done(lambda database: database.write(lambda connection: connection.wal_checkpoint(mode=3)))
        with house.path.open("r+b") as file:
            file.seek(100)
            file.write(b"\xff" * (house.path.stat().st_size - 100))
        with anyio.fail_after(10):
            while await house.file.find(key(500)) is None:
                house.file.keep(key(500), reply("new"))
                house.file._front.clear()
                await anyio.sleep(0.01)


async def test_a_deleted_file_is_forgotten_at_once_and_made_anew(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        house.file.keep(key(1), reply("one"))
        await house.written(1)
        house.path.unlink()
        assert house.file.peek(key(1)) is None
        assert await house.file.find(key(1)) is None
        house.file.keep(key(2), reply("two"))
        await house.written(1)
    async with cache_house(tmp_path) as house:
        assert await house.file.find(key(1)) is None
        assert await house.file.find(key(2)) == reply("two")


async def test_where_no_file_can_be_calls_go_on_from_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "cache.db").mkdir()
    async with cache_house(tmp_path) as house:
        executor = house.executor(local(["one"], ["two"]))
        first = await executor.ask(house.call(), unheard, read=unread)
        again = await executor.ask(house.call(), unheard, read=unread)
        await house.file.find(key(9))
    assert (first.route.cache, again.route.cache) == ("miss", "hit")
    assert caplog.text.count("the reply cache does without cache.db") == 1


async def test_half_a_character_is_kept_nowhere(tmp_path: Path) -> None:
    async with cache_house(tmp_path) as house:
        house.file.keep(key(1), reply("\ud800"))
        assert await house.file.find(key(1)) is None


class TestRoom:
    async def fill(self, house: CacheHouse, count: int) -> None:
        for number in range(count):
            house.clock.seconds += 1
            house.file.keep(key(number), reply("x" * (10_000 - ROW_BYTES), house.clock.now()))
            await anyio.wait_all_tasks_blocked()
            await house.file._done(lambda database: database.read(lambda connection: None))

    async def test_what_was_not_used_for_longest_goes_first(self, tmp_path: Path) -> None:
        async with cache_house(tmp_path) as house:
            house.file.limit(CacheLimits(most_bytes=100_000))
            await self.fill(house, 10)
            await house.written(10)
            house.clock.seconds += 1
            assert house.file.peek(key(0)) is not None
            house.clock.seconds += 1
            house.file.keep(key(10), reply("x" * (10_000 - ROW_BYTES), house.clock.now()))
            assert await house.until(lambda rows: 0 < rows < 10) == 9
        async with cache_house(tmp_path) as house:
            kept = [number for number in range(11) if await house.file.find(key(number))]
        assert kept == [0, 3, 4, 5, 6, 7, 8, 9, 10]

    async def test_a_lower_limit_holds_at_once(self, tmp_path: Path) -> None:
        async with cache_house(tmp_path) as house:
            await self.fill(house, 10)
            await house.written(10)
            house.file.limit(CacheLimits(most_bytes=50_000))
            assert await house.until(lambda rows: 0 < rows < 10) == 4

    async def test_what_is_too_old_goes(self, tmp_path: Path) -> None:
        async with cache_house(tmp_path) as house:
            house.file.keep(key(1), reply("old", NOW - timedelta(days=3)))
            house.file.keep(key(2), reply("new"))
            await house.written(2)
            house.file.limit(CacheLimits(keep_s=2 * DAY_S))
            assert await house.until(lambda rows: rows < 2) == 1

    async def test_a_reply_bigger_than_all_room_is_not_kept(self, tmp_path: Path) -> None:
        async with cache_house(tmp_path) as house:
            house.file.limit(CacheLimits(most_bytes=1000))
            house.file.keep(key(1), reply("x" * 1000))
            assert house.file.peek(key(1)) is None


def test_memory_is_bounded_and_keeps_what_was_used_last() -> None:
    front = Front(most_bytes=3 * (100 + ROW_BYTES))
    for number in range(3):
        front.put(key(number), reply("x" * 100))
    front.get(key(0))
    front.put(key(3), reply("x" * 100))
    assert [number for number in range(4) if front.get(key(number))] == [0, 2, 3]
    front.put(key(3), reply("y"))
    front.drop(key(0))
    assert front.get(key(3)) == reply("y")
