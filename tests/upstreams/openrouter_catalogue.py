"""The models and endpoints a simulated OpenRouter offers, and how its listings show them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_BASIC = ("max_tokens", "temperature", "top_p", "stop", "seed", "frequency_penalty", "presence_penalty")
_JSON = (*_BASIC, "response_format", "structured_outputs")
_FULL = (*_JSON, "tools", "tool_choice")
_STOPPING = ("Anthropic", "Azure", "Chutes", "DeepInfra", "DeepSeek", "Novita", "OpenAI", "Together", "xAI")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One provider serving one model. `price_factor` multiplies the catalogue's price."""

    provider: str
    tag: str
    parameters: tuple[str, ...] = _FULL
    trains: bool = False
    retains: bool = False
    price_factor: Decimal = Decimal(1)
    quantization: str = "fp8"
    status: int = 0

    @property
    def stops_billing(self) -> bool:
        """Whether a client that hangs up on a stream stops the bill."""
        return self.provider in _STOPPING


@dataclass(frozen=True, slots=True)
class CloudModel:
    """One catalogue entry. Prices are USD per token; -1 = variable (routers).

    `gate` names why nobody may use it: `ended` `paid_twin` `batch` `harness` `region` `attestation`.
    `stands_for` is the concrete model behind a router or an alias. `output` is its output modality.
    """

    id: str
    prompt_usd: Decimal = Decimal("0.00000012")
    completion_usd: Decimal = Decimal("0.00000039")
    context: int | None = 32768
    max_completion: int | None = 16384
    endpoints: tuple[Endpoint, ...] = ()
    canonical: str = ""
    gate: str = ""
    stands_for: str = ""
    reasons: bool = False
    must_reason: bool = False
    output: str = "text"
    expires: str | None = None
    created: int = 1_775_000_000

    @property
    def slug(self) -> str:
        return self.canonical or self.id

    @property
    def is_free(self) -> bool:
        return self.id.endswith(":free")

    @property
    def parameters(self) -> list[str]:
        """The union over its endpoints, which is what the catalogue shows."""
        found = {name for endpoint in self.endpoints for name in endpoint.parameters}
        return sorted(found | ({"reasoning", "include_reasoning"} if self.reasons else set()))


def _free(name: str, parameters: tuple[str, ...] = _FULL, *, gate: str = "") -> CloudModel:
    endpoint = Endpoint("Chutes", "chutes", parameters, trains=True, retains=True)
    return CloudModel(name, Decimal(0), Decimal(0), endpoints=(endpoint,), gate=gate)


def _openai(name: str, **more: Any) -> CloudModel:
    endpoint = Endpoint("OpenAI", "openai", (*_FULL, "max_completion_tokens"), retains=True)
    azure = Endpoint("Azure", "azure", _FULL, price_factor=Decimal("1.1"))
    return CloudModel(
        name, Decimal("0.00000015"), Decimal("0.0000006"), 128000, 16384, endpoints=(endpoint, azure), **more
    )


_THREE = (
    Endpoint("DeepInfra", "deepinfra/fp8"),
    Endpoint("Together", "together", price_factor=Decimal("3.0")),
    Endpoint("Novita", "novita", (*_BASIC, "response_format"), status=-2, quantization="unknown"),
)

DEFAULT_MODELS: tuple[CloudModel, ...] = (
    CloudModel("qwen/qwen-2.5-72b-instruct", endpoints=_THREE),
    CloudModel("qwen/qwen-2.5-7b-instruct", Decimal("0.00000004"), Decimal("0.0000001"), endpoints=_THREE[:2]),
    _openai("openai/gpt-4o-mini", canonical="openai/gpt-4o-mini-2024-07-18"),
    CloudModel(
        "openai/gpt-4o-mini:batch",
        Decimal("0.000000075"),
        Decimal("0.0000003"),
        128000,
        16384,
        (Endpoint("OpenAI", "openai", _FULL, retains=True),),
        gate="batch",
    ),
    CloudModel(
        "anthropic/claude-sonnet-4.6",
        Decimal("0.000003"),
        Decimal("0.000015"),
        200000,
        64000,
        (Endpoint("Anthropic", "anthropic"), Endpoint("Amazon Bedrock", "amazon-bedrock")),
        canonical="anthropic/claude-4.6-sonnet-20260217",
        reasons=True,
    ),
    CloudModel(
        "deepseek/deepseek-r1",
        Decimal("0.0000004"),
        Decimal("0.000002"),
        64000,
        None,
        (Endpoint("DeepSeek", "deepseek", (*_BASIC, "response_format"), retains=True),),
        reasons=True,
        must_reason=True,
    ),
    CloudModel(
        "mistralai/mistral-7b-instruct",
        Decimal("0.00000003"),
        Decimal("0.00000005"),
        8192,
        2048,
        (Endpoint("Mistral", "mistral", ("max_tokens", "stop", "top_p")),),
        expires="2026-12-31",
    ),
    CloudModel("acme/zero-preview", Decimal(0), Decimal(0), None, None, (Endpoint("Lambda", "lambda", _BASIC),)),
    CloudModel("acme/far-away", endpoints=(Endpoint("Alibaba", "alibaba"),), gate="region"),
    CloudModel("acme/grown-ups", endpoints=(Endpoint("Together", "together"),), gate="attestation"),
    _free("meta-llama/llama-3.3-70b-instruct:free"),
    _free("qwen/qwen-2.5-72b-instruct:free", _JSON),
    _free("google/gemma-3-27b-it:free", (*_BASIC, "response_format")),
    _free("thinkingmachines/inkling:free", gate="harness"),
    _free("google/gemini-2.5-flash:free", gate="ended"),
    _free("openai/gpt-oss-20b:free", gate="paid_twin"),
    CloudModel("openrouter/auto", Decimal(-1), Decimal(-1), 2000000, None, stands_for="openai/gpt-4o-mini"),
    CloudModel(
        "openrouter/free", Decimal(0), Decimal(0), 200000, None, stands_for="meta-llama/llama-3.3-70b-instruct:free"
    ),
    CloudModel("~qwen/qwen-latest", endpoints=_THREE, stands_for="qwen/qwen-2.5-72b-instruct"),
    CloudModel(
        "openai/text-embedding-3-small",
        Decimal("0.00000002"),
        Decimal(0),
        8192,
        None,
        (Endpoint("OpenAI", "openai", ()),),
        output="embeddings",
    ),
    CloudModel("acme/painter", endpoints=(Endpoint("Acme", "acme", ()),), output="image"),
)


def listed_model(model: CloudModel) -> dict[str, Any]:
    """One entry of /models; prices are texts."""
    author = model.id.partition("/")[0]
    return {
        "id": model.id,
        "canonical_slug": model.slug,
        "hugging_face_id": "",
        "name": f"{author.title()}: {model.id.partition('/')[2]}",
        "created": model.created,
        "description": "A simulated model.",
        "context_length": model.context,
        "architecture": {
            "modality": f"text->{model.output}",
            "input_modalities": ["text"],
            "output_modalities": [model.output],
            "tokenizer": "Other",
            "instruct_type": None,
        },
        "pricing": _pricing(model),
        "top_provider": {
            "context_length": model.context,
            "max_completion_tokens": model.max_completion,
            "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": model.parameters,
        "default_parameters": {"temperature": None},
        "supported_voices": None,
        **({"alias_target": model.stands_for} if model.id.startswith("~") else {}),
        "reasoning": {"mandatory": model.must_reason, "default_enabled": model.must_reason, "supported_efforts": None},
        "knowledge_cutoff": None,
        "expiration_date": model.expires,
        "links": {"details": f"/api/v1/models/{model.slug}/endpoints"},
    }


def _pricing(model: CloudModel, factor: Decimal = Decimal(1)) -> dict[str, str]:
    if model.prompt_usd < 0:
        return {"prompt": "-1", "completion": "-1"}
    prices = {"prompt": _plain(model.prompt_usd * factor), "completion": _plain(model.completion_usd * factor)}
    return prices if model.output != "text" else {**prices, "request": "0", "image": "0"}


def _plain(price: Decimal) -> str:
    return f"{price.normalize():f}" if price else "0"


def listed_endpoints(model: CloudModel) -> dict[str, Any]:
    """The data of /models/{author}/{slug}/endpoints."""
    return {
        "id": model.id,
        "name": model.id,
        "created": model.created,
        "description": "A simulated model.",
        "architecture": listed_model(model)["architecture"],
        "endpoints": [_listed_endpoint(model, endpoint) for endpoint in model.endpoints],
    }


def _listed_endpoint(model: CloudModel, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "name": f"{endpoint.provider} | {model.slug}",
        "model_id": model.id,
        "model_name": model.id,
        "provider_name": endpoint.provider,
        "tag": endpoint.tag,
        "quantization": endpoint.quantization,
        "context_length": model.context,
        "max_completion_tokens": model.max_completion,
        "max_prompt_tokens": None,
        "pricing": _pricing(model, endpoint.price_factor),
        "supported_parameters": list(endpoint.parameters),
        "status": endpoint.status,
        "uptime_last_30m": 99.5 if endpoint.status == 0 else 71.2,
        "latency_last_30m": None,
        "throughput_last_30m": {"p50": 41.0, "p75": 52.0, "p90": 63.0, "p99": 80.0},
        "supports_implicit_caching": False,
    }
