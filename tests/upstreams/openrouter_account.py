"""One account at a simulated OpenRouter: its keys, its credit, its free calls, what it was billed."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from amalfa.clock import Clock
from tests.upstreams.openrouter_errors import (
    USER_ID,
    ApiError,
    in_flight_budget,
    insufficient_credits,
    key_limit,
    only_afford,
)


@dataclass(slots=True)
class Key:
    """One API key. `limit_usd` None = unlimited; an unlisted or disabled key is answered "User not found."."""

    limit_usd: Decimal | None = None
    spent_usd: Decimal = Decimal(0)
    is_disabled: bool = False
    is_management: bool = False

    @property
    def left_usd(self) -> Decimal | None:
        return None if self.limit_usd is None else self.limit_usd - self.spent_usd


@dataclass(frozen=True, slots=True)
class Bill:
    """A finished or cancelled call, as /generation tells it from `visible_at_s` on."""

    id: str
    secret: str = field(repr=False)
    model: str
    provider: str
    cost_usd: Decimal
    tokens_in: int
    tokens_out: int
    finish_reason: str | None
    is_streamed: bool
    is_cancelled: bool
    created_at: datetime
    visible_at_s: float


RateHints = Literal["both", "metadata", "retry_after"]


@dataclass(slots=True)
class Account:
    """Shared by all its keys: credit and free calls are per account, limits in USD per key.

    `rate_hints` says where a platform 429 names its reset: real headers and metadata, metadata alone, or
    metadata and a Retry-After header.
    """

    clock: Clock
    keys: dict[str, Key] = field(repr=False)
    credits_usd: Decimal = Decimal(10)
    free_per_minute: int = 20
    free_per_day: int = 50
    rate_hints: RateHints = "both"
    key_limit_style: str = "403"
    spent_usd: Decimal = Decimal(0)
    held_usd: Decimal = Decimal(0)
    bills: list[Bill] = field(default_factory=list)
    _free_calls: deque[datetime] = field(default_factory=deque)
    _free_today: tuple[str, int] = ("", 0)

    @property
    def balance_usd(self) -> Decimal:
        return self.credits_usd - self.spent_usd

    @property
    def free_used_today(self) -> int:
        day, used = self._free_today
        return used if day == f"{self.clock.now():%Y-%m-%d}" else 0

    def check_money(self, key: Key, *, prompt_usd: Decimal, per_token_usd: Decimal, max_tokens: int) -> None:
        """Raise the 402 or 403 this request would meet; money held for running requests counts."""
        if key.left_usd is not None and key.left_usd <= 0:
            raise key_limit(self.key_limit_style)
        if self.balance_usd < 0 or (self.balance_usd == 0 and per_token_usd):
            raise insufficient_credits()
        if not per_token_usd:
            return
        affordable = int((self.balance_usd - prompt_usd) / per_token_usd)
        if affordable < max_tokens:
            raise only_afford(max_tokens, max(0, affordable))
        if self.held_usd + prompt_usd + max_tokens * per_token_usd > self.balance_usd:
            raise in_flight_budget()

    def count_free_call(self) -> None:
        """Count one call of a `:free` model. Raises the 429 when it is one too many; refused calls count too."""
        now = self.clock.now()
        today = f"{now:%Y-%m-%d}"
        self._free_today = (today, self.free_used_today + 1)
        minute = now.replace(second=0, microsecond=0)
        while self._free_calls and self._free_calls[0] < minute:
            self._free_calls.popleft()
        self._free_calls.append(now)
        if self._free_today[1] > self.free_per_day:
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            raise self._too_many("day", self.free_per_day, midnight)
        if len(self._free_calls) > self.free_per_minute:
            raise self._too_many("min", self.free_per_minute, minute + timedelta(minutes=1))

    def _too_many(self, window: str, limit: int, reset: datetime) -> ApiError:
        if window == "min":
            message, source = "Rate limit exceeded: free-models-per-min. ", "openrouter_free_tier_per_minute"
        elif limit >= 1000:
            message, source = "Rate limit exceeded: free-models-per-day-high-balance. ", "openrouter_free_tier_daily"
        else:
            message = (
                "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day"
            )
            source = "openrouter_free_tier_daily"
        limits = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(int(reset.timestamp() * 1000)),
        }
        metadata = {
            "headers": limits,
            "provider_name": None,
            "limit_source": source,
            "remedy_hint": f"Slow down requests to free models, or retry after {reset:%Y-%m-%dT%H:%M:%SZ}",
        }
        wait_s = max(1, round((reset - self.clock.now()).total_seconds()))
        headers = {"both": limits, "metadata": {}, "retry_after": {"Retry-After": str(wait_s)}}[self.rate_hints]
        return ApiError(429, message, metadata, headers, has_user=True)

    def bill(self, bill: Bill) -> None:
        self.spent_usd += bill.cost_usd
        self.keys[bill.secret].spent_usd += bill.cost_usd
        self.bills.append(bill)

    def key_body(self, secret: str, *, is_minimal: bool = False) -> dict[str, Any]:
        """The data of GET /key."""
        key = self.keys[secret]
        used = float(key.spent_usd)
        limit = None if key.limit_usd is None else float(key.limit_usd)
        left = None if key.left_usd is None else float(key.left_usd)
        rate = {"requests": -1, "interval": "10s", "note": "This field is deprecated and safe to ignore."}
        label = f"{secret[:12]}...{secret[-3:]}"
        if is_minimal:
            short = {"label": label, "usage": used, "limit": limit, "limit_remaining": left}
            return {**short, "is_free_tier": False, "rate_limit": rate}
        daily = {
            "used": self.free_used_today,
            "limit": self.free_per_day,
            "remaining": max(0, self.free_per_day - self.free_used_today),
        }
        return {
            "label": label,
            "limit": limit,
            "limit_remaining": left,
            "limit_reset": None,
            "include_byok_in_limit": False,
            **{f"usage{period}": used for period in ("", "_daily", "_weekly", "_monthly")},
            **{f"byok_usage{period}": 0 for period in ("", "_daily", "_weekly", "_monthly")},
            "is_free_tier": False,
            "is_management_key": key.is_management,
            "is_provisioning_key": key.is_management,
            "creator_user_id": USER_ID,
            "expires_at": None,
            "organization_id": None,
            "workspace_id": "00000000-0000-4000-8000-000000000001",
            "allowed_data_regions": ["global"],
            "free_model_daily_requests": daily,
            "rate_limit": rate,
        }


def keys_from(given: Iterable[str] | Mapping[str, Key]) -> dict[str, Key]:
    return dict(given) if isinstance(given, Mapping) else {secret: Key() for secret in given}
