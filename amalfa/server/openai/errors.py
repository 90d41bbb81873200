"""How failures look to clients of the OpenAI API: status, type, code, and whether to try again."""

import json
from typing import Literal

from starlette.responses import JSONResponse

from amalfa.calls import EXTRACTIVE, Route
from amalfa.errors import (
    AmalfaError,
    Busy,
    CallError,
    ContextTooLong,
    ModelMissing,
    NoProvider,
    NotAllowed,
    OverBudget,
    RateLimited,
    ShuttingDown,
    Stalled,
    Unauthenticated,
    Unserved,
    UsageProblem,
)
from amalfa.execution.signals import UNSAID_REST_S
from amalfa.server.exchange import ErrorShapes
from amalfa.server.route_headers import request_headers


class BadParameter(UsageProblem):
    """A field of the request cannot be honoured; `param` names it as the API writes places ("messages[0].role")."""

    def __init__(self, message: str, *, param: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.param = param


Unmet = Literal["missing", "too_long", "limited", "forbidden", "down"]
"""Why no model could serve, as far as a client acts on it."""

_RULES = frozenset(
    {"cloud_disabled", "narrowed", "privacy", "not_acceptable", "sonar_disabled", "task_disabled", "quality"}
)
_UNMET: dict[Unmet, tuple[int, str | None]] = {
    "missing": (404, "model_not_found"),
    "too_long": (400, "context_length_exceeded"),
    "limited": (429, "rate_limit_exceeded"),
    "forbidden": (403, "not_allowed"),
    "down": (503, "no_provider"),
}


def error_reply(error: AmalfaError, *, request_id: str = "") -> JSONResponse:
    """The whole reply to a request that failed before any of its answer was sent."""
    headers = request_headers(request_id)
    status, code = _verdict(error)
    if (retry_after_s := _retry_after_s(error, code)) is not None:
        headers["retry-after"] = str(max(1, round(retry_after_s)))
    elif isinstance(error, OverBudget | Unserved | Busy):
        # Every model that may serve was tried already, with its own repetitions; clients would only multiply them.
        headers["x-should-retry"] = "false"
    return JSONResponse({"error": error_object(error)}, status_code=status, headers=headers)


def _retry_after_s(error: AmalfaError, code: str | None) -> float | None:
    """When it is worth trying again; None when waiting does not help. The shortest rest there is where nobody told."""
    if isinstance(error, ShuttingDown):
        return 1
    told: float | None = getattr(error, "retry_after_s", None)
    is_limited = code == _UNMET["limited"][1] and not isinstance(error, Busy)
    return UNSAID_REST_S if told is None and is_limited else told


def error_event(error: AmalfaError) -> str:
    """The end of a begun stream. No `[DONE]` follows, which would say that the answer is whole."""
    return f"data: {json.dumps({'error': error_object(error)}, ensure_ascii=False)}\n\n"


def error_object(error: AmalfaError) -> dict[str, object]:
    """What stands under `error`. The message holds the remedy too, as the shape has no other place for it."""
    status, code = _verdict(error)
    return {
        "message": str(error),
        "type": _type(error, status),
        "param": "model" if code == "model_not_found" else getattr(error, "param", "") or None,
        "code": code,
    }


SHAPES = ErrorShapes(
    whole=lambda path, error: {"error": error_object(error)},
    event=lambda path, error: error_event(error),
)


def unmet(route: Route | None) -> Unmet:
    """Why a call found no model, by what its route tells; the embedded engine, which completes nothing, is left out."""
    if route is None:
        return "down"
    outcomes = {attempt.outcome for attempt in route.attempts if attempt.model != str(EXTRACTIVE)}
    refused = [one for one in route.candidates if one.verdict == "refused" and one.model != str(EXTRACTIVE)]
    wanted, codes = {one.code for one in refused if one.is_wanted}, {one.code for one in refused}
    if outcomes == {"context_too_long"} or (not outcomes and "context_too_short" in codes):
        return "too_long"
    if outcomes == {"rate_limited"} or (not outcomes and codes & {"cooling", "free_limit"}):
        return "limited"
    if outcomes == {"model_missing"} or (wanted and wanted <= {"not_installed", "unknown_provider"}):
        return "missing"
    return "forbidden" if wanted and wanted <= _RULES else "down"


def _verdict(error: AmalfaError) -> tuple[int, str | None]:
    """Status and code."""
    if isinstance(error, NoProvider):
        return _UNMET[unmet(error.route)]
    usual = (error.http_status, None if error.code == UsageProblem.code else error.code)
    return next((_VERDICTS[kind] for kind in type(error).__mro__ if kind in _VERDICTS), usual)


_VERDICTS: dict[type, tuple[int, str | None]] = {
    OverBudget: (429, "insufficient_quota"),
    Busy: (429, "rate_limit_exceeded"),
    Unauthenticated: (401, "invalid_api_key"),
    ModelMissing: _UNMET["missing"],
    ContextTooLong: _UNMET["too_long"],
    RateLimited: _UNMET["limited"],
    Stalled: (504, Stalled.code),
    CallError: (503, CallError.code),
}
"""Where this API has a status or a word of its own; by the nearest class."""


def _type(error: AmalfaError, status: int) -> str:
    if isinstance(error, OverBudget):
        return "insufficient_quota"
    if status == 403 or isinstance(error, NotAllowed):
        return "permission_error"
    if status == 429:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"
