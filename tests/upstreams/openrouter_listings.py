"""Answers the GET routes: models, endpoints, key, credits, generation."""

from typing import Any

from tests.upstreams.http_server import Exchange
from tests.upstreams.openrouter_account import Bill
from tests.upstreams.openrouter_bodies import compact
from tests.upstreams.openrouter_catalogue import CloudModel, listed_endpoints, listed_model
from tests.upstreams.openrouter_errors import NAMED, ApiError
from tests.upstreams.openrouter_host import BASE, EXPOSED, JSON, OpenRouterHost
from tests.upstreams.playing import Head, play_whole
from tests.upstreams.script import Step

_MODALITIES = ("text", "image", "embeddings", "audio", "all")
_CACHED = (
    ("Cache-Control", "public, max-age=120, stale-while-revalidate=3600, stale-if-error=3600"),
    ("Age", "17"),
    ("CF-Cache-Status", "HIT"),
)


async def answer_models(host: OpenRouterHost, exchange: Exchange, step: Step) -> None:
    """Open to everybody: a bad key is ignored."""
    query = exchange.request.query
    modality = query.get("output_modalities", "text")
    if modality not in _MODALITIES:
        problem = '[ {"code": "invalid_value", "path": ["output_modalities"], "message": "Invalid option"} ]'
        body = compact({"success": False, "error": {"name": "ZodError", "message": problem}})
        await play_whole(exchange, Head(400, (JSON, *EXPOSED)), body, step)
        return
    found = [model for model in host.models if _is_listed(model) and _fits(model, query, modality)]
    page, following = _paged(found, query)
    reply: dict[str, Any] = {"data": [listed_model(model) for model in page]}
    if not step.odd_named("minimal"):
        reply |= {"total_count": len(found), "links": {"next": following}}
    await play_whole(exchange, Head(200, (JSON, *_CACHED, *EXPOSED)), compact(reply), step)


def _is_listed(model: CloudModel) -> bool:
    return model.gate not in ("ended", "paid_twin")


def _fits(model: CloudModel, query: dict[str, str], modality: str) -> bool:
    wanted = {name for name in query.get("supported_parameters", "").split(",") if name}
    is_private = any(not endpoint.retains and not endpoint.trains for endpoint in model.endpoints)
    return (
        modality in ("all", model.output)
        and wanted <= set(model.parameters)
        and (query.get("zdr") != "true" or is_private)
        and ("region" not in query or is_private)
        and query.get("q", "").lower() in model.id
    )


def _paged(found: list[CloudModel], query: dict[str, str]) -> tuple[list[CloudModel], str | None]:
    if "limit" not in query and "offset" not in query:
        return found, None
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 1000))
    following = f"{BASE}/models?limit={limit}&offset={offset + limit}" if offset + limit < len(found) else None
    return found[offset : offset + limit], following


async def answer_endpoints(host: OpenRouterHost, exchange: Exchange, step: Step) -> None:
    wanted = exchange.request.path.removeprefix(f"{BASE}/models/").removesuffix("/endpoints")
    model = next((one for one in host.models if wanted in (one.id, one.slug)), None)
    if model is None:
        raise NAMED["not_found"]
    await _send(exchange, {"data": listed_endpoints(model)}, step)


async def answer_key(host: OpenRouterHost, exchange: Exchange, step: Step) -> None:
    secret = host.authenticate(exchange)
    body = host.account.key_body(secret, is_minimal=step.odd_named("minimal") is not None)
    headers = (JSON, ("Cache-Control", "private, no-store"), *EXPOSED)
    await play_whole(exchange, Head(200, headers), compact({"data": body}), step)


async def answer_credits(host: OpenRouterHost, exchange: Exchange, step: Step) -> None:
    key = host.account.keys[host.authenticate(exchange)]
    if not host.has_open_credits and not key.is_management:
        raise NAMED["management_key"]
    account = host.account
    totals = {"total_credits": float(account.credits_usd), "total_usage": float(account.spent_usd)}
    await _send(exchange, {"data": totals}, step)


async def answer_generation(host: OpenRouterHost, exchange: Exchange, step: Step) -> None:
    """404 until the lag has passed, and for ids of somebody else's key."""
    secret = host.authenticate(exchange)
    wanted = exchange.request.query.get("id", "")
    now_s = host.clock.monotonic_s()
    for bill in host.account.bills:
        if bill.id == wanted and bill.secret == secret and bill.visible_at_s <= now_s:
            await _send(exchange, {"data": _told(bill)}, step)
            return
    raise ApiError(404, f"Generation {wanted} not found")


def _told(bill: Bill) -> dict[str, Any]:
    cost = float(bill.cost_usd)
    return {
        "id": bill.id,
        "request_id": None,
        "upstream_id": None,
        "total_cost": cost,
        "usage": cost,
        "cache_discount": None,
        "upstream_inference_cost": cost,
        "created_at": bill.created_at.isoformat(),
        "model": bill.model,
        "app_id": None,
        "api_type": "completions",
        "streamed": bill.is_streamed,
        "cancelled": bill.is_cancelled,
        "provider_name": bill.provider,
        "latency": 120,
        "generation_time": 340,
        "finish_reason": bill.finish_reason,
        "native_finish_reason": bill.finish_reason,
        "tokens_prompt": bill.tokens_in,
        "tokens_completion": bill.tokens_out,
        "native_tokens_prompt": bill.tokens_in,
        "native_tokens_completion": bill.tokens_out,
        "native_tokens_reasoning": 0,
        "native_tokens_cached": 0,
        "is_byok": False,
        "data_region": "global",
    }


async def _send(exchange: Exchange, value: dict[str, Any], step: Step) -> None:
    await play_whole(exchange, Head(200, (JSON, *EXPOSED)), compact(value), step)
