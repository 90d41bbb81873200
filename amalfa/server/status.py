"""The status object: what `sonar status --json` and `GET /sonar/status` say."""

from typing import Literal

from pydantic import BaseModel

from amalfa.calls import Lane
from amalfa.server.bodies import ProblemShown


class ConfigStatus(BaseModel):
    """The configuration in force. `problems` are those of the file as it is now, when it was not taken over."""

    path: str
    generation: int
    loaded_at: str
    problems: list[ProblemShown]
    warnings: list[ProblemShown] = []


class InferenceStatus(BaseModel):
    """What a question asked now would be answered with, and why."""

    mode: Literal["embedded", "local", "replace", "tiered"]
    model: str
    tier: str
    reason: str


class LineStatus(BaseModel):
    """The calls at one Ollama now, and how often models made way for another since sonar has this configuration.

    `swaps_avoided` is how many more there would have been in the order the calls came.
    """

    running: int
    waiting: dict[str, int]
    swaps_made: int
    swaps_avoided: int


class HostStatus(BaseModel):
    url: str
    state: str
    loaded: list[str]
    reason: str | None = None
    calls: LineStatus | None = None


class CallStatus(BaseModel):
    """The calls to one API now. `limit` is how many may run at once, which follows what the API bears."""

    running: int
    limit: int
    waiting: dict[Lane, int]


class ProviderStatus(BaseModel):
    name: str
    type: str
    state: str
    reason: str | None = None
    hosts: list[HostStatus]
    calls: CallStatus | None = None


class IndexStatus(BaseModel):
    """`stale` counts notes that changed and are not yet re-read; `updated_at` is null before the first pass."""

    notes: int
    passages: int
    updated_at: str | None
    stale: int


class SkippedNote(BaseModel):
    path: str
    reason: str


class IndexReport(IndexStatus):
    """`described` counts notes: with a description, without, and with one that was made of an earlier text."""

    skipped: list[SkippedNote]
    indexing: bool
    described: dict[Literal["with", "without", "stale"], int]


class JobStatus(BaseModel):
    queued: int
    running: int
    failed: int


class QueueStatus(BaseModel):
    interactive: int
    background: int


class UsageToday(BaseModel):
    """Since midnight UTC. `unknown_costs` counts attempts whose price nobody told."""

    calls: int
    cost_usd: float
    unknown_costs: int


class HttpStatus(BaseModel):
    """The TCP port that is open besides the socket."""

    enabled: bool
    host: str
    port: int
    url: str


class Status(BaseModel):
    running: Literal[True] = True
    healthy: bool
    pid: int
    version: str
    protocol: int
    uptime_s: float
    socket: str
    root: str
    config: ConfigStatus
    inference: InferenceStatus
    providers: list[ProviderStatus]
    index: IndexStatus
    jobs: JobStatus
    queue: QueueStatus
    usage_today: UsageToday
    http: HttpStatus | None
    notices: list[str]
