"""What OpenRouter's account routes say: the limits of a key, and what one finished call cost. Does no I/O."""

from dataclasses import dataclass

from amalfa.providers.untrusted_json import JsonObject, count_at, number_at, object_at, parse_object


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """The limits of one key. None = not told, which older answers leave all of it; for money also "no limit".

    `free_daily_used` lags behind by many calls, so it is a lower bound.
    """

    free_daily_limit: int | None = None
    free_daily_used: int | None = None
    remaining_usd: float | None = None


def read_key_limits(body: bytes) -> KeyLimits | None:
    """The limits in an answer of `/key`; None when it is no such answer."""
    data = _data(body)
    if not data:
        return None
    free = object_at(data, "free_model_daily_requests")
    return KeyLimits(
        free_daily_limit=count_at(free, "limit"),
        free_daily_used=count_at(free, "used"),
        remaining_usd=_remaining(data),
    )


def read_cost_usd(body: bytes) -> float | None:
    """What a call cost, from an answer of `/generation`; None when it does not say."""
    data = _data(body)
    cost_usd = number_at(data, "total_cost")
    return number_at(data, "usage") if cost_usd is None else cost_usd


def _remaining(data: JsonObject) -> float | None:
    left = data.get("limit_remaining")
    # An overdrawn key is told with a negative rest.
    is_overdrawn = isinstance(left, int | float) and not isinstance(left, bool) and left < 0
    return 0.0 if is_overdrawn else number_at(data, "limit_remaining")


def _data(body: bytes) -> JsonObject:
    return object_at(parse_object(body) or {}, "data")
