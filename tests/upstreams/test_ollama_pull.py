"""Pulls: progress, errors after the 200, resuming, leaving."""

import json

import httpx

from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.ollama_asking import error, lines, post
from tests.upstreams.raw_http import ask


async def test_a_pull_reports_progress_and_installs_the_model() -> None:
    async with OllamaSimulator([]) as sim:
        told = lines(await post(sim, "/api/pull", {"model": "llama3.2:1b"}))
        tags = json.loads((await ask(sim.port, "GET", "/api/tags")).body)
    assert [told[0]["status"], told[-1]["status"]] == ["pulling manifest", "success"]
    layer = [line for line in told if "digest" in line]
    assert "completed" not in layer[0]
    assert layer[-1]["completed"] == layer[-1]["total"]
    assert [model["name"] for model in tags["models"]] == ["llama3.2:1b"]
    assert sim.counters.pulls == ["llama3.2:1b"]


async def test_a_pull_cut_short_resumes_where_it_stopped() -> None:
    async with OllamaSimulator([]) as sim:
        sim.script("/api/pull", {"fault": "error_line", "late_error": "connection lost"})
        first = lines(await post(sim, "/api/pull", {"model": "m"}))
        second = lines(await post(sim, "/api/pull", {"model": "m"}))
    assert first[-1] == {"error": "connection lost"}
    assert second[1]["completed"] > first[-2]["completed"] > 0
    assert second[-1] == {"status": "success"}


async def test_a_client_that_leaves_a_pull_leaves_the_model_uninstalled() -> None:
    async with OllamaSimulator([], pull_s=30) as sim, httpx.AsyncClient(base_url=sim.url, trust_env=False) as client:
        async with client.stream("POST", "/api/pull", json={"model": "m"}) as reply:
            await anext(reply.aiter_lines())
        await sim.idle()
        assert list(sim.installed_models) == []
        assert sim.disconnects[0].path == "/api/pull"


async def test_a_model_nobody_has_is_an_error_after_the_200() -> None:
    async with OllamaSimulator(pullable=["known"]) as sim:
        answer = await post(sim, "/api/pull", {"model": "unknown"})
        whole = await post(sim, "/api/pull", {"model": "unknown", "stream": False})
    assert answer.status == 200
    assert lines(answer)[-1] == {"error": "pull model manifest: file does not exist"}
    assert error(whole) == (500, "pull model manifest: file does not exist")
