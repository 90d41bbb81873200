"""What a user may tell OpenRouter about choosing among the companies that serve a model."""

from typing import Annotated, Literal

from pydantic import Field

from amalfa.config.values import Flag, Group, Real, Texts, Usd, shorthand

Quantization = Literal[
    "int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32", "unknown"
]
Positive = Annotated[Real, Field(gt=0)]


class SortBy(Group):
    """What OpenRouter sorts the endpoints by."""

    by: Literal["price", "throughput", "latency", "exacto"] = Field(description="What comes first.")
    partition: Literal["model", "none"] | None = Field(
        default=None, description="Whether endpoints are sorted within each model or across all."
    )


class Percentiles(Group):
    """A wish for a measured speed, by the share of calls that have to reach it."""

    p50: Positive | None = Field(default=None, description="For half of the calls.")
    p75: Positive | None = Field(default=None, description="For three quarters of the calls.")
    p90: Positive | None = Field(default=None, description="For nine calls of ten.")
    p99: Positive | None = Field(default=None, description="For 99 calls of 100.")


class PriceLimit(Group):
    """What an endpoint may cost at most; dearer ones are left out."""

    prompt: Usd | None = Field(default=None, description="USD per million tokens sent.")
    completion: Usd | None = Field(default=None, description="USD per million tokens received.")
    request: Usd | None = Field(default=None, description="USD per request.")
    image: Usd | None = Field(default=None, description="USD per image.")


def _by(value: object) -> object:
    return {"by": value} if isinstance(value, str) else value


def _median(value: object) -> object:
    return {"p50": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class OpenRouterRouting(Group):
    """How OpenRouter chooses who serves. A call may tighten any of it and loosen none."""

    models: Texts = Field(
        default=(), max_length=3, description="Models OpenRouter may turn to by itself when one fails; at most 3."
    )
    order: Texts = Field(default=(), description="Providers to try first, in this order.")
    only: Texts = Field(default=(), description="The only providers that may serve.")
    ignore: Texts = Field(default=(), description="Providers that may not serve.")
    allow_fallbacks: Flag | None = Field(
        default=None, description="Whether a provider outside `order` may serve when those in it cannot."
    )
    quantizations: Annotated[tuple[Quantization, ...], shorthand(_listed, written=list[Quantization])] = Field(
        default=(), description="The number formats a model may be served in, like `fp8` or `bf16`."
    )
    sort: Annotated[SortBy, shorthand(_by, written=str | SortBy)] | None = Field(
        default=None, description="What to favour: `price`, `throughput`, `latency` or `exacto`."
    )
    preferred_min_throughput: Annotated[Percentiles, shorthand(_median, written=float | Percentiles)] | None = Field(
        default=None, description="Tokens per second; slower endpoints come last."
    )
    preferred_max_latency: Annotated[Percentiles, shorthand(_median, written=float | Percentiles)] | None = Field(
        default=None, description="Seconds to the first token; slower endpoints come last."
    )
    max_price: PriceLimit | None = Field(default=None, description="What an endpoint may cost at most.")
    data_collection: Literal["allow", "deny"] | None = Field(
        default=None, description="`deny`: only endpoints that neither keep nor train on what they are sent."
    )
    zdr: Flag | None = Field(default=None, description="`true`: only endpoints with zero data retention.")
    require_parameters: Flag | None = Field(
        default=None, description="`true`: only endpoints that support every parameter of the request."
    )
