"""Finds the notes of a job and reads them, a batch at a time, so that a big folder is never whole in memory."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from amalfa.calls import PrivacyClass
from amalfa.errors import NotFound, UsageProblem
from amalfa.jobs.job import JobTerms, NoteToDo
from amalfa.jobs.per_note import per_note
from amalfa.jobs.terms import note_to_do, settings_hash_of
from amalfa.tasks.desk import Desk

READ_AT_ONCE = 200

PathsBelow = Callable[[str], Awaitable[Sequence[str]]]
"""The paths of all notes below a folder ("" for all), sorted."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants done: a task over named notes, or over a folder where `paths` is None."""

    task: str
    terms: JobTerms
    paths: tuple[str, ...] | None
    folder: str = ""
    limit: int | None = None
    is_write: bool = False


@dataclass(frozen=True, slots=True)
class ReadNote:
    note: NoteToDo
    text: str
    privacy: PrivacyClass


@dataclass(frozen=True, slots=True)
class Refused:
    """A note that cannot be part of a job."""

    path: str
    reason: str


async def gather(wanted: Wanted, desk: Desk, paths_below: PathsBelow) -> AsyncIterator[list[ReadNote | Refused]]:
    """The notes, each once, with those that cannot be read. Raises NotFound for a folder without notes."""
    settings_hash = settings_hash_for(wanted, desk)
    paths = await _paths(wanted, paths_below)
    for start in range(0, len(paths), READ_AT_ONCE):
        yield [await _read(path, wanted, desk, settings_hash) for path in paths[start : start + READ_AT_ONCE]]


def settings_hash_for(wanted: Wanted, desk: Desk) -> str:
    """Raises UsageProblem for a task that is not about single notes, or a pipeline as its model."""
    if (wanted.terms.wish.model or "").startswith("pipeline:"):
        raise UsageProblem("A job is done by models, not by a pipeline.", hint="name a model with -m, or none")
    return settings_hash_of(per_note(wanted.task).revision, wanted.terms, desk.rules[wanted.task])


async def _paths(wanted: Wanted, paths_below: PathsBelow) -> tuple[str, ...]:
    if wanted.paths is not None:
        return tuple(dict.fromkeys(wanted.paths))
    folder = plain_folder(wanted.folder)
    found = tuple(await paths_below(folder))
    if not found:
        raise NotFound(f"There are no notes below {folder or 'the project'}.", hint="amalfa index status")
    return found


def plain_folder(written: str) -> str:
    """A folder below the root as paths of notes begin with it. Raises UsageProblem for one outside."""
    parts = [part for part in written.replace("\\", "/").split("/") if part not in ("", ".")]
    if written.startswith("/") or ".." in parts:
        raise UsageProblem(f"{written} is not a folder below the project.", hint="name it relative to the project")
    return "/".join(parts)


async def _read(path: str, wanted: Wanted, desk: Desk, settings_hash: str) -> ReadNote | Refused:
    try:
        text = await desk.notes.read(path)
    except NotFound as error:
        return Refused(path, error.message)
    if not text.strip():
        return Refused(path, "the note is empty")
    note = note_to_do(wanted.task, settings_hash, path, text)
    return ReadNote(note, text, desk.notes.privacy_of(path, text))
