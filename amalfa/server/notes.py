"""The routes that show the notes themselves: a page of the list, and the text of one."""

from datetime import UTC, datetime

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amalfa.knowledge.listing import ListedNote
from amalfa.server.bodies import Body
from amalfa.server.engine import engine_of
from amalfa.server.work import read_body

PATH_MAX_CHARACTERS = 4_096
PAGE_USUAL, PAGE_MAX = 100, 500


class NoteQuery(Body):
    """`withoutPrivate` answers as if the local-only notes were not there."""

    withoutPrivate: bool = False


class NotesQuery(NoteQuery):
    """`after` is the path of the last note of the page before, "" for the first page."""

    after: str = Field(default="", max_length=PATH_MAX_CHARACTERS)
    limit: int = Field(default=PAGE_USUAL, ge=1, le=PAGE_MAX)


class NoteShown(BaseModel):
    """`local_only`: the note never leaves the machine, by its front matter or by `sonar.privacy.localOnly`."""

    path: str
    title: str
    modified_at: datetime
    local_only: bool


class NotesShown(BaseModel):
    """A page of the notes, by path. `next` is the `after` of the following page, null on the last."""

    notes: list[NoteShown]
    next: str | None


class NoteText(NoteShown):
    text: str


async def list_notes(request: Request) -> Response:
    query = read_body(NotesQuery, dict(request.query_params))
    one_more = query.limit + 1
    found = await engine_of(request).list_notes(after=query.after, limit=one_more, without_private=query.withoutPrivate)
    page = [NoteShown.model_validate(_fields(note)) for note in found[: query.limit]]
    shown = NotesShown(notes=page, next=page[-1].path if len(found) == one_more else None)
    return JSONResponse(shown.model_dump(mode="json"))


async def show_note(request: Request) -> Response:
    query = read_body(NoteQuery, dict(request.query_params))
    note, text = await engine_of(request).read_note(request.path_params["path"], without_private=query.withoutPrivate)
    return JSONResponse(NoteText.model_validate({**_fields(note), "text": text}).model_dump(mode="json"))


def _fields(note: ListedNote) -> dict[str, object]:
    modified_at = datetime.fromtimestamp(note.modified_ns // 1_000_000_000, UTC)
    return {"path": note.path, "title": note.title, "modified_at": modified_at, "local_only": note.is_private}
