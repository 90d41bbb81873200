"""A desk whose model is scripted and whose notes are a few lines: for tests of tasks and of the routes over them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from amalfa.calls import Passage, PrivacyClass
from amalfa.errors import CallError, ConnectFailed, NotFound, UpstreamBroken
from amalfa.execution.executor import Executor
from amalfa.knowledge.retrieve import Evidence
from amalfa.messages import Message
from amalfa.tasks.conversations import Turn
from amalfa.tasks.desk import Desk, TaskRules
from tests.fakes import FakeClock, FakeLedger, FakePlanner, FakeProvider, FakeVerdicts, entry_for, means_over

PORTS = ("# Ports", "The port is 11434.", "Change it in the config.")
DIARY = ("# Diary", "The secret door is behind the shelf.")


@dataclass
class FakeNotes:
    """Two notes, one of them private. A search finds the notes that share a word with the question."""

    texts: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"ports.md": PORTS, "diary.md": DIARY})
    private: frozenset[str] = frozenset({"diary.md"})
    searched: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    async def retrieve(self, question: str, *, k: int, within: tuple[str, ...] = ()) -> Evidence:
        self.searched.append((question, within))
        words = {word for word in question.lower().replace("?", " ").split() if len(word) > 3}
        found = [path for path, lines in self.texts.items() if words & set(" ".join(lines).lower().split())]
        chosen = [path for path in found if not within or path in within][:k]
        return Evidence(
            passages=tuple(self._passage(path) for path in chosen),
            is_sufficient=bool(chosen),
            reason="" if chosen else "no note speaks of it",
            nearest=(("ports.md", "Ports"),),
            searched=len(self.texts),
            indexed_at="2026-11-20T12:00:00+00:00",
        )

    async def read(self, path: str) -> str:
        if path not in self.texts:
            raise NotFound(f"There is no note {path}.", hint="amalfa index status")
        return "\n".join(self.texts[path])

    def lines(self, path: str) -> list[str]:
        return list(self.texts.get(path, ()))

    def privacy_of(self, path: str, text: str) -> PrivacyClass:
        return PrivacyClass.LOCAL_ONLY if path in self.private else PrivacyClass.CLOUD_OK

    def _passage(self, path: str) -> Passage:
        lines = self.texts[path]
        title = lines[0].removeprefix("# ")
        return Passage(path, 1, len(lines), title, "\n".join(lines), 1.0, title, self.privacy_of(path, ""))


@dataclass
class FakeConversations:
    said: dict[str, list[Turn]] = field(default_factory=dict)
    last: str | None = None

    async def recall(self, session: str) -> tuple[Turn, ...]:
        return tuple(self.said.get(session, ()))

    async def add(self, session: str, turns: Sequence[Turn], *, at: datetime) -> None:
        self.said.setdefault(session, []).extend(turns)
        self.last = session

    async def latest(self) -> str | None:
        return self.last


class Office:
    """Script the model with `will_…`, then run a task over `desk`."""

    def __init__(self) -> None:
        self.provider = FakeProvider()
        self.notes = FakeNotes()
        self.conversations = FakeConversations()
        self.clock = FakeClock()
        self.ledger = FakeLedger()
        planner = FakePlanner((entry_for(self.provider),))
        means = means_over([self.provider], planner, ledger=self.ledger, verdicts=FakeVerdicts(), clock=self.clock)
        names = ("analyze", "metadata", "snippet", "rerank", "synthesize", "research", "chat", "extract")
        self.desk = Desk(
            executor=Executor(means),
            notes=self.notes,
            conversations=self.conversations,
            rules={name: TaskRules(60.0, 0.1, 500, PrivacyClass.CLOUD_OK) for name in names},
            clock=self.clock,
            generation=1,
        )

    def will_say(self, *pieces: str) -> None:
        self.provider.scripts.append(pieces)

    def will_break_after(self, text: str) -> None:
        self.provider.scripts.append((text, UpstreamBroken("the connection was reset")))

    def will_fail(self, error: CallError | None = None) -> None:
        self.provider.scripts.append((error or ConnectFailed("nobody listens"),))

    @property
    def prompts(self) -> list[tuple[Message, ...]]:
        return [request.prompt.messages for request in self.provider.asked]

    @property
    def privacies(self) -> list[PrivacyClass]:
        return [request.privacy for request in self.provider.asked]
