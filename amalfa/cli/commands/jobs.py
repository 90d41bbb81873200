"""`amalfa jobs`: the work sonar does over many notes in the background, looked at and steered."""

from typing import TYPE_CHECKING

import click

from amalfa.cli.contents import JOBS
from amalfa.cli.describing import show_report
from amalfa.cli.following_job import follow_job
from amalfa.cli.invocation import current
from amalfa.cli.jobs_text import jobs_table
from amalfa.cli.lazy import LazyGroup, command
from amalfa.cli.reach import Reached, reach
from amalfa.cli.wording import count
from amalfa.client.document import Document
from amalfa.errors import NotFound, UsageProblem

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PIPE_WIDTH = 1000
_ENDED = ("done", "cancelled")

jobs = LazyGroup(
    name="jobs",
    contents=JOBS,
    help="Work over many notes that goes on in the background, whether anybody looks or not.",
    examples="""
        amalfa jobs list
        amalfa jobs show job_1f0c
        amalfa jobs retry job_1f0c
    """,
)


def _ids(context: click.Context, parameter: click.Parameter, typed: str) -> "list[CompletionItem]":
    from amalfa.cli.completing import jobs as known  # loaded by a shell that completes, and by nothing else

    return known(context, typed)


_job = click.argument("job", metavar="ID", shell_complete=_ids)


@command("list", examples="amalfa jobs list\namalfa jobs list --json")
def list_jobs() -> None:
    """List the jobs of the last 30 days, the newest first."""
    invocation = current()
    found = Document(reach(invocation).request("GET", "/sonar/jobs"))
    rows = found.items("jobs")
    width = invocation.out.width if invocation.out.is_live else PIPE_WIDTH
    invocation.show({"jobs": found.raw("jobs") or []}, jobs_table(rows, width=width) if rows else "")
    if not rows:
        invocation.note("There are no jobs. `amalfa metadata FOLDER` begins one.")


@command("show", examples="amalfa jobs show job_1f0c\namalfa jobs show job_1f0c --json")
@_job
@click.option("--write", is_flag=True, help="Write its descriptions into the front matter of the notes.")
def show(job: str, *, write: bool) -> None:
    """Follow a job to its end, then report which notes failed, and why.

    With --json, report how it stands right now. ID may be the beginning of one.
    """
    invocation = current()
    reached = reach(invocation)
    found = _find(reached, job)
    goes_on = found.text("state") not in (*_ENDED, "paused") and not invocation.no_daemon
    if goes_on and not invocation.is_json:
        follow_job(reached, found.text("id"), is_write=write or found.flag("write"))
        write = write or found.flag("write")
    elif found.flag("write") and not write:
        invocation.note(f"To write its descriptions into the notes: amalfa jobs show {found.text('id')} --write")
    show_report(reached, found.text("id"), is_write=write)


@command("cancel", examples="amalfa jobs cancel job_1f0c")
@_job
def cancel(job: str) -> None:
    """Stop a job. What it has made so far is kept."""
    invocation = current()
    reached = reach(invocation)
    found = _find(reached, job)
    if found.text("state") in _ENDED:
        _show(found, f"{found.text('id')} is {found.text('state')} already; there is nothing to cancel.")
        return
    now = Document(reached.request("DELETE", f"/sonar/jobs/{found.text('id')}"))
    _show(now, f"{now.text('id')} is cancelled; {_notes(now, 'done')} done before that.")


@command("retry", examples="amalfa jobs retry job_1f0c")
@_job
def retry(job: str) -> None:
    """Try the notes again that failed or were cancelled."""
    reached = reach(current())
    found = _find(reached, job)
    again = sum(found.item("counts").whole(state) or 0 for state in ("failed", "cancelled"))
    if not again:
        _show(found, f"{found.text('id')} has no failed notes; there is nothing to try again.")
        return
    now = _steer(reached, found, "retry")
    _show(now, f"{count(again, 'note')} will be tried again; follow it with: amalfa jobs show {now.text('id')}")


@command("pause", examples="amalfa jobs pause job_1f0c")
@_job
def pause(job: str) -> None:
    """Begin with no more notes of a job until it is resumed."""
    reached = reach(current())
    found = _find(reached, job)
    _refuse_ended(found, hint="amalfa jobs list")
    now = _steer(reached, found, "pause")
    _show(now, f"{now.text('id')} is paused; go on with it by: amalfa jobs resume {now.text('id')}")


@command("resume", examples="amalfa jobs resume job_1f0c")
@_job
def resume(job: str) -> None:
    """Go on with a paused job; one that waits for a model tries again now."""
    reached = reach(current())
    found = _find(reached, job)
    _refuse_ended(found, hint=f"amalfa jobs retry {found.text('id')}")
    now = _steer(reached, found, "resume")
    _show(now, f"{now.text('id')} goes on; follow it with: amalfa jobs show {now.text('id')}")


def _refuse_ended(job: Document, *, hint: str) -> None:
    if job.text("state") in _ENDED:
        raise UsageProblem(f"{job.text('id')} is {job.text('state')} already.", hint=hint)


def _find(reached: Reached, typed: str) -> Document:
    """The job whose id is `typed` or begins like it. Raises NotFound, UsageProblem for a beginning of several."""
    known = Document(reached.request("GET", "/sonar/jobs")).items("jobs")
    named = [job for job in known if job.text("id") in (typed, f"job_{typed}")]
    begun = [job for job in known if job.text("id").startswith((typed, f"job_{typed}"))]
    match named or begun:
        case [job]:
            return job
        case []:
            raise NotFound(f"There is no job {typed}.{_nearest(typed, known)}", hint="amalfa jobs list")
        case several:
            ids = ", ".join(job.text("id") for job in several[:5])
            raise UsageProblem(f"{len(several)} jobs begin with {typed}: {ids}.", hint="type more of the id")


def _nearest(typed: str, known: list[Document]) -> str:
    from difflib import get_close_matches  # 8 ms that only a mistyped id pays

    close = get_close_matches(typed, [job.text("id") for job in known], n=2, cutoff=0.6)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def _steer(reached: Reached, job: Document, action: str) -> Document:
    return Document(reached.request("POST", f"/sonar/jobs/{job.text('id')}/{action}"))


def _show(job: Document, text: str) -> None:
    current().show(job.fields(), text)


def _notes(job: Document, state: str) -> str:
    return count(job.item("counts").whole(state) or 0, "note")
