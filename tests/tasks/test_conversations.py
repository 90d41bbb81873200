"""Conversations on a real database file."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from amalfa.calls import PrivacyClass
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB
from amalfa.tasks.conversations import (
    RECALLED_MAX_TURNS,
    SESSIONS_KEPT,
    OpenConversations,
    SqliteConversations,
    Turn,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def said(text: str, privacy: PrivacyClass = PrivacyClass.CLOUD_OK) -> Turn:
    return Turn("user", text, privacy)


@pytest.fixture
async def conversations(tmp_path: Path) -> AsyncIterator[SqliteConversations]:
    database = Database.open(tmp_path / "private" / "sonar.db", SONAR_DB, application_id=7)
    yield SqliteConversations(database)
    await database.aclose()


async def test_what_was_said_is_recalled_in_order_with_its_privacy(conversations: SqliteConversations) -> None:
    await conversations.add("a", [said("one"), said("two", PrivacyClass.LOCAL_ONLY)], at=NOON)
    await conversations.add("a", [said("three")], at=NOON)
    assert [turn.content for turn in await conversations.recall("a")] == ["one", "two", "three"]
    assert (await conversations.recall("a"))[1].privacy is PrivacyClass.LOCAL_ONLY


async def test_sessions_do_not_mix(conversations: SqliteConversations) -> None:
    await conversations.add("a", [said("mine")], at=NOON)
    assert await conversations.recall("b") == ()


async def test_the_latest_session_is_the_one_spoken_in_last(conversations: SqliteConversations) -> None:
    assert await conversations.latest() is None
    await conversations.add("a", [said("one")], at=NOON)
    await conversations.add("b", [said("two")], at=NOON + timedelta(seconds=1))
    assert await conversations.latest() == "b"


async def test_a_long_conversation_is_recalled_from_its_end(conversations: SqliteConversations) -> None:
    await conversations.add("a", [said(str(number)) for number in range(50)], at=NOON)
    recalled = await conversations.recall("a")
    assert len(recalled) == RECALLED_MAX_TURNS
    assert recalled[-1].content == "49"


async def test_a_very_long_turn_leaves_no_room_for_older_ones(conversations: SqliteConversations) -> None:
    await conversations.add("a", [said("old"), said("x" * 11_999), said("new")], at=NOON)
    assert [turn.content for turn in await conversations.recall("a")] == ["new"]


async def test_silent_sessions_are_forgotten_beyond_the_bound(conversations: SqliteConversations) -> None:
    for number in range(SESSIONS_KEPT + 1):
        await conversations.add(f"s{number}", [said("hello")], at=NOON + timedelta(seconds=number))
    assert await conversations.recall("s0") == ()
    assert await conversations.recall("s1") != ()


async def test_without_private_turns_a_session_goes_on_over_the_rest(conversations: SqliteConversations) -> None:
    await conversations.add("a", [said("open"), said("hidden", PrivacyClass.LOCAL_ONLY)], at=NOON)
    seen = OpenConversations(conversations)
    assert [turn.content for turn in await seen.recall("a")] == ["open"]
    await seen.add("a", [said("more")], at=NOON)
    assert [turn.content for turn in await seen.recall("a")] == ["open", "more"]
    assert await seen.latest() == "a"
