"""The `provider` object of a request to OpenRouter: what the user configured, tightened by what this call demands.

A call's demands never loosen what the user wrote: the lower price limit, the stricter data rule and "no fallbacks" win.
"""

from collections.abc import Mapping

from amalfa.calls import PrivacyClass, Steering, parse_model_name
from amalfa.config.openrouter_settings import OpenRouterRouting, Percentiles, PriceLimit, SortBy
from amalfa.providers.provider import Request
from amalfa.providers.untrusted_json import JsonObject

NOTHING = OpenRouterRouting()


def preferences(request: Request, routing: OpenRouterRouting, *, needs_parameters: bool) -> JsonObject:
    """The `provider` object; empty when there is nothing to say.

    `needs_parameters`: an endpoint that cannot do all that is asked must not be chosen.
    """
    written = {
        **_endpoints(routing),
        **_order(routing, request.steering),
        **_data(routing, request.privacy),
        "max_price": _max_price(routing.max_price, request.steering),
        "require_parameters": True if needs_parameters else routing.require_parameters,
    }
    return {key: value for key, value in written.items() if value not in (None, (), {})}


def fallback_models(request: Request, routing: OpenRouterRouting) -> tuple[str, ...]:
    """The models OpenRouter may turn to by itself; none when this call must not fall back."""
    if request.steering.is_model_fixed or request.steering.allow_fallbacks is False:
        return ()
    names = (parse_model_name(text, ("openrouter",)).model for text in routing.models)
    return tuple(name for name in names if name != request.model)


def _endpoints(routing: OpenRouterRouting) -> dict[str, object]:
    return {
        "order": routing.order,
        "only": routing.only,
        "ignore": routing.ignore,
        "quantizations": routing.quantizations,
        "preferred_min_throughput": _percentiles(routing.preferred_min_throughput),
        "preferred_max_latency": _percentiles(routing.preferred_max_latency),
    }


def _order(routing: OpenRouterRouting, steering: Steering) -> dict[str, object]:
    # An order of the user's own is more exact than what a strategy favours; OpenRouter takes either.
    is_ordered = bool(routing.order) or routing.sort is not None
    allowed = (routing.allow_fallbacks, steering.allow_fallbacks)
    return {
        "sort": _sort(routing.sort) if is_ordered else steering.sort,
        "allow_fallbacks": False if False in allowed else routing.allow_fallbacks,
    }


def _sort(sort: SortBy | None) -> object:
    if sort is None or sort.partition is None:
        return sort.by if sort else None
    return {"by": sort.by, "partition": sort.partition}


def _data(routing: OpenRouterRouting, privacy: PrivacyClass) -> dict[str, object]:
    if privacy is not PrivacyClass.CLOUD_OK:
        return {"zdr": True, "data_collection": "deny"}
    return {"zdr": routing.zdr, "data_collection": routing.data_collection}


def _max_price(limit: PriceLimit | None, steering: Steering) -> Mapping[str, float]:
    written = limit or PriceLimit()
    ceiling = steering.max_price
    lowest = {
        "prompt": _lower(written.prompt, ceiling.input_usd if ceiling else None),
        "completion": _lower(written.completion, ceiling.output_usd if ceiling else None),
        "request": written.request,
        "image": written.image,
    }
    return {key: value for key, value in lowest.items() if value is not None}


def _lower(one: float | None, other: float | None) -> float | None:
    return min((value for value in (one, other) if value is not None), default=None)


def _percentiles(wanted: Percentiles | None) -> Mapping[str, float]:
    if wanted is None:
        return {}
    named = {"p50": wanted.p50, "p75": wanted.p75, "p90": wanted.p90, "p99": wanted.p99}
    return {key: value for key, value in named.items() if value is not None}
