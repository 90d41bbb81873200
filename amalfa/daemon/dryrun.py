"""The dry run: plans calls under the configuration in force, or under another file beside it. Asks no model."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread

from amalfa.calls import JSON_TASKS, Call, Handling, Material, ModelName, Prompt, strictest
from amalfa.clock import Clock
from amalfa.config.load import load
from amalfa.config.loaded import Loaded
from amalfa.daemon.generation import Generation, Lasting, task_rules
from amalfa.daemon.log import learn_secrets
from amalfa.daemon.reload import Generations
from amalfa.errors import InvalidConfig, NotFound, UntrustedConfig, UsageProblem
from amalfa.execution.estimate import Estimate, estimate
from amalfa.execution.switch import Known, Switch
from amalfa.messages import Message
from amalfa.paths import Project
from amalfa.providers.catalogue import Catalogue
from amalfa.providers.ollama_names import full_name
from amalfa.providers.provider import Provider
from amalfa.providers.registry import build_providers
from amalfa.routing.plan import Entry, Plan
from amalfa.server.dryrun import Allowance, Asked, Foreseen, Outlook

# A look takes at most 2 s. Two configurations are compared only when both know all they can know, as a host that
# nobody has looked at yet would be a difference that is none.
COMPARED_LOOK_S = 2.5

# So many calls are decided in a few milliseconds; then others get their turn.
CALLS_AT_ONCE = 50

_ANY_OBJECT = {"type": "object"}


class DryRuns:
    """Decides for whichever Generation is in force when it is asked. `environ` is that of the daemon."""

    def __init__(self, generations: Generations, lasting: Lasting, environ: Mapping[str, str]) -> None:
        self._generations = generations
        self._lasting = lasting
        self._environ = environ

    @property
    def clock(self) -> Clock:
        return self._lasting.clock

    async def decide(self, asked: Asked) -> Outlook:
        async with self._generations.lease():
            current = self._generations.current
            await self._lasting.board.refresh(current.providers)
            return _in_force(current, self._lasting).decide(asked)

    async def decide_many(self, asked: Sequence[Asked]) -> list[Foreseen]:
        async with self._generations.lease():
            current = self._generations.current
            await self._lasting.board.refresh(current.providers)
            return await _all(_in_force(current, self._lasting), asked)

    async def compare(self, asked: Sequence[Asked], against: Path) -> list[tuple[Foreseen, Foreseen]]:
        loaded = await anyio.to_thread.run_sync(_load, against, self._environ)
        learn_secrets(secret.reveal() for secret in loaded.keys.secrets())
        board = self._lasting.board
        async with self._generations.lease():
            current = self._generations.current
            async with self._providers_of(loaded, current.providers) as providers:
                await board.refresh(current.providers, wait_s=COMPARED_LOOK_S)
                await board.refresh(providers, wait_s=COMPARED_LOOK_S)
                before = await _all(_in_force(current, self._lasting), asked)
                after = await _all(_beside(loaded, providers, self._lasting), asked)
        return list(zip(before, after, strict=True))

    @asynccontextmanager
    async def _providers_of(
        self, loaded: Loaded, current: Mapping[str, Provider]
    ) -> AsyncIterator[Mapping[str, Provider]]:
        """The providers of another configuration; where it says the same, those that serve already."""
        built = build_providers(loaded, tasks=self._lasting.tasks, clock=self._lasting.clock)
        serving = {_fingerprint(provider): provider for provider in current.values()}
        try:
            yield {name: serving.get(_fingerprint(provider), provider) for name, provider in built.items()}
        finally:
            with anyio.CancelScope(shield=True):
                for provider in built.values():
                    await provider.aclose()


class _Decider:
    """Decides calls under one configuration, by what was last seen."""

    def __init__(self, loaded: Loaded, providers: Mapping[str, Provider], switch: Switch, lasting: Lasting) -> None:
        self._rules = task_rules(loaded.settings)
        self._providers = providers
        self._switch = switch
        self._lasting = lasting

    def decide(self, asked: Asked) -> Outlook:
        plan = self._switch.plan_now(self._call(asked))
        estimates = tuple(self._estimate(entry, plan) for entry in plan.entries)
        return Outlook(asked.task, plan, estimates, self._allowances(asked, plan))

    def decide_briefly(self, asked: Asked) -> Foreseen:
        """With the first estimate only, as plans can be long and calls many."""
        try:
            plan = self._switch.plan_now(self._call(asked))
        except UsageProblem as problem:
            return problem
        # One of many finds its model loaded.
        is_warm = asked.lane == "background"
        estimates = tuple(self._estimate(entry, plan, is_warm=is_warm) for entry in plan.entries[:1])
        return Outlook(asked.task, plan, estimates, ())

    def _call(self, asked: Asked) -> Call:
        if (asked.wish.model or "").startswith("pipeline:"):
            message = "A pipeline asks a model at each of its nodes, so there is no one plan for it."
            raise UsageProblem(message, hint="amalfa pipeline show NAME draws its nodes and their models")
        rules = self._rules.get(asked.task)
        if rules is None:
            raise NotFound(f"There is no task {asked.task!r}.", hint=f"use one of {', '.join(self._rules)}")
        prompt = Prompt(
            (Message("user", asked.prompt),),
            Material(question=asked.prompt),
            max_tokens=rules.max_tokens,
            temperature=rules.temperature,
            schema=_ANY_OBJECT if asked.task in JSON_TASKS else None,
        )
        privacy = strictest((rules.privacy, asked.privacy))
        handling = Handling(lane=asked.lane)
        return Call("dry-run", asked.task, prompt, privacy, float("inf"), asked.wish, handling)

    def _estimate(self, entry: Entry, plan: Plan, *, is_warm: bool = False) -> Estimate:
        measured = self._lasting.signals.latencies.of_size(plan.size.likely_in)
        is_loaded = is_warm or self._is_loaded(entry.model)
        return estimate(entry, plan.size, measured_ms=measured.get(str(entry.model)), is_loaded=is_loaded)

    def _is_loaded(self, model: ModelName) -> bool:
        provider = self._providers[model.provider]
        if provider.type != "ollama":
            return True  # other servers load their models when they start
        presence = self._lasting.board.presence_of(provider)
        wanted = full_name(model.model)
        return any(full_name(name) == wanted for host in presence.hosts for name in host.loaded)

    def _allowances(self, asked: Asked, plan: Plan) -> tuple[Allowance, ...]:
        found = [Allowance(plan.cap.name, plan.cap.usd, plan.cap.usd)] if plan.cap else []
        for limit in self._switch.limits(asked.wish.team):
            spendable = self._lasting.ledger.spendable((limit,))
            found.append(Allowance(limit.name, limit.usd, spendable[0] if spendable else limit.usd))
        return tuple(found)


async def _all(decider: _Decider, asked: Sequence[Asked]) -> list[Foreseen]:
    decided: list[Foreseen] = []
    for number, one in enumerate(asked, start=1):
        decided.append(decider.decide_briefly(one))
        if number % CALLS_AT_ONCE == 0:
            await anyio.lowlevel.checkpoint()
    return decided


def _in_force(current: Generation, lasting: Lasting) -> _Decider:
    return _Decider(current.loaded, current.providers, current.switch, lasting)


def _beside(loaded: Loaded, providers: Mapping[str, Provider], lasting: Lasting) -> _Decider:
    """Decides under a configuration that is not in force; what is learnt from calls is shared."""

    def catalogue() -> Catalogue:
        return lasting.catalogues.catalogue(loaded.settings.sonar.catalog, providers)

    known = Known(lasting.board, lasting.signals, lasting.ledger, catalogue)
    return _Decider(loaded, providers, Switch(loaded, providers, known), lasting)


def _load(config: Path, environ: Mapping[str, str]) -> Loaded:
    """The configuration of a file that is not in force, loaded as if it were."""
    root = Path(os.path.realpath(config.parent))
    try:
        return load(Project(root, root / config.name), environ=environ)
    except UntrustedConfig as error:
        hint = f"amalfa trust --config {config}"
        raise UntrustedConfig(error.message, hint=hint, problems=error.problems) from None
    except InvalidConfig as error:
        hint = f"amalfa config check --config {config}"
        raise InvalidConfig(error.message, hint=hint, problems=error.problems) from None


def _fingerprint(provider: Provider) -> str:
    return str(getattr(provider, "fingerprint", provider.name))
