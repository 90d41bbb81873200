"""Batches of a simulated OpenRouter: handed in, looked at, answered at half the price."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.upstreams.openrouter import OpenRouterSimulator
from tests.upstreams.openrouter_account import Key
from tests.upstreams.openrouter_asking import FORMAT, KEY, MODEL, OTHER, chat, error
from tests.upstreams.raw_http import RawAnswer, ask

MINI = "openai/gpt-4o-mini"
BATCHES = "/api/v1/batches"


def request(name: str, **more: Any) -> dict[str, Any]:
    return {"custom_id": name, "body": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 100, **more}}


def batch(*requests: dict[str, Any], model: str = MINI, **more: Any) -> dict[str, Any]:
    head = {"endpoint": "/v1/chat/completions", "model": model, **more, "completion_window": "24h"}
    return {**head, "requests": list(requests) or [request("one")]}


async def call(
    sim: OpenRouterSimulator, method: str, below: str = "", *, key: str = KEY, body: Any = None
) -> RawAnswer:
    return await ask(sim.port, method, BATCHES + below, headers={"Authorization": f"Bearer {key}"}, body=body)


async def hand_in(sim: OpenRouterSimulator, *requests: dict[str, Any], **more: Any) -> str:
    answer = await call(sim, "POST", body=batch(*requests, **more))
    told = json.loads(answer.body)
    assert (answer.status, told["status"], told["results"]) == (202, "validating", None)
    return str(told["id"])


async def look(sim: OpenRouterSimulator, batch_id: str) -> dict[str, Any]:
    answer = await call(sim, "GET", f"/{batch_id}")
    assert answer.status == 200
    told: dict[str, Any] = json.loads(answer.body)
    return told


def by_name(told: dict[str, Any]) -> dict[str, Any]:
    return {one["custom_id"]: one for one in told["results"]}


async def test_a_batch_moves_on_when_it_is_looked_at_and_ends_with_its_results() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        batch_id = await hand_in(sim, request("one"), request("two", response_format=FORMAT))
        told = [await look(sim, batch_id) for _ in range(5)]
    assert [one["status"] for one in told] == ["validating", "in_progress", "finalizing", "completed", "completed"]
    assert [one["results"] for one in told[:3]] == [None] * 3
    assert told[3] == told[4]
    assert told[3]["request_counts"] == {"total": 2, "completed": 2, "failed": 0}
    results = by_name(told[3])
    assert results["one"]["response"]["status_code"] == 200
    assert results["one"]["response"]["body"]["choices"][0]["message"]["content"] == "This is a simulated reply."
    assert set(json.loads(results["two"]["response"]["body"]["choices"][0]["message"]["content"])) == {"ok", "n"}


async def test_results_are_in_another_order_than_the_requests() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        sim.batches.course = ("completed",)
        told = await look(sim, await hand_in(sim, request("one"), request("two"), request("three")))
    assert [one["custom_id"] for one in told["results"]] != ["one", "two", "three"]


@pytest.mark.parametrize("model", [MINI, f"{MINI}:batch"])
async def test_a_batch_costs_half_of_what_the_same_costs_at_once_and_is_billed_once(model: str) -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        await chat(sim, MINI)
        at_once = sim.spent_usd
        sim.batches.course = ("in_progress", "completed")
        batch_id = await hand_in(sim, request("one"), request("two"), model=model)
        assert sim.spent_usd == at_once
        await look(sim, batch_id)
        assert sim.spent_usd == at_once
        told = [await look(sim, batch_id) for _ in range(3)]
        assert sim.spent_usd == at_once + 2 * at_once / 2
    assert Decimal(str(told[0]["usage"]["cost"])) == at_once


async def test_the_list_tells_the_price_that_is_billed() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        sim.batches.course = ("completed",)
        usage = (await look(sim, await hand_in(sim, request("one"))))["usage"]
        listed = json.loads((await ask(sim.port, "GET", "/api/v1/models")).body)["data"]
    pricing = next(one["pricing"] for one in listed if one["id"] == f"{MINI}:batch")
    cost = usage["prompt_tokens"] * float(pricing["prompt"]) + usage["completion_tokens"] * float(pricing["completion"])
    assert usage["cost"] == pytest.approx(cost)


@pytest.mark.parametrize(
    "keys",
    [
        ("requests", "endpoint", "model", "completion_window"),
        ("endpoint", "requests", "model", "completion_window"),
        ("model", "endpoint", "completion_window", "requests"),
        ("endpoint", "model", "requests"),
    ],
)
async def test_keys_in_another_order_or_missing_are_refused(keys: tuple[str, ...]) -> None:
    whole = batch()
    async with OpenRouterSimulator(keys={KEY}) as sim:
        answer = await call(sim, "POST", body={key: whole[key] for key in keys})
        assert not sim.batches.known
    assert error(answer)["code"] == 400


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ("{", 400, "Invalid JSON"),
        (batch(model="acme/none"), 400, "not a valid model ID"),
        (batch(model=MODEL), 404, "No endpoints found"),
        (batch(request("a"), request("a")), 400, "must be unique"),
        ({**batch(), "requests": []}, 400, "at least one"),
        (batch({"custom_id": "a"}), 400, "a body"),
        (batch(provider={"zdr": True}), 400, "Zero data retention"),
        ({**batch(), "completion_window": "1h"}, 400, "24h"),
        ({**batch(), "endpoint": "/v1/embeddings"}, 400, "Unsupported endpoint"),
        (batch(colour="red"), 400, "Unrecognized"),
    ],
)
async def test_what_cannot_be_a_batch_is_refused_whole(given: Any, status: int, words: str) -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        answer = await call(sim, "POST", body=given)
        assert not sim.batches.known
    assert answer.status == status
    assert words in error(answer)["message"]


async def test_a_fresh_batch_is_not_found_for_a_while() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        sim.batches.lag_looks = 2
        batch_id = await hand_in(sim)
        early = [(await call(sim, "GET", f"/{batch_id}")).status for _ in range(2)]
        told = await look(sim, batch_id)
    assert early == [404, 404]
    assert told["status"] == "validating"


async def test_single_requests_fail_and_cost_nothing() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        sim.batches.course = ("completed",)
        sim.script("refused", {"error": "internal"})
        sim.script("broken", {"status": 502, "body": {"error": {"code": 502, "message": "no"}}})
        names = ("refused", "good", "broken")
        streamed = request("streamed", stream=True)
        other = request("other", model=MODEL)
        batch_id = await hand_in(sim, *map(request, names), streamed, other)
        told = await look(sim, batch_id)
        assert len(sim.account.bills) == 1
    status = {name: one["response"]["status_code"] for name, one in by_name(told).items()}
    assert status == {"refused": 500, "good": 200, "broken": 502, "streamed": 400, "other": 400}
    assert told["request_counts"] == {"total": 5, "completed": 1, "failed": 4}
    assert "error" in by_name(told)["refused"]["response"]["body"]


async def test_what_a_batch_says_of_providers_holds_for_each_request() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        sim.batches.course = ("completed",)
        only = await look(sim, await hand_in(sim, request("one"), provider={"only": ["novita"]}))
        azure = await look(sim, await hand_in(sim, request("one"), provider={"only": ["azure"]}))
    assert by_name(only)["one"]["response"]["status_code"] == 404
    assert by_name(azure)["one"]["response"]["body"]["provider"] == "Azure"


async def test_an_expired_batch_has_the_results_that_came_in_time() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        sim.batches.course = ("in_progress", "expired")
        sim.batches.answered_in_time = 1
        batch_id = await hand_in(sim, request("one"), request("two"))
        await look(sim, batch_id)
        told = await look(sim, batch_id)
        assert len(sim.account.bills) == 1
    results = by_name(told)
    assert told["status"] == "expired"
    assert results["one"]["response"]["status_code"] == 200
    assert results["two"]["response"] is None
    assert results["two"]["error"]["code"] == "batch_expired"


async def test_a_failed_batch_has_no_results_and_costs_nothing() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        sim.batches.course = ("failed",)
        told = await look(sim, await hand_in(sim))
        assert sim.spent_usd == 0
    assert (told["status"], told["results"]) == ("failed", [])
    assert told["error"]["message"]


async def test_removing_a_batch_does_not_stop_its_bill() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        batch_id = await hand_in(sim)
        answer = await call(sim, "DELETE", f"/{batch_id}")
        again = await call(sim, "GET", f"/{batch_id}")
        assert sim.spent_usd > 0
    assert json.loads(answer.body) == {"id": batch_id, "object": "batch", "deleted": True}
    assert again.status == 404


async def test_a_batch_whose_answer_is_lost_is_on_the_list() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        sim.script("/batches", {"fault": "cut_before_first"})
        lost = await call(sim, "POST", body=batch())
        listed = json.loads((await call(sim, "GET")).body)
    assert not lost.is_whole
    assert [one["status"] for one in listed["data"]] == ["validating"]


async def test_the_list_shows_the_newest_first_page_by_page_by_state_and_without_results() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        sim.batches.course = ("completed",)
        first, second = await hand_in(sim), await hand_in(sim)
        await look(sim, first)
        page = json.loads((await call(sim, "GET", "?limit=1")).body)
        rest = json.loads((await call(sim, "GET", f"?after={second}")).body)
        waiting = json.loads((await call(sim, "GET", "?status=validating")).body)
        later = json.loads((await call(sim, "GET", "?created_after=99999999999")).body)
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([second], True)
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == ([first], False)
    assert rest["data"][0]["results"] is None
    assert [one["id"] for one in waiting["data"]] == [second]
    assert later["data"] == []


async def test_a_batch_belongs_to_the_key_that_handed_it_in() -> None:
    async with OpenRouterSimulator(keys={KEY, OTHER}) as sim:
        batch_id = await hand_in(sim)
        foreign = await call(sim, "GET", f"/{batch_id}", key=OTHER)
        listed = json.loads((await call(sim, "GET", key=OTHER)).body)
        unknown = await call(sim, "POST", key="sk-or-v1-nobody", body=batch())
    assert (foreign.status, listed["data"], unknown.status) == (404, [], 401)


async def test_the_worst_that_a_batch_may_cost_has_to_be_on_the_account() -> None:
    # 100 tokens at half of 0.6 USD a million are 0.00003 USD for each request.
    async with OpenRouterSimulator(keys={KEY: Key()}, credits_usd="0.00005") as sim:
        one = await call(sim, "POST", body=batch(request("a")))
        two = await call(sim, "POST", body=batch(request("a"), request("b")))
    assert (one.status, two.status) == (202, 402)


async def test_all_requests_for_a_google_model_have_one_format() -> None:
    async with OpenRouterSimulator(keys={KEY}) as sim:
        mini = next(one for one in sim.models if one.id == MINI)
        sim.models += [replace(mini, id=name) for name in ("google/gemini", "google/gemini:batch")]
        mixed = batch(request("a"), request("b", response_format=FORMAT), model="google/gemini")
        equal = batch(request("a"), request("b"), model="google/gemini")
        answers = [await call(sim, "POST", body=body) for body in (mixed, equal)]
    assert [one.status for one in answers] == [400, 202]
