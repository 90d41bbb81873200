"""Model management over HTTP: the list of everything, one model, loading, unloading and pulling."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import httpx
import pytest
from anyio.abc import TaskGroup
from starlette.applications import Starlette
from starlette.routing import Route

from amalfa.calls import ModelName, Tier
from amalfa.clock import SystemClock
from amalfa.config.routing_settings import CatalogEntry
from amalfa.errors import AmalfaError
from amalfa.providers.catalogue import Catalogue, CatalogueKeeper
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.provider import Provider
from amalfa.server import models
from amalfa.server.app import _on_failure
from tests.fakes import FakeProvider
from tests.providers.asking import QWEN, hear, ollama_at, request
from tests.server.serving import until
from tests.upstreams.ollama import OllamaSimulator

CLOUD = ModelName("openrouter", "qwen/qwen-2.5-72b-instruct")
PRICED = {str(CLOUD): {"price": {"input": 0.12, "output": 0.39}, "quality": 0.8, "context": 131072}}


class FakeEngine:
    """As much of sonar as these routes see."""

    def __init__(self, providers: Mapping[str, Provider], catalogue: Catalogue) -> None:
        self.every_provider = providers
        self._catalogue = catalogue
        self.named: list[ModelName] = [ModelName("ollama", QWEN), CLOUD]
        self.leases = 0

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[None]:
        self.leases += 1
        yield

    def providers(self) -> Mapping[str, Provider]:
        assert self.leases, "nothing of a Generation is touched outside a lease"
        return self.every_provider

    def catalogue(self) -> Catalogue:
        return self._catalogue

    def named_models(self) -> Iterable[ModelName]:
        return self.named


@pytest.fixture
async def tasks() -> AsyncIterator[TaskGroup]:
    async with anyio.create_task_group() as group:
        yield group
        group.cancel_scope.cancel()


@pytest.fixture
async def sim() -> AsyncIterator[OllamaSimulator]:
    async with OllamaSimulator([QWEN, "llama3"]) as sim:
        yield sim


@pytest.fixture
async def engine(sim: OllamaSimulator, tasks: TaskGroup, tmp_path: Path) -> AsyncIterator[FakeEngine]:
    ollama = OllamaProvider(ollama_at(sim.url), tasks=tasks, clock=SystemClock())
    openrouter = FakeProvider("openrouter", Tier.CLOUD, False, "openrouter")
    embedded = FakeProvider("embedded", Tier.EMBEDDED, True, "embedded")
    studio = FakeProvider("lmstudio", Tier.LOCAL, True, "openai")
    providers: dict[str, Provider] = {
        "ollama": ollama,
        "openrouter": openrouter,
        "embedded": embedded,
        "lmstudio": studio,
    }
    keeper = CatalogueKeeper(tmp_path, clock=SystemClock(), tasks=tasks)
    written = {name: CatalogEntry.model_validate(entry) for name, entry in PRICED.items()}
    yield FakeEngine(providers, keeper.catalogue(written, providers))
    await ollama.aclose()


@pytest.fixture
async def client(engine: FakeEngine) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(
        routes=[
            Route("/sonar/models", models.list_models, methods=["GET"]),
            Route("/sonar/models/{name:path}/load", models.load_model, methods=["POST"]),
            Route("/sonar/models/{name:path}/unload", models.unload_model, methods=["POST"]),
            Route("/sonar/models/{name:path}/pull", models.pull_model, methods=["POST"]),
            Route("/sonar/models/{name:path}", models.show_model, methods=["GET"]),
        ],
        exception_handlers={AmalfaError: _on_failure},
    )
    app.state.engine = engine
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sonar") as opened:
        yield opened


async def listed(client: httpx.AsyncClient, query: str = "") -> dict[str, dict[str, Any]]:
    reply = await client.get(f"/sonar/models{query}")
    assert reply.status_code == 200
    return {model["name"]: model for model in reply.json()["models"]}


async def act(client: httpx.AsyncClient, name: str, action: str, **body: object) -> Any:
    return (await client.post(f"/sonar/models/{quote(name, safe='')}/{action}", json=body)).json()


def events_of(text: str) -> list[tuple[str, Any]]:
    blocks = [block.split("\n") for block in text.split("\n\n") if block.startswith("event: ")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


async def test_local_and_cloud_models_stand_in_one_list(client: httpx.AsyncClient) -> None:
    await act(client, QWEN, "load")
    found = await listed(client)
    assert list(found) == [f"ollama:{'llama3:latest'}", f"ollama:{QWEN}", str(CLOUD), "embedded:extractive"]
    local, cloud = found[f"ollama:{QWEN}"], found[str(CLOUD)]
    assert (local["tier"], local["installed"], local["named"], local["parameter_size"]) == ("local", True, True, "1.5B")
    assert local["price"] == {"input_usd": 0.0, "output_usd": 0.0}
    (host,) = local["hosts"]
    assert host["loaded"]["window_tokens"] == 8192
    assert host["loaded"]["expires_at"]
    assert (cloud["tier"], cloud["installed"], cloud["context_tokens"], cloud["quality"]) == (
        "cloud",
        None,
        131072,
        0.8,
    )
    assert cloud["price"] == {"input_usd": 0.12, "output_usd": 0.39}
    assert found["ollama:llama3:latest"]["named"] is False


async def test_a_named_model_that_is_not_installed_is_listed_as_such(
    engine: FakeEngine, client: httpx.AsyncClient
) -> None:
    engine.named = [ModelName("ollama", "llama3"), ModelName("ollama", "phi3:mini"), ModelName("gone", "x")]
    found = await listed(client)
    assert (found["ollama:llama3:latest"]["installed"], found["ollama:llama3:latest"]["named"]) == (True, True)
    assert (found["ollama:phi3:mini"]["installed"], found["ollama:phi3:mini"]["hosts"]) == (False, [])
    assert "gone:x" not in found


async def test_all_and_words_bring_in_every_model_known(engine: FakeEngine, client: httpx.AsyncClient) -> None:
    engine.named = []
    assert str(CLOUD) not in await listed(client)
    everything = await listed(client, "?all=true")
    assert str(CLOUD) in everything
    found = await listed(client, "?q=QWEN%2072b")
    assert str(CLOUD) in found
    assert all("qwen" in name and "72b" in name for name in found)
    assert len(found) < len(everything)


async def test_a_host_that_is_down_is_told_and_the_rest_is_listed(
    sim: OllamaSimulator, client: httpx.AsyncClient
) -> None:
    await sim.stop()
    body = (await client.get("/sonar/models")).json()
    assert [(one["provider"], one["url"]) for one in body["unreachable"]] == [("ollama", sim.url)]
    assert str(CLOUD) in {model["name"] for model in body["models"]}


async def test_a_forwarded_model_counts_as_cloud_and_is_not_free(
    sim: OllamaSimulator, client: httpx.AsyncClient
) -> None:
    sim.install("gpt-oss:120b-cloud")
    found = (await listed(client))["ollama:gpt-oss:120b-cloud"]
    assert (found["tier"], found["forwarded"], found["installed"]) == ("cloud", True, None)
    assert found["price"] != {"input_usd": 0.0, "output_usd": 0.0}


@pytest.mark.parametrize("name", [QWEN, f"ollama:{QWEN}", f"local:{QWEN}", str(CLOUD), "qwen/qwen-2.5-72b-instruct"])
async def test_one_model_is_told_by_any_of_its_names(name: str, client: httpx.AsyncClient) -> None:
    reply = await client.get(f"/sonar/models/{quote(name, safe='')}")
    assert reply.status_code == 200
    body = reply.json()
    assert body["name"] in (f"ollama:{QWEN}", str(CLOUD))
    assert body["context_tokens"] in (32768, 131072)


@pytest.mark.parametrize("name", ["openrouter:no/such", "nobody:x/y", "lmstudio:x"])
async def test_a_model_nobody_knows_is_not_found(name: str, client: httpx.AsyncClient) -> None:
    reply = await client.get(f"/sonar/models/{quote(name, safe='')}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")


async def test_a_local_model_that_is_missing_says_how_to_get_it(client: httpx.AsyncClient) -> None:
    error = (await client.get("/sonar/models/phi3%3Amini")).json()["error"]
    assert (error["code"], error["hint"]) == ("model_missing", "ollama pull phi3:mini, or amalfa models pull phi3:mini")


async def test_a_model_is_loaded_and_unloaded(sim: OllamaSimulator, client: httpx.AsyncClient) -> None:
    done = await act(client, QWEN, "load")
    assert (done["action"], done["changes"], done["dry_run"], done["hosts"]) == ("load", True, False, [sim.url])
    assert sim.loaded == [QWEN]
    assert (await act(client, QWEN, "load"))["changes"] is False
    assert (await act(client, f"ollama:{QWEN}", "unload"))["changes"] is True
    assert sim.loaded == []


async def test_a_streamed_load_tells_its_phases(client: httpx.AsyncClient) -> None:
    reply = await client.post(f"/sonar/models/{quote(QWEN)}/load", json={"stream": True})
    events = events_of(reply.text)
    assert events[0] == ("phase", {"text": f"loading {QWEN}"})
    assert [name for name, _ in events[-2:]] == ["output", "done"]


async def test_a_streamed_pull_tells_how_far_it_is(sim: OllamaSimulator, client: httpx.AsyncClient) -> None:
    sim.registry.pull_s = 0.1
    reply = await client.post("/sonar/models/phi3%3Amini/pull", json={}, headers={"Accept": "text/event-stream"})
    events = events_of(reply.text)
    counted = [data for name, data in events if name == "progress" and data["total"]]
    assert counted[-1]["completed"] > 0.99 * counted[-1]["total"] > 10**9
    assert {data["host"] for data in counted} == {sim.url}
    assert [name for name, _ in events[-2:]] == ["output", "done"]
    assert sim.counters.pulls == ["phi3:mini"]


async def test_a_pull_that_fails_ends_in_an_error_event(sim: OllamaSimulator, client: httpx.AsyncClient) -> None:
    sim.registry.names = set()
    reply = await client.post("/sonar/models/nope/pull", json={"stream": True})
    assert [(name, data.get("code")) for name, data in events_of(reply.text)][-2:] == [
        ("error", "model_missing"),
        ("done", None),
    ]


@pytest.mark.parametrize(("name", "action"), [(QWEN, "load"), (QWEN, "unload"), ("phi3:mini", "pull")])
async def test_a_dry_run_says_what_would_happen_and_does_nothing(
    name: str, action: str, sim: OllamaSimulator, client: httpx.AsyncClient
) -> None:
    told = await act(client, name, action, dryRun=True)
    assert told["dry_run"] is True
    assert told["does"]
    assert told["refusal"] is None
    assert (sim.loaded, sim.counters.pulls) == ([], [])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (str(CLOUD), "runs in the cloud of openrouter; there is nothing to pull"),
        ("gpt-oss:120b-cloud", "runs in the cloud of ollama; there is nothing to pull"),
        ("embedded:extractive", "is part of sonar"),
        ("lmstudio:x", "manages its models by itself"),
    ],
)
async def test_what_cannot_be_pulled_is_a_usage_error_that_says_so(
    name: str, says: str, client: httpx.AsyncClient
) -> None:
    reply = await client.post(f"/sonar/models/{quote(name, safe='')}/pull", json={})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "usage")
    assert says in reply.json()["error"]["message"]


async def test_a_model_in_use_is_unloaded_only_by_force(
    sim: OllamaSimulator, engine: FakeEngine, client: httpx.AsyncClient
) -> None:
    await act(client, QWEN, "load")
    sim.token_ms = 150
    async with anyio.create_task_group() as group:
        group.start_soon(hear, engine.every_provider["ollama"], request(QWEN))
        await until(lambda: sim.requests_to("/api/chat"))
        told = await act(client, QWEN, "unload", dryRun=True)
        assert told["refusal"]["code"] == "busy"
        assert (await act(client, QWEN, "unload"))["error"]["code"] == "busy"
        assert (await act(client, QWEN, "unload", force=True))["changes"] is True


@pytest.mark.parametrize("body", [{"force": "maybe"}, {"hosts": "a"}, {"host": ""}])
async def test_a_wrong_body_is_refused(body: object, client: httpx.AsyncClient) -> None:
    reply = await client.post(f"/sonar/models/{quote(QWEN)}/load", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "usage")


async def test_no_body_at_all_is_an_empty_one(sim: OllamaSimulator, client: httpx.AsyncClient) -> None:
    assert (await client.post(f"/sonar/models/{quote(QWEN)}/load")).status_code == 200
    assert sim.loaded == [QWEN]
