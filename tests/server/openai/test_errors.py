"""Failures as the official client's classes of errors, and the rules of the house at this door."""

from typing import Any

import openai
import pytest
from openai import OpenAI

from amalfa.calls import Attempt, Judged, Route, Tier
from amalfa.errors import AmalfaError, Busy, NoProvider, OverBudget, ShuttingDown, Unauthenticated
from amalfa.server.openai.errors import error_reply
from amalfa.server.shapes import SHAPES, failure_reply
from tests.server.openai.house import House

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]


def asked(client: OpenAI, model: str = "amalfa", **headers: str) -> Any:
    told = {f"x-amalfa-{name.replace('_', '-')}": value for name, value in headers.items()}
    return client.chat.completions.with_raw_response.create(model=model, messages=HELLO, extra_headers=told)


@pytest.mark.parametrize(
    ("path", "error", "status", "code"),
    [
        ("/v1/chat/completions", Unauthenticated("No token."), 401, "invalid_api_key"),
        ("/v1/chat/completions", ShuttingDown("Bye."), 503, "shutting_down"),
        ("/v1/models", Busy("Full.", retry_after_s=3), 429, "rate_limit_exceeded"),
        ("/v1/chat/completions", OverBudget("Spent."), 429, "insufficient_quota"),
    ],
)
def test_failures_have_the_shape_of_this_api(path: str, error: AmalfaError, status: int, code: str) -> None:
    reply = failure_reply(path, error)
    assert reply.status_code == status
    shown = SHAPES.whole(path, error)["error"]
    assert isinstance(shown, dict)
    assert shown.keys() == {"message", "type", "param", "code"}
    assert shown["code"] == code


def test_other_paths_keep_their_own_shapes() -> None:
    assert SHAPES.whole("/sonar/ask", Busy("Full."))["error"] == {"code": "busy", "message": "Full.", "hint": ""}
    assert SHAPES.whole("/api/chat", Busy("Full.")) == {"error": "Full."}
    assert SHAPES.whole("/v10/x", Busy("Full."))["error"] == {"code": "busy", "message": "Full.", "hint": ""}


def test_a_wait_is_told_and_a_spent_budget_is_not_hammered() -> None:
    assert error_reply(Busy("Full.", retry_after_s=3)).headers["retry-after"] == "3"
    assert error_reply(OverBudget("Spent.")).headers["x-should-retry"] == "false"


def _route(*, wanted: str = "", outcome: str = "") -> Route:
    judged = (Judged("ollama:m", "refused", wanted, "", is_wanted=True),) if wanted else ()
    attempts = (Attempt("ollama:m", outcome, 1),) if outcome else ()
    declined = (Attempt("embedded:extractive", "model_refused", 1),)
    return Route("", "", Tier.EMBEDDED, "chat", "", "", judged, (*attempts, *declined), 1, "req_1")


@pytest.mark.parametrize(
    ("route", "status"),
    [
        (_route(wanted="not_installed"), 404),
        (_route(wanted="cloud_disabled"), 403),
        (_route(wanted="context_too_short"), 400),
        (_route(wanted="cooling"), 429),
        (_route(outcome="context_too_long"), 400),
        (_route(outcome="rate_limited"), 429),
        (_route(outcome="model_missing"), 404),
        (_route(outcome="upstream_broken"), 503),
        (_route(), 503),
    ],
)
def test_why_no_model_served_decides_the_class_of_the_error(route: Route, status: int) -> None:
    assert error_reply(NoProvider("No model could serve.", route=route)).status_code == status


def test_a_path_and_a_method_that_are_not_there_are_told_in_this_shape(sonar: House) -> None:
    with sonar.raw() as raw:
        for reply, status in ((raw.get("/v1/nowhere"), 404), (raw.get("/v1/embeddings"), 405)):
            assert reply.status_code == status
            assert reply.json()["error"]["type"] == "invalid_request_error"


def test_what_the_guard_refuses_is_told_in_this_shape(sonar: House) -> None:
    with sonar.raw() as raw:
        broken = raw.post("/v1/chat/completions", content=b"{", headers={"content-type": "application/json"})
        empty = raw.post("/v1/chat/completions")
        foreign = raw.get("/v1/models", headers={"host": "evil.example"})
    assert (broken.status_code, broken.json()["error"]["type"]) == (400, "invalid_request_error")
    assert (empty.status_code, empty.json()["error"]["type"]) == (400, "invalid_request_error")
    assert (foreign.status_code, foreign.json()["error"]["type"]) == (403, "permission_error")


@pytest.mark.parametrize(
    ("name", "value"),
    [("privacy", "none"), ("prefer", "moon"), ("max_cost_usd", "-1"), ("team", "nobody"), ("limit", "1")],
)
def test_a_wrong_header_is_refused(client: OpenAI, ollama: Any, name: str, value: str) -> None:
    with pytest.raises(openai.BadRequestError):
        asked(client, **{name: value})
    assert not ollama.requests_to("/api/chat")
