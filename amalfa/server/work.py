"""The routes that work: tasks, questions, searches."""

import secrets
from functools import partial
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amalfa.errors import NotFound, UsageProblem
from amalfa.execution.steps import Emit
from amalfa.server.bodies import AskBody, SearchBody, TaskBody, route_json, usage_json
from amalfa.server.engine import engine_of
from amalfa.server.keyed import reply_under_key
from amalfa.server.reply import Document, reply_to, wants_events
from amalfa.tasks.ask import ask, context_of, found
from amalfa.tasks.catalog import CATALOG

T = TypeVar("T", bound=BaseModel)


def read_body(model: type[T], value: object) -> T:
    """A request body as its type. Raises UsageProblem that names every wrong field."""
    try:
        return model.model_validate(value)
    except ValidationError as problem:
        errors = problem.errors(include_url=False, include_input=False, include_context=False)
        places = [f"{'.'.join(map(str, error['loc'])) or 'body'}: {error['msg']}" for error in errors[:10]]
        raise UsageProblem(f"The request is not valid. {'; '.join(places)}.", hint="see GET /openapi.json") from None


async def run_task(request: Request) -> Response:
    task = CATALOG.get(request.path_params["task"])
    if task is None:
        raise NotFound(f"There is no task {request.path_params['task']!r}.", hint=f"use one of {', '.join(CATALOG)}")
    raw = await request.json()
    body = read_body(TaskBody, raw)
    given = read_body(task.given, body.input)
    terms = body.terms(new_request_id())

    async def work(emit: Emit) -> Document:
        async with engine_of(request).lease() as desk:
            outcome = await task.run(given, body.desk_of(desk), terms, emit)
        return {
            "output": outcome.output.model_dump(mode="json"),
            "route": route_json(outcome.route),
            "usage": usage_json(outcome.usage),
        }

    is_stream = wants_events(request, is_asked=body.stream)
    return await reply_under_key(request, raw, partial(reply_to, work, as_events=is_stream), is_stream=is_stream)


async def answer_question(request: Request) -> Response:
    raw = await request.json()
    body = read_body(AskBody, raw)
    given, terms = body.question_input(), body.terms(new_request_id())

    async def work(emit: Emit) -> Document:
        async with engine_of(request).lease() as desk:
            if body.contextOnly:
                return (await context_of(given, body.desk_of(desk), emit)).model_dump(mode="json")
            outcome = await ask(given, body.desk_of(desk), terms, emit)
        route = outcome.route
        return {
            **outcome.output.model_dump(mode="json"),
            "model": route.model or None,
            "tier": str(route.tier) if route.model else None,
            "route": route_json(route),
            "usage": usage_json(outcome.usage),
        }

    is_stream = wants_events(request, is_asked=body.stream)
    return await reply_under_key(request, raw, partial(reply_to, work, as_events=is_stream), is_stream=is_stream)


async def search_notes(request: Request) -> Response:
    body = read_body(SearchBody, await request.json())
    passages = await engine_of(request).search(
        body.query, k=body.k, within=tuple(body.within), without_private=body.withoutPrivate
    )
    shown = [found(passage).model_dump(mode="json") | {"summary": passage.summary} for passage in passages]
    return JSONResponse({"passages": shown})


def new_request_id() -> str:
    return f"req_{secrets.token_hex(8)}"
