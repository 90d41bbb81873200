"""The line to one API: what it demands goes along, its names are asked for once, leaving the block hangs up."""

from dataclasses import replace

import anyio
import pytest

from amalfa import errors
from amalfa.calls import PrivacyClass, Tier
from amalfa.clock import SystemClock
from amalfa.config.secret import Secret
from amalfa.providers.anthropic import AnthropicProvider
from amalfa.providers.api import Api
from amalfa.providers.openai_compatible import OpenAiCompatibleProvider
from amalfa.providers.openrouter import OpenRouterProvider
from amalfa.providers.pacer import Load, Pace, Pacer
from amalfa.providers.patience import Patience
from amalfa.providers.provider import Request
from tests.providers.asking import KEY, OPUS, QUICK, QWEN_72B, anthropic_at, hear, openrouter_at, request
from tests.upstreams.anthropic import DEFAULT_MODELS, AnthropicSimulator
from tests.upstreams.openrouter import OpenRouterSimulator

USUAL = Patience()


@pytest.mark.parametrize(
    ("kind", "tier", "first_byte_s"),
    [
        pytest.param("openrouter", Tier.CLOUD, USUAL.first_byte_s, id="it shows signs of life while it waits"),
        pytest.param("openai", Tier.CLOUD, USUAL.first_event_s, id="silent until the first word"),
        pytest.param("anthropic", Tier.CLOUD, USUAL.first_event_s, id="silent as well"),
        pytest.param("openai", Tier.LOCAL, USUAL.cold_first_byte_s, id="it may load the model first"),
    ],
)
def test_each_kind_of_api_is_waited_for_as_long_as_it_is_silent(kind: str, tier: Tier, first_byte_s: float) -> None:
    endpoint = replace(openrouter_at("http://127.0.0.1:1"), type=kind, tier=tier)  # type: ignore[arg-type]  # a literal
    assert Api(endpoint, clock=SystemClock()).patience.first_byte_s == first_byte_s


async def test_leaving_the_block_hangs_up(openrouter_sim: OpenRouterSimulator) -> None:
    openrouter_sim.script(QWEN_72B, {"text": "One two three four five six.", "token_ms": 50})
    api = Api(openrouter_at(openrouter_sim.api_url), clock=SystemClock(), patience=QUICK)
    body = {"model": QWEN_72B, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    async with api.post("/chat/completions", body, request(QWEN_72B)) as reply:
        assert reply.status == 200
    with anyio.fail_after(2):
        await openrouter_sim.idle()
    await api.aclose()
    assert len(openrouter_sim.disconnects) == 1


async def test_a_request_keeps_its_privacy_to_the_very_door(openrouter_sim: OpenRouterSimulator) -> None:
    api = Api(openrouter_at(openrouter_sim.api_url), clock=SystemClock(), patience=QUICK)
    private = request(QWEN_72B, privacy=PrivacyClass.LOCAL_ONLY)
    with pytest.raises(errors.Forbidden):
        async with api.post("/chat/completions", {}, private):
            raise AssertionError("it was sent")
    await api.aclose()
    assert openrouter_sim.connections == 0


async def test_names_are_asked_for_once(anthropic_sim: AnthropicSimulator, anthropic: AnthropicProvider) -> None:
    deadline_s = SystemClock().monotonic_s() + 5
    for _ in range(2):
        assert set(await anthropic.models(deadline_s=deadline_s)) == set(DEFAULT_MODELS)
    assert [sent.query for sent in anthropic_sim.requests] == [{"limit": "1000"}]


async def test_who_does_not_tell_its_names_is_broken(anthropic_sim: AnthropicSimulator) -> None:
    endpoint = replace(openrouter_at(f"{anthropic_sim.url}/v1"), type="openai", key=Secret(KEY))
    provider = OpenAiCompatibleProvider(endpoint, clock=SystemClock(), patience=QUICK)
    with pytest.raises(errors.UpstreamBroken, match="did not tell its models"):
        await provider.models(deadline_s=SystemClock().monotonic_s() + 5)
    await provider.aclose()


async def test_calls_beyond_the_pace_wait_for_a_place_and_then_go_out(openrouter_sim: OpenRouterSimulator) -> None:
    clock = SystemClock()
    pacer = Pacer(Pace(most=3), clock)
    provider = OpenRouterProvider(openrouter_at(openrouter_sim.api_url), clock=clock, patience=QUICK, pacer=pacer)
    async with anyio.create_task_group() as calls:
        for _ in range(8):
            calls.start_soon(hear, provider, request(QWEN_72B))
    await provider.aclose()
    assert openrouter_sim.counters.most_in_flight <= 3
    assert len(openrouter_sim.counters.served) == 8
    assert provider.load == Load(0, 3, {"interactive": 0, "background": 0})


@pytest.mark.parametrize("kind", ["openrouter", "anthropic"])
async def test_a_refusal_for_the_pace_makes_the_api_go_slower(
    kind: str, openrouter_sim: OpenRouterSimulator, anthropic_sim: AnthropicSimulator
) -> None:
    clock = SystemClock()
    pacer = Pacer(Pace(most=10), clock)
    if kind == "openrouter":
        openrouter_sim.script("*", {"status": 429, "headers": {"Retry-After": "7"}})
        provider: OpenRouterProvider | AnthropicProvider = OpenRouterProvider(
            openrouter_at(openrouter_sim.api_url), clock=clock, patience=QUICK, pacer=pacer
        )
    else:
        anthropic_sim.script("*", {"status": 429, "headers": {"Retry-After": "7"}})
        provider = AnthropicProvider(anthropic_at(anthropic_sim.url), clock=clock, patience=QUICK, pacer=pacer)
    with pytest.raises(errors.RateLimited):
        await hear(provider, request(QWEN_72B if kind == "openrouter" else OPUS))
    await provider.aclose()
    assert pacer.limit == 9
    assert pacer.load.running == 0


async def test_the_time_of_an_attempt_begins_when_its_turn_has_come(openrouter_sim: OpenRouterSimulator) -> None:
    openrouter_sim.script("*", {"text": "A long tale of many words.", "token_ms": 400})
    clock = SystemClock()
    pacer = Pacer(Pace(most=1), clock)
    provider = OpenRouterProvider(openrouter_at(openrouter_sim.api_url), clock=clock, pacer=pacer)
    asked = replace(request(QWEN_72B), lane="background", limit_s=0.3)
    async with anyio.create_task_group() as calls, pacer.turn("interactive", "m", "openrouter", float("inf")):
        calls.start_soon(expect_stall, provider, asked)
        await anyio.sleep(0.4)
        assert (provider.load.waiting["background"], openrouter_sim.connections) == (1, 0)
    await provider.aclose()
    assert openrouter_sim.connections == 1


async def expect_stall(provider: OpenRouterProvider, asked: Request) -> None:
    with pytest.raises(errors.Stalled):
        await hear(provider, asked)
