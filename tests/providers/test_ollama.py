"""Ollama over real sockets: cold models, shared loads, pools, forwarded models, what it has."""

import json
import re
from contextlib import aclosing
from dataclasses import replace

import anyio
import pytest
from anyio.abc import TaskGroup

from amalfa import errors
from amalfa.calls import PrivacyClass, Tier
from amalfa.config.secret import Secret
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.patience import Patience
from amalfa.providers.provider import Event, Waiting
from tests.providers.asking import (
    CITY,
    QWEN,
    end_of,
    failure_of,
    hear,
    ollama_at,
    phases_of,
    request,
    text_of,
)
from tests.providers.pools import provider_at, until
from tests.upstreams.ollama import OllamaSimulator
from tests.upstreams.ollama_models import OllamaModel

SLOW_LOAD_S = 0.4


async def test_a_reply_arrives_piece_by_piece_and_ends_with_its_counts(ollama: OllamaProvider) -> None:
    events = await hear(ollama, request(QWEN))
    assert text_of(events) == "This is a simulated reply."
    end = end_of(events)
    assert (end.model, end.usage.cost_usd) == (QWEN, 0.0)
    assert end.usage.tokens_out == 5
    assert end.generation_id is None


async def test_a_cold_model_is_waited_for_and_said_to_be_loading(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    # Longer than the first byte of a warm model may take.
    ollama_sim.load_s = SLOW_LOAD_S
    events = await hear(ollama, request(QWEN))
    assert events[0] == Waiting(f"loading {QWEN}", is_loading=True)
    assert text_of(events)
    assert ollama_sim.counters.loads == 1


async def test_a_long_load_says_how_long_it_takes(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    ollama_sim.load_s = 1.1
    assert phases_of(await hear(ollama, request(QWEN))) == [f"loading {QWEN}", f"loading {QWEN} 1 s"]


async def test_a_warm_model_is_asked_at_once(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    await hear(ollama, request(QWEN))
    assert phases_of(await hear(ollama, request(QWEN))) == []
    assert len(ollama_sim.requests_to("/api/generate")) == 1


async def test_callers_of_a_cold_model_share_one_load(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    ollama_sim.load_s = SLOW_LOAD_S
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(hear, ollama, request(QWEN))
    assert ollama_sim.counters.loads == 1
    assert len(ollama_sim.requests_to("/api/generate")) == 1


async def test_a_caller_out_of_time_leaves_the_load_to_the_others(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    ollama_sim.load_s = SLOW_LOAD_S
    patient: list[str] = []

    async def wait_it_out() -> None:
        patient.append(text_of(await hear(ollama, request(QWEN))))

    async with anyio.create_task_group() as group:
        group.start_soon(wait_it_out)
        error, _ = await failure_of(ollama, request(QWEN, within_s=0.1))
    assert isinstance(error, errors.Stalled)
    assert "the load goes on" in error.message
    assert patient == ["This is a simulated reply."]
    assert (ollama_sim.counters.loads, ollama_sim.counters.aborted_loads) == (1, 0)


async def test_when_every_caller_has_gone_the_load_still_ends_well(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    ollama_sim.load_s = SLOW_LOAD_S
    async with aclosing(ollama.stream(request(QWEN))) as stream:
        assert isinstance(await anext(stream), Waiting)
    await until(lambda: ollama_sim.loaded == [QWEN])
    await anyio.sleep(0.05)
    assert ollama_sim.counters.aborted_loads == 0
    assert phases_of(await hear(ollama, request(QWEN))) == []


async def test_a_load_that_fails_fails_everybody_who_waited(ollama_sim: OllamaSimulator, tasks: TaskGroup) -> None:
    endpoint = replace(ollama_at(ollama_sim.url), slots_per_host=2)
    ollama_sim.load_s = 0.05
    ollama_sim.script(f"load:{QWEN}", {"error": "out_of_memory"})
    kinds: list[type[Exception]] = []

    async def ask(ollama: OllamaProvider) -> None:
        error, _ = await failure_of(ollama, request(QWEN))
        kinds.append(type(error))

    async with provider_at(tasks, endpoint) as ollama:
        async with anyio.create_task_group() as group:
            group.start_soon(ask, ollama)
            group.start_soon(ask, ollama)
        assert kinds == [errors.OutOfMemory, errors.OutOfMemory]
        assert text_of(await hear(ollama, request(QWEN)))


async def test_every_call_carries_the_same_load_options_so_nothing_reloads(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    for tokens, schema in ((10, None), (200, CITY), (50, None)):
        await hear(ollama, request(QWEN, max_tokens=tokens, schema=schema))
    sent = [r.json["options"]["num_ctx"] for r in ollama_sim.requests if r.method == "POST"]
    assert len(sent) == 4
    assert set(sent) == {8192}
    assert (ollama_sim.counters.loads, ollama_sim.counters.reloads) == (1, 0)


async def test_a_model_another_program_loaded_with_another_window_is_loaded_anew_first(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider, tasks: TaskGroup
) -> None:
    small = replace(ollama_at(ollama_sim.url), num_ctx=2048)
    async with provider_at(tasks, small) as other:
        await hear(other, request(QWEN))
    assert phases_of(await hear(ollama, request(QWEN))) == [f"loading {QWEN}"]


async def test_a_schema_goes_along_as_the_format(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    await hear(ollama, request(QWEN, schema=CITY))
    assert ollama_sim.requests_to("/api/chat")[0].json["format"] == CITY


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, json.dumps({"error": {"code": 400, "message": "JSON schema conversion failed", "type": "bad"}})),
        (500, "invalid JSON schema in format"),
        (400, "json: cannot unmarshal object into Go struct field ChatRequest.format of type string"),
    ],
)
async def test_a_schema_that_no_grammar_is_made_of_is_asked_for_in_words_once(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider, status: int, said: str
) -> None:
    ollama_sim.script(QWEN, {"status": status, "body": {"error": said}}, {"text": '{"city": "Rome"}'})
    events = await hear(ollama, request(QWEN, schema=CITY))
    assert text_of(events) == '{"city": "Rome"}'
    first, second = (sent.json for sent in ollama_sim.requests_to("/api/chat"))
    assert first["format"] == CITY
    assert "format" not in second
    assert "JSON Schema" in second["messages"][0]["content"]
    assert any("in words" in phase for phase in phases_of(events))


async def test_a_thinking_model_does_not_think(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    ollama_sim.install("qwen3:4b")
    ollama_sim.script("qwen3:4b", {"text": "Fine.", "thinking": "Let me see."})
    assert text_of(await hear(ollama, request("qwen3:4b"))) == "Fine."
    assert ollama_sim.requests_to("/api/chat")[0].json["think"] is False


async def test_a_reply_cut_at_its_limit_is_no_answer(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    ollama_sim.script(QWEN, {"chunks": ["one ", "two ", "three"]})
    error, text = await failure_of(ollama, request(QWEN, max_tokens=2))
    assert isinstance(error, errors.Truncated)
    assert text == "one two "
    assert "maxTokens" in error.hint


async def test_the_native_error_line_in_the_stream_is_a_failure(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    ollama_sim.install(OllamaModel("native", path="native"))
    ollama_sim.script("native:latest", {"chunks": ["one ", "two "], "fault": "error_line:1"})
    error, text = await failure_of(ollama, request("native"))
    assert isinstance(error, errors.ContextTooLong | errors.UpstreamBroken)
    assert text == "one "


async def test_a_host_that_cannot_tell_what_is_loaded_is_given_the_time_of_a_cold_one(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    ollama_sim.script("/api/ps", {"status": 404, "body": "404 page not found"})
    ollama_sim.load_s = SLOW_LOAD_S
    events = await hear(ollama, request(QWEN))
    assert phases_of(events) == []
    assert text_of(events)


async def test_a_long_prompt_is_given_the_time_to_be_read(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    await hear(ollama, request(QWEN))
    ollama_sim.script(QWEN, {"delay_ms": 600})
    assert text_of(await hear(ollama, request(QWEN, text="word " * 100)))


async def test_looking_tells_what_every_host_has(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    ollama_sim.install("gpt-oss:120b-cloud")
    ollama_sim.install(OllamaModel("mine", remote_host="https://ollama.com:443", remote_model="big"))
    await hear(ollama, request(QWEN))
    presence = await ollama.look()
    assert presence.state == "up"
    (host,) = presence.hosts
    assert host.url == ollama_sim.url
    assert host.installed is not None
    assert {QWEN, "nomic-embed-text:latest"} <= host.installed
    assert host.loaded == (QWEN,)
    assert host.forwarded == {"gpt-oss:120b-cloud", "mine:latest"}


async def test_looking_at_nobody_says_so_within_its_limit(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    ollama_sim.script("/api/tags", {"fault": "hang"})
    with anyio.fail_after(1.0):
        assert (await ollama.look()).state == "down"
    await ollama_sim.stop()
    presence = await ollama.look()
    assert presence.state == "down"
    assert ollama_sim.url in presence.reason


async def test_looking_at_a_host_that_refuses_us_parks_it(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    ollama_sim.script("/api/tags", {"status": 401, "body": ""})
    assert (await ollama.look()).state == "parked"


async def test_a_key_or_a_password_goes_along(ollama_sim: OllamaSimulator, tasks: TaskGroup) -> None:
    keyed = replace(ollama_at(ollama_sim.url), key=Secret("ollama-key-1"))
    guarded = replace(ollama_at(ollama_sim.url), basic_auth=("ada", Secret("pass")))
    for endpoint, header in ((keyed, "Bearer ollama-key-1"), (guarded, "Basic YWRhOnBhc3M=")):
        async with provider_at(tasks, endpoint) as provider:
            await hear(provider, request(QWEN))
        assert ollama_sim.requests[-1].headers["authorization"] == header


async def test_local_only_text_is_not_sent_to_an_unverified_host_nor_a_model_loaded_for_it(
    ollama_sim: OllamaSimulator, tasks: TaskGroup
) -> None:
    async with provider_at(tasks, ollama_at(ollama_sim.url, is_local=False)) as provider:
        error, _ = await failure_of(provider, request(QWEN, privacy=PrivacyClass.LOCAL_ONLY))
    assert isinstance(error, errors.Forbidden)
    assert [r for r in ollama_sim.requests if r.method == "POST"] == []


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "mine"])
async def test_local_only_text_is_not_given_to_a_model_that_the_host_forwards(
    model: str, ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    ollama_sim.install(OllamaModel("mine", remote_host="https://ollama.com:443", remote_model="big"))
    error, _ = await failure_of(ollama, request(model, privacy=PrivacyClass.LOCAL_ONLY))
    assert isinstance(error, errors.Forbidden)
    assert ollama_sim.requests_to("/api/chat") == []


async def test_local_only_text_waits_until_it_is_known_what_the_host_forwards(
    ollama_sim: OllamaSimulator, ollama: OllamaProvider
) -> None:
    ollama_sim.script("/api/tags", then={"status": 500, "body": {"error": "no list"}})
    error, _ = await failure_of(ollama, request(QWEN, privacy=PrivacyClass.LOCAL_ONLY))
    assert isinstance(error, errors.ConnectFailed)
    assert ollama_sim.requests_to("/api/chat") == []


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "mine"])
async def test_a_forwarded_model_is_not_used_while_the_cloud_is_off(
    model: str, ollama_sim: OllamaSimulator, tasks: TaskGroup
) -> None:
    ollama_sim.install(OllamaModel("mine", remote_host="https://ollama.com:443", remote_model="big"))
    endpoint = ollama_at(ollama_sim.url, off_reason="sonar.cloud.enabled is false")
    async with provider_at(tasks, endpoint) as provider:
        error, _ = await failure_of(provider, request(model))
        assert isinstance(error, errors.Forbidden)
        assert ollama_sim.requests_to("/api/chat") == []
        assert text_of(await hear(provider, request(QWEN)))


async def test_a_forwarded_model_is_neither_loaded_nor_free_of_charge_for_sure(ollama: OllamaProvider) -> None:
    events = await hear(ollama, request("gpt-oss:120b-cloud"))
    assert phases_of(events) == []
    assert end_of(events).usage.cost_usd is None


async def test_a_gpu_server_of_ones_own_is_a_cloud_that_can_be_off(
    ollama_sim: OllamaSimulator, tasks: TaskGroup
) -> None:
    cloud = replace(ollama_at(ollama_sim.url, is_local=False), tier=Tier.CLOUD, off_reason="it is off")
    async with provider_at(tasks, cloud) as provider:
        assert (await provider.look()).state == "parked"
        error, _ = await failure_of(provider, request(QWEN))
    assert isinstance(error, errors.Forbidden)
    assert ollama_sim.connections == 0


async def test_a_missing_model_is_pulled_when_that_is_wanted_once_for_all_who_wait(
    ollama_sim: OllamaSimulator, tasks: TaskGroup
) -> None:
    ollama_sim.registry.pull_s = 0.2
    replies: list[list[Event]] = []

    async with provider_at(tasks, replace(ollama_at(ollama_sim.url), auto_pull=True)) as provider:

        async def ask() -> None:
            replies.append(await hear(provider, request("tiny:1b")))

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(ask)
    assert ollama_sim.counters.pulls == ["tiny:1b"]
    assert len(ollama_sim.requests_to("/api/pull")) == 1
    for events in replies:
        assert text_of(events)
        assert any(re.fullmatch(r"pulling tiny:1b \d+ %", phase) for phase in phases_of(events))


async def test_a_caller_out_of_time_leaves_the_download_to_go_on(ollama_sim: OllamaSimulator, tasks: TaskGroup) -> None:
    ollama_sim.registry.pull_s = 1.0
    async with provider_at(tasks, replace(ollama_at(ollama_sim.url), auto_pull=True)) as provider:
        error, _ = await failure_of(provider, request("tiny:1b", within_s=0.6))
        assert isinstance(error, errors.Stalled)
        assert "the download goes on" in error.message
        await until(lambda: ollama_sim.counters.pulls == ["tiny:1b"])


@pytest.mark.parametrize("model", ["tiny:1b", "gpt-oss:120b-cloud"])
async def test_nothing_is_pulled_unasked_nor_what_runs_in_a_cloud(
    model: str, ollama_sim: OllamaSimulator, tasks: TaskGroup
) -> None:
    is_wanted = model.endswith("-cloud")
    ollama_sim.script("/api/chat", then={"status": 404, "body": {"error": "model not found"}})
    async with provider_at(tasks, replace(ollama_at(ollama_sim.url), auto_pull=is_wanted)) as provider:
        assert not provider.can_pull(model)
        error, _ = await failure_of(provider, request(model))
    assert isinstance(error, errors.ModelMissing)
    assert ollama_sim.requests_to("/api/pull") == []


async def test_an_attempt_ends_at_the_limit_of_its_provider(ollama_sim: OllamaSimulator, tasks: TaskGroup) -> None:
    limited = replace(ollama_at(ollama_sim.url), attempt_s=0.15)
    async with provider_at(tasks, limited, patience=Patience()) as provider:
        await hear(provider, request(QWEN))
        ollama_sim.script(QWEN, {"fault": "hang"})
        with anyio.fail_after(1.0):
            error, _ = await failure_of(provider, request(QWEN))
    assert isinstance(error, errors.Stalled)


async def test_it_knows_which_build_of_a_model_it_has(ollama_sim: OllamaSimulator, ollama: OllamaProvider) -> None:
    assert ollama.digest_of(QWEN) == "", "nobody has looked yet"
    await ollama.look()
    before = ollama.digest_of(QWEN)
    assert before
    assert ollama.digest_of("unknown") == ""
    ollama_sim.install(OllamaModel(QWEN, system="pulled again"))
    await ollama.look()
    assert ollama.digest_of(QWEN) not in ("", before)
