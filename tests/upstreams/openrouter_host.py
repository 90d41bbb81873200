"""The state of a simulated OpenRouter and what its routes have in common: keys, ids, bills, refusals."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from amalfa.clock import Clock
from tests.upstreams.counters import Counters
from tests.upstreams.http_server import Exchange
from tests.upstreams.openrouter_account import Account, Bill, Key, keys_from
from tests.upstreams.openrouter_bodies import Said, compact
from tests.upstreams.openrouter_catalogue import DEFAULT_MODELS, CloudModel
from tests.upstreams.openrouter_errors import NAMED, ApiError
from tests.upstreams.openrouter_gates import Rules
from tests.upstreams.playing import Head, play_instead, play_whole
from tests.upstreams.script import ABSENT, Step
from tests.upstreams.simulator import Simulator

BASE = "/api/v1"
JSON = ("Content-Type", "application/json")
EXPOSED = (("Access-Control-Expose-Headers", "X-Generation-Id,X-Provider-Name,request-id,cf-ray"),)


@dataclass(slots=True)
class OpenRouterCounters(Counters):
    """`served` names the models that answered, in order; money is on `sim.account` and `sim.spent_usd`."""

    served: list[str] = field(default_factory=list)
    tokens_in: int = 0
    tokens_out: int = 0
    cancelled: int = 0


class OpenRouterHost(Simulator):
    """Everything of an OpenRouter but its routes, which `openrouter.OpenRouterSimulator` adds.

    `token_ms` is the time per generated piece, `comment_ms` the gap between keep-alive comments (570 at the
    real service). `generation_lag_s` is how long /generation knows nothing of a finished call, by `clock`.
    """

    known_errors = frozenset(NAMED)

    def __init__(
        self,
        keys: Iterable[str] | Mapping[str, Key] = ("sk-or-v1-simulated",),
        *,
        port: int = 0,
        clock: Clock | None = None,
        models: Iterable[CloudModel] = DEFAULT_MODELS,
        credits_usd: float | str = 10,
        free_per_day: int = 50,
        token_ms: float = 0.0,
        comment_ms: float = 1.0,
        generation_lag_s: float = 0.0,
        rules: Rules | None = None,
        presets: Mapping[str, Mapping[str, Any]] | None = None,
        default_model: str = "openrouter/auto",
        max_body_bytes: int = 20_000_000,
    ) -> None:
        super().__init__(port=port, clock=clock)
        self.account = Account(self.clock, keys_from(keys), Decimal(str(credits_usd)), free_per_day=free_per_day)
        self.models = list(models)
        self.counters = OpenRouterCounters()
        self.rules = rules or Rules()
        self.presets = dict(presets or {})
        self.default_model = default_model
        self.token_ms = token_ms
        self.comment_ms = comment_ms
        self.generation_lag_s = generation_lag_s
        self.max_body_bytes = max_body_bytes
        self.no_key_error = "no_key"
        self.has_open_credits = True

    @property
    def api_url(self) -> str:
        """The base address a client is given: `http://127.0.0.1:PORT/api/v1`."""
        return f"{self.url}{BASE}"

    @property
    def spent_usd(self) -> Decimal:
        return self.account.spent_usd

    def authenticate(self, exchange: Exchange) -> str:
        """The secret of the request. Raises ApiError 401."""
        kind, _, secret = (exchange.request.header("authorization") or "").partition(" ")
        if kind.lower() != "bearer" or not secret:
            raise NAMED[self.no_key_error]
        key = self.account.keys.get(secret)
        if key is None or key.is_disabled:
            raise NAMED["bad_key"]
        return secret

    def step_for(self, step: Step, *names: str) -> Step:
        """The path's step if there was one, else the next of the model's queue, else of `*`."""
        return self.take_step(*names, "*") if step == Step() else step

    async def played(self, exchange: Exchange, step: Step) -> bool:
        """Play a step that stands in for the whole answer: a fault, a status or a body."""
        if await play_instead(exchange, step):
            return True
        if step.status is None:
            return False
        if isinstance(step.body, str):
            body = step.body.encode()
        else:
            default = {"error": {"code": step.status, "message": "Simulated error"}}
            body = compact(default if step.body is ABSENT else step.body)
        await play_whole(exchange, Head(step.status, (JSON, ("X-Generation-Id", self.new_id()), *EXPOSED)), body, step)
        return True

    async def refuse(self, exchange: Exchange, refusal: ApiError, *, is_inference: bool) -> None:
        """Send an error as ordinary JSON, also when a stream was asked for."""
        named = (("X-Generation-Id", self.new_id()),) if is_inference else ()
        headers = (JSON, *named, *EXPOSED, *refusal.headers.items())
        await exchange.whole(refusal.status, headers, compact(refusal.content()))

    def new_id(self, prefix: str = "gen") -> str:
        return f"{prefix}-{int(self.clock.now().timestamp())}-{uuid.uuid4().hex[:20]}"

    def record(
        self,
        said: Said,
        secret: str,
        *,
        cost_usd: Decimal,
        tokens_out: int,
        is_streamed: bool,
        is_cancelled: bool = False,
    ) -> None:
        """Put a call on the account and into the counters."""
        self.counters.served.append(said.choice.model.id)
        self.counters.tokens_in += said.prompt_tokens
        self.counters.tokens_out += tokens_out
        self.counters.cancelled += is_cancelled
        self.account.bill(
            Bill(
                id=said.id,
                secret=secret,
                model=said.choice.model.slug,
                provider=said.choice.endpoint.provider,
                cost_usd=cost_usd,
                tokens_in=said.prompt_tokens,
                tokens_out=tokens_out,
                finish_reason=None if is_cancelled else said.finish,
                is_streamed=is_streamed,
                is_cancelled=is_cancelled,
                created_at=self.clock.now(),
                visible_at_s=self.clock.monotonic_s() + self.generation_lag_s,
            )
        )
