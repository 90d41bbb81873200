"""How failures look to clients of Ollama: one sentence under `error`, whole or as the last line of a stream."""

import json

from starlette.responses import JSONResponse

from amalfa.errors import AmalfaError, Busy
from amalfa.server.door_models import ModelNotFound
from amalfa.server.exchange import ErrorShapes
from amalfa.server.route_headers import request_headers


def error_reply(error: AmalfaError, *, request_id: str = "") -> JSONResponse:
    """The whole reply to a request that failed: what happened and what to do, as these clients print it."""
    headers = request_headers(request_id)
    if isinstance(error, Busy) and error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    return JSONResponse({"error": str(error)}, status_code=error.http_status, headers=headers)


def error_line(error: AmalfaError) -> str:
    """The end of a stream that broke off after it began; the status is out by then."""
    return json.dumps({"error": str(error)}, ensure_ascii=False) + "\n"


def not_found(name: str, *, hint: str = "GET /api/tags lists the names") -> ModelNotFound:
    """A model there is not, in the words that clients look for."""
    return ModelNotFound(f"model '{name}' not found", hint=hint)


SHAPES = ErrorShapes(
    whole=lambda path, error: {"error": str(error)},
    event=lambda path, error: error_line(error),
)
"""For what stands before the routes."""
