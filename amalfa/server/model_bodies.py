"""The JSON of model management, as types."""

from datetime import datetime

from pydantic import BaseModel, Field

from amalfa.calls import Tier
from amalfa.providers.forecast import Action
from amalfa.server.bodies import Body, ErrorDetail, Shown


class ActionBody(Body):
    """`host` is the URL of a host or a part of it; for a pull also `all`. `force` unloads what is in use."""

    dryRun: bool = False
    force: bool = False
    host: str | None = Field(default=None, min_length=1, max_length=300)
    stream: bool = False


class MemoryShown(Shown):
    """A model in memory. `expires_at` is when it leaves by itself unless it is used."""

    window_tokens: int | None
    size_bytes: int | None
    vram_bytes: int | None
    expires_at: datetime | None


class PlaceShown(Shown):
    """One host that has the model. `loaded` null = not in memory; `running` counts calls of this sonar."""

    url: str
    size_bytes: int | None
    loaded: MemoryShown | None
    running: int


class PriceShown(Shown):
    """USD per million tokens."""

    input_usd: float
    output_usd: float


class ModelShown(BaseModel):
    """One model. null = unknown; `installed` is null where models are not installed. `named`: by the configuration."""

    name: str
    provider: str
    model: str
    tier: Tier
    named: bool
    installed: bool | None
    forwarded: bool
    size_bytes: int | None
    parameter_size: str
    quantization: str
    family: str
    context_tokens: int | None
    capabilities: list[str]
    running: int
    hosts: list[PlaceShown]
    price: PriceShown | None
    quality: float | None
    has_json: bool | None


class HostProblem(BaseModel):
    """A host that could not be asked for its models."""

    provider: str
    url: str
    reason: str


class ModelsShown(BaseModel):
    """`as_of` tells how old the price lists of providers are."""

    models: list[ModelShown]
    unreachable: list[HostProblem]
    as_of: dict[str, datetime]


class ActionShown(BaseModel):
    """What was done, or with `dry_run` what would be. `refusal` is the error it would end in."""

    action: Action
    model: str
    dry_run: bool
    changes: bool
    hosts: list[str]
    does: list[str]
    warnings: list[str]
    pushed_out: list[str]
    refusal: ErrorDetail | None
