"""Keeps an embedding of each passage and finds those nearest to a question. Knows no model: it is handed in.

There is no numeric library here, so a question is compared in two steps: with the signs of all vectors, packed into
integers (0.2 microseconds each), and exactly with the few hundred that agree in most signs.
"""

import heapq
from array import array
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import sqrt
from operator import mul

import apsw

from amalfa.knowledge.index import Index
from amalfa.store.rows import Row, fetch

Embed = Callable[[list[str]], Awaitable[list[list[float]]]]

BATCH = 32
TEXT_MAX_CHARACTERS = 2_000
COMPARED_EXACTLY = 400


@dataclass(frozen=True, slots=True)
class Embedder:
    """A model that turns texts into vectors of one length.

    `fingerprint` changes whenever the vectors would (model, version, prefix). `is_local` False means that
    texts leave the machine, so passages of private notes are never given to it.
    """

    embed: Embed
    fingerprint: str
    is_local: bool


class Vectors:
    """The vectors of one index under one model; those of other models are never compared with them."""

    def __init__(self, index: Index, embedder: Embedder, *, is_local_only: Callable[[str], bool]) -> None:
        self._index = index
        self._embedder = embedder
        self._is_local_only = is_local_only

    async def fill(self) -> int:
        """Embed every passage that has no vector of this model yet; the number embedded.

        Safe to cancel: what is stored stays, the rest is done next time. Text that did not change keeps its
        vector wherever it moves. Raises what the embedder raises.
        """
        done = 0
        after = b""
        while True:
            rows = await self._index.database.read(partial(_missing, model=self._embedder.fingerprint, after=after))
            if not rows:
                break
            after = rows[-1][0]
            wanted = [row for row in rows if self._may_see(row)]
            if wanted:
                vectors = await self._embedder.embed([_text_of(row) for row in wanted])
                hashes = [row[0] for row in wanted]
                pairs = [(digest, _unit(vector)) for digest, vector in zip(hashes, vectors, strict=True)]
                await self._index.database.write(partial(_store, model=self._embedder.fingerprint, pairs=pairs))
                done += len(wanted)
        await self._index.database.write(partial(_drop_others, model=self._embedder.fingerprint))
        return done

    async def nearest(self, question: str, *, most: int = 50) -> list[int]:
        """Ids of the passages whose vectors point most nearly where the question's does, the nearest first."""
        vectors = await self._embedder.embed([question[:TEXT_MAX_CHARACTERS]])
        wanted = _unit(vectors[0])
        return await self._index.database.read(
            partial(_nearest, model=self._embedder.fingerprint, wanted=wanted, most=most)
        )

    def _may_see(self, row: Row) -> bool:
        return self._embedder.is_local or not (row[4] or self._is_local_only(row[5]))


def _missing(connection: apsw.Connection, model: str, after: bytes) -> list[Row]:
    return fetch(
        connection,
        "SELECT p.hash, n.title, p.heading, p.text, max(n.is_private), n.path FROM passage p"
        " JOIN note n ON n.id = p.note_id LEFT JOIN vector v ON v.model = ? AND v.hash = p.hash"
        " WHERE v.hash IS NULL AND p.hash > ? GROUP BY p.hash ORDER BY p.hash LIMIT ?",
        (model, after, BATCH),
    )


def _text_of(row: Row) -> str:
    _, title, heading, text, *_ = row
    return f"{heading or title}\n{text}"[:TEXT_MAX_CHARACTERS]


def _unit(vector: Sequence[float]) -> "array[float]":
    """The vector at length one; a zero vector stays zero and is near to nothing."""
    length = sqrt(sum(map(mul, vector, vector)))
    return array("f", [value / length for value in vector] if length else vector)


def _signs(vector: "array[float]") -> bytes:
    bits = int("".join("1" if value > 0 else "0" for value in vector) or "0", 2)
    return bits.to_bytes((len(vector) + 7) // 8, "big")


def _store(connection: apsw.Connection, model: str, pairs: Sequence[tuple[bytes, "array[float]"]]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO vector(hash, model, signs, data) VALUES(?, ?, ?, ?)",
        [(digest, model, _signs(vector), vector.tobytes()) for digest, vector in pairs],
    )


def _drop_others(connection: apsw.Connection, model: str) -> None:
    connection.execute("DELETE FROM vector WHERE model <> ?", (model,))


def _nearest(connection: apsw.Connection, model: str, wanted: "array[float]", most: int) -> list[int]:
    signs = int.from_bytes(_signs(wanted), "big")
    rows = connection.execute("SELECT hash, signs FROM vector WHERE model = ?", (model,))
    from_bytes = int.from_bytes
    close = heapq.nsmallest(
        COMPARED_EXACTLY, (((from_bytes(row[1], "big") ^ signs).bit_count(), row[0]) for row in rows)
    )
    scored: list[tuple[float, bytes]] = []
    for _, digest in close:
        data = fetch(connection, "SELECT data FROM vector WHERE model = ? AND hash = ?", (model, digest))[0][0]
        vector = array("f", data)
        if len(vector) == len(wanted):
            scored.append((sum(map(mul, vector, wanted)), digest))
    scored.sort(reverse=True)
    return [passage for _, digest in scored[:most] for passage in _passages_of(connection, digest)][:most]


def _passages_of(connection: apsw.Connection, digest: bytes) -> list[int]:
    return [int(row[0]) for row in fetch(connection, "SELECT id FROM passage WHERE hash = ? ORDER BY id", (digest,))]
