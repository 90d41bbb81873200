"""The table of routes: path, method, handler, the types of what goes in and out. OpenAPI is made from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from amalfa.server import control, work
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
from amalfa.server.status import IndexReport, Status
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
)
