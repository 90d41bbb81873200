"""The notes with one of them held fast: a task reads the very text that its result will be kept under."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amalfa.calls import PrivacyClass
from amalfa.tasks.desk import Notes

if TYPE_CHECKING:
    from amalfa.knowledge.retrieve import Evidence


@dataclass(frozen=True, slots=True)
class Pinned:
    """Notes among which `path` reads as `text`, whatever happens to the file meanwhile."""

    notes: Notes
    path: str
    text: str

    async def retrieve(self, question: str, *, k: int, within: tuple[str, ...] = ()) -> "Evidence":
        return await self.notes.retrieve(question, k=k, within=within)

    async def read(self, path: str) -> str:
        return self.text if path == self.path else await self.notes.read(path)

    def lines(self, path: str) -> list[str]:
        return self.notes.lines(path)

    def privacy_of(self, path: str, text: str) -> PrivacyClass:
        return self.notes.privacy_of(path, text)

    def without_private(self) -> Notes:
        return Pinned(self.notes.without_private(), self.path, self.text)
