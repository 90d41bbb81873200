"""Remembers what was said under a strict class, as digests alone, so that it keeps its class when it is sent back.

What is said in other words is not recognized.
"""

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar, cast

import anyio
import anyio.to_thread
import apsw

from amalfa.calls import Answer, Call, PrivacyClass, strictest
from amalfa.clock import Clock
from amalfa.execution.reading import Read
from amalfa.execution.steps import Delta, Emit, Step
from amalfa.store.database import Database
from amalfa.store.failures import StorageFull
from amalfa.tasks.desk import Executes

log = logging.getLogger("amalfa.tasks")

PIECE_MIN_CHARACTERS = 40
# A text without a piece of that length is known by its lines, unless they are as short as "yes, it is".
SHORT_MIN_CHARACTERS = 16
KEPT = timedelta(days=90)
KEPT_MAX = 100_000
HASHED_ON_LOOP_MAX_CHARACTERS = 20_000

T = TypeVar("T")


class Confided(Protocol):
    """What was said under a class stricter than cloud-ok."""

    async def add(self, text: str, privacy: PrivacyClass, *, at: datetime, besides: Iterable[str] = ()) -> None:
        """Remember a text, but for what it repeats of `besides`.

        On a full disk it is remembered until the daemon ends, and the log says so.
        """
        ...

    async def class_of(self, texts: Iterable[str]) -> PrivacyClass:
        """The strictest class of what the texts hold; cloud-ok when nothing of it is remembered."""
        ...


_LOAD = "SELECT digest, privacy FROM confided"
_ADD = """
INSERT INTO confided (digest, privacy, at_s) VALUES (?, ?, ?)
ON CONFLICT (digest) DO UPDATE SET privacy = excluded.privacy, at_s = excluded.at_s
"""
_FORGET_OLD = "DELETE FROM confided WHERE at_s < ?"
_FORGET_MOST = """
DELETE FROM confided WHERE digest IN (SELECT digest FROM confided ORDER BY at_s DESC LIMIT -1 OFFSET ?)
"""


class SqliteConfided:
    """Digests in sonar.db, all of them held in memory from the first question on: a look costs no read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._salt = b""
        self._known: dict[bytes, PrivacyClass] = {}
        self._loading = anyio.Lock()

    async def add(self, text: str, privacy: PrivacyClass, *, at: datetime, besides: Iterable[str] = ()) -> None:
        await self._load()
        repeated = await self._digests(tuple(besides), is_said=False)
        digests = await self._digests((text,), is_said=True) - repeated
        for digest in digests:
            self._known[digest] = strictest((privacy, self._known.get(digest, privacy)))
        now_s = int(at.timestamp())
        rows = [(digest, str(self._known[digest]), now_s) for digest in digests]

        def insert(connection: apsw.Connection) -> None:
            connection.executemany(_ADD, rows).fetchall()
            connection.execute(_FORGET_OLD, (now_s - int(KEPT.total_seconds()),)).fetchall()
            connection.execute(_FORGET_MOST, (KEPT_MAX,)).fetchall()

        try:
            await self._database.write(insert)
        except StorageFull as full:
            log.warning("what was said in confidence is remembered until sonar ends only: %s", full.message)

    async def class_of(self, texts: Iterable[str]) -> PrivacyClass:
        await self._load()
        if not self._known:
            return PrivacyClass.CLOUD_OK
        found = await self._digests(tuple(texts), is_said=False)
        return strictest(self._known[digest] for digest in found if digest in self._known)

    async def _load(self) -> None:
        if self._salt:
            return

        def read(connection: apsw.Connection) -> tuple[bytes, list[tuple[bytes, str]]]:
            rows = cast("list[tuple[bytes, str]]", connection.execute(_LOAD).fetchall())
            return cast("bytes", connection.execute("SELECT salt FROM confided_salt").get), rows

        async with self._loading:
            if not self._salt:
                salt, rows = await self._database.read(read)
                self._known = {digest: PrivacyClass(privacy) for digest, privacy in rows}
                self._salt = salt

    async def _digests(self, texts: tuple[str, ...], *, is_said: bool) -> set[bytes]:
        def hashed() -> set[bytes]:
            cut = said_pieces if is_said else pieces
            return {
                hashlib.sha256(self._salt + piece.encode("utf-8", "replace")).digest()[:16]
                for text in texts
                for piece in cut(text)
            }

        size = sum(map(len, texts))
        return await anyio.to_thread.run_sync(hashed) if size > HASHED_ON_LOOP_MAX_CHARACTERS else hashed()


# Each begins with a set of characters: an alternative, or a look behind, is tried at every place of the text.
_LINE_ENDS = re.compile(r'[\r\n"“”]+')
_SENTENCE_ENDS = re.compile(r"[.!?。！？](?:\s+|(?=\[))")
_REFERENCE = re.compile(r"\[\d+\]")
_NO_WORD = re.compile(r"[\W_]+")


def pieces(text: str) -> Iterator[str]:
    """The lines and sentences of a text that may have been said before, as bare words."""
    # In the strings of JSON a line break is written as two characters.
    for line in _LINE_ENDS.split(text.replace("\\n", "\n").replace("\\r", "\n")):
        bare = [words for sentence in _SENTENCE_ENDS.split(line) if (words := _plain(sentence))]
        whole = " ".join(bare)
        if len(whole) >= SHORT_MIN_CHARACTERS:
            yield whole
        if len(bare) > 1:
            yield from (words for words in bare if len(words) >= PIECE_MIN_CHARACTERS)


def said_pieces(text: str) -> list[str]:
    """What a text is known by: its long pieces; without any, the lines it has."""
    found = list(pieces(text))
    return [piece for piece in found if len(piece) >= PIECE_MIN_CHARACTERS] or found


def _plain(text: str) -> str:
    """Words alone: case, spaces, Markdown and the numbers of citations come back otherwise than they went out."""
    return _NO_WORD.sub(" ", _REFERENCE.sub(" ", text) if "[" in text else text).strip().casefold()


@dataclass(frozen=True, slots=True)
class Discreet:
    """Executes calls under the class of what their messages hold, and remembers what is said under a strict one."""

    inner: Executes
    confided: Confided
    clock: Clock

    async def tell(self, call: Call, emit: Emit, *, read: Read[T]) -> Answer[T]:
        held = await self._held(call)
        if held.privacy is PrivacyClass.CLOUD_OK:
            return await self.inner.tell(held, emit, read=read)
        heard: list[str] = []

        async def listen(step: Step) -> None:
            if isinstance(step, Delta):
                heard.append(step.text)
            await emit(step)

        try:
            answer = await self.inner.tell(held, listen, read=read)
        except BaseException:
            # Whoever left in the middle has read the beginning.
            await self._remember("".join(heard), held)
            raise
        await self._remember(f"{answer.text}\n{''.join(heard)}", held)
        return answer

    async def ask(self, call: Call, emit: Emit, *, read: Read[T]) -> Answer[T]:
        held = await self._held(call)
        answer = await self.inner.ask(held, emit, read=read)
        if held.privacy is not PrivacyClass.CLOUD_OK:
            await self._remember(answer.text, held)
        return answer

    async def _held(self, call: Call) -> Call:
        if call.privacy is PrivacyClass.LOCAL_ONLY:
            return call
        found = await self.confided.class_of(_texts(call))
        return replace(call, privacy=strictest((call.privacy, found)))

    async def _remember(self, text: str, call: Call) -> None:
        if text.strip():
            with anyio.CancelScope(shield=True):
                await self.confided.add(text, call.privacy, at=self.clock.now(), besides=_open_texts(call))


def _texts(call: Call) -> Iterator[str]:
    for message in call.prompt.messages:
        yield message.content
        yield from (tool.arguments for tool in message.tool_calls)


def _open_texts(call: Call) -> Iterator[str]:
    """What a reply may repeat and stay open: open notes beside the private one, and our own instructions.

    Without a passage as strict as the call, the class came from the caller or the settings and holds for everything.
    """
    passages = call.prompt.material.passages
    if not any(passage.privacy is call.privacy for passage in passages):
        return
    yield from (passage.text for passage in passages if passage.privacy is PrivacyClass.CLOUD_OK)
    yield from (message.content for message in call.prompt.messages if message.role == "system")
