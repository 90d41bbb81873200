"""The notes as MCP resources: `note:///path/below/the/root.md`."""

from urllib.parse import quote, unquote, urlencode

from mcp.types import Annotations, ListResourcesResult, ReadResourceResult, Resource, ResourceTemplate
from mcp.types import TextResourceContents as TextContents

from amalfa.client.document import Document
from amalfa.errors import UsageProblem
from amalfa.mcp.tools import Session

SCHEME = "note:///"
MARKDOWN = "text/markdown"
PAGE = 100

TEMPLATE = ResourceTemplate(
    name="note",
    title="A note",
    uri_template=f"{SCHEME}{{+path}}",
    description="The text of one note, by its path below the project root.",
    mime_type=MARKDOWN,
)


async def list_notes(session: Session, cursor: str | None) -> ListResourcesResult:
    """One page of the notes; the cursor is what the page before gave."""
    page = await session.calls.read(
        f"/sonar/notes?{urlencode({'after': cursor or '', 'limit': PAGE, **_flag(session)})}"
    )
    resources = [_resource(note) for note in page.items("notes")]
    return ListResourcesResult(resources=resources, next_cursor=page.text("next") or None)


async def read_note(session: Session, uri: str) -> ReadResourceResult:
    """The text of a note as it stands. Raises UsageProblem for an address that is none of ours."""
    if not uri.startswith(SCHEME) or uri == SCHEME:
        raise UsageProblem(f"{uri} is not the address of a note.", hint=f"use {SCHEME}PATH, as resources/list has it")
    path = unquote(uri.removeprefix(SCHEME))
    query = urlencode(_flag(session))
    note = await session.calls.read(f"/sonar/notes/{quote(path, safe='/')}" + (f"?{query}" if query else ""))
    return ReadResourceResult(contents=[TextContents(uri=uri, mime_type=MARKDOWN, text=note.text("text"))])


def _flag(session: Session) -> dict[str, str]:
    return {"withoutPrivate": "true"} if session.hides_private else {}


def _resource(note: Document) -> Resource:
    path = note.text("path")
    return Resource(
        uri=SCHEME + quote(path, safe="/"),
        name=path,
        title=note.text("title") or path,
        mime_type=MARKDOWN,
        annotations=Annotations(last_modified=note.text("modified_at")),
    )
