"""The switch: turns a call into a plan, from this configuration and from what is known at this moment."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from amalfa.calls import EXTRACTIVE, Call, ModelName, parse_model_name
from amalfa.config.loaded import Loaded
from amalfa.execution.breaker import RouteKey
from amalfa.execution.candidates import Roster, Surroundings, gather_candidates, is_loaded, spell_out, standing_of
from amalfa.execution.free_tier import is_limited
from amalfa.execution.ledger import Limit
from amalfa.execution.retry import WAIT_MAX_S
from amalfa.execution.signals import Signals, route_key
from amalfa.execution.size import size_of
from amalfa.execution.standing_in import without_stand_in
from amalfa.execution.teams import TeamRules, settle, settle_hint
from amalfa.providers.catalogue import Catalogue
from amalfa.providers.provider import Presence, Provider
from amalfa.routing.candidate import Standing
from amalfa.routing.plan import Cap, Plan
from amalfa.routing.policy import Survey, decide, survey
from amalfa.routing.rules import Moment, Need, Rules

SURVEYS_MAX = 256
"""How many kinds of calls are remembered. Callers choose model names and limits freely, so there is no end to them."""


class Board(Protocol):
    """What is known of the providers' health (`amalfa.providers.health.HealthBoard`)."""

    async def refresh(self, providers: Mapping[str, Provider], *, max_age_s: float = 1.0, wait_s: float = 0.25) -> None:
        """Look again at every provider last seen longer ago than `max_age_s`, waiting at most `wait_s`."""
        ...

    def presence_of(self, provider: Provider) -> Presence: ...


class Purse(Protocol):
    """What may still be spent (`amalfa.execution.ledger.SqliteLedger`)."""

    def spendable(self, limits: tuple[Limit, ...]) -> tuple[float, Limit] | None: ...


@runtime_checkable
class Pulls(Protocol):
    """A provider that may download a model when it is asked for (`sonar.autoPull`)."""

    def can_pull(self, model: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Known:
    """What plans go by besides the configuration. All but `catalogue` is shared and outlives configurations."""

    board: Board
    signals: Signals
    purse: Purse
    catalogue: Callable[[], Catalogue]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A kind of call as surveyed, with the keys under which its models are known to the signals."""

    survey: Survey
    limits: tuple[Limit, ...]
    standings: Mapping[str, Standing]
    loaded: frozenset[str]
    routes: tuple[tuple[str, str, RouteKey], ...]
    has_free: bool


class Switch:
    """Plans calls for one Generation."""

    def __init__(self, loaded: Loaded, providers: Mapping[str, Provider], known: Known) -> None:
        self._loaded = loaded
        self._settings = loaded.settings
        self._providers = providers
        self._board = known.board
        self._signals = known.signals
        self._purse = known.purse
        self._catalogue = known.catalogue
        self._names = {*providers, "local", "embedded", "openrouter", "ollama"}
        self._tasks = {str(name): task for name, task in loaded.settings.sonar.tasks.items()}
        self._teams: dict[str | None, TeamRules] = {}
        self._around: Surroundings | None = None
        self._seen: OrderedDict[tuple[str | None, Need], _Seen] = OrderedDict()

    async def plan(self, call: Call) -> Plan:
        """Which models may serve `call` now, and why not each other one. Asks no model.

        Raises UsageProblem for a team or a hint that is not configured.
        """
        await self._board.refresh(self._providers)
        return self.plan_now(call)

    def plan_now(self, call: Call) -> Plan:
        """The plan by what was last seen, without looking again."""
        seen = self._survey(call)
        plan = decide(seen.survey, self._moment(call, seen))
        return plan if self._may_stand_in(call) else without_stand_in(plan)

    def _may_stand_in(self, call: Call) -> bool:
        """Whether the embedded engine may answer in the place of a model that is away: not for kept results."""
        if call.handling.lane == "interactive" or not self._settings.sonar.enabled:
            return True
        need = self._need(call)
        return EXTRACTIVE in (*need.asked_models, *need.task_models) or not need.is_task_enabled

    def limits(self, team: str | None) -> tuple[Limit, ...]:
        """The limits on spending that hold for a team, everybody's included."""
        return self._team(team).limits

    def rules(self, team: str | None = None) -> Rules:
        """The rules in force, with `"auto"` settled by what the board last saw."""
        is_enabled, reason = self._is_cloud_enabled()
        return replace(self._team(team).rules, is_cloud_enabled=is_enabled, cloud_reason=reason)

    def named_models(self) -> tuple[ModelName, ...]:
        """Every model that the configuration names, for tasks, teams and chains as well, each once."""
        named: dict[ModelName, None] = {}
        for team in (None, *self._settings.sonar.teams):
            roster = self._roster(self._team(team).rules)
            named |= dict.fromkeys((*roster.local, *roster.cloud, *roster.chain))
        for task in self._tasks.values():
            named |= dict.fromkeys(model for name in task.model if name != "auto" for model in self.spell_out(name))
        return tuple(named)

    def spell_out(self, name: str) -> tuple[ModelName, ...]:
        """The models that a name stands for, as people write it."""
        return spell_out(self._parse(name), self._providers)

    def _survey(self, call: Call) -> _Seen:
        self._follow_surroundings()
        key = (call.wish.team, self._need(call))
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = self._survey_anew(*key)
            if len(self._seen) > SURVEYS_MAX:
                self._seen.popitem(last=False)
        else:
            self._seen.move_to_end(key)
        return seen

    def _survey_anew(self, team: str | None, need: Need) -> _Seen:
        around, rules = self._surroundings(), self.rules(team)
        candidates = gather_candidates(self._roster(rules), (*need.asked_models, *need.task_models), around)
        return _Seen(
            survey(need, rules, candidates),
            self.limits(team),
            {str(one.model): self._standing(standing_of(one, around), one.model) for one in candidates},
            frozenset(str(one.model) for one in candidates if is_loaded(one, around)),
            tuple(self._route(one.model) for one in candidates),
            any(is_limited(one.model.model) for one in candidates),
        )

    def _standing(self, standing: Standing, model: ModelName) -> Standing:
        """The standing, where a missing model that its provider downloads by itself counts as there."""
        provider = self._providers.get(model.provider)
        is_pulled = (
            standing.availability == "missing" and isinstance(provider, Pulls) and provider.can_pull(model.model)
        )
        return Standing("ready", f"{model.model} is downloaded first") if is_pulled else standing

    def _route(self, model: ModelName) -> tuple[str, str, RouteKey]:
        provider = self._providers.get(model.provider)
        return str(model), model.model, route_key(provider, model) if provider else ("", "")

    def _moment(self, call: Call, seen: _Seen) -> Moment:
        size, signals = size_of(call.prompt), self._signals
        spendable = self._purse.spendable(seen.limits) if seen.limits else None
        troubles = self._troubles(seen, can_wait=call.handling.lane == "background")
        return Moment(
            size,
            {**seen.standings, **troubles} if troubles else seen.standings,
            seen.loaded,
            signals.latencies.of_size(size.likely_in),
            Cap(spendable[0], spendable[1].name) if spendable else None,
        )

    def _troubles(self, seen: _Seen, *, can_wait: bool) -> dict[str, Standing]:
        """The models that calls have lately shown to be of no use. Who `can_wait` leaves out those that soon are."""
        signals, found = self._signals, dict[str, Standing]()
        if signals.breakers.are_all_closed and signals.cooling.is_empty and not seen.has_free:
            return found
        why_free = signals.free_tier.why_day if can_wait else signals.free_tier.why
        for name, model, key in seen.routes:
            if (why := signals.breakers.why_blocked(key)) is not None:
                found[name] = Standing("broken", why)
            elif (why := signals.cooling.why(key)) is not None:
                if not (can_wait and 0 < signals.cooling.pace_wait_s(key) <= WAIT_MAX_S):
                    found[name] = Standing("cooling", why)
            elif is_limited(model) and (why := why_free(key[0], model)) is not None:
                found[name] = Standing("free_limit", why)
        return {name: standing for name, standing in found.items() if self._is_tried(seen, name)}

    def _is_tried(self, seen: _Seen, name: str) -> bool:
        """Whether nothing weightier is known: a parked key explains more than the failures that it caused."""
        return seen.standings[name].availability in ("ready", "unknown")

    def _follow_surroundings(self) -> None:
        """Forget what was surveyed when something it rests on has changed."""
        around = self._around
        # The board replaces a presence whenever it learns something, so identity tells, and quickly.
        if around is not None and around.catalogue is self._catalogue():
            seen, presence_of = around.presences, self._board.presence_of
            if all(presence_of(provider) is seen[name] for name, provider in self._providers.items()):
                return
        self._around = self._look_around()
        self._seen.clear()

    def _surroundings(self) -> Surroundings:
        self._around = self._around or self._look_around()
        return self._around

    def _look_around(self) -> Surroundings:
        presences = {name: self._board.presence_of(provider) for name, provider in self._providers.items()}
        return Surroundings(self._providers, presences, self._catalogue())

    def _team(self, team: str | None) -> TeamRules:
        if team not in self._teams:
            self._teams[team] = settle(self._settings, self._loaded.origins, team, self.spell_out)
        return self._teams[team]

    def _is_cloud_enabled(self) -> tuple[bool, str]:
        enabled = self._settings.sonar.cloud.enabled
        if enabled != "auto":
            return enabled, f"sonar.cloud.enabled is {str(enabled).lower()}"
        name = self._cloud_provider
        if self._settings.sonar.cloud.provider == "ollama":
            return True, "sonar.cloud.enabled is auto, and a server of one's own needs no key"
        presence = self._surroundings().presences.get(name, Presence("no_key"))
        if presence.state == "no_key":
            return False, f"sonar.cloud.enabled is auto and there is no key for {name}"
        return True, f"sonar.cloud.enabled is auto, there is a key for {name}"

    @property
    def _cloud_provider(self) -> str:
        kind = self._settings.sonar.cloud.provider
        return "ollama-cloud" if kind == "ollama" else kind

    def _roster(self, rules: Rules) -> Roster:
        sonar = self._settings.sonar
        local = dict.fromkeys(model for name in (sonar.model, *sonar.model_priority) for model in self.spell_out(name))
        cloud = ModelName(self._cloud_provider, self._cloud_model(sonar.cloud.model))
        chain = tuple(dict.fromkeys(link.model for link in rules.chain))
        return Roster(tuple(local), (cloud,), chain, rules.preferences.acceptable_models)

    def _cloud_model(self, written: str) -> str:
        prefix = f"{self._cloud_provider}:"
        model = written.removeprefix(prefix)
        return "openrouter/auto" if (self._cloud_provider, model) == ("openrouter", "auto") else model

    def _parse(self, text: str) -> ModelName:
        return parse_model_name(text, self._names)

    def _need(self, call: Call) -> Need:
        task, wish = self._tasks[call.task], call.wish
        hint_name = wish.hint or task.hint
        asked = self.spell_out(wish.model) if wish.model and wish.model != "auto" else ()
        return Need(
            task=call.task,
            privacy=call.privacy,
            wish=wish,
            asked_models=asked,
            task_models=tuple(model for name in task.model if name != "auto" for model in self.spell_out(name)),
            task_tier=task.tier,
            is_task_enabled=task.enabled,
            hint=settle_hint(hint_name, self._team(wish.team).hints),
            hint_name=hint_name or "",
            needs_json=call.prompt.schema is not None,
            needs_tools=call.prompt.tools is not None and call.prompt.tools.are_offered,
        )
