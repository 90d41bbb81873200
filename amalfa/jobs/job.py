"""The words of durable jobs: a job is one submission, its items are the notes in it. Types alone."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from amalfa.calls import PrivacyClass, Wish

JobState = Literal["running", "paused", "done", "cancelled"]
ItemState = Literal["queued", "running", "done", "failed", "cancelled", "skipped"]

ATTEMPTS_MAX = 3
"""How often an item is tried before it counts as failed; waits for a provider and ends of sonar do not count."""

INTERRUPTIONS_MAX = 100
"""How many sudden ends of sonar one item may be in the middle of. Up to 32 are in hand at each of them, so few of
these tell nothing of the item itself."""


@dataclass(frozen=True, slots=True)
class JobTerms:
    """How the items of a job are done: the caller's wish and the class that narrows each note's own."""

    wish: Wish = field(default_factory=Wish)
    privacy: PrivacyClass = PrivacyClass.CLOUD_OK


@dataclass(frozen=True, slots=True)
class Submission:
    """A job as it is handed in. `is_write` is kept for whoever asked; nothing here writes into notes."""

    id: str
    task: str
    terms: JobTerms
    settings_hash: str
    is_write: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class NoteToDo:
    """A note of a job, with the hash of the text it had when it was handed in.

    `idem` stands for (task, note, settings): there is one result for it, whoever asks how often.
    """

    path: str
    content_hash: str
    idem: str


@dataclass(frozen=True, slots=True)
class Claim:
    """An item in hand. `fence` grows with every claim of it; only the newest one's holder may settle the item."""

    item_id: int
    fence: int
    job_id: str
    task: str
    terms: JobTerms
    settings_hash: str
    note: NoteToDo
    attempts: int

    @property
    def request_id(self) -> str:
        """Under which the ledger has the attempts made for this claim."""
        return request_id_of(self.item_id, self.fence)


def request_id_of(item_id: int, fence: int) -> str:
    return f"item_{item_id}.{fence}"


@dataclass(frozen=True, slots=True)
class Made:
    """What came of an item: the task's output as JSON. The rest is taken from the ledger where it has the attempts."""

    output: str
    model: str = ""
    tier: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    ms: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Items of a job by state."""

    queued: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        return self.queued + self.running + self.settled

    @property
    def settled(self) -> int:
        return self.done + self.failed + self.cancelled + self.skipped

    @property
    def left(self) -> int:
        return self.queued + self.running


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. `waits` counts how often in a row it had to wait for a provider; `reason` says what for."""

    id: str
    task: str
    state: JobState
    reason: str
    terms: JobTerms
    is_write: bool
    created_at: str
    finished_at: str | None
    waits: int
    late: int
    counts: Counts
    tokens_in: int
    tokens_out: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Item:
    """A note of a job as it stands, with its result where there is one."""

    id: int
    path: str
    state: ItemState
    attempts: int
    error_code: str | None
    error: str | None
    content_hash: str
    output: str | None = None
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    ms: int | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """An item that reached its end, for whoever follows a job; `number` counts them within it."""

    number: int
    path: str
    state: ItemState
    error: str | None


@dataclass(frozen=True, slots=True)
class Load:
    """How much work there is in all jobs."""

    queued: int
    running: int
    failed: int
