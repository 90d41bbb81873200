"""How errors look at each door: the shape that the clients of a path know. Builds no error itself."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import JSONResponse

from amalfa.errors import AmalfaError
from amalfa.server.exchange import OWN_SHAPES, ErrorShapes
from amalfa.server.ollama import errors as ollama
from amalfa.server.openai import errors as openai
from amalfa.server.reply import error_reply


@dataclass(frozen=True, slots=True)
class _Door:
    """One door's ways of telling a failure."""

    shapes: ErrorShapes
    error_reply: Callable[[AmalfaError], JSONResponse]


_DOORS = {
    "/v1": _Door(openai.SHAPES, openai.error_reply),
    "/api": _Door(ollama.SHAPES, ollama.error_reply),
}


def shapes_at(path: str) -> ErrorShapes:
    """The shapes of the door that the path leads to; sonar's own everywhere else."""
    door = _door_at(path)
    return door.shapes if door else OWN_SHAPES


def failure_reply(path: str, error: AmalfaError) -> JSONResponse:
    """The whole reply to a request at `path` that failed."""
    door = _door_at(path)
    return door.error_reply(error) if door else error_reply(error)


SHAPES = ErrorShapes(
    whole=lambda path, error: shapes_at(path).whole(path, error),
    event=lambda path, error: shapes_at(path).event(path, error),
)
"""For whoever stands before the routes and sees nothing but the path."""


def _door_at(path: str) -> _Door | None:
    return next((door for name, door in _DOORS.items() if path == name or path.startswith(f"{name}/")), None)
