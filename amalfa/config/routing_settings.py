"""The settings that decide which model serves: strategy, order, preferences, teams, catalogue and budget."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from amalfa.config.values import Count, Flag, Group, Real, Share, Text, Texts, Usd, shorthand

Strategy = Literal["local_first", "cost_optimized", "quality_first", "speed_first"]
Hint = Literal["prefer_local", "prefer_quality", "prefer_fast", "prefer_cheap"]
Temperature = Annotated[Real, Field(ge=0, le=2)]


class ChainEntry(Group):
    """One step of an explicit order of models."""

    model: Text = Field(description="A model name, like `openrouter:auto` or `local:llama3-8b`.")
    temperature: Temperature | None = Field(
        default=None, description="The temperature for this model; else the task's."
    )


def _chain_entry(value: object) -> object:
    return {"model": value} if isinstance(value, str) else value


def _chain(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list")
    return tuple(_chain_entry(entry) for entry in value)


Chain = Annotated[
    tuple[ChainEntry, ...],
    BeforeValidator(_chain, json_schema_input_type=list[str | ChainEntry]),
]


class Preferences(Group):
    """What to favour among the models that may serve, and what to rule out."""

    prefer_local: Flag = Field(default=False, description="Put local models first, whatever the strategy says.")
    prefer_faster: Flag = Field(default=False, description="Among equals take the faster model.")
    fallback_to_cloud: Flag = Field(default=True, description="Whether a cloud model may serve when no local one can.")
    max_cost_per_1k_tokens: Usd | None = Field(default=None, description="USD per 1,000 tokens a model may cost.")
    max_cost: Usd | None = Field(default=None, description="USD one call may cost.")
    quality_threshold: Share | None = Field(default=None, description="The least quality, 0 to 1, a model must have.")
    acceptable_models: Texts = Field(default=(), description="Globs like `local:*`; empty means every model.")


class Routing(Group):
    """How a model is chosen for a call."""

    strategy: Strategy = Field(
        default="local_first", description="What is tried first when nothing more specific is said."
    )
    fallback: Flag = Field(
        default=True, description="Whether another model may take over; `false` means one model, no second."
    )
    chain: Chain = Field(default=(), description="An explicit order of models, which replaces the strategy.")
    preferences: Preferences = Field(default_factory=Preferences, description="What to favour and what to rule out.")
    hints: Mapping[Text, Hint] = Field(
        default={}, description="What to favour for each kind of work a caller may name."
    )


class Budget(Group):
    """Limits on money; a limit left out does not exist."""

    per_request_usd: Usd | None = Field(default=None, description="USD one call may cost.")
    daily_usd: Usd | None = Field(default=None, description="USD of one day, in UTC.")
    monthly_usd: Usd | None = Field(default=None, description="USD of one month, in UTC.")
    on_limit: Literal["local", "refuse"] = Field(
        default="local", description="What happens at a limit: go on with local models, or refuse."
    )


class Team(Group):
    """The routing of one team; what is left out is as for everybody."""

    strategy: Strategy | None = Field(default=None, description="As `sonar.routing.strategy`.")
    fallback: Flag | None = Field(default=None, description="As `sonar.routing.fallback`.")
    chain: Chain | None = Field(default=None, description="As `sonar.routing.chain`.")
    preferences: Preferences | None = Field(default=None, description="As `sonar.routing.preferences`.")
    hints: Mapping[Text, Hint] | None = Field(default=None, description="As `sonar.routing.hints`.")
    budget: Budget | None = Field(default=None, description="The team's own limits, besides everybody's.")


class Price(Group):
    """What a model costs."""

    input: Usd = Field(description="USD per million tokens sent.")
    output: Usd = Field(description="USD per million tokens received.")


def _price(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"input": value, "output": value}
    return value


class CatalogEntry(Group):
    """What is known of one model; what is left out comes from the shipped catalogue or the provider's."""

    quality: Share | None = Field(default=None, description="0 to 1, compared with other models.")
    price: Annotated[Price, shorthand(_price, written=float | Price)] | None = Field(
        default=None, description="USD per million tokens: one number, or `input` and `output` apart."
    )
    context: Count | None = Field(default=None, description="Tokens that prompt and reply may have together.")
    has_json: Flag | None = Field(default=None, alias="json", description="Whether it can be held to a JSON schema.")
