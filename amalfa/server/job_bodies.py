"""What goes in and out of the routes of jobs, as types."""

from typing import Literal

from pydantic import BaseModel, Field, model_validator

from amalfa.calls import PrivacyClass, Wish
from amalfa.server.bodies import Body, Shown

PATHS_MAX = 100_000
PAGE_USUAL, PAGE_MAX = 100, 1_000

JobStateShown = Literal["running", "waiting", "paused", "done", "cancelled"]
ItemStateShown = Literal["queued", "running", "done", "failed", "cancelled", "skipped"]


class JobBody(Body):
    """A task over many notes: those of `paths`, or all below `folder` ("" or "." is everything).

    `limit` bounds how many notes are asked about; unchanged ones do not count. `write` is only kept: who asked
    writes the results into the notes. `dryRun` submits nothing and says what it would take. The rest narrows as in
    a call of one's own; `maxCostUsd` is for each note.
    """

    task: Literal["metadata"] = "metadata"
    paths: list[str] | None = Field(default=None, min_length=1, max_length=PATHS_MAX)
    folder: str | None = Field(default=None, max_length=4_096)
    limit: int | None = Field(default=None, ge=1)
    write: bool = False
    dryRun: bool = False
    model: str | None = Field(default=None, min_length=1, max_length=300)
    prefer: Literal["local", "cloud"] | None = None
    team: str | None = Field(default=None, min_length=1, max_length=200)
    hint: str | None = Field(default=None, min_length=1, max_length=200)
    privacy: PrivacyClass = PrivacyClass.CLOUD_OK
    maxCostUsd: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_of_both(self) -> "JobBody":
        if (self.paths is None) == (self.folder is None):
            raise ValueError("give either paths or folder")
        return self

    @property
    def wish(self) -> Wish:
        return Wish(self.model, self.prefer, self.team, self.hint, self.maxCostUsd)


class ItemsQuery(Body):
    """`after` is the `id` of the last item of the page before, 0 for the first page."""

    state: ItemStateShown | None = None
    after: int = Field(default=0, ge=0)
    limit: int = Field(default=PAGE_USUAL, ge=1, le=PAGE_MAX)


class CountsShown(Shown):
    queued: int
    running: int
    done: int
    failed: int
    cancelled: int
    skipped: int


class JobShown(Shown):
    """One job. `left` is what is still to be done; `skipped` items were unchanged, and have their earlier result.

    `state` "waiting": it goes on by itself, and `reason` says what it waits for. `late` counts replies that came
    when their item was no longer theirs to answer. `cost_usd` adds what is known.
    """

    id: str
    task: str
    state: JobStateShown
    reason: str
    write: bool
    created_at: str
    finished_at: str | None
    total: int
    left: int
    counts: CountsShown
    late: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    rate_per_s: float | None
    eta_s: float | None


class RefusedNote(Shown):
    """A note that was named and is not in the job, with the reason."""

    path: str
    reason: str


class JobEstimate(BaseModel):
    """What a job would take: `notes` to ask about, besides those `unchanged`, by today's plan.

    `seconds` and `tokens` are expectations; the USD are null where a price is not known. `model` is null, with the
    reason in `waiting`, when nothing could serve now.
    """

    notes: int
    unchanged: int
    left_out: int
    refused: list[RefusedNote]
    tokens: int
    seconds: float | None
    cost_usd_low: float | None
    cost_usd_high: float | None
    is_paid: bool
    model: str | None
    waiting: str


class SubmittedShown(BaseModel):
    """The reply to a submission: the new job, or the estimate of a dry run; the other one is null.

    `left_out` counts notes beyond `limit`; `refused` are notes that were named and cannot be read.
    """

    job: JobShown | None
    estimate: JobEstimate | None
    left_out: int
    refused: list[RefusedNote]


class JobsShown(BaseModel):
    """All jobs, the newest first. Finished ones are forgotten after 30 days; their results stay."""

    jobs: list[JobShown]


class ItemShown(Shown):
    """One note of a job. `output` is the task's, as soon as there is one: for "done" and "skipped" items.

    `content_hash` is that of the text that the output was made from.
    """

    id: int
    path: str
    state: ItemStateShown
    attempts: int
    error_code: str | None
    error: str | None
    content_hash: str
    output: dict[str, object] | None
    model: str | None
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    ms: int | None


class ItemsShown(BaseModel):
    """A page of a job's items in their order. `next` is the `after` of the following page, null on the last."""

    items: list[ItemShown]
    next: int | None
