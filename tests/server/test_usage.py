"""The routes that tell what was used and decided."""

from dataclasses import replace
from pathlib import Path

import pytest

from amalfa.calls import PrivacyClass, Tier, Usage
from amalfa.execution.decisions import decision_of
from amalfa.execution.ledger import Closing, Opening
from amalfa.server.usage import decisions, usage
from tests.execution.test_decisions import ROUTE
from tests.fakes import a_call
from tests.server.keeping import Keeper, keeping


def opening(keeper: Keeper) -> Opening:
    now = keeper.accounts.clock.now()
    return Opening("r", "ask", "openrouter:m", "openrouter", Tier.CLOUD, PrivacyClass.CLOUD_OK, 1, now, team="ads")


async def test_usage_is_told_as_json(tmp_path: Path) -> None:
    async with keeping(tmp_path, "/sonar/usage", usage) as (keeper, client):
        for cost_usd in (0.25, None):
            row = await keeper.ledger.open(opening(keeper))
            await keeper.ledger.close(row, Closing("ok", Usage(10, 3, cost_usd, 40)))
        body = (await client.get("/sonar/usage?since=24h&by=team")).json()
    (group,) = body["groups"]
    assert (group["name"], group["cost_usd"], group["unknown_costs"], group["p95_ms"]) == ("ads", 0.25, 1, 40)
    assert (body["by"], body["local_ratio"], body["since"]) == ("team", 0.0, "2026-11-19T12:00:00Z")
    assert set(body) == {
        *("since", "by", "groups", "total", "local_ratio", "cache_hits", "reserved_usd"),
        *("json_replies", "json_lines", "models", "reasons"),
    }


async def test_by_task_the_json_replies_of_each_model_are_told(tmp_path: Path) -> None:
    async with keeping(tmp_path, "/sonar/usage", usage) as (keeper, client):
        for gate in ("invalid", "repaired"):
            row = await keeper.ledger.open(opening(keeper))
            await keeper.ledger.close(row, Closing("ok", Usage(10, 3, 0.0, 40), json_gate=gate))
        body = (await client.get("/sonar/usage?by=task")).json()
    (line,) = body["json_lines"]
    assert (line["task"], line["model"], line["counts"]) == ("ask", "openrouter:m", body["json_replies"])
    counts = {"replies": 2, "parsed": 2, "valid": 0, "repaired": 1, "retried": 1, "escalated": 0, "refused": 1}
    assert body["json_replies"] == counts


async def test_without_a_question_it_is_the_last_week_by_model(tmp_path: Path) -> None:
    async with keeping(tmp_path, "/sonar/usage", usage) as (_, client):
        body = (await client.get("/sonar/usage")).json()
    assert (body["since"], body["by"], body["groups"]) == ("2026-11-13T12:00:00Z", "model", [])


@pytest.mark.parametrize("query", ["since=never", "by=colour", "until=1d", "since=", "since=2030-01-01"])
async def test_a_wrong_question_is_told_and_not_guessed(tmp_path: Path, query: str) -> None:
    async with keeping(tmp_path, "/sonar/usage", usage) as (_, client):
        reply = await client.get(f"/sonar/usage?{query}")
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "usage"


async def test_decisions_are_told_newest_first(tmp_path: Path) -> None:
    async with keeping(tmp_path, "/sonar/decisions", decisions) as (keeper, client):
        for number in range(3):
            call = replace(a_call(), request_id=f"req_{number}")
            now = keeper.accounts.clock.now()
            keeper.accounts.decisions.add(decision_of(call, ROUTE, Usage(), None, at=now))
        body = (await client.get("/sonar/decisions?limit=2")).json()
    assert [one["request_id"] for one in body["decisions"]] == ["req_2", "req_1"]
    first = body["decisions"][0]
    assert (first["model"], first["tier"], first["reason_code"]) == ("ollama:m", "local", "first")
    assert first["refused"] == [{"model": "openrouter:m", "code": "cloud_disabled"}]
    assert first["cost_usd"] is None


@pytest.mark.parametrize("limit", ["0", "501", "many"])
async def test_a_wrong_number_of_decisions_is_refused(tmp_path: Path, limit: str) -> None:
    async with keeping(tmp_path, "/sonar/decisions", decisions) as (_, client):
        assert (await client.get(f"/sonar/decisions?limit={limit}")).status_code == 400
