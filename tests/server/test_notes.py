"""The routes that show the notes, over an engine that has five."""

from collections.abc import AsyncIterator

import httpx
import pytest

from amalfa.errors import NotFound
from amalfa.knowledge.listing import ListedNote
from amalfa.server.app import make_app

NOTES = [ListedNote(f"{name}.md", name.title(), 1_700_000_000_000_000_000, name == "d") for name in "abcde"]


class FakeEngine:
    nonce = "abc"
    problems = ()

    async def list_notes(self, *, after: str, limit: int, without_private: bool) -> tuple[ListedNote, ...]:
        shown = [note for note in NOTES if note.path > after and not (without_private and note.is_private)]
        return tuple(shown[:limit])

    async def read_note(self, path: str, *, without_private: bool) -> tuple[ListedNote, str]:
        for note in await self.list_notes(after="", limit=9, without_private=without_private):
            if note.path == path:
                return note, f"# {note.title}"
        raise NotFound(f"{path} is not among the notes.", hint="amalfa index status")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(FakeEngine()))  # type: ignore[arg-type]  # as much of it as is used
    async with httpx.AsyncClient(transport=transport, base_url="http://sonar") as opened:
        yield opened


async def paths(client: httpx.AsyncClient, query: str) -> tuple[list[str], str | None]:
    page = (await client.get(f"/sonar/notes{query}")).json()
    return [note["path"] for note in page["notes"]], page["next"]


async def test_the_pages_of_the_list_follow_each_other(client: httpx.AsyncClient) -> None:
    assert await paths(client, "?limit=3") == (["a.md", "b.md", "c.md"], "c.md")
    assert await paths(client, "?limit=3&after=c.md") == (["d.md", "e.md"], None)
    assert await paths(client, "?limit=5") == ([f"{name}.md" for name in "abcde"], None)
    assert await paths(client, "?after=z") == ([], None)


async def test_private_notes_are_marked_or_left_out(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/sonar/notes")).json()["notes"]
    assert [note["path"] for note in listed if note["local_only"]] == ["d.md"]
    assert listed[0]["modified_at"] == "2023-11-14T22:13:20Z"
    assert await paths(client, "?withoutPrivate=true") == (["a.md", "b.md", "c.md", "e.md"], None)
    assert (await client.get("/sonar/notes/d.md")).json()["text"] == "# D"
    assert (await client.get("/sonar/notes/d.md?withoutPrivate=true")).status_code == 404


@pytest.mark.parametrize("query", ["?limit=0", "?limit=501", "?limit=x", "?withoutPrivat=true"])
async def test_a_wrong_query_is_refused(client: httpx.AsyncClient, query: str) -> None:
    reply = await client.get(f"/sonar/notes{query}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "usage")
