"""Decides whether a model may serve a request, and which endpoint does: filters in order, each with its refusal."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tests.upstreams.openrouter_catalogue import CloudModel, Endpoint
from tests.upstreams.openrouter_errors import (
    ApiError,
    attestation,
    batch_only,
    context_too_long,
    data_policy,
    ended,
    ended_with_paid_twin,
    guardrail_new,
    guardrail_old,
    harness_only,
    max_price,
    no_allowed_provider,
    no_tools,
    not_a_model,
    not_in_region,
    unavailable_parameters,
    upstream_400,
)
from tests.upstreams.openrouter_requests import Ask

_DYNAMIC = (":nitro", ":floor", ":exacto", ":online")
_COMPRESSED_BELOW = 8193


@dataclass(frozen=True, slots=True)
class Rules:
    """The account's own settings. `guardrail` bans training endpoints: "" off, "new" or "old" = which text says so."""

    guardrail: str = ""
    harness_title: str = "Coding Agent"


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that will answer and the endpoint that serves it."""

    model: CloudModel
    endpoint: Endpoint

    @property
    def prompt_usd(self) -> Decimal:
        return self.model.prompt_usd * self.endpoint.price_factor

    @property
    def completion_usd(self) -> Decimal:
        return self.model.completion_usd * self.endpoint.price_factor


def choose(models: Iterable[CloudModel], name: str, ask: Ask, rules: Rules) -> Choice:
    """Resolve a name and pick the cheapest endpoint left after all filters. Raises ApiError."""
    model = _resolved({model.id: model for model in models}, name)
    if model.gate:
        _refuse_gated(model, ask, rules)
    if model.output != "text":
        raise ended(model.id)
    endpoints = list(model.endpoints)
    for gate in _FILTERS:
        endpoints = gate(model, endpoints, ask, rules)
    _check_values(model, endpoints[0], ask)
    _check_length(model, ask)
    return Choice(model, _preferred(endpoints, ask))


def _resolved(models: dict[str, CloudModel], name: str) -> CloudModel:
    by_slug = {model.slug: model for model in models.values()}
    bare = name
    while bare.endswith(_DYNAMIC):
        bare = bare.rpartition(":")[0]
    model = models.get(bare) or by_slug.get(bare)
    if model is None:
        raise not_a_model(name)
    return models[model.stands_for] if model.stands_for else model


def _refuse_gated(model: CloudModel, ask: Ask, rules: Rules) -> None:
    if model.gate == "harness" and ask.title == rules.harness_title:
        return
    refusals: dict[str, Callable[[], ApiError]] = {
        "ended": lambda: ended(model.id),
        "paid_twin": lambda: ended_with_paid_twin(model.id),
        "batch": batch_only,
        "harness": lambda: harness_only(model.id),
        "region": not_in_region,
        "attestation": attestation,
    }
    raise refusals[model.gate]()


Left = list[Endpoint]


def _by_guardrail(_model: CloudModel, endpoints: Left, _ask: Ask, rules: Rules) -> Left:
    if not rules.guardrail:
        return endpoints
    refusal = guardrail_old() if rules.guardrail == "old" else guardrail_new(len(endpoints))
    return _left([one for one in endpoints if not one.trains], refusal)


def _by_privacy(_model: CloudModel, endpoints: Left, ask: Ask, _rules: Rules) -> Left:
    if ask.provider.get("data_collection") == "deny":
        endpoints = _left([one for one in endpoints if not one.trains], data_policy())
    if ask.provider.get("zdr"):
        endpoints = _left([one for one in endpoints if not one.retains], data_policy("Zero data retention"))
    return endpoints


def _by_provider(model: CloudModel, endpoints: Left, ask: Ask, _rules: Rules) -> Left:
    serving = [one.tag for one in endpoints]
    if wanted := ask.provider.get("only"):
        kept = [one for one in endpoints if any(_is_tag(one, tag) for tag in wanted)]
        endpoints = _left(kept, no_allowed_provider(model.id, serving, list(wanted)))
    if unwanted := ask.provider.get("ignore"):
        kept = [one for one in endpoints if not any(_is_tag(one, tag) for tag in unwanted)]
        endpoints = _left(kept, no_allowed_provider(model.id, serving, []))
    if wanted := ask.provider.get("quantizations"):
        endpoints = _left([one for one in endpoints if one.quantization in wanted], unavailable_parameters())
    if (wanted := ask.provider.get("order")) and ask.provider.get("allow_fallbacks") is False:
        kept = [one for one in endpoints if any(_is_tag(one, tag) for tag in wanted)]
        endpoints = _left(kept, no_allowed_provider(model.id, serving, list(wanted)))
    return endpoints


def _is_tag(endpoint: Endpoint, tag: str) -> bool:
    """A base slug covers its regions and variants."""
    return endpoint.tag == tag or endpoint.tag.startswith(f"{tag}/")


def _by_price(model: CloudModel, endpoints: Left, ask: Ask, _rules: Rules) -> Left:
    limits = ask.provider.get("max_price") or {}
    for name, price in (("prompt", model.prompt_usd), ("completion", model.completion_usd)):
        if name in limits:
            cap = Decimal(str(limits[name])) / 1_000_000
            endpoints = _left([one for one in endpoints if price * one.price_factor <= cap], max_price())
    return endpoints


def _by_ability(_model: CloudModel, endpoints: Left, ask: Ask, _rules: Rules) -> Left:
    """Tools need an endpoint that has them; other parameters only where the request insists."""
    if ask.body.get("tools"):
        endpoints = _left([one for one in endpoints if "tools" in one.parameters], no_tools())
    if not ask.provider.get("require_parameters"):
        # Unsupported parameters are dropped in silence, but endpoints that support the format are preferred.
        fitting = [one for one in endpoints if "structured_outputs" in one.parameters]
        return fitting if fitting and ask.format_kind == "json_schema" else endpoints
    wanted = ask.parameters
    if ask.is_strict and not any("structured_outputs" in one.parameters for one in endpoints):
        raise guardrail_old()
    return _left([one for one in endpoints if wanted <= set(one.parameters)], unavailable_parameters())


def _left(endpoints: Left, refusal: ApiError) -> Left:
    if not endpoints:
        raise refusal
    return endpoints


_FILTERS = (_by_guardrail, _by_privacy, _by_provider, _by_price, _by_ability)


def _check_values(model: CloudModel, endpoint: Endpoint, ask: Ask) -> None:
    effort = (ask.body.get("reasoning") or {}).get("effort") or ask.body.get("reasoning_effort")
    if model.must_reason and effort == "none":
        message = "Reasoning is mandatory for this endpoint and cannot be disabled."
        raise ApiError(400, message, {"provider_name": None})
    temperature = ask.body.get("temperature")
    if isinstance(temperature, int | float) and not 0 <= temperature <= 2:
        raw = '{"error":{"message":"temperature must be between 0 and 2","type":"invalid_request_error"}}'
        raise upstream_400(endpoint.provider, raw)


def _check_length(model: CloudModel, ask: Ask) -> None:
    """Prompt and output must fit together; compression, on by default for small windows, shortens instead."""
    if model.context is None:
        return
    plugins: list[Any] = list(ask.body.get("plugins") or ())
    is_named = any(plugin.get("id") == "context-compression" for plugin in plugins)
    compresses = ask.has_plugin("context-compression") or (model.context < _COMPRESSED_BELOW and not is_named)
    output = ask.max_tokens or 0
    if ask.prompt_tokens + output > model.context and not compresses:
        raise context_too_long(model.context, ask.prompt_tokens, output)


def _preferred(endpoints: Left, ask: Ask) -> Endpoint:
    """The first of `provider.order` that is left, else the cheapest healthy one."""
    for tag in ask.provider.get("order") or ():
        if (found := next((one for one in endpoints if _is_tag(one, tag)), None)) is not None:
            return found
    return min(endpoints, key=lambda one: (one.status != 0, one.price_factor))


def with_previous(refusal: ApiError, earlier: list[tuple[str, ApiError]]) -> ApiError:
    """The last refusal of a fallback list, with what the models before it said."""
    if not earlier:
        return refusal
    previous = [{"provider": provider, "code": one.status, "status": one.status} for provider, one in earlier]
    return replace(refusal, metadata={**(refusal.metadata or {}), "previous_errors": previous})
