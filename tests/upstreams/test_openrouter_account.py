"""Money and limits of a simulated OpenRouter: free tier, credit, key limits, in-flight budget, cancelled streams."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.upstreams.hand_clock import HandClock
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.openrouter_account import Key
from tests.upstreams.openrouter_asking import FREE, KEY, MODEL, OTHER, chat, get, message

FREE_TOO = "google/gemma-3-27b-it:free"


async def test_the_21st_free_call_in_a_minute_is_refused_whatever_the_model_or_key() -> None:
    clock = HandClock()
    async with OpenRouterSimulator(keys={KEY, OTHER}, clock=clock) as sim:
        for number in range(20):
            free, key = (FREE, KEY) if number % 2 else (FREE_TOO, OTHER)
            assert (await chat(sim, free, key=key)).status == 200
        refused = await chat(sim, FREE)
        assert (await chat(sim)).status == 200
        clock.advance(30)
        assert (await chat(sim, FREE)).status == 200
    assert refused.status == 429
    assert message(refused) == "Rate limit exceeded: free-models-per-min. "
    metadata = json.loads(refused.body)["error"]["metadata"]
    assert metadata["limit_source"] == "openrouter_free_tier_per_minute"
    assert metadata["headers"]["X-RateLimit-Reset"] == "1791201660000"
    assert refused.header("X-RateLimit-Reset") == "1791201660000"


@pytest.mark.parametrize(("hints", "header"), [("metadata", None), ("retry_after", "30")])
async def test_the_reset_may_be_named_elsewhere(hints: Any, header: str | None) -> None:
    async with OpenRouterSimulator(keys={KEY}, clock=HandClock()) as sim:
        sim.account.rate_hints, sim.account.free_per_minute = hints, 0
        refused = await chat(sim, FREE)
    assert refused.header("X-RateLimit-Reset") is None
    assert refused.header("Retry-After") == header


async def test_the_daily_limit_counts_refused_calls_and_ends_at_midnight() -> None:
    clock = HandClock()
    async with OpenRouterSimulator(keys={KEY}, clock=clock, free_per_day=2) as sim:
        statuses = [(await chat(sim, FREE)).status for _ in range(4)]
        refused = await chat(sim, FREE)
        used = json.loads((await get(sim, "/key")).body)["data"]["free_model_daily_requests"]
        clock.advance(12 * 3600)
        assert (await chat(sim, FREE)).status == 200
    assert statuses == [200, 200, 429, 429]
    assert message(refused).startswith("Rate limit exceeded: free-models-per-day. Add 10 credits")
    assert used == {"used": 5, "limit": 2, "remaining": 0}


async def test_a_big_account_reads_another_daily_message() -> None:
    async with OpenRouterSimulator(keys={KEY}, free_per_day=1000, clock=HandClock()) as sim:
        sim.account.free_per_minute = 2000
        for _ in range(1000):
            sim.account.count_free_call()
        refused = await chat(sim, FREE)
    assert message(refused) == "Rate limit exceeded: free-models-per-day-high-balance. "


async def test_without_a_cap_a_small_balance_affords_too_little() -> None:
    async with OpenRouterSimulator(keys={KEY}, credits_usd="0.001") as sim:
        refused = await chat(sim, max_tokens=None)
        assert (await chat(sim, max_tokens=50)).status == 200
    assert refused.status == 402
    assert message(refused).startswith(
        "This request requires more credits, or fewer max_tokens. You requested up to 16384"
    )


async def test_money_of_running_requests_is_held() -> None:
    async with OpenRouterSimulator(keys={KEY}, credits_usd="0.00006", token_ms=30) as sim:
        sim.script("*", {"text": "a b c"})
        first = asyncio.ensure_future(chat(sim))
        while not sim.account.held_usd:  # noqa: ASYNC110  # the service sets no event of ours
            await asyncio.sleep(0.001)
        refused = await chat(sim)
        assert (await first).status == 200
        assert (await chat(sim)).status == 200
    assert json.loads(refused.body)["error"]["metadata"]["reason"] == "in_flight_budget_exhausted"
    assert refused.header("Retry-After") == "2"


@pytest.mark.parametrize("model", [MODEL, FREE])
async def test_a_negative_balance_stops_free_calls_too(model: str) -> None:
    async with OpenRouterSimulator(keys={KEY}, credits_usd=-1) as sim:
        refused = await chat(sim, model)
    assert (refused.status, message(refused)) == (
        402,
        "Insufficient credits. Add more using https://openrouter.ai/credits",
    )


@pytest.mark.parametrize(("style", "status"), [("403", 403), ("402", 402), ("budget", 403)])
async def test_a_used_up_key_is_reported_in_three_ways(style: str, status: int) -> None:
    async with OpenRouterSimulator(keys={KEY: Key(limit_usd=Decimal(0)), OTHER: Key()}) as sim:
        sim.account.key_limit_style = style
        assert (await chat(sim)).status == status
        assert (await chat(sim, key=OTHER)).status == 200


async def _leave_after(sim: OpenRouterSimulator, provider: str, lines: int) -> None:
    body = {
        "model": "anthropic/claude-sonnet-4.6", "stream": True, "max_tokens": 500, "provider": {"only": [provider]},
        "messages": [{"role": "user", "content": "hi"}],
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=sim.api_url, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with client.stream("POST", "/chat/completions", json=body, headers=headers) as reply:
            async for line in reply.aiter_lines():
                lines -= bool(line)
                if not lines:
                    break
    await sim.idle()


@pytest.mark.parametrize(("provider", "stops"), [("anthropic", True), ("amazon-bedrock", False)])
async def test_hanging_up_stops_the_bill_at_some_providers_only(provider: str, stops: bool) -> None:
    async with OpenRouterSimulator(keys={KEY}, token_ms=5) as sim:
        sim.script("*", {"text": "w " * 100})
        await _leave_after(sim, provider, 3)
        bill = sim.account.bills[0]
        told = json.loads((await get(sim, f"/generation?id={bill.id}")).body)["data"]
    assert bill.is_cancelled
    assert (bill.tokens_out < 50) is stops
    assert told["cancelled"] is True
    assert told["usage"] == pytest.approx(float(bill.cost_usd))
    assert sim.disconnects[0].bytes_sent > 0


async def test_hanging_up_on_a_plain_request_costs_the_whole_answer() -> None:
    async with OpenRouterSimulator(keys={KEY}, token_ms=20) as sim:
        sim.script("*", {"text": "w " * 100})
        async with httpx.AsyncClient(base_url=sim.api_url, trust_env=False) as client:
            body = {"model": MODEL, "max_tokens": 500, "messages": [{"role": "user", "content": "hi"}]}
            headers = {"Authorization": f"Bearer {KEY}"}
            with pytest.raises(httpx.ReadTimeout):
                await client.post("/chat/completions", json=body, headers=headers, timeout=0.05)
        await sim.idle()
        assert sim.account.bills[0].tokens_out == 101


async def test_nothing_printed_holds_a_key_but_the_record_does() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        await chat(sim)
        received = sim.requests[0]
        printed = f"{received} {received!r} {sim.account!r} {sim.account.bills!r} {sim.counters!r}"
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in printed
    assert "Bearer…" in printed
