"""Settles the rules of routing for everybody or for one team: what the configuration says, put together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from amalfa.calls import ModelName
from amalfa.config.origins import DEFAULT, Origin
from amalfa.config.problems import suggestion
from amalfa.config.routing_settings import ChainEntry, Hint, Preferences, Team
from amalfa.config.settings import Settings
from amalfa.errors import UsageProblem
from amalfa.execution.budget import limits_for, on_limit
from amalfa.execution.ledger import Limit
from amalfa.routing.plan import Cap
from amalfa.routing.rules import Link, Rules

SpellOut = Callable[[str], tuple[ModelName, ...]]
"""The models a written name stands for."""


@dataclass(frozen=True, slots=True)
class TeamRules:
    """What holds for one team, or for everybody. The cloud is judged live and not settled here."""

    rules: Rules
    hints: Mapping[str, Hint]
    limits: tuple[Limit, ...]


def settle(settings: Settings, origins: Mapping[str, Origin], team: str | None, spell_out: SpellOut) -> TeamRules:
    """The rules for `team`, None meaning everybody. Raises UsageProblem for a team nobody configured."""
    own, routing = _team(settings, team), settings.sonar.routing
    own_preferences = own.preferences.model_fields_set if own.preferences else frozenset()
    puts_local_first = own.preferences is not None and own.preferences.prefer_local
    has_own_order = bool(own.chain) or own.strategy is not None
    # A team that chose its own order does not want everybody's chain, nor everybody's local models first.
    hides_chain = own.chain is not None or has_own_order or puts_local_first
    chain = (own.chain or ()) if hides_chain else routing.chain
    preferences = _preferences(routing.preferences, own.preferences)
    if has_own_order and "prefer_local" not in own_preferences:
        preferences = preferences.model_copy(update={"prefer_local": False})
    limits = limits_for(settings, team)
    rules = Rules(
        is_sonar_enabled=settings.sonar.enabled,
        mode=settings.sonar.cloud.mode,
        is_mode_written=_is_written(origins, "sonar.cloud.mode"),
        fallback=routing.fallback if own.fallback is None else own.fallback,
        strategy=own.strategy or routing.strategy,
        is_strategy_written=own.strategy is not None or _is_written(origins, "sonar.routing.strategy"),
        chain=_links(chain, spell_out),
        preferences=preferences,
        team=team,
        is_team_strategy=has_own_order,
        cap=_cap(settings, own, team),
        has_limits=bool(limits),
        on_limit=on_limit(settings, team),
    )
    return TeamRules(rules, {**routing.hints, **(own.hints or {})}, limits)


def settle_hint(written: str | None, hints: Mapping[str, Hint]) -> Hint | None:
    """What a hint asks for: a kind of work from the configuration, or a preference by its own name.

    Raises UsageProblem for a name that is neither.
    """
    if written is None:
        return None
    if written in hints:
        return hints[written]
    preferences: tuple[Hint, ...] = get_args(Hint)
    for preference in preferences:
        if written == preference:
            return preference
    known = (*hints, *preferences)
    message = f"There is no hint {written}{suggestion(written, known) or '.'}"
    raise UsageProblem(message, hint=f"name it under sonar.routing.hints, or use one of {', '.join(known)}")


def _team(settings: Settings, name: str | None) -> Team:
    if name is None:
        return Team()
    found = settings.sonar.teams.get(name)
    if found is None:
        known = tuple(settings.sonar.teams)
        hint = f"use one of {', '.join(known)}" if known else "describe it under sonar.teams"
        raise UsageProblem(f"There is no team {name}{suggestion(name, known) or '.'}", hint=hint)
    return found


def _cap(settings: Settings, own: Team, team: str | None) -> Cap | None:
    """The least that one call may cost for everybody and for the team."""
    common, narrower = settings.sonar.budget.per_request_usd, own.budget.per_request_usd if own.budget else None
    caps = [Cap(common, "sonar.budget.perRequestUsd")] if common is not None else []
    caps += [Cap(narrower, f"sonar.teams.{team}.budget.perRequestUsd")] if narrower is not None else []
    return min(caps, key=lambda cap: cap.usd, default=None)


def _is_written(origins: Mapping[str, Origin], key: str) -> bool:
    return origins.get(key, DEFAULT) != DEFAULT


def _links(chain: tuple[ChainEntry, ...], spell_out: SpellOut) -> tuple[Link, ...]:
    return tuple(
        Link(model, place, entry.temperature)
        for place, entry in enumerate(chain, start=1)
        for model in spell_out(entry.model)
    )


def _preferences(common: Preferences, own: Preferences | None) -> Preferences:
    """A team's preferences over everybody's, one by one: what it leaves out holds for it too."""
    if own is None:
        return common
    return common.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
