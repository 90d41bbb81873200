"""Reads how long a provider asks to wait, in the forms that are in use. Does no I/O and reads no clock."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# A number above this cannot be seconds since 1970; it is milliseconds.
_FIRST_MILLISECONDS = 1e11


def wait_of(text: str, now: datetime) -> float | None:
    """The seconds a `Retry-After` means: a number or an HTTP date. None for nonsense and for less than nothing.

    A date that has passed means no wait. Very long waits are returned as they are; what is too long to be
    obeyed is for the caller to say.
    """
    number = _number(text)
    if number is not None:
        return number if number >= 0 else None
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return _until(moment if moment.tzinfo else moment.replace(tzinfo=UTC), now)


def wait_until_reset(text: str, now: datetime) -> float | None:
    """The seconds until an `X-RateLimit-Reset`: epoch seconds or milliseconds. None for nonsense."""
    number = _number(text)
    if number is None or number <= 0:
        return None
    seconds = number / 1000 if number > _FIRST_MILLISECONDS else number
    return max(seconds - now.timestamp(), 0.0)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _until(moment: datetime, now: datetime) -> float:
    return max((moment - now).total_seconds(), 0.0)
