"""One request for text through Ollama's API, whichever of its two ways: who answers it, and how the reply leaves."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amalfa.clock import SystemClock
from amalfa.errors import AmalfaError, UsageProblem
from amalfa.execution.steps import Emit, unheard
from amalfa.server.call_headers import terms_from
from amalfa.server.door_models import (
    ModelNotFound,
    ModelWanted,
    TaskWanted,
    Wanted,
    run_task_for_messages,
    wanted_model,
)
from amalfa.server.engine import Engine, engine_of
from amalfa.server.late_start import LateStart
from amalfa.server.ollama.bodies import CallOfModel, Said
from amalfa.server.ollama.errors import error_reply, not_found
from amalfa.server.ollama.stream import Ended, Lines, Voice, Writer
from amalfa.server.route_headers import route_headers
from amalfa.tasks.completion import complete, text_of
from amalfa.tasks.desk import Desk, Terms


async def reply_to(request: Request, body: CallOfModel, said: Said, voice: Voice) -> Response:
    """Ask for a reply to what was said, and send it as the body wants."""
    engine = engine_of(request)
    call = _Call(wanted_by(body.model, engine), said, body.is_streamed)
    call.refuse_impossible(body.model)
    terms = terms_from(request, call.wanted.wish_model if isinstance(call.wanted, ModelWanted) else None)
    writer = writer_for(body.model, voice)

    async def work(emit: Emit) -> Ended:
        async with engine.lease() as desk:
            return await call.run(desk, terms, emit)

    if body.is_streamed:
        return LateStart(work, Lines(writer, request_id=terms.request_id), request_id=terms.request_id)
    try:
        ended = await work(unheard)
        return JSONResponse(writer.whole(ended), headers=route_headers(ended.route, ended.usage))
    except AmalfaError as error:
        return error_reply(error, request_id=terms.request_id)


def wanted_by(name: str, engine: Engine) -> Wanted:
    """What the name of a model stands for. Raises UsageProblem without a name, ModelNotFound for one of nothing."""
    if not name.strip():
        raise UsageProblem("model is required", hint="GET /api/tags lists the names")
    try:
        return wanted_model(name, tuple(engine.pipeline_names()))
    except ModelNotFound as error:
        raise not_found(name, hint=error.hint) from None


def writer_for(model: str, voice: Voice) -> Writer:
    """The writer of a reply to a request that has just arrived."""
    clock = SystemClock()
    return Writer(model, voice, since_s=clock.monotonic_s(), now_s=clock.monotonic_s)


@dataclass(frozen=True, slots=True)
class _Call:
    wanted: Wanted
    said: Said
    is_live: bool

    def refuse_impossible(self, name: str) -> None:
        """Raise UsageProblem for what a task over the notes cannot do."""
        if not isinstance(self.wanted, TaskWanted):
            return
        if self.said.tools is not None:
            raise UsageProblem(f"{name} takes no tools.", hint="use the model amalfa for your own tools")
        if self.said.schema is not None and self.wanted.name in ("synthesize", "research", "chat"):
            raise UsageProblem(f"{name} answers in text; it takes no format.", hint="use the model amalfa/extract")

    async def run(self, desk: Desk, terms: Terms, emit: Emit) -> Ended:
        if isinstance(self.wanted, TaskWanted):
            told = await run_task_for_messages(
                self.wanted.name, self.said.messages, desk, terms, emit, schema=self.said.schema
            )
            return Ended(told.output.text, (), "stop", told.usage, told.route)
        answer = await complete(self.said.completion, desk, terms, emit, is_live=self.is_live)
        return Ended(text_of(answer), answer.tool_calls, answer.finish, answer.usage, answer.route)
