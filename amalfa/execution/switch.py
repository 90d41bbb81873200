"""The switch: turns a call into a plan, from this configuration and from what is up at this moment."""

from collections.abc import Mapping
from typing import Protocol

from amalfa.calls import Call, ModelName, parse_model_name
from amalfa.config.settings import Settings
from amalfa.execution.candidates import Roster, gather_candidates, spell_out
from amalfa.providers.provider import Presence, Provider
from amalfa.routing.plan import Plan
from amalfa.routing.policy import Need, Rules, make_plan


class Board(Protocol):
    """What is known of the providers' health (`amalfa.providers.health.HealthBoard`)."""

    async def refresh(self, providers: Mapping[str, Provider], *, max_age_s: float = 1.0, wait_s: float = 0.25) -> None:
        """Look again at every provider last seen longer ago than `max_age_s`, waiting at most `wait_s`."""
        ...

    def presence(self, name: str) -> Presence: ...


class Switch:
    """Plans calls for one Generation. `board` outlives it and is shared."""

    def __init__(self, settings: Settings, providers: Mapping[str, Provider], board: Board) -> None:
        self._settings = settings
        self._providers = providers
        self._board = board
        self._names = {*providers, "local", "embedded", "openrouter", "ollama"}
        self._tasks = {str(name): task for name, task in settings.sonar.tasks.items()}
        self._roster = self._read_roster()

    async def plan(self, call: Call) -> Plan:
        """Which models may serve `call` now, and why not each other one. Asks no model."""
        await self._board.refresh(self._providers)
        need = self._need(call)
        presences = self._presences()
        candidates = gather_candidates(
            self._roster,
            (*need.asked_models, *need.task_models),
            providers=self._providers,
            presences=presences,
        )
        return make_plan(need, self._rules(presences), candidates)

    def rules(self) -> Rules:
        """The rules in force, with `"auto"` settled by what the board last saw."""
        return self._rules(self._presences())

    def _presences(self) -> dict[str, Presence]:
        return {name: self._board.presence(name) for name in self._providers}

    def _rules(self, presences: Mapping[str, Presence]) -> Rules:
        sonar = self._settings.sonar
        is_enabled, reason = self._is_cloud_enabled(presences)
        return Rules(
            is_sonar_enabled=sonar.enabled,
            is_cloud_enabled=is_enabled,
            cloud_reason=reason,
            mode=sonar.cloud.mode,
            fallback=sonar.routing.fallback,
            strategy=sonar.routing.strategy,
        )

    def _is_cloud_enabled(self, presences: Mapping[str, Presence]) -> tuple[bool, str]:
        enabled = self._settings.sonar.cloud.enabled
        if enabled != "auto":
            return enabled, f"sonar.cloud.enabled is {str(enabled).lower()}"
        name = self._cloud_provider
        presence = presences.get(name, Presence("no_key"))
        if presence.state == "no_key":
            return False, f"sonar.cloud.enabled is auto and there is no key for {name}"
        return True, f"sonar.cloud.enabled is auto, there is a key for {name}"

    @property
    def _cloud_provider(self) -> str:
        kind = self._settings.sonar.cloud.provider
        return "ollama-cloud" if kind == "ollama" else kind

    def _read_roster(self) -> Roster:
        sonar = self._settings.sonar
        local = dict.fromkeys(self._parse(name) for name in (sonar.model, *sonar.model_priority))
        cloud = ModelName(self._cloud_provider, self._cloud_model(sonar.cloud.model))
        return Roster(local=tuple(local), cloud=(cloud,))

    def _cloud_model(self, written: str) -> str:
        prefix = f"{self._cloud_provider}:"
        model = written.removeprefix(prefix)
        return "openrouter/auto" if (self._cloud_provider, model) == ("openrouter", "auto") else model

    def _parse(self, text: str) -> ModelName:
        return parse_model_name(text, self._names)

    def _need(self, call: Call) -> Need:
        task = self._tasks[call.task]
        asked = () if call.wish.model in (None, "auto") else (str(call.wish.model),)
        return Need(
            task=call.task,
            privacy=call.privacy,
            wish=call.wish,
            asked_models=self._spell_out(asked),
            task_models=self._spell_out(task.model),
            task_tier=task.tier,
            is_task_enabled=task.enabled,
        )

    def _spell_out(self, names: tuple[str, ...]) -> tuple[ModelName, ...]:
        return tuple(model for name in names for model in spell_out(self._parse(name), self._providers))
