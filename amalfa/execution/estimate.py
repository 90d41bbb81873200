"""What a call would likely take and cost at one model of its plan, before anybody is asked. Pure; asks nobody."""

import math
from dataclasses import dataclass
from typing import Literal

from amalfa.calls import Price, Tier
from amalfa.execution.budget import SHORT_REPLY_SHARE
from amalfa.execution.tally import exact_usd
from amalfa.routing.order import CLOUD_MS, LOAD_MS, LOCAL_MS
from amalfa.routing.plan import Entry, Size

# The extractive engine reads and sorts; it loads nothing and waits for nobody.
EMBEDDED_S = 0.1

SecondsSource = Literal["measured", "assumed"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is to be expected of one call at one model.

    `usd_low` is for a short reply and `usd_high` for one of full length, both at the listed price; None where
    the price is not known, 0 where there is nothing to pay. `seconds_source` says whether `seconds` is what
    calls of this size took lately or what such models usually take.
    """

    tokens_in: int
    tokens_out_max: int
    seconds: float
    seconds_source: SecondsSource
    usd_low: float | None
    usd_high: float | None


def estimate(entry: Entry, size: Size, *, measured_ms: float | None, is_loaded: bool) -> Estimate:
    """What asking `entry` once would take and cost.

    `measured_ms` is what calls of this size took there lately, None when there were none. A local model that is
    not in memory (`is_loaded`) first has to be loaded, which counts.
    """
    low, high = _usd(entry.price, size)
    return Estimate(
        size.likely_in,
        size.most_out,
        round(_seconds(entry, measured_ms, is_loaded=is_loaded), 1),
        "assumed" if measured_ms is None else "measured",
        low,
        high,
    )


def _seconds(entry: Entry, measured_ms: float | None, *, is_loaded: bool) -> float:
    if entry.tier is Tier.EMBEDDED:
        return EMBEDDED_S if measured_ms is None else measured_ms / 1000
    usual_ms = CLOUD_MS if entry.tier is Tier.CLOUD else LOCAL_MS
    ms = usual_ms if measured_ms is None else measured_ms
    has_to_load = entry.tier is Tier.LOCAL and not is_loaded
    return (ms + LOAD_MS if has_to_load else ms) / 1000


def _usd(price: Price | None, size: Size) -> tuple[float | None, float | None]:
    if price is None:
        return None, None
    short = math.ceil(size.most_out * SHORT_REPLY_SHARE)
    least, most = price.cost_usd(size.likely_in, short), price.cost_usd(size.likely_in, size.most_out)
    return exact_usd(least), exact_usd(most)
