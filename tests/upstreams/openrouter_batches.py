"""Batches of a simulated OpenRouter: handed in whole, told of when asked, answered at half the price.

Nothing runs in between: a batch moves on when somebody looks at it, along the states that a test sets.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from tests.upstreams.http_server import Exchange
from tests.upstreams.openrouter_batch_bodies import ENDPOINT, VARIANT, plain_name, read_batch, requests_in
from tests.upstreams.openrouter_bodies import Said, compact
from tests.upstreams.openrouter_chat import reply_to
from tests.upstreams.openrouter_errors import NAMED, ApiError
from tests.upstreams.openrouter_gates import Choice, choose
from tests.upstreams.openrouter_host import EXPOSED, JSON, OpenRouterHost
from tests.upstreams.openrouter_oddities import odd_completion
from tests.upstreams.openrouter_requests import Ask, read_ask
from tests.upstreams.playing import Head, play_whole
from tests.upstreams.script import ABSENT, Step

PATH = re.compile(r"/batches(?:/(?P<id>[^/]+))?")
COURSE = ("validating", "in_progress", "finalizing", "completed")

_SHARE = Decimal("0.5")
_TERMINAL = ("completed", "failed", "expired", "cancelled")


@dataclass(slots=True)
class Batch:
    """One batch. `looks` counts how often it was asked about; `results` is None until it came to an end."""

    id: str
    secret: str = field(repr=False)
    model: str
    requests: Sequence[Mapping[str, Any]] = field(repr=False)
    created: int
    provider: Mapping[str, Any] = field(default_factory=dict)
    looks: int = 0
    status: str = "validating"
    results: list[dict[str, Any]] | None = None
    usage: dict[str, Any] | None = None

    @property
    def is_over(self) -> bool:
        return self.status in _TERMINAL

    def content(self) -> dict[str, Any]:
        """What is told of it; results stand there in any state that is its last."""
        answered = self.results or []
        well = sum((one["response"] or {}).get("status_code") == 200 for one in answered)
        error = {"code": "batch_failed", "message": "The batch could not be processed"}
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": ENDPOINT,
            "model": self.model,
            "status": self.status,
            "completion_window": "24h",
            "created_at": self.created,
            "request_counts": {"total": len(self.requests), "completed": well, "failed": len(answered) - well},
            "usage": self.usage,
            "results": self.results,
            "error": error if self.status == "failed" else None,
        }


@dataclass(slots=True)
class Batches:
    """All batches of the service, oldest first, and how it treats them.

    Each look at a batch shows the next state of `course`, the last one from then on. A fresh batch is not found
    for its first `lag_looks` looks. Of a batch that expires only the first `answered_in_time` requests are answered.
    """

    course: Sequence[str] = COURSE
    lag_looks: int = 0
    answered_in_time: int = 0
    known: dict[str, Batch] = field(default_factory=dict)

    async def act(self, host: OpenRouterHost, exchange: Exchange, step: Step) -> None:
        """Answer one request to `/batches` or to a batch below it. Raises ApiError."""
        secret = host.authenticate(exchange)
        found = PATH.fullmatch(exchange.request.path.removeprefix("/api/v1"))
        batch_id = found["id"] if found else None
        match (exchange.request.method, batch_id):
            case ("POST", None):
                batch = self._handed_in(host, exchange, secret)
                # A step may lose this answer; the batch is there all the same.
                await _send(exchange, 202, batch.content(), step)
            case ("GET", None):
                await _send(exchange, 200, self._listed(exchange, secret), step)
            case ("GET", str(wanted)):
                await _send(exchange, 200, self._looked_at(host, wanted, secret).content(), step)
            case ("DELETE", str(wanted)):
                await _send(exchange, 200, self._removed(host, wanted, secret), step)
            case _:
                raise NAMED["not_found"]

    def _handed_in(self, host: OpenRouterHost, exchange: Exchange, secret: str) -> Batch:
        body = read_batch(exchange.request.body)
        base = plain_name(host.models, str(body["model"]))
        requests = requests_in(body, base)
        _check_money(host, secret, base, requests)
        created = int(host.clock.now().timestamp())
        batch = Batch(host.new_id("batch"), secret, str(body["model"]), requests, created, body.get("provider") or {})
        self.known[batch.id] = batch
        return batch

    def _looked_at(self, host: OpenRouterHost, batch_id: str, secret: str) -> Batch:
        batch = self._own(batch_id, secret)
        if not batch.is_over:
            batch.looks += 1
            at = batch.looks - self.lag_looks - 1
            if at < 0:
                raise _unknown(batch_id)
            batch.status = self.course[min(at, len(self.course) - 1)]
            if batch.is_over:
                self._end(host, batch)
        return batch

    def _listed(self, exchange: Exchange, secret: str) -> dict[str, Any]:
        """The newest first, without their results."""
        query = exchange.request.query
        own = [one for one in reversed(self.known.values()) if one.secret == secret]
        own = [one for one in own if query.get("status", one.status) == one.status]
        own = [one for one in own if one.created >= int(query.get("created_after", 0))]
        ids = [one.id for one in own]
        start = ids.index(query["after"]) + 1 if query.get("after") in ids else 0
        page = own[start : start + int(query.get("limit", 20))]
        data = [{**one.content(), "results": None} for one in page]
        return {"object": "list", "data": data, "has_more": start + len(page) < len(own)}

    def _removed(self, host: OpenRouterHost, batch_id: str, secret: str) -> dict[str, Any]:
        """Removing is not cancelling: what was handed in is done and billed, and nobody can read it any more."""
        batch = self._own(batch_id, secret)
        if not batch.is_over:
            batch.status = "completed"
            self._end(host, batch)
        del self.known[batch_id]
        return {"id": batch_id, "object": "batch", "deleted": True}

    def _own(self, batch_id: str, secret: str) -> Batch:
        batch = self.known.get(batch_id)
        if batch is None or batch.secret != secret:
            raise _unknown(batch_id)
        return batch

    def _end(self, host: OpenRouterHost, batch: Batch) -> None:
        """Answer what is answered in this state, and bill it."""
        spent = {"prompt_tokens": 0, "completion_tokens": 0, "cost": 0.0}
        answered = {"completed": len(batch.requests), "expired": self.answered_in_time}.get(batch.status, 0)
        results = []
        for request in batch.requests[:answered]:
            result, said = _answered(host, batch, request)
            results.append(result)
            if said is not None:
                host.record(
                    said, batch.secret, cost_usd=said.cost(), tokens_out=said.completion_tokens, is_streamed=False
                )
                spent["prompt_tokens"] += said.prompt_tokens
                spent["completion_tokens"] += said.completion_tokens
                spent["cost"] = float(Decimal(str(spent["cost"])) + said.cost())
        if batch.status == "expired":
            results += [_not_answered(host, request) for request in batch.requests[answered:]]
        # In no order that a client may rely on: `custom_id` tells them apart.
        batch.results = results[::-1]
        batch.usage = {**spent, "total_tokens": spent["prompt_tokens"] + spent["completion_tokens"]}


def _check_money(host: OpenRouterHost, secret: str, base: str, requests: Sequence[Mapping[str, Any]]) -> None:
    model = next(one for one in host.models if one.id == base)
    asks = [Ask(one["body"], (base,)) for one in requests]
    host.account.check_money(
        host.account.keys[secret],
        prompt_usd=sum(ask.prompt_tokens for ask in asks) * model.prompt_usd * _SHARE,
        per_token_usd=model.completion_usd * _SHARE,
        max_tokens=sum(ask.max_tokens or model.max_completion or model.context or 65536 for ask in asks),
    )


def _answered(host: OpenRouterHost, batch: Batch, request: Mapping[str, Any]) -> tuple[dict[str, Any], Said | None]:
    """One result, and what was said for money. Steps are looked for under the custom id first, then the model."""
    base = batch.model.removesuffix(VARIANT)
    step = host.take_step(request["custom_id"], batch.model, base, "*")
    try:
        if step.error is not None:
            raise NAMED[step.error]
        if step.status is not None:
            body = {"error": {"code": step.status, "message": "Simulated error"}} if step.body is ABSENT else step.body
            return _result(host, request, step.status, body), None
        ask = _ask(host, batch, request["body"])
        choice = _at_half_price(choose(host.models, base, ask, host.rules))
    except ApiError as refusal:
        return _result(host, request, refusal.status, refusal.content()), None
    said = reply_to(host, ask, choice, step)
    return _result(host, request, 200, odd_completion(said, step)), said


def _ask(host: OpenRouterHost, batch: Batch, body: Mapping[str, Any]) -> Ask:
    base = batch.model.removesuffix(VARIANT)
    if body.get("model", batch.model) not in (batch.model, base):
        raise ApiError(400, "All requests of a batch must name its model")
    if body.get("stream"):
        raise ApiError(400, "Requests of a batch cannot be streamed")
    whole = {**body, "model": base, "provider": {**batch.provider, **(body.get("provider") or {})}}
    ask = read_ask(compact(whole), host.presets, default_model=base, title="")
    if ask.has_plugin("web"):
        raise ApiError(400, "Web search is not available for batches")
    return ask


def _at_half_price(choice: Choice) -> Choice:
    endpoint = choice.endpoint
    return replace(choice, endpoint=replace(endpoint, price_factor=endpoint.price_factor * _SHARE))


def _result(host: OpenRouterHost, request: Mapping[str, Any], status: int, body: Any) -> dict[str, Any]:
    response = {"status_code": status, "request_id": host.new_id("req"), "body": body}
    return {"id": host.new_id("batch_req"), "custom_id": request["custom_id"], "response": response, "error": None}


def _not_answered(host: OpenRouterHost, request: Mapping[str, Any]) -> dict[str, Any]:
    error = {"code": "batch_expired", "message": "This request was not answered before the batch expired"}
    return {"id": host.new_id("batch_req"), "custom_id": request["custom_id"], "response": None, "error": error}


def _unknown(batch_id: str) -> ApiError:
    return ApiError(404, f"Batch {batch_id} not found")


async def _send(exchange: Exchange, status: int, value: Mapping[str, Any], step: Step) -> None:
    await play_whole(exchange, Head(status, (JSON, *EXPOSED)), compact(dict(value)), step)
