"""Ways round the rules that no setting names: redirects, proxies, a model that changes sides, a hidden listing."""

import pytest
from typing_extensions import override

from amalfa.clock import SystemClock
from amalfa.errors import AmalfaError
from tests.privacy.house import CANARY, FLAGS, SOURCES, Folders, Upstreams, disguised, sonar


class LaterClock(SystemClock):
    """The system's clock, moved forward by hand."""

    ahead_s = 0.0

    @override
    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.ahead_s


async def test_a_local_host_that_redirects_to_a_cloud_is_not_followed(world: Upstreams, folders: Folders) -> None:
    async with sonar(folders, world) as served:
        for there in (f"{world.cloud.api_url}/chat/completions", f"{world.far.url}/api/chat"):
            world.near.script("*", then={"fault": f"redirect:{there}"})
            for source in SOURCES:
                await served.run_source(source, FLAGS["no flag"])
    assert world.stayed() > 0
    assert world.leaks() == []


async def test_a_proxy_in_the_environment_gets_nothing(
    world: Upstreams, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, world.lab.url)
    async with sonar(folders, world) as served:
        result = await served.run_source(SOURCES[2], FLAGS["no flag"])
    assert not isinstance(result, AmalfaError)
    assert world.stayed() == 1
    assert world.lab.received == 0


async def test_a_model_that_began_to_be_forwarded_is_asked_no_more(world: Upstreams, folders: Folders) -> None:
    clock = LaterClock()
    async with sonar(folders, world, {"model": "innocent", "routing": {"fallback": False}}, clock=clock) as served:
        world.near.install("innocent:latest")
        before = await served.run_source(SOURCES[2], FLAGS["no flag"])
        assert not isinstance(before, AmalfaError)
        assert before.route.model == "ollama:innocent"
        world.near.install(disguised("innocent:latest"))
        world.forget()
        clock.ahead_s += 2.0
        await served.run_source(SOURCES[2], FLAGS["no flag"])
    assert world.leaks() == []


async def test_a_host_that_hides_its_list_is_not_trusted_with_local_only_texts(
    world: Upstreams, folders: Folders
) -> None:
    """Without the list nobody knows which models are forwarded."""
    world.near.script("/api/tags", then={"status": 500})
    async with sonar(folders, world, {"model": "innocent"}) as served:
        for source in SOURCES:
            await served.run_source(source, FLAGS["no flag"])
    assert world.leaks() == []


async def test_a_spelling_of_a_forwarded_model_that_hides_it_does_not_help(world: Upstreams, folders: Folders) -> None:
    async with sonar(folders, world) as served:
        for name in ("INNOCENT", "innocent:latest", "library/innocent", "registry.ollama.ai/library/innocent:latest"):
            given = {"question": "What is said?", "passages": [{"text": f"The {CANARY} sleeps."}]}
            wish = FLAGS["no flag"].__class__(model=f"ollama:{name}")
            await served.run("synthesize", given, wish=wish, privacy=SOURCES[7].privacy)
    named = [request.json["model"] for request in world.near.requests if CANARY.encode() in request.body]
    assert set(named) <= {"qwen2.5:1.5b"}
