"""`POST /v1/chat/completions`: a model's reply to the caller's messages, or a task over the notes."""

import time
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from amalfa.calls import JSON_TASKS
from amalfa.errors import AmalfaError
from amalfa.execution.steps import Emit, Step, unheard
from amalfa.server.call_headers import terms_from
from amalfa.server.door_models import ModelWanted, TaskWanted, Wanted, run_task_for_messages
from amalfa.server.engine import Engine, engine_of
from amalfa.server.keyed import reply_under_key
from amalfa.server.late_start import LateStart
from amalfa.server.openai.asked import completion_of
from amalfa.server.openai.bodies import ChatBody, read_sent
from amalfa.server.openai.errors import BadParameter, error_reply
from amalfa.server.openai.names import wanted_by
from amalfa.server.openai.replies import Said, said_of, whole_reply
from amalfa.server.openai.stream import Chunks
from amalfa.tasks.completion import Completion, complete
from amalfa.tasks.desk import Terms


async def chat_completions(request: Request) -> Response:
    engine = engine_of(request)
    body = await read_sent(ChatBody, request)
    wanted = wanted_by(body.model, engine)
    terms = terms_from(request, wanted.wish_model if isinstance(wanted, ModelWanted) else None)
    try:
        completion = completion_of(body)
        if isinstance(wanted, TaskWanted):
            _refuse_beyond_task(completion, wanted.name)
        return await _reply(request, body, _Asked(engine, wanted, completion, terms))
    except AmalfaError as error:
        return error_reply(error, request_id=terms.request_id)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request, ready to be answered."""

    engine: Engine
    wanted: Wanted
    completion: Completion
    terms: Terms

    async def answer(self, emit: Emit, *, is_live: bool) -> Said:
        wanted, completion = self.wanted, self.completion
        async with self.engine.lease() as desk:
            if isinstance(wanted, ModelWanted):
                return said_of(await complete(completion, desk, self.terms, emit, is_live=is_live))
            outcome = await run_task_for_messages(
                wanted.name, completion.messages, desk, self.terms, emit, schema=completion.schema
            )
        return Said(outcome.output.text, outcome.route, outcome.usage)

    async def answer_in(self, chunks: Chunks, emit: Emit) -> Said:
        """Answer piece by piece."""

        async def listen(step: Step) -> None:
            chunks.notice(step)
            await emit(step)

        return await self.answer(listen, is_live=True)


async def _reply(request: Request, body: ChatBody, asked: _Asked) -> Response:
    created = int(time.time())

    async def whole() -> Response:
        return whole_reply(await asked.answer(unheard, is_live=False), asked=body.model, created=created)

    if not body.stream:
        return await reply_under_key(request, await request.json(), whole, is_stream=False)
    # A stream is told once, to one caller. Its idempotency key is passed over: some clients send one with everything.
    has_usage = bool(body.stream_options and body.stream_options.include_usage)
    request_id = asked.terms.request_id
    chunks = Chunks(request_id, body.model, created=created, has_usage=has_usage)
    return LateStart(partial(asked.answer_in, chunks), chunks, request_id=request_id)


def _refuse_beyond_task(completion: Completion, task: str) -> None:
    """A task has a prompt, an output and limits of its own; what would change its output is refused."""
    if completion.tools is not None:
        raise BadParameter(f"amalfa/{task} takes no tools.", param="tools", hint="ask the model amalfa")
    if completion.schema is not None and task not in JSON_TASKS:
        raise BadParameter(f"amalfa/{task} answers in prose.", param="response_format", hint="ask the model amalfa")
