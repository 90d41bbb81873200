"""Draws up the status: what sonar is, what it would answer with now, who is up, and what it cost today."""

import os
from datetime import datetime

from amalfa import __version__
from amalfa.calls import Call, Material, PrivacyClass, Prompt, Wish
from amalfa.daemon.generation import Generation, Lasting
from amalfa.daemon.notes import NoteKeeper
from amalfa.daemon.reload import Generations
from amalfa.daemon.state import read_state
from amalfa.errors import Problem
from amalfa.paths import Places, Project
from amalfa.providers.provider import Host, Provider
from amalfa.server.bodies import ProblemShown
from amalfa.server.engine import PROTOCOL
from amalfa.server.status import (
    ConfigStatus,
    HostStatus,
    IndexStatus,
    InferenceStatus,
    JobStatus,
    ProviderStatus,
    QueueStatus,
    Status,
    UsageToday,
)

USUAL_TASK = "synthesize"


class StatusReporter:
    """Knows since when sonar runs, and where to look for the rest."""

    def __init__(self, project: Project, places: Places, lasting: Lasting, keeper: NoteKeeper) -> None:
        self._project = project
        self._places = places
        self._lasting = lasting
        self._keeper = keeper
        self._started_s = lasting.clock.monotonic_s()

    async def status(self, generations: Generations) -> Status:
        current = generations.current
        notices = self._notices()
        return Status(
            healthy=not (generations.problems or notices),
            pid=os.getpid(),
            version=__version__,
            protocol=PROTOCOL,
            uptime_s=round(self._lasting.clock.monotonic_s() - self._started_s, 1),
            socket=self._socket(),
            root=str(self._project.root),
            config=self._config(generations),
            inference=await self._inference(current),
            providers=[self._provider(name, provider) for name, provider in current.providers.items()],
            index=await self._index(),
            jobs=JobStatus(queued=0, running=0, failed=0),
            queue=QueueStatus(interactive=generations.running_calls, background=0),
            usage_today=await self._usage_today(),
            http=None,
            notices=notices,
        )

    def _socket(self) -> str:
        """Where sonar really listens; that it may be another than the usual place only the state file knows."""
        state = read_state(self._places.state)
        return state.socket if state else str(self._places.socket)

    def _config(self, generations: Generations) -> ConfigStatus:
        current, path = generations.current, str(self._project.config)
        waiting = [
            Problem(path, None, f"{key} is in force after `amalfa sonar restart`")
            for key in generations.waiting_for_restart
        ]
        return ConfigStatus(
            path=path,
            generation=current.number,
            loaded_at=current.loaded_at.isoformat(timespec="seconds"),
            problems=[ProblemShown.model_validate(problem) for problem in generations.problems],
            warnings=[ProblemShown.model_validate(warning) for warning in (*current.loaded.warnings, *waiting)],
        )

    async def _inference(self, current: Generation) -> InferenceStatus:
        """The head of the plan that a question would get now; looking it up also refreshes the board."""
        prompt = Prompt((), Material(), max_tokens=1, temperature=0.0)
        call = Call("status", USUAL_TASK, prompt, PrivacyClass.CLOUD_OK, float("inf"), Wish())
        plan = await current.switch.plan(call)
        rules = current.switch.rules()
        mode = "embedded" if not rules.is_sonar_enabled else rules.mode if rules.is_cloud_enabled else "local"
        if not plan.entries:
            return InferenceStatus(mode=mode, model="", tier="", reason="no model can serve now")
        head = plan.entries[0]
        return InferenceStatus(mode=mode, model=str(head.model), tier=str(head.tier), reason=head.reason)

    def _provider(self, name: str, provider: Provider) -> ProviderStatus:
        presence = self._lasting.board.presence_of(provider)
        return ProviderStatus(
            name=name,
            type=provider.type,
            state=presence.state,
            reason=presence.reason or None,
            hosts=[_host(host) for host in presence.hosts],
        )

    async def _index(self) -> IndexStatus:
        found = await self._keeper.index.status()
        return IndexStatus(
            notes=found.notes, passages=found.passages, updated_at=found.updated_at, stale=self._keeper.stale
        )

    async def _usage_today(self) -> UsageToday:
        spent = await self._lasting.ledger.spent_since(_midnight(self._lasting.clock.now()))
        return UsageToday(calls=spent.calls, cost_usd=spent.cost_usd, unknown_costs=spent.unknown_costs)

    def _notices(self) -> list[str]:
        return [self._keeper.failure] if self._keeper.failure else []


def _host(host: Host) -> HostStatus:
    return HostStatus(url=host.url, state=host.state, loaded=list(host.loaded), reason=host.reason or None)


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
