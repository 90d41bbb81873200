"""What a decision depends on besides the candidates: the rules of the configuration, the need of a call, the moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from amalfa.calls import ModelName, PrivacyClass, Tier, Wish
from amalfa.config.routing_settings import Hint, Preferences, Strategy
from amalfa.routing.candidate import Standing
from amalfa.routing.plan import NO_SIZE, Cap, Size

NO_PREFERENCES = Preferences()


@dataclass(frozen=True, slots=True)
class Link:
    """One step of an explicit order of models; `place` is its number in the configuration, from 1."""

    model: ModelName
    place: int
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The part of the configuration that plans depend on, settled for one team.

    `is_cloud_enabled` is the settled answer: "auto" has already become yes or no, and `cloud_reason` says
    which way and why. `fallback` False means one model and no second, the extractive engine included.
    `is_mode_written` and `is_strategy_written` tell a choice from a default; a team's strategy is a choice
    that comes before the mode. `has_limits` says that spending is limited by the day or month.
    """

    is_sonar_enabled: bool = True
    is_cloud_enabled: bool = False
    cloud_reason: str = "sonar.cloud.enabled is false"
    mode: Literal["replace", "tiered"] = "replace"
    is_mode_written: bool = False
    fallback: bool = True
    strategy: Strategy = "local_first"
    is_strategy_written: bool = False
    chain: tuple[Link, ...] = ()
    preferences: Preferences = NO_PREFERENCES
    team: str | None = None
    is_team_strategy: bool = False
    cap: Cap | None = None
    has_limits: bool = False
    on_limit: Literal["local", "refuse"] = "local"


@dataclass(frozen=True, slots=True)
class Need:
    """What one call needs: its task, its privacy class, its caller's wish and its task's settings.

    `asked_models` is the explicit choice; more than one only where a name stands for several
    (`local:llama3-8b` at two local providers). `hint` is the settled preference and `hint_name` how it was
    written. Equal needs are decided alike, so results are kept by it.
    """

    task: str
    privacy: PrivacyClass
    wish: Wish
    asked_models: tuple[ModelName, ...] = ()
    task_models: tuple[ModelName, ...] = ()
    task_tier: Tier | None = None
    is_task_enabled: bool = True
    hint: Hint | None = None
    hint_name: str = ""
    needs_json: bool = False
    needs_tools: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """What changes from call to call: how big it is, who is up, how fast models were, what may still be spent.

    Models are named as text here, because text is looked up several times faster than a `ModelName`. A model
    that `standings` does not name is ready. `latency_ms` holds what was measured for calls of this size,
    `loaded` the models that are in memory. `spendable` is the least that is left of any limit by day or
    month, with its name; None without one.
    """

    size: Size = NO_SIZE
    standings: Mapping[str, Standing] = field(default_factory=dict)
    loaded: frozenset[str] = frozenset()
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    spendable: Cap | None = None
