"""The OpenAPI page, made from the table of routes and the types that validate."""

from collections.abc import Mapping
from typing import cast

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from amalfa import __version__
from amalfa.server.bodies import ErrorShown
from amalfa.server.ollama.shown import OllamaFailure
from amalfa.server.openai.shown import FailureShown
from amalfa.server.routes import ROUTES, RouteRow
from amalfa.tasks.catalog import CATALOG

_REFERENCE = "#/components/schemas/{model}"
EVENTS, LINES = "text/event-stream", "application/x-ndjson"
_Kind = tuple[type[BaseModel], JsonSchemaMode]
_Names = Mapping[_Kind, object]


def openapi_document() -> dict[str, object]:
    """The whole page as JSON-ready data. The inputs and outputs of each task are listed under their names."""
    schemas, definitions = models_json_schema(sorted(_kinds(), key=str), ref_template=_REFERENCE)
    names = cast("_Names", schemas)
    paths: dict[str, dict[str, object]] = {}
    for row in ROUTES:
        paths.setdefault(row.path.replace(":path}", "}"), {})[row.method.lower()] = _operation(row, names)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Amalfa Sonar", "version": __version__},
        "paths": paths,
        "components": {"schemas": definitions["$defs"]},
        "x-tasks": {
            name: {"input": names[(task.given, "validation")], "output": names[(task.made, "serialization")]}
            for name, task in CATALOG.items()
        },
    }


def _kinds() -> set[_Kind]:
    kinds: set[_Kind] = {(row.gives, "serialization") for row in ROUTES} | {
        (_failure(row.path), "serialization") for row in ROUTES
    }
    kinds |= {(row.takes, "validation") for row in ROUTES if row.takes}
    for task in CATALOG.values():
        kinds |= {(task.given, "validation"), (task.made, "serialization")}
    return kinds


def _failure(path: str) -> type[BaseModel]:
    """How an error looks at the door that the path leads to."""
    doors: dict[str, type[BaseModel]] = {"/v1/": FailureShown, "/api/": OllamaFailure}
    return next((shown for door, shown in doors.items() if path.startswith(door)), ErrorShown)


def _operation(row: RouteRow, names: _Names) -> dict[str, object]:
    good: dict[str, object] = {"application/json": {"schema": names[(row.gives, "serialization")]}}
    if row.streams:
        good[LINES if row.path.startswith("/api/") else EVENTS] = {"schema": {"type": "string"}}
    operation: dict[str, object] = {
        "summary": row.does,
        "responses": {
            "200": {"description": "Done.", "content": good},
            "default": {
                "description": "Not done; the code says why.",
                "content": {"application/json": {"schema": names[(_failure(row.path), "serialization")]}},
            },
        },
    }
    if "{task}" in row.path:
        names_of_tasks = {"type": "string", "enum": list(CATALOG)}
        operation["parameters"] = [{"name": "task", "in": "path", "required": True, "schema": names_of_tasks}]
    for name in ("name", "path"):
        if f"{{{name}:path}}" in row.path:
            operation["parameters"] = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}}]
    if row.takes:
        schema = names[(row.takes, "validation")]
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return operation
