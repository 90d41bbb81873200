"""How long a model is asked to stay in memory after a call. Ollama first takes out what was to stay the shortest."""

import re

# While others wait for the model, a pause between two calls must not cost a load.
WANTED_S = 600
# What people use comes back sooner than a batch, so it is the last to make room.
OF_PEOPLE_S = 900

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


def keep_alive(own: str | int, *, is_wanted: bool, is_of_people: bool) -> str | int:
    """What to send: at least the provider's own, and longer for a model that others wait for or people use.

    An own value of 0 or below it (at once, never) is a decision of the user and stays as it is.
    """
    own_s = _seconds(own)
    wanted_s = OF_PEOPLE_S if is_of_people else WANTED_S if is_wanted else 0
    return own if own_s is None or own_s <= 0 or own_s >= wanted_s else f"{wanted_s // 60}m"


def _seconds(duration: str | int) -> float | None:
    """None for what is no duration in the notation of Ollama."""
    if isinstance(duration, int):
        return float(duration)
    parts = _PART.findall(duration)
    if "".join(number + unit for number, unit in parts) != duration:
        return None
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
