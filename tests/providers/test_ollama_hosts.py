"""Several Ollama hosts as one: who is asked, who is passed over, who comes back, who is shown what."""

from contextlib import aclosing
from dataclasses import replace
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from amalfa import errors
from amalfa.calls import Lane, PrivacyClass
from amalfa.clock import SystemClock
from amalfa.config.secret import Secret
from amalfa.providers.endpoint import Address, Credentials
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.patience import Patience
from amalfa.providers.provider import Event, TextDelta
from tests.providers.asking import (
    QUICK,
    QWEN,
    failure_of,
    hear,
    ollama_at,
    phases_of,
    request,
    text_of,
)
from tests.providers.pools import SkippingClock, provider_at, until
from tests.upstreams.ollama import OllamaSimulator


async def test_local_only_text_stays_with_verified_hosts(tasks: TaskGroup) -> None:
    async with OllamaSimulator() as far, OllamaSimulator() as near:
        endpoint = replace(ollama_at(), addresses=(Address(far.url), Address(near.url, is_verified_local=True)))
        async with provider_at(tasks, endpoint) as provider:
            asked = request(QWEN, privacy=PrivacyClass.LOCAL_ONLY)
            for _ in range(3):
                await hear(provider, asked)
            assert far.requests_to("/api/chat") == []
            assert len(near.requests_to("/api/chat")) == 3


async def test_a_pool_asks_the_host_that_has_the_model(tasks: TaskGroup) -> None:
    wrong, right = OllamaSimulator(["other:7b"]), OllamaSimulator([QWEN])
    async with wrong, right, provider_at(tasks, wrong, right) as provider:
        assert text_of(await hear(provider, request(QWEN)))
        assert wrong.requests_to("/api/chat") == []


async def test_a_pool_goes_on_with_the_next_host_when_one_has_died(tasks: TaskGroup) -> None:
    async with OllamaSimulator() as first, OllamaSimulator() as second, provider_at(tasks, first, second) as provider:
        await provider.look()
        await first.stop()
        assert text_of(await hear(provider, request(QWEN)))
        assert len(second.requests_to("/api/chat")) == 1


async def test_a_host_found_dead_is_left_alone_until_a_look_that_is_due_finds_it(tasks: TaskGroup) -> None:
    clock = SkippingClock()
    first, second = OllamaSimulator(), OllamaSimulator()
    async with first, second, provider_at(tasks, first, second, clock=clock) as provider:
        await provider.look()
        await first.stop()
        await hear(provider, request(QWEN))
        await first.start()
        await hear(provider, request(QWEN))
        second.uninstall(QWEN)
        await provider.look()
        error, _ = await failure_of(provider, request(QWEN))
        assert isinstance(error, errors.ModelMissing)
        clock.skipped_s += 1.1
        presence = await provider.look()
        assert [host.state for host in presence.hosts] == ["up", "up"]
        assert text_of(await hear(provider, request(QWEN, within_s=60)))
        assert len(first.requests_to("/api/chat")) == 1


async def test_a_lone_host_that_is_back_is_found_by_the_very_next_look(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    await ollama_sim.stop()
    assert (await ollama.look()).state == (await ollama.look()).state == "down"
    await ollama_sim.start()
    assert (await ollama.look()).state == "up"


async def test_a_host_tells_its_version_once(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    for _ in range(3):
        (host,) = (await ollama.look()).hosts
        assert host.version == "0.33.0"
    assert len(ollama_sim.requests_to("/api/version")) == 1


async def test_a_host_without_a_version_is_up_all_the_same(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    ollama_sim.script("/api/version", then={"status": 404, "body": "404 page not found"})
    (host,) = (await ollama.look()).hosts
    assert (host.state, host.version) == ("up", "")


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param({"error": "queue_full"}, id="queue full"),
        pytest.param({"error": "out_of_memory"}, id="no memory"),
        pytest.param({"fault": "reset"}, id="connection lost before a byte"),
        pytest.param({"status": 404, "body": {"error": "model not found"}}, id="deleted meanwhile"),
        pytest.param({"status": 401, "body": ""}, id="not let in there"),
        pytest.param({"fault": "hang"}, id="silent"),
    ],
)
async def test_a_call_that_never_got_a_word_moves_to_the_next_host(failure: Any, tasks: TaskGroup) -> None:
    first, second = OllamaSimulator(), OllamaSimulator()
    async with first, second, provider_at(tasks, first, second) as provider:
        await provider.look()
        first.script("/api/chat", failure)
        assert text_of(await hear(provider, request(QWEN))) == "This is a simulated reply."
        assert len(first.requests_to("/api/chat")) == len(second.requests_to("/api/chat")) == 1


async def test_a_failure_that_is_about_the_request_moves_nowhere(tasks: TaskGroup) -> None:
    first, second = OllamaSimulator(), OllamaSimulator()
    async with first, second, provider_at(tasks, first, second) as provider:
        await provider.look()
        first.script("/api/chat", {"status": 400, "body": {"error": "invalid message"}})
        error, _ = await failure_of(provider, request(QWEN))
        assert isinstance(error, errors.BadRequestUpstream)
        assert second.requests_to("/api/chat") == []


async def test_a_host_that_dies_after_the_first_word_ends_the_call_and_leaves_the_pool_at_once(
    tasks: TaskGroup,
) -> None:
    first, second = OllamaSimulator(token_ms=50), OllamaSimulator()
    async with first, second, provider_at(tasks, first, second) as provider:
        await provider.look()

        error: errors.CallError | None = None
        try:
            async with aclosing(provider.stream(request(QWEN))) as stream:
                async for event in stream:
                    if isinstance(event, TextDelta):
                        await first.stop()
        except errors.CallError as caught:
            error = caught
        assert isinstance(error, errors.Truncated)
        assert second.requests_to("/api/chat") == []
        assert text_of(await hear(provider, request(QWEN)))
        assert len(second.requests_to("/api/chat")) == 1
        assert [host.state for host in (await provider.look()).hosts] == ["down", "up"]


async def test_one_call_that_breaks_off_does_not_take_a_host_that_lives_out_of_the_pool(tasks: TaskGroup) -> None:
    first, second = OllamaSimulator(), OllamaSimulator()
    async with first, second, provider_at(tasks, first, second) as provider:
        await provider.look()
        first.script(QWEN, {"chunks": ["one ", "two "], "fault": "error_line:1", "late_error": "it broke"})
        error, _ = await failure_of(provider, request(QWEN))
        assert isinstance(error, errors.UpstreamBroken)
        await until(lambda: len(first.requests_to("/api/tags")) == 2)
        await anyio.sleep(0.05)
        await hear(provider, request(QWEN))
        assert len(first.requests_to("/api/chat")) == 2


async def test_a_host_that_refuses_calls_rests_while_another_serves(tasks: TaskGroup) -> None:
    first, second = OllamaSimulator(), OllamaSimulator()
    async with first, second, provider_at(tasks, first, second) as provider:
        await provider.look()
        first.script("/api/chat", {"error": "queue_full"})
        for _ in range(3):
            await hear(provider, request(QWEN))
        assert (len(first.requests_to("/api/chat")), len(second.requests_to("/api/chat"))) == (1, 3)


async def test_a_lone_host_that_refused_is_asked_again_only_after_its_rest(
    ollama_sim: OllamaSimulator, tasks: TaskGroup
) -> None:
    clock = SkippingClock()
    async with provider_at(tasks, ollama_sim, clock=clock) as provider:
        ollama_sim.script("/api/chat", {"error": "queue_full"})
        error, _ = await failure_of(provider, request(QWEN))
        assert isinstance(error, errors.Overloaded)
        events: list[Event] = []
        with pytest.raises(errors.Overloaded):
            await hear(provider, request(QWEN, within_s=0.1), each=events.append)
        assert phases_of(events) == [f"waiting for a place at {ollama_sim.url}"]
        assert len(ollama_sim.requests_to("/api/chat")) == 1
        clock.skipped_s += 1.6
        assert text_of(await hear(provider, request(QWEN, within_s=60)))


async def test_a_burst_that_overruns_a_queue_is_served_in_turn_afterwards(tasks: TaskGroup) -> None:
    async with OllamaSimulator(max_queue=1, load_s=0.1) as sim, provider_at(tasks, sim) as provider:
        await hear(provider, request(QWEN))
        sim.token_ms = 5
        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(hear, provider, request(QWEN))
        assert len(sim.requests_to("/api/chat")) == 7
        assert sim.counters.queue_refusals == 0


async def test_a_host_with_a_short_queue_is_not_overrun(tasks: TaskGroup) -> None:
    models = ["a:1b", "b:1b", "c:1b", "d:1b"]
    async with OllamaSimulator(models, max_queue=1, max_loaded=9, load_s=0.1) as sim:
        async with provider_at(tasks, sim) as provider, anyio.create_task_group() as group:
            for model in models:
                group.start_soon(hear, provider, request(model))
        assert (sim.counters.loads, sim.counters.queue_refusals) == (4, 0)


async def test_a_call_that_waits_moves_to_a_host_that_has_a_free_place(tasks: TaskGroup) -> None:
    slow, quick = OllamaSimulator(token_ms=150), OllamaSimulator()
    async with slow, quick:
        endpoint = replace(ollama_at(slow.url, quick.url), slots_per_host=1)
        async with provider_at(tasks, endpoint, patience=Patience()) as provider:
            await provider.look()
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(hear, provider, request(QWEN))
            assert len(slow.requests_to("/api/chat")) == 1
            assert len(quick.requests_to("/api/chat")) == 4


async def test_local_only_text_that_waits_does_not_move_to_a_host_that_is_not_verified(tasks: TaskGroup) -> None:
    near, far = OllamaSimulator(token_ms=20), OllamaSimulator()
    async with near, far:
        addresses = (Address(near.url, is_verified_local=True), Address(far.url))
        endpoint = replace(ollama_at(), addresses=addresses, slots_per_host=1)
        async with provider_at(tasks, endpoint, patience=Patience()) as provider:
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(hear, provider, request(QWEN, privacy=PrivacyClass.LOCAL_ONLY))
            assert (len(near.requests_to("/api/chat")), far.requests_to("/api/chat")) == (3, [])


async def test_vectors_come_from_the_next_host_when_one_has_died(tasks: TaskGroup) -> None:
    first, second = OllamaSimulator(), OllamaSimulator()
    async with first, second, provider_at(tasks, first, second) as provider:
        await provider.look()
        await first.stop()
        deadline_s = SystemClock().monotonic_s() + 5
        vectors = await provider.embed("nomic-embed-text", ["x"], privacy=PrivacyClass.CLOUD_OK, deadline_s=deadline_s)
        assert len(vectors) == 1
        assert (await provider.look()).hosts[0].state == "down"


async def test_local_only_text_asks_a_verified_host_that_lacks_the_model_rather_than_another_that_has_it(
    tasks: TaskGroup,
) -> None:
    async with OllamaSimulator([QWEN]) as far, OllamaSimulator(["other:7b"]) as near:
        addresses = (Address(far.url), Address(near.url, is_verified_local=True))
        async with provider_at(tasks, replace(ollama_at(), addresses=addresses)) as provider:
            error, _ = await failure_of(provider, request(QWEN, privacy=PrivacyClass.LOCAL_ONLY))
            assert isinstance(error, errors.ModelMissing)
            assert [one for one in far.requests if one.method == "POST"] == []


async def test_each_host_is_shown_its_own_key_and_no_other(tasks: TaskGroup) -> None:
    first, second, third = OllamaSimulator([QWEN]), OllamaSimulator(["b:1b"]), OllamaSimulator(["c:1b"])
    async with first, second, third:
        own = Credentials(key=Secret("second-key"), key_origin="environment GPU2", headers=(("X-Team", Secret("two")),))
        login = Credentials(basic_auth=("ada", Secret("pass")))
        addresses = (Address(first.url), Address(second.url, own=own), Address(third.url, own=login))
        endpoint = replace(ollama_at(), addresses=addresses, key=Secret("shared-key"))
        async with provider_at(tasks, endpoint) as provider:
            await provider.look()
            for model in (QWEN, "b:1b", "c:1b"):
                await hear(provider, request(model))
            second.script("/api/chat", {"status": 401, "body": ""})
            error, _ = await failure_of(provider, request("b:1b"))
        for sim, shown in ((first, "Bearer shared-key"), (second, "Bearer second-key"), (third, "Basic YWRhOnBhc3M=")):
            assert {one.headers.get("authorization") for one in sim.requests} == {shown}
        assert {one.headers.get("x-team") for one in second.requests} == {"two"}
        assert {one.headers.get("x-team") for one in first.requests} == {None}
        assert "the key … from environment GPU2" in error.message
        assert "second-key" not in str(error)


async def test_a_pool_spreads_calls_over_its_hosts(tasks: TaskGroup) -> None:
    async with OllamaSimulator(token_ms=30) as first, OllamaSimulator(token_ms=30) as second:
        async with provider_at(tasks, first, second, patience=replace(QUICK, first_byte_s=2.0)) as provider:
            await provider.look()
            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(hear, provider, request(QWEN))
                    await anyio.sleep(0.01)
        shares = sorted(len(one.requests_to("/api/chat")) for one in (first, second))
        assert shares in ([1, 3], [2, 2])


async def test_the_slots_of_a_host_are_found_by_what_its_replies_tell(tasks: TaskGroup) -> None:
    async with OllamaSimulator(num_parallel=3, token_ms=80) as sim, provider_at(tasks, sim, patience=Patience()) as one:
        async with anyio.create_task_group() as group:
            for _ in range(16):
                group.start_soon(hear, one, request(QWEN))
        pool = one._pool
        address = pool.views[0].address
        # A machine that stalls looks like a wait, so one less may be believed; one more never is.
        assert pool.lines.queue(address).slots_of(pool.lines.runner(address, QWEN)) in (2, 3)
        assert sim.counters.most_in_flight == 3


async def test_calls_on_two_models_are_served_model_by_model(tasks: TaskGroup) -> None:
    models = ["a:1b", "b:1b"]
    async with OllamaSimulator(models, max_loaded=1, load_s=0.1) as sim, provider_at(tasks, sim) as provider:
        async with anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(hear, provider, replace(request(models[number % 2]), lane="background"))
        assert sim.counters.served == ["a:1b"] * 6 + ["b:1b"] * 6
        (line,) = provider.lines.values()
        assert (line.swaps_made, line.swaps_avoided, line.background) == (sim.counters.swaps, 10, 0) == (1, 10, 0)
        kept = [one.json["keep_alive"] for one in sim.requests_to("/api/chat")]
        assert kept == ["10m"] * 5 + ["5m"] + ["10m"] * 5 + ["5m"]


async def test_a_question_passes_by_a_batch(tasks: TaskGroup) -> None:
    async with OllamaSimulator(token_ms=5) as sim, provider_at(tasks, sim, patience=Patience()) as provider:
        order: list[str] = []

        async def ask(name: str, lane: Lane) -> None:
            await hear(provider, replace(request(QWEN), lane=lane))
            order.append(name)

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(ask, f"batch {number}", "background")
            await until(lambda: len(order) > 0)
            group.start_soon(ask, "question", "interactive")
        assert order.index("question") < 7
        assert sim.requests_to("/api/chat")[-1].json["keep_alive"] == "15m"


async def test_an_attempt_of_a_job_is_bounded_from_its_place_and_not_from_its_wait(tasks: TaskGroup) -> None:
    async with OllamaSimulator(token_ms=40) as sim:
        endpoint = replace(ollama_at(sim.url), slots_per_host=1)
        async with provider_at(tasks, endpoint, patience=Patience()) as provider:
            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(hear, provider, replace(request(QWEN), lane="background", limit_s=0.6))
            error, _ = await failure_of(provider, replace(request(QWEN), limit_s=0.1))
            assert isinstance(error, errors.Stalled)
