"""Looks over the shoulder of a refresh: which files it opened, and what it did."""

from pathlib import Path

from typing_extensions import override

from amalfa.knowledge.files import Document, NoteFiles
from amalfa.knowledge.index import Refreshed


class CountingFiles(NoteFiles):
    """Remembers which files were looked into."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read_paths: list[str] = []

    @override
    def read(self, path: str) -> Document:
        self.read_paths.append(path)
        return super().read(path)


def tally(refreshed: Refreshed) -> tuple[int, int, int]:
    return refreshed.added, refreshed.changed, refreshed.removed
