"""Describes many notes as one durable job: estimate, leave, submission, following, writing, report."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from amalfa.cli.call_options import Wishes
from amalfa.cli.following_job import follow_job
from amalfa.cli.jobs_text import Report, Told, estimate_text, report_text
from amalfa.cli.project_files import below_root
from amalfa.cli.reach import Reached
from amalfa.cli.spinner import Spinner
from amalfa.cli.wording import count
from amalfa.client.document import Document
from amalfa.errors import AmalfaError, UsageProblem

READING_S = 600.0
"""How long sonar may take to read all the notes of a job."""

PAGE = 1000
_SUFFIXES = (".md", ".markdown")


def describe_many(
    reached: Reached, files: Sequence[str], wishes: Wishes, *, limit: int | None, is_write: bool, is_granted: bool
) -> None:
    """Run `amalfa metadata` over folders and lists of files. Raises Exit(1) when a note has failed."""
    if wishes.timeout_s is not None or wishes.is_cache_unwanted:
        what = "--timeout and --no-cache are for one note; a job has its own clocks and asks again for what changed."
        raise UsageProblem(what, hint="leave them out")
    named = _named(files, reached.project.root)
    body = {"task": "metadata", "write": is_write, **_notes(files, reached.project.root), **wishes.fields()}
    body |= {} if limit is None else {"limit": limit}
    estimate = _send(reached, {**body, "dryRun": True}, "reading the notes").item("estimate")
    refused = tuple((path, reason) for path, reason in _told(estimate.items("refused")) if path in named)
    if not estimate.whole("notes") and not is_write:
        _show_nothing_to_do(reached, estimate, refused)
        return
    _get_leave(reached, estimate, is_granted=is_granted)
    submitted = _send(reached, body, "handing in the job")
    job_id = submitted.item("job").text("id")
    _say_begun(reached, job_id, estimate)
    follow_job(reached, job_id, is_write=is_write)
    left_out = submitted.whole("left_out") or 0
    show_report(reached, job_id, refused=refused, left_out=left_out, is_write=is_write)


def show_report(
    reached: Reached, job_id: str, *, refused: Sequence[Told] = (), left_out: int = 0, is_write: bool = False
) -> None:
    """Print how a job stands, after writing into its notes where that is wanted. Raises Exit(1) when notes failed."""
    job = Document(reached.request("GET", f"/sonar/jobs/{job_id}"))
    written, left_alone = _write(reached, job_id) if is_write else (None, ())
    failures = tuple((one.text("path"), one.text("error")) for one in items_of(reached, job_id, "failed"))
    report = Report(job, failures, refused, left_out, written, left_alone)
    reached.invocation.show(report.fields(), report_text(report))
    if not report.is_good:
        raise click.exceptions.Exit(1)


class NoteToWrite:
    """One note as it read before it was described."""

    def __init__(self, reached: Reached, file: str) -> None:
        from amalfa.knowledge.files import NoteFiles

        self._reached = reached
        self._path = _inside(file, reached.project.root)
        self._lines = NoteFiles(reached.project.root).lines(self._path)

    def write(self, output: Document) -> None:
        """Write the description into the note. Raises AmalfaError when the note has to be left alone."""
        from amalfa.knowledge.note_writer import describe_in_note

        def is_described(text: str) -> bool:
            return self._lines is not None and text == "\n".join(self._lines)

        found = describe_in_note(self._reached.project.root, self._path, _fields(output), is_described)
        if found.outcome == "left_alone":
            raise AmalfaError(f"{self._path} was left alone: {found.reason}.")
        what = "written into" if found.outcome == "written" else "already in"
        self._reached.invocation.note(f"The description is {what} {self._path}.")


def items_of(reached: Reached, job_id: str, state: str) -> Iterator[Document]:
    """The items of a job in one state, page by page."""
    after: int | None = 0
    while after is not None:
        page = Document(reached.request("GET", f"/sonar/jobs/{job_id}/items?state={state}&after={after}&limit={PAGE}"))
        yield from page.items("items")
        after = page.whole("next")


def _write(reached: Reached, job_id: str) -> tuple[int, tuple[Told, ...]]:
    """Write what the job has made into its notes: how many were changed, and which were left alone and why."""
    from amalfa.jobs.terms import note_to_do
    from amalfa.knowledge.note_writer import describe_in_note

    root, written, left_alone = reached.project.root, 0, list[Told]()
    with Spinner(reached.invocation.err, is_wanted=not reached.invocation.is_quiet) as spinner:
        spinner.phase("writing into the notes")
        for state in ("done", "skipped"):
            for item in items_of(reached, job_id, state):
                path, content_hash = item.text("path"), item.text("content_hash")

                def is_described(text: str, path: str = path, content_hash: str = content_hash) -> bool:
                    return note_to_do("metadata", "", path, text).content_hash == content_hash

                found = describe_in_note(root, path, _fields(item.item("output")), is_described)
                written += found.outcome == "written"
                if found.outcome == "left_alone":
                    left_alone.append((path, found.reason))
    return written, tuple(left_alone)


def _fields(output: Document) -> Mapping[str, object]:
    return {key: output.raw(key) for key in output}


def _notes(files: Sequence[str], root: Path) -> dict[str, object]:
    """The `folder` or the `paths` of the submission."""
    if len(files) == 1:
        return {"folder": "" if _inside(files[0], root) == "." else _inside(files[0], root)}
    return {"paths": list(dict.fromkeys(path for file in files for path in _paths(file, root)))}


def _paths(file: str, root: Path) -> Iterator[str]:
    """A file as it is, a folder as the Markdown files below it, none of them hidden."""
    if not Path(file).is_dir():
        yield _inside(file, root)
        return
    for folder, folders, names in os.walk(file):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (
            _inside(os.path.join(folder, name), root)
            for name in sorted(names)
            if name.endswith(_SUFFIXES) and not name.startswith(".")
        )


def _named(files: Sequence[str], root: Path) -> frozenset[str]:
    """The notes that were named one by one, of which the person wants to hear when they cannot be read."""
    return frozenset(_inside(file, root) for file in files if not Path(file).is_dir())


def _inside(file: str, root: Path) -> str:
    path = None if file == "-" else below_root(file, root)
    if path is None:
        raise UsageProblem(f"{file} is no note of this project.", hint="describe it by itself: amalfa metadata FILE")
    return path


def _get_leave(reached: Reached, estimate: Document, *, is_granted: bool) -> None:
    """Ask before money may be spent, and before a job that would wait for who knows which model."""
    invocation = reached.invocation
    if is_granted or not estimate.whole("notes"):
        return
    if not estimate.text("model"):
        what, besides = "No model can do this job now, and it would wait for one", "start the model"
    elif estimate.flag("is_paid"):
        what, besides = "This job costs money", "--local for models of this machine only"
    else:
        return
    if invocation.is_json or not sys.stdin.isatty():
        raise UsageProblem(f"{what}: {estimate_text(estimate)}.", hint=f"add --yes, or {besides}")
    invocation.warn(f"{what}: {estimate_text(estimate)}.")
    if not click.confirm("Go on?", default=False, err=True):
        invocation.warn("Nothing was asked of any model.")
        raise click.exceptions.Exit(1)


def _show_nothing_to_do(reached: Reached, estimate: Document, refused: Sequence[Told]) -> None:
    unchanged = estimate.whole("unchanged") or 0
    job = Document({"state": "done", "counts": {"skipped": unchanged}})
    report = Report(job, refused=refused)
    told = "\n".join(f"{path}: {reason}" for path, reason in refused)
    reached.invocation.show(report.fields(), f"Nothing to do: {count(unchanged, 'note')} unchanged.\n{told}")
    if refused:
        raise click.exceptions.Exit(1)


def _say_begun(reached: Reached, job_id: str, estimate: Document) -> None:
    if not estimate.whole("notes"):
        return
    unchanged = estimate.whole("unchanged") or 0
    besides = f"; {count(unchanged, 'note')} unchanged" if unchanged else ""
    reached.invocation.note(f"Job {job_id}: {estimate_text(estimate)}{besides}.", style="dim")


def _send(reached: Reached, body: Mapping[str, object], phase: str) -> Document:
    with Spinner(reached.invocation.err, is_wanted=not reached.invocation.is_quiet) as spinner:
        spinner.phase(phase)
        return Document(reached.request("POST", "/sonar/jobs", body, timeout_s=READING_S))


def _told(refused: Sequence[Document]) -> Iterator[Told]:
    return ((one.text("path"), one.text("reason")) for one in refused)
