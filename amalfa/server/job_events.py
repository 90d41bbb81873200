"""Follows a job as server-sent events: `item` for each note that reached its end, `progress`, and `done`."""

import anyio
from typing_extensions import override

from amalfa.jobs.job import Job
from amalfa.jobs.office import Jobs
from amalfa.server.reply import Document, Events, EventStream

LOOK_EVERY_S = 0.25
ITEMS_AT_ONCE = 500


class JobEvents(Events):
    """A reply that lasts as long as its job or its connection. Items that ended before it began come first."""

    def __init__(self, jobs: Jobs, job_id: str) -> None:
        super().__init__(self._nothing)
        self._jobs = jobs
        self._job_id = job_id

    @override
    async def run(self, stream: EventStream) -> None:
        number, told = 0, None
        while True:
            # Looked at first: what ended before this moment is then told before the end of the job is.
            job = await self._jobs.one(self._job_id)
            number = await self._tell_items(stream, number)
            if (now := self._progress(job)) != told:
                await stream.event("progress", now)
                told = now
            if job.state in ("done", "cancelled") and not job.counts.left:
                await stream.event("done", {"state": job.state})
                return
            await anyio.sleep(LOOK_EVERY_S)

    async def _tell_items(self, stream: EventStream, number: int) -> int:
        while True:
            page = await self._jobs.settled_after(self._job_id, number, ITEMS_AT_ONCE)
            for one in page:
                error = {} if one.error is None or one.state != "failed" else {"error": one.error}
                await stream.event("item", {"path": one.path, "state": one.state, **error})
                number = one.number
            if len(page) < ITEMS_AT_ONCE:
                return number

    def _progress(self, job: Job) -> Document:
        speed = self._jobs.speed(job)
        return {
            "state": "waiting" if job.state == "running" and job.reason else job.state,
            "reason": job.reason,
            "done": job.counts.done,
            "failed": job.counts.failed,
            "skipped": job.counts.skipped,
            "left": job.counts.left,
            "rate_per_s": speed.rate_per_s,
            "eta_s": speed.eta_s,
            "tokens_in": job.tokens_in,
            "tokens_out": job.tokens_out,
            "cost_usd": job.cost_usd,
        }

    @staticmethod
    async def _nothing(_: object) -> Document:
        return {}
