"""Draws up the status: what sonar is, what it would answer with now, who is up, and what it cost today."""

import os
from collections.abc import Awaitable
from datetime import datetime
from typing import TypeVar

from amalfa import __version__
from amalfa.calls import Call, Material, PrivacyClass, Prompt, Wish
from amalfa.daemon.generation import Generation, Lasting
from amalfa.daemon.notes import NoteKeeper
from amalfa.daemon.reload import Generations
from amalfa.daemon.state import read_state
from amalfa.errors import AmalfaError, Problem
from amalfa.jobs.job import Load
from amalfa.jobs.office import Jobs
from amalfa.paths import Places, Project
from amalfa.providers.api import ApiProvider
from amalfa.providers.ollama import OllamaProvider
from amalfa.providers.provider import Host, Line, Provider
from amalfa.server.bodies import ProblemShown
from amalfa.server.engine import PROTOCOL
from amalfa.server.status import (
    CallStatus,
    ConfigStatus,
    HostStatus,
    HttpStatus,
    IndexStatus,
    InferenceStatus,
    JobStatus,
    LineStatus,
    ProviderStatus,
    QueueStatus,
    Status,
    UsageToday,
)

USUAL_TASK = "synthesize"

T = TypeVar("T")


class StatusReporter:
    """Knows since when sonar runs, and where to look for the rest.

    `http` is the port that is open besides the socket, None without one.
    """

    def __init__(self, project: Project, places: Places, lasting: Lasting, keeper: NoteKeeper, jobs: Jobs) -> None:
        self._jobs = jobs
        self._project = project
        self._places = places
        self._lasting = lasting
        self._keeper = keeper
        self.http: HttpStatus | None = None
        self._started_s = lasting.clock.monotonic_s()

    async def status(self, generations: Generations) -> Status:
        current = generations.current
        # A file that cannot be read must not keep the status from telling so.
        troubles: list[str] = []
        load = await _or_else(self._jobs.load(), Load(0, 0, 0), troubles)
        index = await _or_else(self._index(), IndexStatus(notes=0, passages=0, updated_at=None, stale=0), troubles)
        usage = await _or_else(self._usage_today(), UsageToday(calls=0, cost_usd=0.0, unknown_costs=0), troubles)
        notices = list(dict.fromkeys([*self._notices(), *troubles]))
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
            index=index,
            jobs=JobStatus(queued=load.queued, running=load.running, failed=load.failed),
            queue=QueueStatus(
                interactive=max(generations.running_calls - self._jobs.in_hand, 0), background=self._jobs.in_hand
            ),
            usage_today=usage,
            http=self.http,
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
            hosts=[_host(host, provider) for host in presence.hosts],
            calls=_calls(provider),
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
        """What the user should know of notes and files; nothing when all is well."""
        stores = self._lasting.stores
        failure = (self._keeper.failure,) if self._keeper.failure else ()
        return [*failure, *self._lasting.ledger.alarms, *stores.alarms(), *stores.notices()]


async def _or_else(reading: Awaitable[T], otherwise: T, troubles: list[str]) -> T:
    """What is read, or something in its place; `troubles` then gets the reason."""
    try:
        return await reading
    except AmalfaError as error:
        troubles.append(error.message)
        return otherwise


def http_status(host: str, port: int) -> HttpStatus:
    """An open port, with the address to call it by."""
    name = f"[{host}]" if ":" in host else host
    return HttpStatus(enabled=True, host=host, port=port, url=f"http://{name}:{port}")


def _host(host: Host, provider: Provider) -> HostStatus:
    line = provider.lines.get(host.url) if isinstance(provider, OllamaProvider) else None
    return HostStatus(
        url=host.url,
        state=host.state,
        loaded=list(host.loaded),
        reason=host.reason or None,
        calls=_line(line) if line else None,
    )


def _line(line: Line) -> LineStatus:
    return LineStatus(
        running=line.running,
        waiting={"interactive": line.people, "background": line.background},
        swaps_made=line.swaps_made,
        swaps_avoided=line.swaps_avoided,
    )


def _calls(provider: Provider) -> CallStatus | None:
    """What runs and waits at an API; the hosts of Ollama have queues of their own."""
    if not isinstance(provider, ApiProvider):
        return None
    load = provider.load
    return CallStatus(running=load.running, limit=load.limit, waiting=dict(load.waiting))


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
