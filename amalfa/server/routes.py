"""The table of routes: path, method, handler, the types of what goes in and out. OpenAPI is made from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from amalfa.server import control, metrics, models, routing, usage, work
from amalfa.server.bodies import (
    AskBody,
    AskShown,
    HealthShown,
    ReloadShown,
    SearchBody,
    ShutdownBody,
    StoppingShown,
    TaskBody,
    TaskShown,
)
from amalfa.server.metrics import MetricsPage
from amalfa.server.model_bodies import ActionBody, ActionShown, ModelShown, ModelsShown
from amalfa.server.routing import DryRunBody, DryRunShown
from amalfa.server.status import IndexReport, Status
from amalfa.server.usage import DecisionsShown, UsageReportShown
from amalfa.tasks.ask import FoundPassage
from amalfa.tasks.task import Made


class SearchShown(Made):
    passages: list[FoundPassage]


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One route. `takes` None means that it has no body; `does` is its line in the OpenAPI page."""

    method: str
    path: str
    handler: Callable[[Request], Awaitable[Response]]
    does: str
    gives: type[BaseModel]
    takes: type[BaseModel] | None = None
    streams: bool = False


ROUTES = (
    RouteRow("GET", "/sonar/health", control.health, "Whether sonar answers.", HealthShown),
    RouteRow("GET", "/sonar/status", control.status, "What sonar is and does now.", Status),
    RouteRow("POST", "/sonar/reload", control.reload, "Read the configuration again now.", ReloadShown),
    RouteRow("POST", "/sonar/shutdown", control.shut_down, "End sonar in order.", StoppingShown, ShutdownBody),
    RouteRow("GET", "/sonar/index", control.index_report, "The index of the notes.", IndexReport),
    RouteRow("POST", "/sonar/index/rebuild", control.rebuild_index, "Index all notes afresh.", IndexReport),
    RouteRow("POST", "/sonar/search", work.search_notes, "Ranked passages; no model.", SearchShown, SearchBody),
    RouteRow("POST", "/sonar/ask", work.answer_question, "Answer a question.", AskShown, AskBody, streams=True),
    RouteRow("POST", "/sonar/tasks/{task}", work.run_task, "Run one task.", TaskShown, TaskBody, streams=True),
    RouteRow("POST", "/sonar/route", routing.dry_run, "What would serve, and why; no model.", DryRunShown, DryRunBody),
    RouteRow("GET", "/sonar/models", models.list_models, "Every model sonar knows of.", ModelsShown),
    RouteRow("POST", "/sonar/models/{name:path}/load", models.load_model, "Load.", ActionShown, ActionBody, True),
    RouteRow("POST", "/sonar/models/{name:path}/unload", models.unload_model, "Unload.", ActionShown, ActionBody, True),
    RouteRow("POST", "/sonar/models/{name:path}/pull", models.pull_model, "Pull.", ActionShown, ActionBody, True),
    RouteRow("GET", "/sonar/models/{name:path}", models.show_model, "What is known of one model.", ModelShown),
    RouteRow("GET", "/sonar/usage", usage.usage, "Calls, tokens, money and times.", UsageReportShown),
    RouteRow("GET", "/sonar/decisions", usage.decisions, "The last decisions, newest first.", DecisionsShown),
    RouteRow("GET", "/metrics", metrics.metrics, "Counters in Prometheus' text format.", MetricsPage),
)
