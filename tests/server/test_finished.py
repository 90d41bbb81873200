from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from amalfa.server.finished import KEPT_FOR, Finished, SqliteFinishedReplies
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB
from tests.fakes import FakeClock

NOW = FakeClock().now()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.open(tmp_path / "sonar.db", SONAR_DB, application_id=7)
    yield opened
    await opened.aclose()


def reply(text: bytes) -> Finished:
    return Finished("hash", text, {"content-type": "application/json"})


async def kept(store: SqliteFinishedReplies, count: int) -> list[int]:
    return [number for number in range(count) if await store.find("/a", f"key-{number}", now=NOW)]


async def test_a_reply_comes_back_as_it_was(database: Database) -> None:
    store = SqliteFinishedReplies(database)
    assert await store.find("/a", "key", now=NOW) is None
    await store.keep("/a", "key", reply(b'{"a": 1}'), now=NOW)
    assert await store.find("/a", "key", now=NOW) == reply(b'{"a": 1}')


async def test_a_key_belongs_to_its_route(database: Database) -> None:
    store = SqliteFinishedReplies(database)
    await store.keep("/a", "key", reply(b"1"), now=NOW)
    assert await store.find("/b", "key", now=NOW) is None


async def test_a_reply_is_good_for_a_day_and_then_gone(database: Database) -> None:
    store = SqliteFinishedReplies(database)
    await store.keep("/a", "key", reply(b"1"), now=NOW)
    assert await store.find("/a", "key", now=NOW + KEPT_FOR - timedelta(seconds=1)) is not None
    later = NOW + KEPT_FOR
    assert await store.find("/a", "key", now=later) is None
    await store.keep("/a", "other", reply(b"2"), now=later)
    assert await database.read(lambda connection: connection.execute("SELECT key FROM finished").get) == "other"


async def test_the_oldest_go_when_there_are_too_many(database: Database) -> None:
    store = SqliteFinishedReplies(database, max_count=3)
    for number in range(5):
        await store.keep("/a", f"key-{number}", reply(b"1"), now=NOW)
    assert await kept(store, 5) == [2, 3, 4]


async def test_the_oldest_go_when_they_are_too_large(database: Database) -> None:
    store = SqliteFinishedReplies(database, max_bytes=250)
    for number in range(5):
        await store.keep("/a", f"key-{number}", reply(b"x" * 100), now=NOW)
    assert await kept(store, 5) == [3, 4]
    await store.keep("/a", "key-0", reply(b"x" * 1000), now=NOW)
    assert await kept(store, 5) == [0]
