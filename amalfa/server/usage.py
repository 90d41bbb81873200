"""The routes that tell what was used and decided."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amalfa.calls import CacheUse, Tier
from amalfa.execution.decisions import KEPT
from amalfa.execution.usage import since_of
from amalfa.server.bodies import Body, Shown
from amalfa.server.engine import engine_of
from amalfa.server.work import read_body


class UsageQuery(Body):
    """`since` is an age (`7d`, `24h`, `30m`, `2w`) or a date in UTC."""

    since: str = Field(default="7d", min_length=1, max_length=40)
    by: Literal["model", "task", "team", "day"] = "model"


class DecisionsQuery(Body):
    limit: int = Field(default=50, ge=1, le=KEPT)


class SumsShown(Shown):
    """One group. `cost_usd` adds what is known; `unknown_costs` attempts may have cost something besides."""

    name: str
    calls: int
    attempts: int
    failed: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    unknown_costs: int
    p50_ms: int | None
    p95_ms: int | None


class JsonRepliesShown(Shown):
    """Counts of replies. A refused one was asked for again (`retried`), handed on (`escalated`), or ended the call."""

    replies: int
    parsed: int
    valid: int
    repaired: int
    retried: int
    escalated: int
    refused: int


class JsonLineShown(Shown):
    task: str
    model: str
    counts: JsonRepliesShown


class CountShown(Shown):
    name: str
    count: int


class UsageReportShown(Shown):
    """The use since a moment. `local_ratio` null: nothing was answered. `json_lines` is filled by task alone."""

    since: datetime
    by: str
    groups: list[SumsShown]
    total: SumsShown
    local_ratio: float | None
    cache_hits: int
    reserved_usd: float
    json_replies: JsonRepliesShown
    json_lines: list[JsonLineShown]
    models: list[CountShown]
    reasons: list[CountShown]


class RefusalShown(Shown):
    model: str
    code: str


class DecisionShown(Shown):
    """One call that has ended. `model` "": none served; `error_code` null: it went well."""

    at: datetime
    request_id: str
    task: str
    team: str | None
    hint: str | None
    model: str
    tier: Tier | None
    strategy: str
    reason: str
    reason_code: str
    refused: list[RefusalShown]
    attempts: int
    cost_usd: float | None
    ms: int
    cache: CacheUse
    error_code: str | None


class DecisionsShown(BaseModel):
    """The newest decisions first."""

    decisions: list[DecisionShown]


async def usage(request: Request) -> Response:
    query = read_body(UsageQuery, dict(request.query_params))
    accounts = engine_of(request).accounts
    report = await accounts.usage.report(since_of(query.since, accounts.clock.now()), by=query.by)
    return JSONResponse(UsageReportShown.model_validate(report).model_dump(mode="json"))


async def decisions(request: Request) -> Response:
    query = read_body(DecisionsQuery, dict(request.query_params))
    newest = engine_of(request).accounts.decisions.newest(query.limit)
    shown = DecisionsShown(decisions=[DecisionShown.model_validate(one) for one in newest])
    return JSONResponse(shown.model_dump(mode="json"))
