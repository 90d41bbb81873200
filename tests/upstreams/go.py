"""Details of Go that show through Ollama's API: its JSON, its durations, its times, its error texts."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

FOREVER = timedelta(microseconds=(2**63 - 1) // 1000)
"""Go's longest duration, about 292 years: what a negative keep_alive becomes."""

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_KINDS = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}


def to_json(value: Any) -> bytes:
    """Compact JSON with `<`, `>` and `&` escaped, as Go's encoder writes it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode("utf-8", "replace")


def json_kind(value: Any) -> str:
    return _KINDS.get(type(value), "null")


def rfc3339(moment: datetime) -> str:
    """UTC with up to nine fractional digits, trailing zeros dropped."""
    moment = moment.astimezone(UTC)
    fraction = f"{moment.microsecond * 1000 + time.perf_counter_ns() % 1000:09d}".rstrip("0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z" if fraction else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def parse_duration(text: str) -> float:
    """Seconds of a Go duration such as `1h30m`; raises ValueError with Go's own words."""
    quoted = json.dumps(text, ensure_ascii=False)
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    if rest == "0":
        return 0.0
    total = 0.0
    if not rest:
        raise ValueError(f"time: invalid duration {quoted}")
    while rest:
        match = re.match(r"(\d+\.?\d*|\.\d+)([^\d.]*)", rest)
        if match is None:
            raise ValueError(f"time: invalid duration {quoted}")
        if not match[2]:
            raise ValueError(f"time: missing unit in duration {quoted}")
        if match[2] not in _UNITS:
            raise ValueError(f"time: unknown unit {json.dumps(match[2])} in duration {quoted}")
        total += float(match[1]) * _UNITS[match[2]]
        rest = rest[match.end() :]
    return sign * total
