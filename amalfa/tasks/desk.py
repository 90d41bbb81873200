"""What a task works with: the executor, the notes, the conversations. Tasks reach nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from amalfa.calls import FOR_PEOPLE, Answer, Call, Handling, Passage, PrivacyClass, Prompt, Wish, strictest
from amalfa.clock import Clock
from amalfa.execution.reading import Read
from amalfa.execution.steps import Emit
from amalfa.tasks.conversations import Conversations, OpenConversations

if TYPE_CHECKING:  # loading the search takes 28 ms, which a starting daemon leaves for later
    from amalfa.knowledge.retrieve import Evidence


T = TypeVar("T")


class Executes(Protocol):
    """Who answers calls: `amalfa.execution.executor.Executor`, and what stands in front of it."""

    async def tell(self, call: Call, emit: Emit, *, read: Read[T]) -> Answer[T]:
        """Answer with each piece emitted as it arrives; see `Executor.tell`."""
        ...

    async def ask(self, call: Call, emit: Emit, *, read: Read[T]) -> Answer[T]:
        """Answer with the value that `read` makes of the reply; see `Executor.ask`."""
        ...


class Notes(Protocol):
    """The notes, as tasks see them. Paths are relative to the project root."""

    async def retrieve(self, question: str, *, k: int, within: tuple[str, ...] = ()) -> "Evidence": ...

    async def read(self, path: str) -> str:
        """The text of one note. Raises NotFound for a path outside the sources or not readable as a note."""
        ...

    def lines(self, path: str) -> list[str]:
        """The lines of a note as they stand now; empty when it is gone. For checking quotes."""
        ...

    def privacy_of(self, path: str, text: str) -> PrivacyClass:
        """How far a note may travel, by its front matter and the configured globs."""
        ...

    def without_private(self) -> "Notes":
        """The same notes as if the private ones were not there."""
        ...


@dataclass(frozen=True, slots=True)
class TaskRules:
    """The settled settings of one task."""

    timeout_s: float
    temperature: float
    max_tokens: int
    privacy: PrivacyClass


@dataclass(frozen=True, slots=True)
class Terms:
    """What a caller says about how to do a task, apart from its input. None = as configured."""

    request_id: str
    wish: Wish = field(default_factory=Wish)
    privacy: PrivacyClass = PrivacyClass.CLOUD_OK
    timeout_s: float | None = None
    handling: Handling = FOR_PEOPLE


@dataclass(frozen=True, slots=True)
class Desk:
    """The means of one Generation's tasks."""

    executor: Executes
    notes: Notes
    conversations: Conversations
    rules: Mapping[str, TaskRules]
    clock: Clock
    generation: int

    def without_private(self) -> "Desk":
        """The desk of a caller that hands on what it gets: no private note, and nothing said over one, is on it."""
        return replace(self, notes=self.notes.without_private(), conversations=OpenConversations(self.conversations))

    def deadline_s(self, task: str, terms: Terms) -> float:
        """The absolute deadline of a call that arrives now. Set once, at the door."""
        return self.clock.monotonic_s() + (terms.timeout_s or self.rules[task].timeout_s)

    def call(self, task: str, terms: Terms, prompt: Prompt, *, deadline_s: float, privacy: PrivacyClass) -> Call:
        """One call under the strictest of what the task, the caller and the text itself (`privacy`) allow."""
        allowed = strictest((self.rules[task].privacy, terms.privacy, privacy))
        return Call(terms.request_id, task, prompt, allowed, deadline_s, terms.wish, terms.handling)


def privacy_of_passages(passages: tuple[Passage, ...]) -> PrivacyClass:
    """Mixed passages take the strictest class among them."""
    return strictest(passage.privacy for passage in passages)
