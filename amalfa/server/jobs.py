"""The routes of durable jobs: submit, list, look at, steer."""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amalfa.jobs.gathering import Wanted
from amalfa.jobs.job import Item, Job, JobTerms
from amalfa.jobs.office import Jobs
from amalfa.jobs.outlook import Outlook
from amalfa.server.engine import engine_of
from amalfa.server.job_bodies import (
    CountsShown,
    ItemShown,
    ItemsQuery,
    ItemsShown,
    JobBody,
    JobEstimate,
    JobShown,
    JobsShown,
    RefusedNote,
    SubmittedShown,
)
from amalfa.server.job_events import JobEvents
from amalfa.server.work import read_body


async def submit_job(request: Request) -> Response:
    body = read_body(JobBody, await request.json())
    jobs = engine_of(request).jobs
    wanted = Wanted(
        body.task,
        JobTerms(body.wish, body.privacy),
        tuple(body.paths) if body.paths is not None else None,
        body.folder or "",
        body.limit,
        body.write,
    )
    if body.dryRun:
        estimate = _estimate(await jobs.foresee(wanted))
        shown = SubmittedShown(job=None, estimate=estimate, left_out=estimate.left_out, refused=estimate.refused)
        return JSONResponse(shown.model_dump(mode="json"))
    submitted = await jobs.submit(wanted)
    shown = SubmittedShown(
        job=job_shown(submitted.job, jobs),
        estimate=None,
        left_out=submitted.left_out,
        refused=[RefusedNote.model_validate(one) for one in submitted.refused],
    )
    return JSONResponse(shown.model_dump(mode="json"), status_code=202)


async def list_jobs(request: Request) -> Response:
    jobs = engine_of(request).jobs
    return JSONResponse(JobsShown(jobs=[job_shown(job, jobs) for job in await jobs.all()]).model_dump(mode="json"))


async def show_job(request: Request) -> Response:
    jobs = engine_of(request).jobs
    return _reply(await jobs.one(request.path_params["id"]), jobs)


async def list_items(request: Request) -> Response:
    query = read_body(ItemsQuery, dict(request.query_params))
    found = await engine_of(request).jobs.items(
        request.path_params["id"], state=query.state, after=query.after, limit=query.limit + 1
    )
    page = [_item(one) for one in found[: query.limit]]
    shown = ItemsShown(items=page, next=page[-1].id if len(found) > query.limit else None)
    return JSONResponse(shown.model_dump(mode="json"))


async def follow_job(request: Request) -> Response:
    jobs, job_id = engine_of(request).jobs, request.path_params["id"]
    await jobs.one(job_id)
    return JobEvents(jobs, job_id)


async def cancel_job(request: Request) -> Response:
    jobs = engine_of(request).jobs
    return _reply(await jobs.cancel(request.path_params["id"]), jobs)


async def retry_job(request: Request) -> Response:
    jobs = engine_of(request).jobs
    return _reply(await jobs.retry(request.path_params["id"]), jobs)


async def pause_job(request: Request) -> Response:
    jobs = engine_of(request).jobs
    return _reply(await jobs.pause(request.path_params["id"]), jobs)


async def resume_job(request: Request) -> Response:
    jobs = engine_of(request).jobs
    return _reply(await jobs.resume(request.path_params["id"]), jobs)


def job_shown(job: Job, jobs: Jobs) -> JobShown:
    """A job as its routes show it."""
    speed = jobs.speed(job)
    return JobShown(
        id=job.id,
        task=job.task,
        state="waiting" if job.state == "running" and job.reason else job.state,
        reason=job.reason,
        write=job.is_write,
        created_at=job.created_at,
        finished_at=job.finished_at,
        total=job.counts.total,
        left=job.counts.left,
        counts=CountsShown.model_validate(job.counts),
        late=job.late,
        tokens_in=job.tokens_in,
        tokens_out=job.tokens_out,
        cost_usd=job.cost_usd,
        rate_per_s=speed.rate_per_s,
        eta_s=speed.eta_s,
    )


def _reply(job: Job, jobs: Jobs) -> Response:
    return JSONResponse(job_shown(job, jobs).model_dump(mode="json"))


def _item(item: Item) -> ItemShown:
    fields = {name: getattr(item, name) for name in ItemShown.model_fields}
    return ItemShown.model_validate({**fields, "output": json.loads(item.output) if item.output else None})


def _estimate(outlook: Outlook) -> JobEstimate:
    return JobEstimate(
        notes=outlook.notes,
        unchanged=outlook.unchanged,
        left_out=outlook.left_out,
        refused=[RefusedNote.model_validate(one) for one in outlook.refused],
        tokens=outlook.tokens,
        seconds=outlook.seconds if outlook.seconds is None else round(outlook.seconds, 1),
        cost_usd_low=outlook.cost_usd_low,
        cost_usd_high=outlook.cost_usd_high,
        is_paid=outlook.is_paid,
        model=outlook.model,
        waiting=outlook.waiting,
    )
