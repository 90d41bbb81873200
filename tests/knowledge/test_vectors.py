"""The nearest vectors are those that point the same way, found by their signs first and exactly then."""

import random
from collections.abc import AsyncIterator
from math import sqrt
from pathlib import Path

import pytest

from amalfa.knowledge.index import Index
from amalfa.knowledge.sources import Sources
from amalfa.knowledge.vectors import Embedder, Vectors

pytestmark = pytest.mark.anyio

LENGTH = 48


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    for number in range(60):
        (tmp_path / f"n{number:02d}.md").write_text(f"# Note {number:02d}\n\nText {number}.\n", encoding="utf-8")
    opened = Index(Index.open_database(tmp_path / ".state" / "index.db"), Sources(tmp_path))
    await opened.refresh()
    yield opened
    await opened.database.aclose()


def vector_for(text: str) -> list[float]:
    chance = random.Random(text)
    return [chance.gauss(0, 1) for _ in range(LENGTH)]


async def embed(texts: list[str]) -> list[list[float]]:
    return [vector_for(text) for text in texts]


def vectors_of(index: Index, fingerprint: str = "seeded") -> Vectors:
    return Vectors(index, Embedder(embed, fingerprint, is_local=True), is_local_only=lambda path: False)


def cosine(one: list[float], other: list[float]) -> float:
    lengths = sqrt(sum(a * a for a in one)) * sqrt(sum(a * a for a in other))
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths


async def test_the_order_is_that_of_the_cosine(index: Index) -> None:
    vectors = vectors_of(index)
    assert await vectors.fill() == 60
    found = await vectors.nearest("a question", most=5)
    rows = await index.database.read(lambda c: c.execute("SELECT id, heading, text FROM passage").fetchall())
    wanted = vector_for("a question")
    by_cosine = sorted(rows, key=lambda row: -cosine(vector_for(f"{row[1]}\n{row[2]}"), wanted))
    assert found == [row[0] for row in by_cosine[:5]]


async def test_filling_again_embeds_nothing(index: Index) -> None:
    await vectors_of(index).fill()
    assert await vectors_of(index).fill() == 0


async def test_vectors_of_another_model_are_never_compared(index: Index) -> None:
    await vectors_of(index, "one").fill()
    assert await vectors_of(index, "two").nearest("a question") == []


async def test_a_vector_without_direction_is_near_to_nothing_and_harms_nothing(index: Index) -> None:
    async def flat(texts: list[str]) -> list[list[float]]:
        return [[0.0] * LENGTH for _ in texts]

    vectors = Vectors(index, Embedder(flat, "flat", is_local=True), is_local_only=lambda path: False)
    assert await vectors.fill() == 60
    assert len(await vectors.nearest("a question", most=5)) == 5


async def test_passages_that_are_gone_take_their_vectors_along(index: Index) -> None:
    await vectors_of(index).fill()
    (index.files.root / "n00.md").unlink()
    await index.refresh()
    assert await index.database.read(lambda c: c.execute("SELECT count(*) FROM vector").get) == 59
