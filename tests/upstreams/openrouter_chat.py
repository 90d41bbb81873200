"""Answers POST /chat/completions: routing with fallbacks, money, then a whole or a streamed reply."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.upstreams.frames import Frame, Frames
from tests.upstreams.http_server import Exchange
from tests.upstreams.openrouter_bodies import Said, compact
from tests.upstreams.openrouter_errors import NAMED, ApiError
from tests.upstreams.openrouter_gates import Choice, choose, with_previous
from tests.upstreams.openrouter_host import EXPOSED, JSON, OpenRouterHost
from tests.upstreams.openrouter_oddities import UNBILLED, odd_completion, spoiled
from tests.upstreams.openrouter_requests import Ask, read_ask
from tests.upstreams.openrouter_stream import Stream
from tests.upstreams.playing import Head, play_stream, play_whole
from tests.upstreams.replies import sensible_text
from tests.upstreams.script import ABSENT, Step
from tests.upstreams.words import pieces

_PAD = b"\n         \n"
"""The unit of blank padding that goes ahead of a slow plain reply."""


async def answer_chat(host: OpenRouterHost, exchange: Exchange, step: Step) -> None:
    secret = host.authenticate(exchange)
    ask = _read(host, exchange)
    choice, step = await _routed(host, exchange, ask, secret, step)
    if choice is None:
        return
    said = reply_to(host, ask, choice, step)
    async with _held(host, ask, choice):
        if ask.streams and not step.odd_named("json_instead_of_sse"):
            await _stream(host, exchange, said, secret, step)
        else:
            await _whole(host, exchange, said, secret, step)


def _read(host: OpenRouterHost, exchange: Exchange) -> Ask:
    request = exchange.request
    title = request.header("x-openrouter-title") or request.header("x-title") or ""
    return read_ask(request.body, host.presets, default_model=host.default_model, title=title)


async def _routed(
    host: OpenRouterHost, exchange: Exchange, ask: Ask, secret: str, step: Step
) -> tuple[Choice | None, Step]:
    """The model that answers: the first of the request's list that neither a rule nor the script refuses.

    A choice of None means that the step answered by itself.
    """
    earlier: list[tuple[str, ApiError]] = []
    for name in ask.names:
        try:
            choice = choose(host.models, name, ask, host.rules)
            own = host.step_for(step, name, choice.model.id)
            await asyncio.sleep(own.delay_ms / 1000)
            if own.error is not None:
                raise replace(NAMED[own.error], headers={**NAMED[own.error].headers, **own.headers})
            if name != ask.names[-1] and (own.status or 0) >= 400:
                raise ApiError(
                    own.status or 500, "Provider returned error", {"provider_name": choice.endpoint.provider}
                )
            if await host.played(exchange, own):
                return None, own
            _check_limits(host, ask, choice, secret)
            return choice, own
        except ApiError as refusal:
            provider = str((refusal.metadata or {}).get("provider_name") or name)
            earlier.append((provider, refusal))
    raise with_previous(earlier[-1][1], earlier[:-1])


def _check_limits(host: OpenRouterHost, ask: Ask, choice: Choice, secret: str) -> None:
    account = host.account
    if choice.model.is_free:
        account.count_free_call()
    account.check_money(
        account.keys[secret],
        prompt_usd=ask.prompt_tokens * choice.prompt_usd,
        per_token_usd=choice.completion_usd,
        max_tokens=_most_tokens(ask, choice),
    )


def _most_tokens(ask: Ask, choice: Choice) -> int:
    """Without a cap the whole output length of the model counts against the balance."""
    return ask.max_tokens or choice.model.max_completion or choice.model.context or 65536


@asynccontextmanager
async def _held(host: OpenRouterHost, ask: Ask, choice: Choice) -> AsyncIterator[None]:
    worst = ask.prompt_tokens * choice.prompt_usd + _most_tokens(ask, choice) * choice.completion_usd
    host.account.held_usd += worst
    host.counters.enter()
    try:
        yield
    finally:
        host.account.held_usd -= worst
        host.counters.leave()


def reply_to(host: OpenRouterHost, ask: Ask, choice: Choice, step: Step) -> Said:
    """What is said to a request whose model is chosen."""
    content = list(step.chunks) if step.chunks is not None else pieces(_text(ask, choice, step))
    thoughts = pieces(step.thinking or ("Let me think." if choice.model.must_reason else ""))
    budget = max(0, (ask.max_tokens or 10**9) - len(thoughts))
    calls = called(ask, step)
    finish = step.finish or ("length" if len(content) > budget else "tool_calls" if calls else "stop")
    cost = step.usage.get("cost")
    return Said(
        id=host.new_id(),
        created=int(host.clock.now().timestamp()),
        choice=choice,
        pieces=tuple(content[:budget]),
        thoughts=tuple(thoughts),
        tool_calls=tuple(_tool_call(index, call) for index, call in enumerate(calls)),
        finish=finish,
        prompt_tokens=step.usage.get("tokens_in", ask.prompt_tokens),
        cost_override=None if cost is None else Decimal(str(cost)),
        completion_override=step.usage.get("tokens_out"),
    )


def _text(ask: Ask, choice: Choice, step: Step) -> str:
    is_healed = ask.has_plugin("response-healing") and not ask.streams and ask.format_kind.startswith("json")
    if step.json is not ABSENT:
        return spoiled(compact(step.json).decode(), step, is_healed=is_healed)
    if step.text is not None:
        return spoiled(step.text, step, is_healed=is_healed)
    if called(ask, step):
        return ""
    # A format the endpoint does not support is dropped in silence, so the answer is prose.
    has_schema = "structured_outputs" in choice.endpoint.parameters
    has_json = has_schema or "response_format" in choice.endpoint.parameters
    schema = ask.schema if has_schema and ask.format_kind == "json_schema" else None
    is_json = has_json and ask.format_kind in ("json_object", "json_schema")
    text = sensible_text(ask.texts, schema=schema, is_json=is_json)
    return spoiled(text, step, is_healed=is_healed) if schema is not None or is_json else text


def called(ask: Ask, step: Step) -> Sequence[dict[str, Any]]:
    """The tool calls of the reply: those of the step, else one where the request says that one has to be made."""
    if step.tool_calls or step != Step() or (tool := ask.tool_to_call) is None:
        return step.tool_calls
    arguments = json.loads(sensible_text(ask.texts, schema=tool.get("parameters") or {"type": "object"}))
    return ({"name": tool.get("name", ""), "arguments": arguments},)


def _tool_call(index: int, call: dict[str, object]) -> dict[str, object]:
    arguments = call.get("arguments", {})
    function = {
        "name": call.get("name", ""),
        "arguments": arguments if isinstance(arguments, str) else compact(arguments).decode(),
    }
    return {"id": call.get("id", f"call_{index}"), "type": "function", "function": function}


async def _whole(host: OpenRouterHost, exchange: Exchange, said: Said, secret: str, step: Step) -> None:
    """A plain request runs to its end and is billed in full, whether or not its client stays."""
    is_unbilled = any(odd.name in UNBILLED for odd in step.odd)
    cost = Decimal(0) if is_unbilled else said.cost()
    host.record(said, secret, cost_usd=cost, tokens_out=said.completion_tokens, is_streamed=False)
    pace = host.token_ms if step.token_ms is None else step.token_ms
    headers = (JSON, ("X-Generation-Id", said.id), *EXPOSED)
    body = compact(odd_completion(said, step))
    if any(step.odd_named(name) for name in ("padding", "blank", "padding_cut")):
        await _padded(host, exchange, Head(200, headers), body, step)
        return
    await asyncio.sleep(len(said.pieces) * pace / 1000)
    await play_whole(exchange, Head(200, headers), body, step)


async def _padded(host: OpenRouterHost, exchange: Exchange, head: Head, body: bytes, step: Step) -> None:
    """Blank padding ahead of the JSON; `blank` never gets to it, `padding_cut` only to its first half."""
    count = next(int(odd.number(3)) for odd in step.odd if odd.name in ("padding", "blank", "padding_cut"))

    async def frames() -> Frames:
        for _ in range(count):
            yield Frame(_PAD, "comment")
            await asyncio.sleep(host.comment_ms / 1000)
        if step.odd_named("padding"):
            yield Frame(body, "done")
        elif step.odd_named("padding_cut"):
            yield Frame(body[: len(body) // 2], "done")

    await play_stream(exchange, head, frames(), step)


async def _stream(host: OpenRouterHost, exchange: Exchange, said: Said, secret: str, step: Step) -> None:
    pace = host.token_ms if step.token_ms is None else step.token_ms
    stream = Stream(said, step, token_s=pace / 1000, comment_s=host.comment_ms / 1000)
    headers = (
        ("Content-Type", "text/event-stream"),
        ("Cache-Control", "no-cache"),
        ("X-Generation-Id", said.id),
        *EXPOSED,
    )
    try:
        await play_stream(exchange, Head(200, headers), stream.frames(), step)
    finally:
        # Hanging up stops the bill at some providers only; an answer the service itself broke off is billed so far.
        has_left = exchange.is_client_gone
        is_whole = stream.is_complete or (has_left and not said.choice.endpoint.stops_billing)
        tokens = said.completion_tokens if is_whole else stream.tokens
        cost = Decimal(0) if step.late_error is not None else said.cost(tokens)
        host.record(said, secret, cost_usd=cost, tokens_out=tokens, is_streamed=True, is_cancelled=has_left)
