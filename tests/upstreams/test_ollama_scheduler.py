"""Loading: order, overtaking, eviction, slots, keep-alive, reloads, aborts."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.upstreams.hand_clock import HandClock
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.ollama_models import OllamaModel

A, B, C = (OllamaModel(name, ("completion",), blob=name * 64) for name in "abc")


@asynccontextmanager
async def talking(sim: OllamaSimulator) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    async with sim, httpx.AsyncClient(base_url=sim.url, trust_env=False, timeout=10, limits=limits) as client:
        yield client


async def chat(client: httpx.AsyncClient, model: str, **more: Any) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": False, **more}
    return await client.post("/api/chat", json=body)


async def soon(sim: OllamaSimulator, count: int) -> None:
    """Wait until that many requests have come in, and a little longer."""
    async with asyncio.timeout(5):
        while len(sim.requests) < count:  # noqa: ASYNC110  # requests arrive over a socket, which sets no event of ours
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.005)


async def test_b_t_b_on_a_server_that_holds_one_model_costs_three_swaps() -> None:
    async with talking(sim := OllamaSimulator([A, B, C], max_loaded=1)) as client:
        for model in ("a", "b", "c", "b"):
            await chat(client, model)
    assert sim.counters.load_order == ["a:latest", "b:latest", "c:latest", "b:latest"]
    assert (sim.counters.loads, sim.counters.swaps) == (4, 3)


async def test_loads_happen_one_at_a_time_in_the_order_asked() -> None:
    async with talking(sim := OllamaSimulator([A, B, C], load_s=0.03)) as client:
        began = asyncio.get_running_loop().time()
        asked = []
        for count, model in enumerate(("c", "a", "b"), start=1):
            asked.append(asyncio.ensure_future(chat(client, model)))
            await soon(sim, count)
        await asyncio.gather(*asked)
        assert asyncio.get_running_loop().time() - began >= 0.09
    assert sim.counters.load_order == ["c:latest", "a:latest", "b:latest"]


async def test_a_burst_on_a_cold_model_beyond_the_queue_is_a_503() -> None:
    async with talking(sim := OllamaSimulator([A], load_s=0.2, max_queue=2)) as client:
        asked = []
        for count in range(1, 6):
            asked.append(asyncio.ensure_future(chat(client, "a")))
            await soon(sim, count)
        statuses = [reply.status_code for reply in await asyncio.gather(*asked)]
        warm = await asyncio.gather(*(chat(client, "a") for _ in range(6)))
    assert statuses == [200, 200, 200, 503, 503]
    assert [reply.status_code for reply in warm] == [200] * 6
    assert sim.counters.queue_refusals == 2
    assert sim.counters.loads == 1


async def test_the_503_says_it_with_two_blanks() -> None:
    async with talking(sim := OllamaSimulator([A, B], load_s=0.2, max_queue=0)) as client:
        loading = asyncio.ensure_future(chat(client, "a"))
        await soon(sim, 1)
        refused = await chat(client, "b")
        await loading
    assert refused.json() == {"error": "server busy, please try again.  maximum pending requests exceeded"}


async def test_requests_for_the_loaded_model_overtake_and_starve_the_waiting_one() -> None:
    async with talking(sim := OllamaSimulator([A, B], max_loaded=1, num_parallel=2, token_ms=5)) as client:
        await chat(client, "a")
        first = asyncio.ensure_future(chat(client, "a"))
        await soon(sim, 2)
        waiting = asyncio.ensure_future(chat(client, "b"))
        await soon(sim, 3)
        for _ in range(4):
            following = asyncio.ensure_future(chat(client, "a"))
            await soon(sim, len(sim.requests) + 1)
            await first
            assert not waiting.done()
            first = following
        await first
        assert (await waiting).status_code == 200
    assert sim.counters.load_order == ["a:latest", "b:latest"]


@pytest.mark.parametrize(("parallel", "most"), [(1, 1), (3, 3)])
async def test_slots_bound_what_runs_at_one_time(parallel: int, most: int) -> None:
    async with talking(sim := OllamaSimulator([A], num_parallel=parallel, token_ms=3)) as client:
        await asyncio.gather(*(chat(client, "a") for _ in range(6)))
    assert sim.counters.most_in_flight == most


async def test_waiting_for_a_slot_shows_only_in_the_total() -> None:
    async with talking(sim := OllamaSimulator([A], token_ms=8)) as client:
        await chat(client, "a")
        first = asyncio.ensure_future(chat(client, "a"))
        await soon(sim, 2)
        second = (await chat(client, "a")).json()
        await first
    known = second["load_duration"] + second["prompt_eval_duration"] + second["eval_duration"]
    assert second["total_duration"] - known > second["load_duration"] > 0


async def test_waiting_for_a_load_shows_as_load_time() -> None:
    async with talking(OllamaSimulator([A], load_s=0.05)) as client:
        cold, warm = [(await chat(client, "a")).json() for _ in range(2)]
    assert cold["load_duration"] >= 50_000_000 > warm["load_duration"]


@pytest.mark.parametrize("model", [OllamaModel("e", ("embedding",)), OllamaModel("q", ("completion",), "qwen3vl")])
async def test_some_models_have_one_slot_whatever_is_set(model: OllamaModel) -> None:
    async with talking(sim := OllamaSimulator([model], num_parallel=4, token_ms=2)) as client:
        if model.is_embedding:
            await client.post("/api/embed", json={"model": "e", "input": "x"})
        else:
            await asyncio.gather(*(chat(client, "q") for _ in range(3)))
            assert sim.counters.most_in_flight == 1
        runner = sim.scheduler.loaded()[0]
        async with runner.slots:
            assert runner.slots.locked()


@pytest.mark.parametrize(
    ("more", "reloads"),
    [
        ({"options": {"num_ctx": 2048}}, 1),
        ({"options": {"num_batch": 64}}, 1),
        ({"options": {"num_gpu": 0}}, 1),
        ({"options": {"num_thread": 2}}, 1),
        ({"shift": False}, 1),
        ({"options": {"num_ctx": 4096}}, 0),
        ({"options": {"temperature": 0, "stop": ["x"], "num_predict": 5}}, 0),
        ({"truncate": False}, 0),
    ],
)
async def test_what_reloads_a_model_and_what_does_not(more: dict[str, Any], reloads: int) -> None:
    async with talking(sim := OllamaSimulator([A])) as client:
        await chat(client, "a")
        await chat(client, "a", **more)
    assert sim.counters.reloads == reloads
    assert sim.counters.swaps == 0


async def test_copies_share_one_runner_and_ps_names_the_first() -> None:
    copy = OllamaModel("copy", ("completion",), blob=A.blob)
    async with talking(sim := OllamaSimulator([A, copy])) as client:
        await chat(client, "a")
        await chat(client, "copy")
        running = (await client.get("/api/ps")).json()["models"]
    assert [entry["name"] for entry in running] == ["a:latest"]
    assert sim.counters.loads == 1


async def test_the_victim_is_chosen_by_keep_alive_then_blob_and_not_by_last_use() -> None:
    async with talking(sim := OllamaSimulator([A, B, C], max_loaded=2)) as client:
        await chat(client, "b")
        await chat(client, "a")
        await chat(client, "c")
        assert set(sim.loaded) == {"b:latest", "c:latest"}
        await chat(client, "b", keep_alive=10)
        await chat(client, "a")
        assert set(sim.loaded) == {"a:latest", "c:latest"}


async def test_a_busy_model_is_not_evicted_while_an_idle_one_is_there() -> None:
    async with talking(sim := OllamaSimulator([A, B, C], max_loaded=2, token_ms=10)) as client:
        await chat(client, "b")
        busy = asyncio.ensure_future(chat(client, "a", keep_alive=1))
        await soon(sim, 2)
        await chat(client, "c")
        await busy
    assert sim.counters.load_order == ["b:latest", "a:latest", "c:latest"]
    assert sim.counters.swaps == 1


async def test_an_omitted_keep_alive_keeps_the_last_one() -> None:
    clock = HandClock()
    async with talking(sim := OllamaSimulator([A], clock=clock)) as client:
        await chat(client, "a", keep_alive=2)
        await chat(client, "a")
        clock.advance(1.9)
        assert sim.loaded == ["a:latest"]
        await chat(client, "a")
        clock.advance(1.9)
        assert sim.loaded == ["a:latest"]
        clock.advance(0.2)
        assert sim.loaded == []


async def test_forever_is_292_years() -> None:
    async with talking(OllamaSimulator([A])) as client:
        await client.post("/api/generate", json={"model": "a", "keep_alive": -1})
        entry = (await client.get("/api/ps")).json()["models"][0]
    assert int(entry["expires_at"][:4]) > 2300


async def test_keep_alive_zero_unloads_once_the_running_answer_is_through() -> None:
    async with talking(sim := OllamaSimulator([A], token_ms=10)) as client:
        running = asyncio.ensure_future(chat(client, "a"))
        await soon(sim, 1)
        unloaded = await client.post("/api/chat", json={"model": "a", "keep_alive": 0})
        assert unloaded.json()["done_reason"] == "unload"
        assert sim.loaded == ["a:latest"]
        assert (await running).status_code == 200
        assert sim.loaded == []


async def test_the_context_in_ps_is_capped_by_the_training_context() -> None:
    small = OllamaModel("small", ("completion",), context_length=512)
    async with talking(OllamaSimulator([small])) as client:
        await chat(client, "small", options={"num_ctx": 8192})
        assert (await client.get("/api/ps")).json()["models"][0]["context_length"] == 512


async def test_a_known_prefix_costs_less_prompt_time_for_the_same_count() -> None:
    prompt = {"messages": [{"role": "user", "content": "same words " * 50}]}
    async with talking(OllamaSimulator([A])) as client:
        first = (await chat(client, "a", **prompt)).json()
        other = (await chat(client, "a")).json()
        again = (await chat(client, "a", **prompt)).json()
        await client.post("/api/generate", json={"model": "a", "keep_alive": 0})
        cold = (await chat(client, "a", **prompt)).json()
    assert first["prompt_eval_count"] == again["prompt_eval_count"] == cold["prompt_eval_count"]
    assert first["prompt_eval_duration"] == cold["prompt_eval_duration"] > 20 * again["prompt_eval_duration"]
    assert other["prompt_eval_count"] < first["prompt_eval_count"]


async def test_leaving_during_the_load_aborts_it_for_everybody() -> None:
    async with talking(sim := OllamaSimulator([A], load_s=0.15)) as client:
        leaver = asyncio.ensure_future(chat(client, "a"))
        await soon(sim, 1)
        patient = asyncio.ensure_future(chat(client, "a"))
        await soon(sim, 2)
        leaver.cancel()
        began = asyncio.get_running_loop().time()
        assert (await patient).status_code == 200
        assert asyncio.get_running_loop().time() - began >= 0.12
    assert (sim.counters.loads, sim.counters.aborted_loads) == (1, 1)


async def test_leaving_in_the_middle_frees_the_slot() -> None:
    async with talking(sim := OllamaSimulator([A], token_ms=20)) as client:
        sim.script("*", {"text": "w " * 500})
        body = {"model": "a", "messages": [{"role": "user", "content": "x"}]}
        async with client.stream("POST", "/api/chat", json=body) as reply:
            await anext(reply.aiter_lines())
        async with asyncio.timeout(2):
            assert (await chat(client, "a", options={"num_predict": 1})).status_code == 200
        await sim.idle()
        assert sim.counters.in_flight == 0
        assert sim.disconnects[0].bytes_sent > 0


async def test_a_load_that_fails_is_an_error_and_the_next_request_tries_again() -> None:
    async with talking(sim := OllamaSimulator([A])) as client:
        sim.script("load", {"error": "out_of_memory"})
        failed = await chat(client, "a")
        assert failed.status_code == 500
        assert "failed to allocate buffer" in failed.json()["error"]
        assert (await chat(client, "a")).status_code == 200
    assert (sim.counters.aborted_loads, sim.counters.loads) == (1, 1)


async def test_a_crashed_runner_stays_listed_until_the_next_request_loads_anew() -> None:
    async with talking(sim := OllamaSimulator([A])) as client:
        sim.script("*", {"text": "a b c", "fault": "crash:1"})
        broken = await client.post("/api/chat", json={"model": "a", "messages": [{"role": "user", "content": "x"}]})
        last = json.loads(broken.text.splitlines()[-1])
        assert last == {"error": "an error was encountered while running the model: unexpected EOF"}
        assert sim.loaded == ["a:latest"]
        assert (await chat(client, "a")).status_code == 200
    assert sim.counters.loads == 2


async def test_no_head_is_sent_before_the_first_piece() -> None:
    async with talking(sim := OllamaSimulator([A], load_s=0.1)) as client:
        asked = asyncio.ensure_future(chat(client, "a"))
        await soon(sim, 1)
        assert sim.requests[0].bytes_sent == 0
        assert (await client.get("/api/ps")).json() == {"models": []}
        await asked
