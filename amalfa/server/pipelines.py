"""The routes of layered pipelines: which there are, and running one, of the configuration or of a file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal, Self

from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amalfa.errors import Problem
from amalfa.execution.steps import Emit
from amalfa.messages import Message
from amalfa.pipelines.graph import Node
from amalfa.pipelines.loading import PipelineReport
from amalfa.pipelines.run import PREFIX, unknown_pipeline
from amalfa.server.bodies import (
    Body,
    CallBody,
    CamelShown,
    ProblemShown,
    RouteShown,
    UsageShown,
    route_json,
    usage_json,
)
from amalfa.server.engine import Engine, engine_of
from amalfa.server.reply import Document, reply_to, wants_events
from amalfa.server.work import new_request_id, read_body
from amalfa.tasks.completion import Completion, complete, text_of
from amalfa.tasks.desk import Desk
from amalfa.tasks.task import TEXT_MAX_CHARACTERS

FILE_ENDINGS = (".json", ".jsonc", ".json5")


class TurnBody(Body):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str = Field(max_length=TEXT_MAX_CHARACTERS)


class RunBody(CallBody):
    """A pipeline's name or file, and either a prompt or the turns of a conversation.

    A file is named from the root of the project on, or absolutely. `model` is not used: the nodes name theirs.
    """

    pipeline: str = Field(min_length=1, max_length=4_096)
    prompt: str | None = Field(default=None, min_length=1, max_length=TEXT_MAX_CHARACTERS)
    messages: list[TurnBody] | None = Field(default=None, min_length=1, max_length=1_000)

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("give either prompt or messages")
        if self.model is not None:
            raise ValueError("model is for single models; the nodes of a pipeline name theirs")
        return self

    @property
    def turns(self) -> tuple[Message, ...]:
        if self.messages is None:
            return (Message("user", self.prompt or ""),)
        return tuple(Message(one.role, one.content) for one in self.messages)


class SaidShown(CamelShown):
    text: str


class RunShown(CamelShown):
    """What the pipeline answered; `route.hops` are the nodes on the way."""

    output: SaidShown
    route: RouteShown
    usage: UsageShown


class NodeShown(CamelShown):
    """One node. `model` is "" for a node that asks none; `condition` is its `if` as written."""

    name: str
    layer: int
    kind: str
    model: str
    use_case: str
    condition: str
    output_to: list[str]
    is_default: bool


class PipelineShown(CamelShown):
    """One pipeline. `problems` keep parts of it from being served, `notes` are only worth knowing."""

    name: str
    path: str
    max_hops: int
    nodes: list[NodeShown]
    problems: list[ProblemShown]
    notes: list[ProblemShown]


class PipelinesShown(CamelShown):
    """The pipelines in force. `problems` are those of a newer configuration that was not taken over."""

    pipelines: list[PipelineShown]
    problems: list[ProblemShown]


async def list_pipelines(request: Request) -> Response:
    engine = engine_of(request)
    shown = PipelinesShown(
        pipelines=[_shown(report) for report in engine.pipelines()],
        problems=_problems(engine.problems),
    )
    return JSONResponse(shown.model_dump(mode="json", by_alias=True))


async def run_pipeline(request: Request) -> Response:
    """Run one over a prompt or a conversation."""
    body = read_body(RunBody, await request.json())
    terms = body.terms(new_request_id())
    engine = engine_of(request)
    is_stream = wants_events(request, is_asked=body.stream)

    async def work(emit: Emit) -> Document:
        async with _desk(engine, body.pipeline) as (desk, name):
            own = replace(terms, wish=replace(terms.wish, model=f"{PREFIX}{name}"))
            answer = await complete(Completion(body.turns), body.desk_of(desk), own, emit, is_live=is_stream)
        return {
            "output": {"text": text_of(answer)},
            "route": route_json(answer.route),
            "usage": usage_json(answer.usage),
        }

    return await reply_to(work, as_events=is_stream)


@asynccontextmanager
async def _desk(engine: Engine, wanted: str) -> AsyncIterator[tuple[Desk, str]]:
    """The desk that knows the pipeline, and its name. Raises NotFound for a name that is none."""
    name = wanted.removeprefix(PREFIX)
    async with engine.lease() as desk:
        names = tuple(engine.pipeline_names())
        if name in names:
            yield desk, name
            return
        if "/" not in wanted and not wanted.endswith(FILE_ENDINGS):
            raise unknown_pipeline(name, dict.fromkeys(names))
        async with engine.lease_with_pipeline(wanted) as found:
            yield found


def _shown(report: PipelineReport) -> PipelineShown:
    pipeline = report.pipeline
    return PipelineShown(
        name=pipeline.name,
        path=pipeline.path,
        max_hops=pipeline.max_hops,
        nodes=[_node(node) for node in pipeline.nodes],
        problems=_problems(report.problems),
        notes=_problems(report.notes),
    )


def _node(node: Node) -> NodeShown:
    return NodeShown(
        name=node.name,
        layer=node.layer,
        kind=node.kind,
        model=node.model,
        use_case=node.use_case,
        condition=node.condition.text if node.condition else "",
        output_to=list(node.output_to),
        is_default=node.is_default,
    )


def _problems(found: tuple[Problem, ...]) -> list[ProblemShown]:
    return [ProblemShown.model_validate(one) for one in found]
