"""The GET routes of a simulated OpenRouter: models, endpoints, key, credits, generation."""

import json
from decimal import Decimal

import pytest

from tests.upstreams.hand_clock import HandClock
from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.openrouter_account import Key
from tests.upstreams.openrouter_asking import FREE, KEY, MODEL, OTHER, chat, get, message
from tests.upstreams.raw_http import ask


async def test_a_generation_is_unknown_until_the_lag_has_passed_and_to_others() -> None:
    clock = HandClock()
    async with OpenRouterSimulator(keys={KEY, OTHER}, clock=clock, generation_lag_s=60) as sim:
        made = json.loads((await chat(sim)).body)["id"]
        early = await get(sim, f"/generation?id={made}")
        clock.advance(61)
        late = await get(sim, f"/generation?id={made}")
        foreign = await get(sim, f"/generation?id={made}", key=OTHER)
    assert (early.status, message(early)) == (404, f"Generation {made} not found")
    assert late.status == 200
    assert isinstance(json.loads(late.body)["data"]["usage"], float)
    assert foreign.status == 404


async def test_the_key_is_described_whole_or_in_the_old_short_form() -> None:
    async with OpenRouterSimulator(keys={KEY: Key(limit_usd=Decimal(5))}) as sim:
        answer = await get(sim, "/key")
        sim.script("/key", {"odd": "minimal"})
        short = json.loads((await get(sim, "/key")).body)["data"]
    data = json.loads(answer.body)["data"]
    assert answer.header("Cache-Control") == "private, no-store"
    assert (data["limit"], data["limit_remaining"], data["is_free_tier"]) == (5, 5, False)
    assert KEY not in answer.body.decode()
    assert set(short) == {"label", "usage", "limit", "limit_remaining", "is_free_tier", "rate_limit"}


async def test_credits_may_need_a_management_key() -> None:
    async with OpenRouterSimulator(keys={KEY: Key(), OTHER: Key(is_management=True)}) as sim:
        open_to_all = await get(sim, "/credits")
        sim.has_open_credits = False
        refused = await get(sim, "/credits")
        managed = await get(sim, "/credits", key=OTHER)
    assert json.loads(open_to_all.body) == {"data": {"total_credits": 10.0, "total_usage": 0.0}}
    assert (refused.status, managed.status) == (403, 200)


async def test_the_catalogue_needs_no_key_and_shows_prices_as_text() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        answer = await get(sim, "/models", key="sk-or-v1-bad")
    reply = json.loads(answer.body)
    found = {model["id"]: model for model in reply["data"]}
    assert answer.header("Cache-Control") == ("public, max-age=120, stale-while-revalidate=3600, stale-if-error=3600")
    assert found[MODEL]["pricing"]["prompt"] == "0.00000012"
    assert found["openrouter/auto"]["pricing"] == {"prompt": "-1", "completion": "-1"}
    assert sum(name.endswith(":free") for name in found) >= 3
    assert reply["total_count"] == len(found)
    assert found["acme/zero-preview"]["context_length"] is None
    assert "openai/text-embedding-3-small" not in found


@pytest.mark.parametrize(
    ("query", "inside", "outside"),
    [
        ("supported_parameters=structured_outputs", MODEL, "mistralai/mistral-7b-instruct"),
        ("output_modalities=embeddings", "openai/text-embedding-3-small", MODEL),
        ("output_modalities=all", "acme/painter", "nothing"),
        ("zdr=true", MODEL, FREE),
        ("q=claude", "anthropic/claude-sonnet-4.6", MODEL),
    ],
)
async def test_the_catalogue_can_be_filtered(query: str, inside: str, outside: str) -> None:
    async with OpenRouterSimulator() as sim:
        found = [model["id"] for model in json.loads((await get(sim, f"/models?{query}")).body)["data"]]
    assert inside in found
    assert outside not in found


async def test_the_catalogue_comes_in_pages_on_request() -> None:
    async with OpenRouterSimulator() as sim:
        path, found = "/models?limit=5&offset=0", []
        while path:
            page = json.loads((await get(sim, path)).body)
            found += [model["id"] for model in page["data"]]
            path = (page["links"]["next"] or "").removeprefix("/api/v1")
    assert len(found) == len(set(found)) == page["total_count"]


async def test_a_bad_filter_is_answered_in_zods_form() -> None:
    async with OpenRouterSimulator() as sim:
        answer = await get(sim, "/models?output_modalities=bad")
    assert answer.status == 400
    assert json.loads(answer.body)["error"]["name"] == "ZodError"


async def test_endpoints_show_provider_tag_status_and_price() -> None:
    async with OpenRouterSimulator() as sim:
        data = json.loads((await get(sim, f"/models/{MODEL}/endpoints")).body)["data"]
        unknown = await get(sim, "/models/no/such/endpoints")
    assert [endpoint["tag"] for endpoint in data["endpoints"]] == ["deepinfra/fp8", "together", "novita"]
    assert data["endpoints"][1]["pricing"]["prompt"] == "0.00000036"
    assert data["endpoints"][2]["status"] == -2
    assert unknown.status == 404


async def test_an_unknown_path_is_not_found() -> None:
    async with OpenRouterSimulator() as sim:
        answers = [await get(sim, "/nope"), await ask(sim.port, "GET", "/models")]
    assert [(answer.status, message(answer)) for answer in answers] == [(404, "Not Found")] * 2
