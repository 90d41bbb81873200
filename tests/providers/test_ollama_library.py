"""Managing models over several hosts: what is where, loading, unloading, pulling, and what each would do."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import anyio
import httpx
import pytest
from anyio.abc import TaskGroup
from typing_extensions import override

from amalfa import errors
from amalfa.calls import Tier
from amalfa.clock import SystemClock
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.ollama_library import OllamaLibrary
from amalfa.providers.this_machine import Room
from tests.providers.asking import QUICK, QWEN, hear, ollama_at, request
from tests.upstreams.ollama import OllamaSimulator

EMBED = "nomic-embed-text"
ROOMY = Room(free_memory_bytes=64 * 10**9, memory_bytes=64 * 10**9, has_gpu=False, disk_bytes=10**12)
TINY = Room(free_memory_bytes=5 * 10**8, memory_bytes=8 * 10**8, has_gpu=False, disk_bytes=10**6)


@asynccontextmanager
async def provider_at(tasks: TaskGroup, *sims: OllamaSimulator, machine: Room = ROOMY) -> AsyncIterator[OllamaProvider]:
    endpoint = ollama_at(*(sim.url for sim in sims))
    provider = OllamaProvider(endpoint, tasks=tasks, clock=SystemClock(), patience=QUICK, machine=lambda: machine)
    try:
        yield provider
    finally:
        await provider.aclose()


@pytest.fixture
async def provider(ollama_sim: OllamaSimulator, tasks: TaskGroup) -> AsyncIterator[OllamaProvider]:
    async with provider_at(tasks, ollama_sim) as provider:
        yield provider


def soon() -> float:
    return time.monotonic() + 5


async def load(library: OllamaLibrary, model: str, *, host: str | None = None) -> list[str]:
    forecast = await library.forecast_load(model, host=host)
    return [phase.phase async for phase in library.load(forecast, deadline_s=soon())]


async def unload(library: OllamaLibrary, model: str, *, host: str | None = None, is_forced: bool = False) -> None:
    forecast = await library.forecast_unload(model, host=host, is_forced=is_forced)
    await library.unload(forecast, deadline_s=soon())


async def pull(library: OllamaLibrary, model: str, *, host: str | None = None) -> list[tuple[str, str]]:
    forecast = await library.forecast_pull(model, host=host)
    return [(step.url, step.progress.status) async for step in library.pull(forecast)]


async def test_every_model_of_every_host_is_listed_with_who_uses_it_and_hosts_that_are_down(tasks: TaskGroup) -> None:
    first, second, gone = OllamaSimulator([QWEN]), OllamaSimulator([QWEN, "llama3:8b"]), OllamaSimulator()
    async with first, second, gone, provider_at(tasks, first, second, gone) as provider:
        await gone.stop()
        await hear(provider, request(QWEN))
        listing = await provider.model_library.list_models()
    found = {(one.url, one.facts.model): one for one in listing.models}
    assert set(found) == {(first.url, QWEN), (second.url, QWEN), (second.url, "llama3:8b")}
    memory = found[first.url, QWEN].memory
    assert memory is not None
    assert memory.window_tokens == 8192
    assert found[second.url, QWEN].memory is None
    ((url, reason),) = listing.unreachable
    assert url == gone.url
    assert gone.url in reason


async def test_running_calls_are_counted_by_model(ollama_sim: OllamaSimulator, provider: OllamaProvider) -> None:
    async with aclosing(provider.stream(request(QWEN))) as reply:
        await anext(reply)
        (busy,) = [one for one in (await provider.model_library.list_models()).models if one.running]
        assert (busy.facts.model, busy.running) == (QWEN, 1)


async def test_a_cloud_that_is_off_is_not_asked_for_its_list(ollama_sim: OllamaSimulator, tasks: TaskGroup) -> None:
    cloud = replace(ollama_at(ollama_sim.url), tier=Tier.CLOUD, off_reason="it is off")
    provider = OllamaProvider(cloud, tasks=tasks, clock=SystemClock())
    assert (await provider.model_library.list_models()).unreachable == ((ollama_sim.url, "it is off"),)
    assert ollama_sim.connections == 0
    await provider.aclose()


async def test_one_model_is_described_with_all_its_places(provider: OllamaProvider) -> None:
    facts, places = await provider.model_library.info("Qwen2.5:1.5B", deadline_s=soon())
    assert (facts.parameter_size, len(places)) == ("1.5B", 1)
    with pytest.raises(errors.ModelMissing) as caught:
        await provider.model_library.info("nope", deadline_s=soon())
    assert caught.value.hint == "ollama pull nope, or amalfa models pull nope"


async def test_what_nobody_can_be_asked_about_is_no_missing_model(
    ollama_sim: OllamaSimulator, provider: OllamaProvider
) -> None:
    await ollama_sim.stop()
    with pytest.raises(errors.ConnectFailed) as caught:
        await provider.model_library.info(QWEN, deadline_s=soon())
    assert caught.value.hint == "ollama serve"


async def test_a_model_is_loaded_once_and_with_the_options_of_calls(
    ollama_sim: OllamaSimulator, provider: OllamaProvider
) -> None:
    assert await load(provider.model_library, QWEN) == [f"loading {QWEN}"]
    assert await load(provider.model_library, QWEN) == []
    await hear(provider, request(QWEN))
    assert (ollama_sim.counters.loads, ollama_sim.counters.reloads) == (1, 0)


async def test_a_load_is_shared_with_callers(ollama_sim: OllamaSimulator, provider: OllamaProvider) -> None:
    ollama_sim.load_s = 0.2
    async with anyio.create_task_group() as group:
        group.start_soon(hear, provider, request(QWEN))
        group.start_soon(load, provider.model_library, QWEN)
    assert ollama_sim.counters.loads == 1


async def test_an_embedding_model_is_loaded_the_way_it_allows(
    ollama_sim: OllamaSimulator, provider: OllamaProvider
) -> None:
    await load(provider.model_library, EMBED)
    assert ollama_sim.loaded == ["nomic-embed-text:latest"]
    assert ollama_sim.requests_to("/api/generate") == []


async def test_a_load_goes_where_it_is_told_or_where_a_call_would_go(tasks: TaskGroup) -> None:
    first, second = OllamaSimulator(["other:7b"]), OllamaSimulator([QWEN, "other:7b"])
    async with first, second, provider_at(tasks, first, second) as provider:
        await load(provider.model_library, QWEN)
        await load(provider.model_library, "other:7b", host=second.url.removeprefix("http://"))
        assert (first.loaded, set(second.loaded)) == ([], {QWEN, "other:7b"})
        with pytest.raises(errors.ModelMissing) as caught:
            await load(provider.model_library, QWEN, host=first.url)
        assert caught.value.hint == f"amalfa models pull {QWEN} --host {first.url}"
        with pytest.raises(errors.UsageProblem, match="is more than one host"):
            await load(provider.model_library, QWEN, host="127.0.0.1")
        with pytest.raises(errors.UsageProblem, match="is not a host"):
            await load(provider.model_library, QWEN, host="nowhere")


async def test_a_forecast_says_what_would_happen_and_does_nothing(
    ollama_sim: OllamaSimulator, provider: OllamaProvider
) -> None:
    forecast = await provider.model_library.forecast_load(QWEN)
    assert forecast.does == (f"{QWEN} (986 MB) would be loaded at {ollama_sim.url} with a window of 8192 tokens.",)
    assert (await provider.model_library.forecast_unload(QWEN)).does == (f"{QWEN} is not in memory.",)
    assert "would be downloaded to" in (await provider.model_library.forecast_pull("phi3:mini")).does[0]
    assert "1000.0 GB are free" in (await provider.model_library.forecast_pull("phi3:mini")).does[0]
    assert "is installed at" in (await provider.model_library.forecast_pull(QWEN)).does[0]
    assert [one for one in ollama_sim.requests if one.method == "POST"] == []


async def test_a_load_that_pushes_others_out_says_which(ollama_sim: OllamaSimulator, tasks: TaskGroup) -> None:
    full = replace(ROOMY, free_memory_bytes=10**9)
    async with provider_at(tasks, ollama_sim, machine=full) as provider:
        await load(provider.model_library, EMBED)
        forecast = await provider.model_library.forecast_load(QWEN)
    assert forecast.pushed_out == ("nomic-embed-text:latest",)
    assert forecast.does[-1] == "To make room, Ollama may take out nomic-embed-text:latest."
    assert (forecast.warnings, forecast.refusal) == ((), None)


async def test_a_load_that_cannot_fit_is_refused(ollama_sim: OllamaSimulator, tasks: TaskGroup) -> None:
    async with provider_at(tasks, ollama_sim, machine=TINY) as provider:
        with pytest.raises(errors.OutOfMemory, match="needs 986 MB of memory"):
            await load(provider.model_library, QWEN)
    assert ollama_sim.counters.loads == 0


async def test_a_model_with_another_window_is_said_to_be_loaded_anew(
    ollama_sim: OllamaSimulator, provider: OllamaProvider, tasks: TaskGroup
) -> None:
    other = OllamaProvider(replace(ollama_at(ollama_sim.url), num_ctx=2048), tasks=tasks, clock=SystemClock())
    await load(other.model_library, QWEN)
    await other.aclose()
    forecast = await provider.model_library.forecast_load(QWEN)
    assert "is loaded anew" in forecast.does[-1]
    assert forecast.changes


async def test_a_model_leaves_memory_wherever_it_is(tasks: TaskGroup) -> None:
    first, second = OllamaSimulator([QWEN]), OllamaSimulator([QWEN])
    async with first, second, provider_at(tasks, first, second) as provider:
        for sim in (first, second):
            await load(provider.model_library, QWEN, host=sim.url)
        await unload(provider.model_library, QWEN, host=first.url)
        assert (first.loaded, second.loaded) == ([], [QWEN])
        await unload(provider.model_library, QWEN)
        assert second.loaded == []
        await unload(provider.model_library, QWEN)


async def test_a_model_in_use_stays_unless_it_is_forced_and_then_the_call_is_finished(
    ollama_sim: OllamaSimulator, provider: OllamaProvider
) -> None:
    await load(provider.model_library, QWEN)
    ollama_sim.token_ms = 30
    async with aclosing(provider.stream(request(QWEN))) as reply:
        await anext(reply)
        with pytest.raises(errors.Busy, match="is in use by 1 calls") as caught:
            await unload(provider.model_library, QWEN)
        assert "--force" in caught.value.hint
        await unload(provider.model_library, QWEN, is_forced=True)
        rest = [event async for event in reply]
    assert rest
    await ollama_sim.idle()
    assert ollama_sim.loaded == []


async def test_a_pull_goes_to_the_first_host_up_to_a_named_one_or_to_all(tasks: TaskGroup) -> None:
    gone, first, second = OllamaSimulator([]), OllamaSimulator([]), OllamaSimulator([])
    async with gone, first, second, provider_at(tasks, gone, first, second) as provider:
        await gone.stop()
        steps = await pull(provider.model_library, "one:1b")
        assert {url for url, _ in steps} == {first.url}
        assert steps[-1] == (first.url, "success")
        await pull(provider.model_library, "two:1b", host=second.url)
        await pull(provider.model_library, "three:1b", host="all")
        assert [sim.counters.pulls for sim in (first, second)] == [["one:1b", "three:1b"], ["two:1b", "three:1b"]]
        with pytest.raises(errors.ConnectFailed):
            await pull(provider.model_library, "two:1b", host=gone.url)
        assert (await hear(provider, request("one:1b")))[-1]


async def test_leaving_a_pull_stops_it_and_the_next_one_resumes(
    ollama_sim: OllamaSimulator, provider: OllamaProvider
) -> None:
    ollama_sim.registry.pull_s = 0.3
    forecast = await provider.model_library.forecast_pull("phi3:mini")
    async with aclosing(provider.model_library.pull(forecast)) as steps:
        async for step in steps:
            if step.progress.completed:
                break
    await ollama_sim.idle()
    assert ollama_sim.counters.pulls == []
    counted = [step.progress async for step in provider.model_library.pull(forecast) if step.progress.total]
    assert (counted[0].completed or 0) > 0
    assert ollama_sim.counters.pulls == ["phi3:mini"]


async def test_a_full_disk_refuses_a_pull_on_this_machine(ollama_sim: OllamaSimulator, tasks: TaskGroup) -> None:
    async with provider_at(tasks, ollama_sim, machine=TINY) as provider:
        with pytest.raises(errors.ModelRefused, match="does not fit"):
            await pull(provider.model_library, "phi3:mini")


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "qwen3:cloud"])
async def test_a_model_of_ollamas_cloud_is_neither_loaded_nor_unloaded_nor_pulled(
    model: str, provider: OllamaProvider
) -> None:
    for act in (load, unload, pull):
        with pytest.raises(errors.UsageProblem, match="Ollama's cloud"):
            await act(provider.model_library, model)


class Detour(httpx.AsyncHTTPTransport):
    """Dials this machine whatever the name."""

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(host="127.0.0.1")
        return await super().handle_async_request(request)


async def test_hosts_elsewhere_are_not_judged_by_this_machine(ollama_sim: OllamaSimulator, tasks: TaskGroup) -> None:
    endpoint = ollama_at(ollama_sim.url.replace("127.0.0.1", "gpu.internal"))
    far = OllamaProvider(
        endpoint, tasks=tasks, clock=SystemClock(), machine=lambda: TINY, transport=Detour(trust_env=False)
    )
    assert (await far.model_library.forecast_load(QWEN)).refusal is None
    assert "free" not in (await far.model_library.forecast_pull("phi3:mini")).does[0]
    assert (await pull(far.model_library, "phi3:mini"))[-1][1] == "success"
    await far.aclose()
