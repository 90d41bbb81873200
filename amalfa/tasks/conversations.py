"""Conversations: what was said in each session, so that sessions never mix and a restart forgets nothing."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, cast

import apsw

from amalfa.calls import PrivacyClass
from amalfa.messages import Message
from amalfa.store.database import Database
from amalfa.store.failures import StorageFull

log = logging.getLogger("amalfa.tasks")

# What of a long conversation goes into the next prompt: the newest turns that fit.
RECALLED_MAX_TURNS = 20
RECALLED_MAX_CHARACTERS = 12_000
SESSIONS_KEPT = 200


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said. `privacy` is the class of the notes it rests on; it binds every later call that recalls it."""

    role: Literal["user", "assistant"]
    content: str
    privacy: PrivacyClass

    @property
    def message(self) -> Message:
        return Message(self.role, self.content)


class Conversations(Protocol):
    """The sessions of one project."""

    async def recall(self, session: str) -> tuple[Turn, ...]:
        """The newest turns of a session, oldest first; empty for a session nobody has spoken in."""
        ...

    async def add(self, session: str, turns: Sequence[Turn], *, at: datetime) -> None:
        """Append turns, and forget the sessions that were silent longest beyond `SESSIONS_KEPT`.

        A full disk loses them, and the log says so.
        """
        ...

    async def latest(self) -> str | None:
        """The session in which something was said last."""
        ...


_RECALL = "SELECT role, content, privacy FROM turn WHERE session = ? ORDER BY position DESC LIMIT ?"
_NEXT = "SELECT coalesce(max(position), 0) + 1 FROM turn WHERE session = ?"
_ADD = "INSERT INTO turn (session, position, role, content, privacy, said_at) VALUES (?, ?, ?, ?, ?, ?)"
_LATEST = "SELECT session FROM turn ORDER BY said_at DESC, position DESC LIMIT 1"
_FORGET = """
DELETE FROM turn WHERE session NOT IN (
    SELECT session FROM turn GROUP BY session ORDER BY max(said_at) DESC LIMIT ?)
"""


class SqliteConversations:
    """The sessions in sonar.db."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recall(self, session: str) -> tuple[Turn, ...]:
        def read(connection: apsw.Connection) -> list[tuple[str, str, str]]:
            rows = connection.execute(_RECALL, (session, RECALLED_MAX_TURNS)).fetchall()
            return cast("list[tuple[str, str, str]]", rows)

        rows = await self._database.read(read)
        newest_first = [
            Turn(cast("Literal['user']", role), text, PrivacyClass(privacy)) for role, text, privacy in rows
        ]
        return tuple(reversed(_fitting(newest_first)))

    async def add(self, session: str, turns: Sequence[Turn], *, at: datetime) -> None:
        def insert(connection: apsw.Connection) -> None:
            first = cast("int", connection.execute(_NEXT, (session,)).get)
            rows = [
                (session, first + offset, turn.role, turn.content, str(turn.privacy), at.isoformat())
                for offset, turn in enumerate(turns)
            ]
            connection.executemany(_ADD, rows).fetchall()
            connection.execute(_FORGET, (SESSIONS_KEPT,)).fetchall()

        try:
            await self._database.write(insert)
        except StorageFull as full:
            # The answer is given all the same; only a later question cannot lean on it.
            log.warning("turns of a conversation were not kept: %s", full.message)

    async def latest(self) -> str | None:
        return await self._database.read(lambda connection: cast("str | None", connection.execute(_LATEST).get))


@dataclass(frozen=True, slots=True)
class OpenConversations:
    """The sessions as if nothing local-only had been said in them. What is added is kept as it is."""

    kept: Conversations

    async def recall(self, session: str) -> tuple[Turn, ...]:
        return tuple(turn for turn in await self.kept.recall(session) if turn.privacy is not PrivacyClass.LOCAL_ONLY)

    async def add(self, session: str, turns: Sequence[Turn], *, at: datetime) -> None:
        await self.kept.add(session, turns, at=at)

    async def latest(self) -> str | None:
        return await self.kept.latest()


def _fitting(newest_first: list[Turn]) -> list[Turn]:
    room, kept = RECALLED_MAX_CHARACTERS, []
    for turn in newest_first:
        room -= len(turn.content)
        if room < 0:
            break
        kept.append(turn)
    return kept
