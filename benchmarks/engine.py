"""The project's own search over a folder of notes, opened the way sonar opens it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from amalfa.calls import Material, Passage, PrivacyClass, Prompt
from amalfa.clock import SystemClock
from amalfa.knowledge.cite import CitedAnswer, check_citations
from amalfa.knowledge.index import Index
from amalfa.knowledge.retrieve import Evidence, Retriever
from amalfa.knowledge.sources import Sources
from amalfa.providers.embedded.extractive import ExtractiveProvider
from amalfa.providers.provider import Request, TextDelta

ANSWER_TOKENS = 800


@dataclass(frozen=True, slots=True)
class Engine:
    """Index, search and the engine that answers without a model. `indexing_s` is the first full refresh."""

    root: Path
    index: Index
    retriever: Retriever
    indexing_s: float

    async def answer(self, question: str, evidence: Evidence) -> str:
        """What the embedded engine replies to a question with this evidence, be it sufficient or not."""
        material = Material(question, evidence.passages, other_words=evidence.other_words)
        prompt = Prompt((), material, ANSWER_TOKENS, 0.0)
        request = Request("extractive", prompt, PrivacyClass.LOCAL_ONLY, 0.0, "bench", "synthesize")
        events = ExtractiveProvider(SystemClock()).stream(request)
        return "".join([event.text async for event in events if isinstance(event, TextDelta)])

    def check(self, answer: str, passages: Sequence[Passage]) -> CitedAnswer:
        """The answer with only the citations that the notes, as they stand on disk, bear out."""
        return check_citations(answer, passages, self._lines)

    def _lines(self, path: str) -> list[str]:
        return (self.root / path).read_text(encoding="utf-8").splitlines()


@asynccontextmanager
async def open_engine(notes: Path, state: Path) -> AsyncIterator[Engine]:
    """Index the folder `notes` into a new database in the folder `state`."""
    database = await anyio.to_thread.run_sync(Index.open_database, state / "index.db")
    try:
        index = Index(database, Sources(notes))
        refreshed = await index.refresh()
        yield Engine(notes, index, Retriever(index), refreshed.seconds)
    finally:
        await anyio.to_thread.run_sync(database.close)
