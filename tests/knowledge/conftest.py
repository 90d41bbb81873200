"""A folder of notes on disk, and an index of it in a real database file."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from amalfa.knowledge.files import Document
from amalfa.knowledge.index import Index
from amalfa.knowledge.sources import Sources
from amalfa.store.rows import Row, Values, fetch

LONG_AGO_NS = 1_600_000_000_000_000_000


@dataclass(frozen=True)
class Vault:
    """A notes folder that a test fills; the folder around it lies outside of what may be read."""

    root: Path

    def write(self, path: str, text: str | bytes) -> Path:
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(text.encode() if isinstance(text, str) else text)
        return full

    def age(self, path: str, mtime_ns: int = LONG_AGO_NS) -> None:
        """Make a file look saved long ago, so that its time alone is trusted."""
        os.utime(self.root / path, ns=(mtime_ns, mtime_ns))

    def document(self, path: str, text: str) -> Document:
        self.write(path, text)
        return Sources(self.root).files().read(path)


OpenIndex = Callable[..., Index]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    root = tmp_path / "notes"
    root.mkdir()
    return Vault(root)


@pytest.fixture
def index_path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "index.db"


@pytest.fixture
def open_index(vault: Vault, index_path: Path) -> Iterator[OpenIndex]:
    """Opens the one index file of the test; keywords are those of Sources."""
    opened: list[Index] = []

    def open_one(**sources: tuple[str, ...] | tuple[Path, ...]) -> Index:
        index = Index(Index.open_database(index_path), Sources(vault.root, **sources))  # type: ignore[arg-type]  # as Sources has them
        opened.append(index)
        return index

    yield open_one
    for index in opened:
        index.database.close()


@pytest.fixture
def index(open_index: OpenIndex) -> Index:
    return open_index()


async def rows(index: Index, sql: str, values: Values = ()) -> list[Row]:
    """What a reader of the index sees at this moment."""
    return await index.database.read(lambda connection: fetch(connection, sql, values))


async def note_paths(index: Index) -> list[str]:
    return [path for (path,) in await rows(index, "SELECT path FROM note ORDER BY path")]


async def texts(index: Index, path: str) -> list[str]:
    """The passages of one note in order."""
    select = "SELECT text FROM stored WHERE path = ? ORDER BY start_line"
    return [text for (text,) in await rows(index, select, (path,))]


async def found_in(index: Index, query: str) -> list[str]:
    """Paths of the notes a full-text query matches."""
    select = (
        "SELECT DISTINCT n.path FROM words w JOIN passage p ON p.id = w.rowid JOIN note n ON n.id = p.note_id"
        " WHERE words MATCH ? ORDER BY n.path"
    )
    return [path for (path,) in await rows(index, select, (query,))]
