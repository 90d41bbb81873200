"""A simulated Anthropic: its Messages API over real sockets, answering from a script or sensibly."""

import asyncio
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from typing_extensions import override

from amalfa.clock import Clock
from tests.upstreams.anthropic_errors import NAMED, ApiError
from tests.upstreams.anthropic_requests import Ask, read_ask
from tests.upstreams.anthropic_stream import Call, Said, frames, whole_message
from tests.upstreams.counters import Counters
from tests.upstreams.http_server import Exchange
from tests.upstreams.openrouter_bodies import compact
from tests.upstreams.playing import Head, play_instead, play_stream, play_whole
from tests.upstreams.replies import sensible_text
from tests.upstreams.script import ABSENT, Step
from tests.upstreams.simulator import Simulator
from tests.upstreams.words import pieces

BASE = "/v1"
KEY = "sk-ant-api03-simulated"
DEFAULT_MODELS = {
    "claude-3-opus-20240229": 200_000,
    "claude-3-5-sonnet-20241022": 200_000,
    "claude-3-haiku-20240307": 200_000,
}
"""Context windows by name."""

_JSON = ("Content-Type", "application/json")
_STREAM = (("Content-Type", "text/event-stream; charset=utf-8"), ("Cache-Control", "no-cache"))


@dataclass(slots=True)
class AnthropicCounters(Counters):
    """`served` names the models that answered, in order."""

    served: list[str] = field(default_factory=list)
    tokens_in: int = 0
    tokens_out: int = 0


class AnthropicSimulator(Simulator):
    """Anthropic's API on a free loopback port. `token_ms` is the time per generated piece."""

    known_errors = frozenset(NAMED)

    def __init__(
        self,
        keys: Iterable[str] = (KEY,),
        *,
        port: int = 0,
        clock: Clock | None = None,
        models: Mapping[str, int] | None = None,
        token_ms: float = 0.0,
    ) -> None:
        super().__init__(port=port, clock=clock)
        self.keys = set(keys)
        self.models = dict(DEFAULT_MODELS if models is None else models)
        self.counters = AnthropicCounters()
        self.token_ms = token_ms

    @override
    async def answer(self, exchange: Exchange) -> None:
        path = exchange.request.path
        step = self.take_step(path, path.removeprefix(BASE))
        await asyncio.sleep(step.delay_ms / 1000)
        try:
            if await self._played(exchange, step):
                return
            await self._route(exchange, replace(step, delay_ms=0.0))
        except ApiError as refusal:
            request_id = self._request_id()
            headers = (_JSON, ("request-id", request_id), *refusal.headers.items())
            await exchange.whole(refusal.status, headers, compact(refusal.content(request_id)))

    async def _route(self, exchange: Exchange, step: Step) -> None:
        self._authenticate(exchange)
        match exchange.request.method, exchange.request.path:
            case "POST", "/v1/messages":
                await self._answer_messages(exchange, step)
            case "GET", "/v1/models":
                listed = [{"type": "model", "id": name, "display_name": name} for name in self.models]
                body = compact({"data": listed, "has_more": False})
                await play_whole(exchange, Head(200, (_JSON,)), body, step)
            case _:
                raise NAMED["not_found"]

    def _authenticate(self, exchange: Exchange) -> None:
        key = exchange.request.header("x-api-key")
        if not key:
            raise NAMED["no_key"]
        if key not in self.keys:
            raise NAMED["bad_key"]
        if not exchange.request.header("anthropic-version"):
            raise ApiError(400, "invalid_request_error", "anthropic-version: header is required")

    async def _answer_messages(self, exchange: Exchange, step: Step) -> None:
        ask = read_ask(exchange.request.body, self.models)
        step = self.take_step(ask.model, "*") if step == Step() else step
        await asyncio.sleep(step.delay_ms / 1000)
        if await self._played(exchange, step):
            return
        said = self._said(ask, step)
        head = (("request-id", self._request_id()),)
        self.counters.enter()
        try:
            if ask.streams and not step.odd_named("json_instead_of_sse"):
                token_s = (self.token_ms if step.token_ms is None else step.token_ms) / 1000
                told = frames(said, step, token_s=token_s)
                await play_stream(exchange, Head(200, (*_STREAM, *head)), told, step)
            else:
                await play_whole(exchange, Head(200, (_JSON, *head)), compact(whole_message(said)), step)
        finally:
            self.counters.leave()
        self.counters.served.append(ask.model)
        self.counters.tokens_in += said.tokens_in
        self.counters.tokens_out += said.tokens_out

    async def _played(self, exchange: Exchange, step: Step) -> bool:
        """Play a step that stands in for the whole answer: a named error, a fault, a status or a body."""
        if step.error is not None:
            named = NAMED[step.error]
            raise replace(named, headers={**named.headers, **step.headers})
        if await play_instead(exchange, step):
            return True
        if step.status is None:
            return False
        default = ApiError(step.status, "api_error", "Simulated error").content()
        body = default if step.body is ABSENT else step.body
        content = body.encode() if isinstance(body, str) else compact(body)
        await play_whole(exchange, Head(step.status, (_JSON,)), content, step)
        return True

    def _said(self, ask: Ask, step: Step) -> Said:
        said = list(step.chunks) if step.chunks is not None else pieces(_text(ask, step))
        is_cut = len(said) > ask.max_tokens
        usual = "max_tokens" if is_cut else "tool_use" if ask.tool or step.tool_calls else "end_turn"
        return Said(
            id=f"msg_{uuid.uuid4().hex[:24]}",
            model=ask.model,
            pieces=tuple(said[: ask.max_tokens]),
            thoughts=tuple(pieces(step.thinking or "")),
            tool=str(ask.tool["name"]) if ask.tool and not step.tool_calls else "",
            stop_reason=step.finish or usual,
            tokens_in=step.usage.get("tokens_in", ask.tokens),
            tokens_out=step.usage.get("tokens_out", min(len(said), ask.max_tokens)),
            calls=tuple(_call(call) for call in step.tool_calls),
        )

    def _request_id(self) -> str:
        return f"req_{uuid.uuid4().hex[:24]}"


def _text(ask: Ask, step: Step) -> str:
    if step.json is not ABSENT:
        return compact(step.json).decode()
    if step.text is not None:
        return step.text
    if step.tool_calls:
        return ""
    schema: Any = ask.tool["input_schema"] if ask.tool else None
    return sensible_text(ask.texts, schema=schema)


def _call(call: Mapping[str, Any]) -> Call:
    given = call.get("arguments", {})
    written = given if isinstance(given, str) else compact(given).decode()
    # A tool used with nothing comes without a piece.
    told = () if written == "{}" else tuple(pieces(written))
    return Call(call.get("id", f"toolu_{uuid.uuid4().hex[:24]}"), call.get("name", ""), told)
