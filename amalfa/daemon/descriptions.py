"""Brings the descriptions that jobs made of notes into the index. sonar.db has them all; the index has a copy."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import anyio
import anyio.to_thread
from pydantic import ValidationError

from amalfa.daemon.notes import RETRY_AFTER_FAILURE_S, NoteKeeper
from amalfa.errors import AmalfaError
from amalfa.jobs.results import ResultKey, outputs_of, results_after
from amalfa.knowledge.body import body_hash
from amalfa.knowledge.descriptions import (
    Description,
    Standing,
    learn_body_hashes,
    put_descriptions,
    standings,
)
from amalfa.knowledge.files import NoteFiles
from amalfa.store.database import Database
from amalfa.tasks.metadata import MetadataOutput

log = logging.getLogger("amalfa.daemon")

REST_S = 2.0
"""Between two looks: each reads the list of all notes, and a job or an editor may report many a second."""

LOOK_EVERY_S = 15.0
"""For results that nobody told of, such as those of a batch that came back."""

PUT_AT_ONCE = 200


class Descriptions:
    """Follows the results of jobs. `wake` tells that there may be a new one, `start_over` that notes changed.

    The second is called by the keeper of the notes.
    """

    def __init__(self, database: Database, keeper: NoteKeeper) -> None:
        self._database = database
        self._keeper = keeper
        self._seen = 0
        self._due = anyio.Event()
        keeper.when_refreshed = self.start_over

    def wake(self) -> None:
        self._due.set()

    def start_over(self) -> None:
        self._seen = 0
        self._due.set()

    async def run(self) -> None:
        """Bring over what is new, whenever something may be, until cancelled."""
        while True:
            with anyio.move_on_after(LOOK_EVERY_S):
                await self._due.wait()
            self._due = anyio.Event()
            try:
                await self.bring_over()
                await anyio.sleep(REST_S)
                continue
            except AmalfaError as error:
                log.warning("descriptions could not be brought into the index: %s", error.message)
            except Exception as error:  # searches go on without them, whatever was wrong
                log.error("descriptions could not be brought into the index: %s", type(error).__name__, exc_info=error)
            self.start_over()
            await anyio.sleep(RETRY_AFTER_FAILURE_S)

    async def bring_over(self) -> None:
        """Keep in the index what is newer or fits better than what it has, and nothing else."""
        keys = await self._database.read(partial(results_after, number=self._seen))
        if not keys:
            return
        # Before the rest, so that a change of the notes that comes meanwhile has all of them looked at again.
        self._seen = keys[-1].number
        standing = await self._standing(keys)
        chosen = sorted(choose(keys, standing))
        for start in range(0, len(chosen), PUT_AT_ONCE):
            some = chosen[start : start + PUT_AT_ONCE]
            outputs = await self._database.read(partial(outputs_of, numbers=[key[0] for key in some]))
            described = await anyio.to_thread.run_sync(_described, some, outputs)
            await self._keeper.database.write(partial(put_descriptions, descriptions=described))

    async def _standing(self, keys: Sequence[ResultKey]) -> Mapping[str, Standing]:
        """The notes of the index, with the hashes that it did not know of those that are in question."""
        index = self._keeper.index
        standing = await index.database.read(standings)
        paths = {key.path for key in keys}
        unknown = [path for path in paths if path in standing and not standing[path].body_hash]
        if not unknown:
            return standing
        hashes = await anyio.to_thread.run_sync(_hashes, index.files, unknown)
        await index.database.write(partial(learn_body_hashes, hashes=hashes))
        return await index.database.read(standings)


def choose(keys: Iterable[ResultKey], standing: Mapping[str, Standing]) -> Iterator[tuple[int, str, str]]:
    """(number, path, hash) of the results to keep: for each note the last one of its text, else the last one.

    One of an earlier text is kept only where there is nothing yet, so that the note counts as described once.
    """
    best: dict[str, ResultKey] = {}
    for key in keys:
        note = standing.get(key.path)
        if note is None:
            continue
        held = best.get(key.path)
        fits, held_fits = (one is not None and one.content_hash == note.body_hash for one in (key, held))
        if fits or not held_fits:
            best[key.path] = key
    for path, key in best.items():
        note = standing[path]
        is_missing = note.described_hash is None
        fits = key.content_hash == note.body_hash
        is_better = fits and (note.described_hash != key.content_hash or note.source < key.number)
        if is_missing or is_better:
            yield key.number, path, key.content_hash


def _described(chosen: Sequence[tuple[int, str, str]], outputs: Mapping[int, str]) -> list[Description]:
    read = (_description(*one, outputs[one[0]]) for one in chosen if one[0] in outputs)
    return [one for one in read if one is not None]


def _description(number: int, path: str, content_hash: str, output: str) -> Description | None:
    """None for what an earlier release made in another shape."""
    try:
        made = MetadataOutput.model_validate_json(output)
    except ValidationError:
        return None
    return Description(
        path,
        content_hash,
        number,
        made.title,
        made.summary,
        tuple(made.keywords),
        tuple(made.themes),
        tuple(made.entities),
        made.doc_type,
    )


def _hashes(files: NoteFiles, paths: Sequence[str]) -> list[tuple[str, str]]:
    read = ((path, files.lines(path)) for path in paths)
    return [(path, body_hash(path, "\n".join(lines))) for path, lines in read if lines is not None]
