"""Idempotency keys as clients send them, over the routes and a fake engine."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from amalfa.server.app import make_app
from amalfa.server.finished import SqliteFinishedReplies
from amalfa.server.once import Once
from amalfa.store.database import Database
from amalfa.store.migrations import SONAR_DB
from tests.fakes import FakeClock
from tests.server.test_app import FakeEngine
from tests.tasks.office import Office

QUESTION = {"question": "Which port does Ollama use?"}


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
async def client(office: Office, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    engine: Any = FakeEngine(office)
    database = Database.open(tmp_path / "sonar.db", SONAR_DB, application_id=7)
    async with anyio.create_task_group() as tasks:
        engine.once = Once(SqliteFinishedReplies(database), tasks=tasks, clock=FakeClock())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app(engine)), base_url="http://sonar") as one:
            yield one
        tasks.cancel_scope.cancel()
    await database.aclose()


async def test_f16_a_key_in_the_body_is_asked_once(office: Office, client: httpx.AsyncClient) -> None:
    office.will_say("The port is 11434 [1].")
    body = {**QUESTION, "idempotencyKey": "k-1"}
    first, second = [await client.post("/sonar/ask", json=body) for _ in range(2)]
    assert (first.status_code, first.content) == (200, second.content)
    assert second.headers["idempotency-replayed"] == "true"
    assert len(office.provider.asked) == 1


async def test_f16_a_key_in_the_header_is_the_same_key(office: Office, client: httpx.AsyncClient) -> None:
    office.will_say("The port is 11434 [1].")
    first = await client.post("/sonar/ask", json=QUESTION, headers={"Idempotency-Key": "k-1"})
    second = await client.post("/sonar/ask", json={"idempotencyKey": "k-1", **QUESTION})
    assert first.content == second.content


async def test_f16_tasks_have_keys_as_well(office: Office, client: httpx.AsyncClient) -> None:
    office.will_say('{"value": {"a": 1}}')
    task = {"input": {"text": "a is 1", "schema": {"type": "object"}}, "idempotencyKey": "k-1"}
    first, second = [await client.post("/sonar/tasks/extract", json=task) for _ in range(2)]
    assert (first.status_code, first.content) == (200, second.content)


async def test_f16_another_body_under_the_key_is_422(office: Office, client: httpx.AsyncClient) -> None:
    office.will_say("The port is 11434 [1].")
    key = {"Idempotency-Key": "k-1"}
    await client.post("/sonar/ask", json=QUESTION, headers=key)
    for other, how in (({**QUESTION, "k": 3}, {}), (QUESTION, {"x-amalfa-team": "t"})):
        told = await client.post("/sonar/ask", json=other, headers={**key, **how})
        assert (told.status_code, told.json()["error"]["code"]) == (422, "idempotency_mismatch")
    spelt_otherwise = b'{ "question" : "Which port does Ollama \\u0075se?" }'
    same = await client.post("/sonar/ask", content=spelt_otherwise, headers={**key, "content-type": "application/json"})
    assert same.status_code == 200


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        pytest.param({"idempotencyKey": "a"}, {"Idempotency-Key": "b"}, id="two keys"),
        pytest.param({"idempotencyKey": ""}, {}, id="an empty key"),
        pytest.param({}, {"Idempotency-Key": ""}, id="an empty header"),
        pytest.param({"idempotencyKey": "x" * 256}, {}, id="a long key"),
        pytest.param({"idempotencyKey": "two words"}, {}, id="a key with a space"),
        pytest.param({"idempotencyKey": 7}, {}, id="a number"),
        pytest.param({"idempotencyKey": "a", "stream": True}, {}, id="a stream"),
        pytest.param({}, {"Idempotency-Key": "a", "Accept": "text/event-stream"}, id="events"),
    ],
)
async def test_what_cannot_be_a_key_is_refused(
    office: Office, client: httpx.AsyncClient, fields: dict[str, object], headers: dict[str, str]
) -> None:
    told = await client.post("/sonar/ask", json={**QUESTION, **fields}, headers=headers)
    assert (told.status_code, told.json()["error"]["code"]) == (400, "usage")
    assert office.provider.asked == []


async def test_a_large_body_is_told_apart_as_well(client: httpx.AsyncClient) -> None:
    long = "The port is 11434. " * 5000
    body = {**QUESTION, "contextOnly": True, "context": long}
    key = {"Idempotency-Key": "k-1"}
    first, same = [await client.post("/sonar/ask", json=body, headers=key) for _ in range(2)]
    assert (first.status_code, first.content) == (200, same.content)
    told = await client.post("/sonar/ask", json={**body, "context": long + "x"}, headers=key)
    assert told.status_code == 422
