"""The routes over a fake engine: shapes, errors, events."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from amalfa.calls import Passage
from amalfa.errors import NoProvider, Problem, ShuttingDown
from amalfa.server.app import make_app
from amalfa.server.engine import Reloaded
from amalfa.server.openapi import openapi_document
from amalfa.server.routes import ROUTES
from amalfa.server.status import IndexReport
from amalfa.tasks.catalog import CATALOG
from tests.tasks.office import Office


class FakeEngine:
    """Serves one office of fakes and remembers what it was told."""

    nonce = "abc"

    def __init__(self, office: Office) -> None:
        self.office = office
        self.problems: tuple[Problem, ...] = ()
        self.running_calls = 0
        self.was_stopped = False
        self.is_draining = False

    @asynccontextmanager
    async def lease(self):  # type: ignore[no-untyped-def]
        if self.is_draining:
            raise ShuttingDown("Sonar is shutting down.", hint="amalfa sonar start")
        yield self.office.desk

    async def search(
        self, query: str, *, k: int, within: tuple[str, ...], without_private: bool = False
    ) -> tuple[Passage, ...]:
        return (Passage("a.md", 1, 2, "A", "text", 1.23456, summary="What A is."),)

    async def reload(self) -> Reloaded:
        return Reloaded(2, (Problem("amalfa.config.json", 3, "not a number"),))

    async def index_report(self) -> IndexReport:
        return IndexReport(
            notes=1,
            passages=2,
            updated_at=None,
            stale=0,
            skipped=[],
            indexing=False,
            described={"with": 0, "without": 1, "stale": 0},
        )

    async def rebuild_index(self) -> IndexReport:
        return await self.index_report()

    def request_stop(self) -> None:
        self.was_stopped = True


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(Office())


@pytest.fixture
async def client(engine: FakeEngine) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(engine))  # type: ignore[arg-type]  # a fake has no status
    async with httpx.AsyncClient(transport=transport, base_url="http://sonar") as opened:
        yield opened


async def test_health_names_this_run(client: httpx.AsyncClient) -> None:
    body = (await client.get("/sonar/health")).json()
    assert body["ok"] is True
    assert (body["nonce"], body["protocol"]) == ("abc", 1)


async def test_a_question_is_answered_with_its_route_and_usage(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    engine.office.will_say("The port is 11434 [1].")
    body = (await client.post("/sonar/ask", json={"question": "Which port does Ollama use?"})).json()
    assert body["answer"] == "The port is 11434 [1]."
    assert body["citations"][0]["path"] == "ports.md"
    assert (body["model"], body["tier"], body["refused"]) == ("ollama:m", "local", False)
    assert body["route"]["requestId"].startswith("req_")
    assert body["route"]["attempts"][0]["tokensIn"] == 10
    assert body["route"]["leftMachine"] is None
    assert set(body["usage"]) == {"tokens_in", "tokens_out", "cost_usd", "ms"}


async def test_a_streamed_question_sends_phases_deltas_output_and_done(
    engine: FakeEngine, client: httpx.AsyncClient
) -> None:
    engine.office.will_say("The port ", "is 11434 [1].")
    reply = await client.post("/sonar/ask", json={"question": "Which port does Ollama use?", "stream": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = events_of(reply.text)
    names = [name for name, _ in events]
    assert names[0] == "phase"
    assert names[-2:] == ["output", "done"]
    assert "".join(data["text"] for name, data in events if name == "delta") == "The port is 11434 [1]."
    assert dict(events)["output"]["answer"] == "The port is 11434 [1]."


async def test_an_error_in_a_stream_is_an_event_that_says_whether_text_went_out(
    engine: FakeEngine, client: httpx.AsyncClient
) -> None:
    engine.office.will_break_after("Half")
    reply = await client.post("/sonar/ask", json={"question": "Which port does Ollama use?", "stream": True})
    (name, data), (last, _) = events_of(reply.text)[-2:]
    assert (name, last) == ("error", "done")
    assert (data["code"], data["partial"]) == ("broken_off", True)
    assert data["route"]["attempts"][0]["outcome"] == "upstream_broken"


async def test_a_failure_carries_its_route(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    engine.office.will_fail()
    reply = await client.post("/sonar/tasks/analyze", json={"input": {"query": "ports"}})
    assert reply.status_code == NoProvider.http_status
    error = reply.json()["error"]
    assert error["code"] == "no_provider"
    assert error["route"]["attempts"]


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        pytest.param("/sonar/ask", {"question": ""}, "question", id="an empty question"),
        pytest.param("/sonar/ask", {"question": "a", "modle": "x"}, "modle", id="a misspelt field"),
        pytest.param("/sonar/ask", {"question": "a", "maxCostUsd": -1}, "maxCostUsd", id="a negative limit"),
        pytest.param("/sonar/tasks/analyze", {"input": {}}, "query", id="a task's missing input"),
        pytest.param("/sonar/tasks/snippet", {"input": {"query": "a"}}, "path or text", id="neither path nor text"),
        pytest.param("/sonar/search", {"query": "a", "k": 0}, "k", id="a number out of range"),
    ],
)
async def test_a_wrong_request_is_named_and_never_guessed(
    client: httpx.AsyncClient, path: str, body: dict[str, object], named: str
) -> None:
    reply = await client.post(path, json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "usage"
    assert named in reply.json()["error"]["message"]


async def test_an_unknown_task_lists_the_known_ones(client: httpx.AsyncClient) -> None:
    reply = await client.post("/sonar/tasks/dance", json={"input": {}})
    assert reply.status_code == 404
    assert "synthesize" in reply.json()["error"]["hint"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/sonar/ask", 405)])
async def test_what_does_not_exist_answers_in_json(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    reply = await client.request(method, path)
    assert reply.status_code == status
    assert reply.json()["error"]["message"]


async def test_every_reply_counts_the_problems_of_the_configuration(
    engine: FakeEngine, client: httpx.AsyncClient
) -> None:
    assert "x-amalfa-config-problems" not in (await client.get("/sonar/health")).headers
    engine.problems = (Problem("amalfa.config.json", 3, "no"),)
    assert (await client.get("/sonar/health")).headers["x-amalfa-config-problems"] == "1"


async def test_a_stop_if_idle_is_refused_while_calls_run(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    engine.running_calls = 2
    reply = await client.post("/sonar/shutdown", json={"ifIdle": True})
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "busy")
    assert not engine.was_stopped
    assert (await client.post("/sonar/shutdown")).status_code == 202
    assert engine.was_stopped


async def test_new_work_is_refused_while_draining(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    engine.is_draining = True
    reply = await client.post("/sonar/ask", json={"question": "Which port?"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "shutting_down")


async def test_search_returns_passages(client: httpx.AsyncClient) -> None:
    body = (await client.post("/sonar/search", json={"query": "port"})).json()
    assert body["passages"] == [
        {
            "path": "a.md",
            "start_line": 1,
            "end_line": 2,
            "heading": "A",
            "score": 1.2346,
            "text": "text",
            "summary": "What A is.",
        }
    ]


async def test_a_reload_says_what_kept_the_file_out(client: httpx.AsyncClient) -> None:
    body = (await client.post("/sonar/reload")).json()
    assert body == {
        "generation": 2,
        "problems": [{"path": "amalfa.config.json", "line": 3, "message": "not a number"}],
    }


def test_the_openapi_page_describes_every_route_and_task() -> None:
    page = openapi_document()
    assert {(row.path.replace(":path", ""), row.method.lower()) for row in ROUTES} == {
        (path, method)
        for path, methods in page["paths"].items()  # type: ignore[attr-defined]
        for method in methods
    }
    assert set(page["x-tasks"]) == set(CATALOG)  # type: ignore[call-overload]
    text = json.dumps(page)
    names = page["components"]["schemas"]  # type: ignore[index]
    assert all(f'"#/components/schemas/{name}"' in text or name in names for name in names)


def events_of(text: str) -> list[tuple[str, dict[str, object]]]:
    """The events of an SSE body."""
    blocks = [block.split("\n") for block in text.strip().split("\n\n")]
    return [(block[0].removeprefix("event: "), json.loads(block[1].removeprefix("data: "))) for block in blocks]
