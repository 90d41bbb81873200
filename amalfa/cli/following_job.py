"""Follows a job to its end with a bar. Going away, by Ctrl-C or with the terminal, never stops the job."""

import time
from typing import TYPE_CHECKING

import click

from amalfa.cli.invocation import Invocation
from amalfa.cli.jobs_text import progress_text
from amalfa.cli.reach import Reached
from amalfa.cli.terminal import Screen
from amalfa.cli.wording import sentence
from amalfa.client.document import Document
from amalfa.errors import AmalfaError, Interrupted, NotRunning

if TYPE_CHECKING:
    from rich.progress import TaskID

COMES_BACK_WITHIN_S = 30.0
"""How long a sonar that has gone is waited for; a restart takes a few seconds."""

LOOK_EVERY_S = 0.5
_GONE = frozenset({"not_running", "unreachable", "shutting_down"})


def follow_job(reached: Reached, job_id: str, *, is_write: bool = False) -> None:
    """Return when the job has ended or is paused. Raises NotRunning when sonar stays away, Exit at Ctrl-C."""
    view = JobBar(reached.invocation)
    try:
        _follow(reached, job_id, view)
    except KeyboardInterrupt:
        view.finish()
        _detach(reached.invocation, job_id, is_write=is_write)
    finally:
        view.finish()


class JobBar:
    """A bar on a live screen; anywhere else a line when the job begins to wait.

    What draws is loaded only where something is drawn.
    """

    def __init__(self, invocation: Invocation) -> None:
        self._screen = invocation.err
        self._is_wanted = invocation.err.is_live and not invocation.is_quiet
        self._note = invocation.note
        self._waits_for = ""
        self._bar: _Bar | None = None

    def show(self, told: Document) -> None:
        if not self._is_wanted:
            self._say_what_it_waits_for(told.text("reason"))
        else:
            self._bar = self._bar or _Bar(self._screen)
            self._bar.show(told)

    def _say_what_it_waits_for(self, reason: str) -> None:
        if reason and reason != self._waits_for:
            self._note(f"The job waits: {sentence(reason)}")
        self._waits_for = reason

    def say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.say(text)

    def finish(self) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.stop()


class _Bar:
    def __init__(self, screen: Screen) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = Console(file=screen.stream, no_color=not screen.has_color, width=screen.width)
        columns = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False))
        self._progress = Progress(*columns, console=console, transient=True)
        self._progress.start()
        self._task: TaskID = self._progress.add_task("", total=None)

    def show(self, told: Document) -> None:
        settled = sum(told.whole(key) or 0 for key in ("done", "failed", "skipped"))
        total = settled + (told.whole("left") or 0)
        self._progress.update(self._task, description=progress_text(told), completed=settled, total=total)

    def say(self, text: str) -> None:
        self._progress.update(self._task, description=text)

    def stop(self) -> None:
        self._progress.stop()


def _follow(reached: Reached, job_id: str, view: JobBar) -> None:
    gone_since_s: float | None = None
    while True:
        try:
            with reached.watch(f"/sonar/jobs/{job_id}/events") as events:
                for name, data in events:
                    gone_since_s = None
                    told = Document(data)
                    if name == "progress":
                        view.show(told)
                        if told.text("state") == "paused":
                            return
            return
        except AmalfaError as error:
            if error.code not in _GONE:
                raise
            now_s = time.monotonic()
            gone_since_s = gone_since_s or now_s
            if now_s - gone_since_s > COMES_BACK_WITHIN_S:
                what = "Sonar has gone; the job is kept and goes on when sonar runs again."
                raise NotRunning(what, hint=f"amalfa sonar start, then amalfa jobs show {job_id}") from error
            view.say("sonar has gone; waiting for it to come back")
        time.sleep(LOOK_EVERY_S)


def _detach(invocation: Invocation, job_id: str, *, is_write: bool) -> None:
    way_back = f"amalfa jobs show {job_id}" + (" --write" if is_write else "")
    if invocation.is_json:
        raise Interrupted(f"The job {job_id} goes on in the background.", hint=way_back)
    invocation.warn(f"\nThe job goes on in the background; come back to it with: {way_back}")
    raise click.exceptions.Exit(Interrupted.exit_code)
